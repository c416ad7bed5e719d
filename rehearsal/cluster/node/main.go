// Command node-init does nothing but reap the processes it inherits, until it is told to end. It is the
// first process of each machine of the rehearsal's cluster, whose namespaces live as long as it does, and
// the pause container of every pod.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGCHLD, syscall.SIGTERM, syscall.SIGINT)
	for {
		reap()
		if <-signals != syscall.SIGCHLD {
			return
		}
	}
}

// One SIGCHLD may stand for several children.
func reap() {
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if pid <= 0 {
			return
		}
	}
}
