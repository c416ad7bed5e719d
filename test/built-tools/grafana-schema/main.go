// Reads a list of dashboards with the types that Grafana publishes, and says what these do not know, lack or forbid.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	// Without them the options of a panel and its queries are taken as they are.
	plugins.RegisterDefaultPlugins()
	var documents []json.RawMessage
	if err := json.NewDecoder(os.Stdin).Decode(&documents); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	problems := 0
	for _, document := range documents {
		for _, problem := range problemsOf(document) {
			problems++
			fmt.Println(problem)
		}
	}
	fmt.Printf("%d dashboards, %d problems\n", len(documents), problems)
}

func problemsOf(document json.RawMessage) []error {
	var strict, read dashboard.Dashboard
	problems := split(strict.UnmarshalJSONStrict(document))
	// In v0.0.18 the strict one keeps no panels to validate.
	if err := json.Unmarshal(document, &read); err != nil {
		return append(problems, err)
	}
	return append(problems, split(read.Validate())...)
}

// split takes the SDK's list apart, which is an error also when it is empty.
func split(err error) []error {
	var list cog.BuildErrors
	if !errors.As(err, &list) {
		if err == nil {
			return nil
		}
		return []error{err}
	}
	var problems []error
	for _, each := range list {
		problems = append(problems, each)
	}
	return problems
}
