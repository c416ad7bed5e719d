package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
)

func expect(t *testing.T, object runtime.Object, name string, lines ...string) {
	t.Helper()
	var metric family
	for _, each := range append(append([]family{}, families...), podLabels([]string{"serving.knative.dev/revision"})) {
		if each.name == name {
			metric = each
		}
	}
	list := func() ([]runtime.Object, error) { return []runtime.Object{object}, nil }
	made := newCollector([]family{metric}, map[string]lister{metric.resource: list})
	if len(lines) == 0 {
		if count := testutil.CollectAndCount(made, name); count != 0 {
			t.Errorf("%s has %d series, expected none", name, count)
		}
		return
	}
	kind := map[prometheus.ValueType]string{prometheus.GaugeValue: "gauge", prometheus.CounterValue: "counter"}[metric.kind]
	text := "# HELP " + name + " " + metric.help + "\n# TYPE " + name + " " + kind + "\n" + strings.Join(lines, "\n") + "\n"
	if err := testutil.CollectAndCompare(made, strings.NewReader(text), name); err != nil {
		t.Error(err)
	}
}

func seconds(unix int64) metav1.Time {
	return metav1.NewTime(time.Unix(unix, 0))
}

func pod() *corev1.Pod {
	isController := true
	created := seconds(1000)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "sd", Name: "a", UID: "u", CreationTimestamp: created,
			Labels:          map[string]string{"serving.knative.dev/revision": "sd-00001"},
			OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "rs", Controller: &isController}},
		},
		Spec: corev1.PodSpec{
			NodeName: "gpu0",
			InitContainers: []corev1.Container{{Name: "first", Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{"cpu": resource.MustParse("3")},
			}}},
			Containers: []corev1.Container{{Name: "user", Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{
					"cpu": resource.MustParse("50m"), "memory": resource.MustParse("64Mi"), "nvidia.com/gpu": resource.MustParse("2"),
				},
				Limits: corev1.ResourceList{"nvidia.com/gpu": resource.MustParse("2")},
			}}},
		},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, HostIP: "10.0.0.1", PodIP: "10.0.1.1", StartTime: &created,
			Conditions: []corev1.PodCondition{
				{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: seconds(1001)},
				{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: seconds(1004)},
			},
		},
	}
}

const identity = `namespace="sd",pod="a",uid="u"`

func TestRunningPod(t *testing.T) {
	expect(t, pod(), "kube_pod_info", `kube_pod_info{created_by_kind="ReplicaSet",created_by_name="rs",host_ip="10.0.0.1",host_network="false",namespace="sd",node="gpu0",pod="a",pod_ip="10.0.1.1",priority_class="",uid="u"} 1`)
	expect(t, pod(), "kube_pod_created", `kube_pod_created{`+identity+`} 1000`)
	expect(t, pod(), "kube_pod_start_time", `kube_pod_start_time{`+identity+`} 1000`)
	expect(t, pod(), "kube_pod_deletion_timestamp")
	expect(t, pod(), "kube_pod_status_scheduled_time", `kube_pod_status_scheduled_time{`+identity+`} 1001`)
	expect(t, pod(), "kube_pod_status_ready_time", `kube_pod_status_ready_time{`+identity+`} 1004`)
	expect(t, pod(), "kube_pod_status_unschedulable")
	expect(t, pod(), "kube_pod_status_ready",
		`kube_pod_status_ready{condition="false",`+identity+`} 0`,
		`kube_pod_status_ready{condition="true",`+identity+`} 1`,
		`kube_pod_status_ready{condition="unknown",`+identity+`} 0`)
	expect(t, pod(), "kube_pod_status_phase",
		`kube_pod_status_phase{namespace="sd",phase="Failed",pod="a",uid="u"} 0`,
		`kube_pod_status_phase{namespace="sd",phase="Pending",pod="a",uid="u"} 0`,
		`kube_pod_status_phase{namespace="sd",phase="Running",pod="a",uid="u"} 1`,
		`kube_pod_status_phase{namespace="sd",phase="Succeeded",pod="a",uid="u"} 0`,
		`kube_pod_status_phase{namespace="sd",phase="Unknown",pod="a",uid="u"} 0`)
	expect(t, pod(), "kube_pod_labels", `kube_pod_labels{label_serving_knative_dev_revision="sd-00001",`+identity+`} 1`)
}

func TestResourcesOfContainersButNotOfInitContainers(t *testing.T) {
	const each = `container="user",namespace="sd",node="gpu0",pod="a",`
	expect(t, pod(), "kube_pod_container_resource_requests",
		`kube_pod_container_resource_requests{`+each+`resource="cpu",uid="u",unit="core"} 0.05`,
		`kube_pod_container_resource_requests{`+each+`resource="memory",uid="u",unit="byte"} 67108864`,
		`kube_pod_container_resource_requests{`+each+`resource="nvidia_com_gpu",uid="u",unit="integer"} 2`)
	expect(t, pod(), "kube_pod_container_resource_limits",
		`kube_pod_container_resource_limits{`+each+`resource="nvidia_com_gpu",uid="u",unit="integer"} 2`)
}

func TestPodThatWaitsForANode(t *testing.T) {
	waiting := pod()
	waiting.Spec.NodeName = ""
	waiting.Status = corev1.PodStatus{
		Phase:      corev1.PodPending,
		Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable"}},
	}
	expect(t, waiting, "kube_pod_status_unschedulable", `kube_pod_status_unschedulable{`+identity+`} 1`)
	expect(t, waiting, "kube_pod_status_scheduled_time")
	expect(t, waiting, "kube_pod_status_ready_time")
	expect(t, waiting, "kube_pod_status_ready")
	expect(t, waiting, "kube_pod_start_time")
	expect(t, waiting, "kube_pod_status_scheduled",
		`kube_pod_status_scheduled{condition="false",`+identity+`} 1`,
		`kube_pod_status_scheduled{condition="true",`+identity+`} 0`,
		`kube_pod_status_scheduled{condition="unknown",`+identity+`} 0`)
}

func TestPodThatTerminates(t *testing.T) {
	ending := pod()
	deleted := seconds(2000)
	ending.DeletionTimestamp = &deleted
	expect(t, ending, "kube_pod_deletion_timestamp", `kube_pod_deletion_timestamp{`+identity+`} 2000`)
}

func TestContainersThatDoNotRun(t *testing.T) {
	failing := pod()
	failing.Status.ContainerStatuses = []corev1.ContainerStatus{
		{Name: "user", RestartCount: 3, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}},
		{Name: "queue-proxy", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
	}
	expect(t, failing, "kube_pod_container_status_restarts_total",
		`kube_pod_container_status_restarts_total{container="queue-proxy",`+identity+`} 0`,
		`kube_pod_container_status_restarts_total{container="user",`+identity+`} 3`)
	expect(t, failing, "kube_pod_container_status_waiting_reason",
		`kube_pod_container_status_waiting_reason{container="user",namespace="sd",pod="a",reason="CrashLoopBackOff",uid="u"} 1`)
}

func TestDeployment(t *testing.T) {
	replicas := int32(2)
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "knative-serving", Name: "activator"},
		Spec:       appsv1.DeploymentSpec{Replicas: &replicas},
		Status:     appsv1.DeploymentStatus{Replicas: 2, AvailableReplicas: 1},
	}
	expect(t, deployment, "kube_deployment_spec_replicas",
		`kube_deployment_spec_replicas{deployment="activator",namespace="knative-serving"} 2`)
	expect(t, deployment, "kube_deployment_status_replicas_available",
		`kube_deployment_status_replicas_available{deployment="activator",namespace="knative-serving"} 1`)
}

func TestNode(t *testing.T) {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "gpu0"},
		Spec:       corev1.NodeSpec{PodCIDR: "10.0.1.0/24", ProviderID: "ack://1"},
		Status: corev1.NodeStatus{
			Addresses: []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: "gpu0"}, {Type: corev1.NodeInternalIP, Address: "10.0.0.1"}},
			NodeInfo: corev1.NodeSystemInfo{
				KernelVersion: "6", OSImage: "os", ContainerRuntimeVersion: "containerd://1", KubeletVersion: "v1", SystemUUID: "s",
			},
			Allocatable: corev1.ResourceList{
				"cpu": resource.MustParse("1500m"), "memory": resource.MustParse("1Ki"), "pods": resource.MustParse("110"),
				"nvidia.com/gpu": resource.MustParse("2"), "hugepages-2Mi": resource.MustParse("2Mi"),
			},
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown}},
		},
	}
	expect(t, node, "kube_node_info", `kube_node_info{container_runtime_version="containerd://1",internal_ip="10.0.0.1",kernel_version="6",kubelet_version="v1",node="gpu0",os_image="os",pod_cidr="10.0.1.0/24",provider_id="ack://1",system_uuid="s"} 1`)
	expect(t, node, "kube_node_status_allocatable",
		`kube_node_status_allocatable{node="gpu0",resource="cpu",unit="core"} 1.5`,
		`kube_node_status_allocatable{node="gpu0",resource="hugepages_2Mi",unit="byte"} 2097152`,
		`kube_node_status_allocatable{node="gpu0",resource="memory",unit="byte"} 1024`,
		`kube_node_status_allocatable{node="gpu0",resource="nvidia_com_gpu",unit="integer"} 2`,
		`kube_node_status_allocatable{node="gpu0",resource="pods",unit="integer"} 110`)
	expect(t, node, "kube_node_status_condition",
		`kube_node_status_condition{condition="Ready",node="gpu0",status="false"} 0`,
		`kube_node_status_condition{condition="Ready",node="gpu0",status="true"} 0`,
		`kube_node_status_condition{condition="Ready",node="gpu0",status="unknown"} 1`)
}

func TestScrapeFailsIfObjectsCannotBeListed(t *testing.T) {
	registry := prometheus.NewRegistry()
	gone := func() ([]runtime.Object, error) { return nil, errors.New("gone") }
	registry.MustRegister(newCollector(families, map[string]lister{deployments: gone, nodes: gone, pods: gone}))
	if _, err := registry.Gather(); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("gathered with %v, expected the error", err)
	}
}

func TestWatchesOnlyTheResourcesAndNamespacesThatItIsTold(t *testing.T) {
	named := func(namespace, name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name}
	}
	client := fake.NewClientset(
		&corev1.Pod{ObjectMeta: named("a", "one")}, &corev1.Pod{ObjectMeta: named("b", "two")},
		&corev1.Pod{ObjectMeta: named("c", "other")}, &corev1.Node{ObjectMeta: named("", "node0")},
		&appsv1.Deployment{ObjectMeta: named("a", "activator")},
	)
	for _, expected := range []struct {
		arguments arguments
		names     string
	}{
		{arguments{resources: []string{pods, nodes}, namespaces: []string{"a", "b"}}, "nodes/node0 pods/one pods/two"},
		{arguments{resources: []string{deployments, pods}}, "deployments/activator pods/one pods/other pods/two"},
	} {
		listers, err := watch(t.Context(), client, expected.arguments)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for resource, list := range listers {
			objects, err := list()
			if err != nil {
				t.Fatal(err)
			}
			for _, object := range objects {
				names = append(names, resource+"/"+object.(metav1.Object).GetName())
			}
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != expected.names {
			t.Errorf("watches %s, expected %s", got, expected.names)
		}
	}
}

func TestArguments(t *testing.T) {
	parsed, err := parseArguments([]string{
		"--port=1", "--telemetry-port=2", "--resources=pods", "--namespaces=a,b",
		"--metric-labels-allowlist=pods=[serving.knative.dev/revision,app]",
		"--metric-allowlist=kube_pod_labels,kube_pod_status_ready.*",
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, each := range parsed.families {
		names = append(names, each.name)
	}
	if got := strings.Join(names, " "); got != "kube_pod_status_ready kube_pod_status_ready_time kube_pod_labels" {
		t.Errorf("families are %s", got)
	}
	if parsed.port != 1 || parsed.telemetryPort != 2 || strings.Join(parsed.namespaces, " ") != "a b" {
		t.Errorf("parsed %+v", parsed)
	}
	if everything, err := parseArguments([]string{"--resources=deployments,nodes,pods"}); err != nil || len(everything.families) != len(families) {
		t.Errorf("without lists there are %d families (%v)", len(everything.families), err)
	}
}

func TestArgumentsThatAreRefused(t *testing.T) {
	for message, args := range map[string][]string{
		`--resources is missing`:                  {},
		`--resources has "secrets"`:               {"--resources=pods,secrets"},
		`but --resources has no pods`:             {"--resources=nodes", "--metric-labels-allowlist=pods=[app]"},
		"not defined":                             {"--resources=pods", "--shard=1"},
		`"pods" is not an argument`:               {"--resources=pods", "pods"},
		`"kube_node_info", which the stand-in`:    {"--resources=pods", "--metric-allowlist=kube_pod_info,kube_node_info"},
		`has "(": error parsing regexp`:           {"--resources=pods", "--metric-allowlist=("},
		`allowlist is "nodes=[a]"`:                {"--resources=pods", "--metric-labels-allowlist=nodes=[a]"},
		`allowlist is "pods=[configurationName]"`: {"--resources=pods", "--metric-labels-allowlist=pods=[configurationName]"},
	} {
		if _, err := parseArguments(args); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%v: %v, expected %s", args, err, message)
		}
	}
}
