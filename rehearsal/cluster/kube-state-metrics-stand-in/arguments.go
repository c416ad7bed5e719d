package main

import (
	"errors"
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// arguments are those of kube-state-metrics that the stand-in knows; any other is refused.
type arguments struct {
	port          int
	telemetryPort int
	resources     []string
	// Namespaces to look at; empty means all.
	namespaces []string
	families   []family
}

func parseArguments(args []string) (arguments, error) {
	var parsed arguments
	flags := flag.NewFlagSet("kube-state-metrics-stand-in", flag.ContinueOnError)
	flags.IntVar(&parsed.port, "port", 8080, "port of the metrics of the cluster")
	flags.IntVar(&parsed.telemetryPort, "telemetry-port", 8081, "port of the metrics of this program")
	resources := flags.String("resources", "", "what to look at, separated by commas: deployments, nodes, pods")
	namespaces := flags.String("namespaces", "", "namespaces to look at, separated by commas (default: all)")
	allowed := flags.String("metric-allowlist", "", "metrics, by name or regular expression, separated by commas (default: all)")
	labels := flags.String("metric-labels-allowlist", "", "pods=[label,...] for kube_pod_labels")
	if err := flags.Parse(args); err != nil {
		return arguments{}, err
	}
	if flags.NArg() > 0 {
		return arguments{}, fmt.Errorf("%q is not an argument; there are only flags", flags.Arg(0))
	}
	// The default of the official program is all that there are.
	parsed.resources = split(*resources)
	if len(parsed.resources) == 0 {
		return arguments{}, fmt.Errorf("--resources is missing; the stand-in has %s, %s and %s", deployments, nodes, pods)
	}
	for _, each := range parsed.resources {
		if !slices.Contains([]string{deployments, nodes, pods}, each) {
			return arguments{}, fmt.Errorf("--resources has %q; the stand-in has %s, %s and %s", each, deployments, nodes, pods)
		}
	}
	parsed.namespaces = split(*namespaces)
	var all []family
	for _, each := range families {
		if slices.Contains(parsed.resources, each.resource) {
			all = append(all, each)
		}
	}
	if *labels != "" {
		if !slices.Contains(parsed.resources, pods) {
			return arguments{}, fmt.Errorf("--metric-labels-allowlist is %q, but --resources has no pods", *labels)
		}
		names, err := podLabelNames(*labels)
		if err != nil {
			return arguments{}, err
		}
		all = append(all, podLabels(names))
	}
	kept, err := allowlisted(all, split(*allowed))
	parsed.families = kept
	return parsed, err
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

var podLabelsForm = regexp.MustCompile(`^pods=\[([a-z0-9._/-]+(?:,[a-z0-9._/-]+)*)\]$`)

// podLabelNames refuses capital letters: the official program writes them in snake case, which the stand-in does not.
func podLabelNames(list string) ([]string, error) {
	match := podLabelsForm.FindStringSubmatch(list)
	if match == nil {
		return nil, fmt.Errorf("--metric-labels-allowlist is %q; the stand-in knows pods=[label,...] with small letters", list)
	}
	return split(match[1]), nil
}

// allowlisted refuses names that match nothing: a metric that the stand-in does not have must not just be absent.
func allowlisted(all []family, list []string) ([]family, error) {
	if len(list) == 0 {
		return all, nil
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
		for _, family := range all {
			if pattern.MatchString(family.name) {
				allowed[family.name], found = true, true
			}
		}
		if !found {
			problems = append(problems, fmt.Errorf("--metric-allowlist has %q, which the stand-in does not have", each))
		}
	}
	var kept []family
	for _, family := range all {
		if allowed[family.name] {
			kept = append(kept, family)
		}
	}
	return kept, errors.Join(problems...)
}
