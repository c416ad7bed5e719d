package main

import (
	"regexp"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// family is one metric of pods: its name, its labels beyond those that name the pod, and its series of one pod.
type family struct {
	name   string
	help   string
	labels []string
	series func(*corev1.Pod) []series
}

// series is one value with the values of the family's own labels.
type series struct {
	labels []string
	value  float64
}

// families are the metrics that the stand-in has, as docs/metrics/workload/pod-metrics.md of kube-state-metrics 2
// describes them.
var families = []family{
	{
		name:   "kube_pod_container_resource_requests",
		help:   "The number of requested request resource by a container.",
		labels: []string{"container", "node", "resource", "unit"},
		series: func(pod *corev1.Pod) []series {
			var made []series
			// Init containers have metrics of their own.
			for _, container := range pod.Spec.Containers {
				requests := resourceSeries(container.Resources.Requests)
				made = append(made, labelled(requests, container.Name, pod.Spec.NodeName)...)
			}
			return made
		},
	},
	{
		name:   "kube_pod_created",
		help:   "Unix creation timestamp.",
		series: func(pod *corev1.Pod) []series { return at(&pod.CreationTimestamp) },
	},
	{
		name:   "kube_pod_deletion_timestamp",
		help:   "Unix deletion timestamp.",
		series: func(pod *corev1.Pod) []series { return at(pod.DeletionTimestamp) },
	},
	{
		name:   "kube_pod_status_phase",
		help:   "The pods current phase.",
		labels: []string{"phase"},
		series: func(pod *corev1.Pod) []series {
			if pod.Status.Phase == "" {
				return nil
			}
			return choice(string(pod.Status.Phase), "Pending", "Succeeded", "Failed", "Unknown", "Running")
		},
	},
	{
		name:   "kube_pod_status_ready_time",
		help:   "Readiness achieved time in unix timestamp for a pod.",
		series: func(pod *corev1.Pod) []series { return trueSince(pod, corev1.PodReady) },
	},
	{
		name:   "kube_pod_status_scheduled_time",
		help:   "Unix timestamp when pod moved into scheduled status.",
		series: func(pod *corev1.Pod) []series { return trueSince(pod, corev1.PodScheduled) },
	},
	{
		name: "kube_pod_status_unschedulable",
		help: "Describes the unschedulable status for the pod.",
		series: func(pod *corev1.Pod) []series {
			condition := conditionOf(pod, corev1.PodScheduled)
			if condition == nil || condition.Status != corev1.ConditionFalse {
				return nil
			}
			return one(1)
		},
	},
}

// labelled puts label values before those of each series.
func labelled(made []series, labels ...string) []series {
	for index := range made {
		made[index].labels = append(append([]string{}, labels...), made[index].labels...)
	}
	return made
}

func one(value float64, labels ...string) []series {
	return []series{{labels: labels, value: value}}
}

// at gives a time in whole seconds, as Kubernetes has it, and nothing for a time that has not come.
func at(time *metav1.Time) []series {
	if time.IsZero() {
		return nil
	}
	return one(float64(time.Unix()))
}

// choice has a series of each label value, of which the current one is 1 and all others are 0.
func choice(current string, all ...string) []series {
	made := make([]series, 0, len(all))
	for _, each := range all {
		value := 0.0
		if each == current {
			value = 1
		}
		made = append(made, series{labels: []string{each}, value: value})
	}
	return made
}

func conditionOf(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for index := range pod.Status.Conditions {
		if pod.Status.Conditions[index].Type == kind {
			return &pod.Status.Conditions[index]
		}
	}
	return nil
}

func trueSince(pod *corev1.Pod, kind corev1.PodConditionType) []series {
	condition := conditionOf(pod, kind)
	if condition == nil || condition.Status != corev1.ConditionTrue {
		return nil
	}
	return at(&condition.LastTransitionTime)
}

func resourceSeries(list corev1.ResourceList) []series {
	var made []series
	for name, quantity := range list {
		unit, value := "byte", float64(quantity.Value())
		switch {
		case name == corev1.ResourceCPU:
			unit, value = "core", float64(quantity.MilliValue())/1000
		case isExtended(string(name)):
			unit = "integer"
		}
		made = append(made, one(value, sanitized(string(name)), unit)...)
	}
	return made
}

// isExtended tells resources such as nvidia.com/gpu from those of Kubernetes itself.
func isExtended(name string) bool {
	return strings.Contains(name, "/") && !strings.Contains(name, "kubernetes.io/")
}

var unsafe = regexp.MustCompile(`[^a-zA-Z0-9_]`)

func sanitized(name string) string {
	return unsafe.ReplaceAllString(name, "_")
}

// lister gives all pods.
type lister func() ([]*corev1.Pod, error)

// collector makes the metrics of all pods anew at each scrape.
type collector struct {
	families     []family
	descriptions []*prometheus.Desc
	list         lister
}

func newCollector(families []family, list lister) *collector {
	descriptions := make([]*prometheus.Desc, 0, len(families))
	for _, each := range families {
		labels := append([]string{"namespace", "pod", "uid"}, each.labels...)
		descriptions = append(descriptions, prometheus.NewDesc(each.name, each.help, labels, nil))
	}
	return &collector{families: families, descriptions: descriptions, list: list}
}

func (c *collector) Describe(descriptions chan<- *prometheus.Desc) {
	for _, each := range c.descriptions {
		descriptions <- each
	}
}

func (c *collector) Collect(metrics chan<- prometheus.Metric) {
	pods, err := c.list()
	for index, each := range c.families {
		description := c.descriptions[index]
		if err != nil {
			metrics <- prometheus.NewInvalidMetric(description, err)
			continue
		}
		for _, pod := range pods {
			for _, made := range labelled(each.series(pod), pod.Namespace, pod.Name, string(pod.UID)) {
				metrics <- prometheus.MustNewConstMetric(description, prometheus.GaugeValue, made.value, made.labels...)
			}
		}
	}
}
