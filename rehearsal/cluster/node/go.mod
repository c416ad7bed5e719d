module rehearsal/node

go 1.26.0
