package main

import (
	"errors"
	"flag"
	"fmt"
	"regexp"
	"strings"
)

// arguments are those of kube-state-metrics that the stand-in knows; any other is refused.
type arguments struct {
	port          int
	telemetryPort int
	// Namespaces to look at; empty means all.
	namespaces []string
	families   []family
}

func parseArguments(args []string) (arguments, error) {
	var parsed arguments
	flags := flag.NewFlagSet("kube-state-metrics-stand-in", flag.ContinueOnError)
	flags.IntVar(&parsed.port, "port", 8080, "port of the metrics of the cluster")
	flags.IntVar(&parsed.telemetryPort, "telemetry-port", 8081, "port of the metrics of this program")
	resources := flags.String("resources", "", "pods, which is all that the stand-in has")
	namespaces := flags.String("namespaces", "", "namespaces to look at, separated by commas (default: all)")
	allowed := flags.String("metric-allowlist", "", "metrics, by name or regular expression, separated by commas (default: all)")
	if err := flags.Parse(args); err != nil {
		return arguments{}, err
	}
	if flags.NArg() > 0 {
		return arguments{}, fmt.Errorf("%q is not an argument; there are only flags", flags.Arg(0))
	}
	// The default of the official program is all that there are.
	if *resources != "pods" {
		return arguments{}, fmt.Errorf("--resources is %q; the stand-in has pods only", *resources)
	}
	parsed.namespaces = split(*namespaces)
	kept, err := allowlisted(split(*allowed))
	parsed.families = kept
	return parsed, err
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

// allowlisted refuses names that match nothing: a metric that the stand-in does not have must not just be absent.
func allowlisted(list []string) ([]family, error) {
	if len(list) == 0 {
		return families, nil
	}
	allowed := map[string]bool{}
	var problems []error
	for _, each := range list {
		pattern, err := regexp.Compile("^(?:" + each + ")$")
		if err != nil {
			problems = append(problems, fmt.Errorf("--metric-allowlist has %q: %w", each, err))
			continue
		}
		found := false
		for _, family := range families {
			if pattern.MatchString(family.name) {
				allowed[family.name], found = true, true
			}
		}
		if !found {
			problems = append(problems, fmt.Errorf("--metric-allowlist has %q, which the stand-in does not have", each))
		}
	}
	var kept []family
	for _, family := range families {
		if allowed[family.name] {
			kept = append(kept, family)
		}
	}
	return kept, errors.Join(problems...)
}
