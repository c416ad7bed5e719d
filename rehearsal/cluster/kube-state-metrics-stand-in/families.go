package main

import (
	"regexp"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// family is one metric: what it is about, and its series of one object. The labels that name the object come first.
type family struct {
	resource string
	name     string
	help     string
	kind     prometheus.ValueType
	labels   []string
	series   func(runtime.Object) []series
}

// series is one value with the values of the family's labels.
type series struct {
	labels []string
	value  float64
}

// Resources that the stand-in has.
const (
	deployments = "deployments"
	nodes       = "nodes"
	pods        = "pods"
)

// families are the metrics that the stand-in has, as the folder docs/metrics of kube-state-metrics 2 describes them.
// kube_pod_labels is made apart: its labels depend on the arguments.
var families = []family{
	ofDeployments("kube_deployment_spec_replicas", "Number of desired pods for a deployment.",
		func(deployment *appsv1.Deployment) []series {
			if deployment.Spec.Replicas == nil {
				return nil
			}
			return one(float64(*deployment.Spec.Replicas))
		}),
	ofDeployments("kube_deployment_status_replicas_available", "The number of available replicas per deployment.",
		func(deployment *appsv1.Deployment) []series {
			return one(float64(deployment.Status.AvailableReplicas))
		}),
	ofNodes("kube_node_info", "Information about a cluster node.",
		[]string{
			"kernel_version", "os_image", "container_runtime_version", "kubelet_version", "provider_id", "pod_cidr",
			"system_uuid", "internal_ip",
		},
		func(node *corev1.Node) []series {
			address := ""
			for _, each := range node.Status.Addresses {
				if each.Type == corev1.NodeInternalIP {
					address = each.Address
				}
			}
			info := node.Status.NodeInfo
			return one(1, info.KernelVersion, info.OSImage, info.ContainerRuntimeVersion, info.KubeletVersion,
				node.Spec.ProviderID, node.Spec.PodCIDR, info.SystemUUID, address)
		}),
	ofNodes("kube_node_status_allocatable", "The allocatable for different resources of a node.",
		[]string{"resource", "unit"},
		func(node *corev1.Node) []series { return resourceSeries(node.Status.Allocatable) }),
	ofNodes("kube_node_status_condition", "The condition of a cluster node.", []string{"condition", "status"},
		func(node *corev1.Node) []series {
			var made []series
			for _, condition := range node.Status.Conditions {
				made = append(made, labelled(statusSeries(condition.Status), string(condition.Type))...)
			}
			return made
		}),
	ofPods("kube_pod_container_resource_limits", "The number of requested limit resource by a container.",
		[]string{"container", "node", "resource", "unit"},
		func(pod *corev1.Pod) []series {
			return containerSeries(pod, func(container corev1.Container) corev1.ResourceList {
				return container.Resources.Limits
			})
		}),
	ofPods("kube_pod_container_resource_requests", "The number of requested request resource by a container.",
		[]string{"container", "node", "resource", "unit"},
		func(pod *corev1.Pod) []series {
			return containerSeries(pod, func(container corev1.Container) corev1.ResourceList {
				return container.Resources.Requests
			})
		}),
	counted(ofPods("kube_pod_container_status_restarts_total", "The number of container restarts per container.",
		[]string{"container"},
		func(pod *corev1.Pod) []series {
			var made []series
			for _, status := range pod.Status.ContainerStatuses {
				made = append(made, one(float64(status.RestartCount), status.Name)...)
			}
			return made
		})),
	ofPods("kube_pod_container_status_waiting_reason", "Describes the reason the container is currently in waiting state.",
		[]string{"container", "reason"},
		func(pod *corev1.Pod) []series {
			var made []series
			for _, status := range pod.Status.ContainerStatuses {
				if status.State.Waiting != nil {
					made = append(made, one(1, status.Name, status.State.Waiting.Reason)...)
				}
			}
			return made
		}),
	ofPods("kube_pod_created", "Unix creation timestamp.", nil,
		func(pod *corev1.Pod) []series { return at(&pod.CreationTimestamp) }),
	ofPods("kube_pod_deletion_timestamp", "Unix deletion timestamp.", nil,
		func(pod *corev1.Pod) []series { return at(pod.DeletionTimestamp) }),
	ofPods("kube_pod_info", "Information about pod.",
		[]string{"host_ip", "pod_ip", "node", "created_by_kind", "created_by_name", "priority_class", "host_network"},
		func(pod *corev1.Pod) []series {
			kind, name := "", ""
			if owner := metav1.GetControllerOf(pod); owner != nil {
				kind, name = owner.Kind, owner.Name
			}
			network := "false"
			if pod.Spec.HostNetwork {
				network = "true"
			}
			status, spec := pod.Status, pod.Spec
			return one(1, status.HostIP, status.PodIP, spec.NodeName, kind, name, spec.PriorityClassName, network)
		}),
	ofPods("kube_pod_start_time", "Start time in unix timestamp for a pod.", nil,
		func(pod *corev1.Pod) []series { return at(pod.Status.StartTime) }),
	ofPods("kube_pod_status_phase", "The pods current phase.", []string{"phase"},
		func(pod *corev1.Pod) []series {
			if pod.Status.Phase == "" {
				return nil
			}
			return choice(string(pod.Status.Phase), "Pending", "Succeeded", "Failed", "Unknown", "Running")
		}),
	ofPods("kube_pod_status_ready", "Describes whether the pod is ready to serve requests.", []string{"condition"},
		func(pod *corev1.Pod) []series { return conditionSeries(pod, corev1.PodReady) }),
	ofPods("kube_pod_status_ready_time", "Readiness achieved time in unix timestamp for a pod.", nil,
		func(pod *corev1.Pod) []series { return trueSince(pod, corev1.PodReady) }),
	ofPods("kube_pod_status_scheduled", "Describes the status of the scheduling process for the pod.",
		[]string{"condition"},
		func(pod *corev1.Pod) []series { return conditionSeries(pod, corev1.PodScheduled) }),
	ofPods("kube_pod_status_scheduled_time", "Unix timestamp when pod moved into scheduled status.", nil,
		func(pod *corev1.Pod) []series { return trueSince(pod, corev1.PodScheduled) }),
	ofPods("kube_pod_status_unschedulable", "Describes the unschedulable status for the pod.", nil,
		func(pod *corev1.Pod) []series {
			condition := conditionOf(pod, corev1.PodScheduled)
			if condition == nil || condition.Status != corev1.ConditionFalse {
				return nil
			}
			return one(1)
		}),
}

func ofDeployments(name, help string, made func(*appsv1.Deployment) []series) family {
	return family{
		resource: deployments, name: name, help: help, kind: prometheus.GaugeValue,
		labels: []string{"namespace", "deployment"},
		series: func(object runtime.Object) []series {
			deployment := object.(*appsv1.Deployment)
			return labelled(made(deployment), deployment.Namespace, deployment.Name)
		},
	}
}

func ofNodes(name, help string, labels []string, made func(*corev1.Node) []series) family {
	return family{
		resource: nodes, name: name, help: help, kind: prometheus.GaugeValue,
		labels: append([]string{"node"}, labels...),
		series: func(object runtime.Object) []series {
			node := object.(*corev1.Node)
			return labelled(made(node), node.Name)
		},
	}
}

func ofPods(name, help string, labels []string, made func(*corev1.Pod) []series) family {
	return family{
		resource: pods, name: name, help: help, kind: prometheus.GaugeValue,
		labels: append([]string{"namespace", "pod", "uid"}, labels...),
		series: func(object runtime.Object) []series {
			pod := object.(*corev1.Pod)
			return labelled(made(pod), pod.Namespace, pod.Name, string(pod.UID))
		},
	}
}

// counted is a family whose values only grow.
func counted(made family) family {
	made.kind = prometheus.CounterValue
	return made
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

func conditionSeries(pod *corev1.Pod, kind corev1.PodConditionType) []series {
	condition := conditionOf(pod, kind)
	if condition == nil {
		return nil
	}
	return statusSeries(condition.Status)
}

func statusSeries(status corev1.ConditionStatus) []series {
	return choice(strings.ToLower(string(status)), "true", "false", "unknown")
}

func trueSince(pod *corev1.Pod, kind corev1.PodConditionType) []series {
	condition := conditionOf(pod, kind)
	if condition == nil || condition.Status != corev1.ConditionTrue {
		return nil
	}
	return at(&condition.LastTransitionTime)
}

// containerSeries leaves init containers away, which have metrics of their own.
func containerSeries(pod *corev1.Pod, of func(corev1.Container) corev1.ResourceList) []series {
	var made []series
	for _, container := range pod.Spec.Containers {
		made = append(made, labelled(resourceSeries(of(container)), container.Name, pod.Spec.NodeName)...)
	}
	return made
}

func resourceSeries(list corev1.ResourceList) []series {
	var made []series
	for name, quantity := range list {
		unit, value := "byte", float64(quantity.Value())
		switch {
		case name == corev1.ResourceCPU:
			unit, value = "core", float64(quantity.MilliValue())/1000
		case name == corev1.ResourcePods || isExtended(string(name)):
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

// podLabels is kube_pod_labels with the allowed labels of pods; a pod without one of them has it empty, which to
// Prometheus is the same as none.
func podLabels(allowed []string) family {
	names := make([]string, 0, len(allowed))
	for _, label := range allowed {
		names = append(names, "label_"+sanitized(label))
	}
	return ofPods("kube_pod_labels", "Kubernetes labels converted to Prometheus labels.", names,
		func(pod *corev1.Pod) []series {
			values := make([]string, 0, len(allowed))
			for _, label := range allowed {
				values = append(values, pod.Labels[label])
			}
			return one(1, values...)
		})
}

// lister gives all objects of one resource.
type lister func() ([]runtime.Object, error)

// collector makes the metrics of all objects anew at each scrape.
type collector struct {
	families     []family
	descriptions []*prometheus.Desc
	listers      map[string]lister
}

func newCollector(families []family, listers map[string]lister) *collector {
	descriptions := make([]*prometheus.Desc, 0, len(families))
	for _, each := range families {
		descriptions = append(descriptions, prometheus.NewDesc(each.name, each.help, each.labels, nil))
	}
	return &collector{families: families, descriptions: descriptions, listers: listers}
}

func (c *collector) Describe(descriptions chan<- *prometheus.Desc) {
	for _, each := range c.descriptions {
		descriptions <- each
	}
}

func (c *collector) Collect(metrics chan<- prometheus.Metric) {
	for index, each := range c.families {
		description := c.descriptions[index]
		objects, err := c.listers[each.resource]()
		if err != nil {
			metrics <- prometheus.NewInvalidMetric(description, err)
			continue
		}
		for _, object := range objects {
			for _, made := range each.series(object) {
				metrics <- prometheus.MustNewConstMetric(description, each.kind, made.value, made.labels...)
			}
		}
	}
}
