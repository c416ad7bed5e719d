package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func expect(t *testing.T, pod *corev1.Pod, name string, lines ...string) {
	t.Helper()
	var metric family
	for _, each := range families {
		if each.name == name {
			metric = each
		}
	}
	list := func() ([]*corev1.Pod, error) { return []*corev1.Pod{pod}, nil }
	made := newCollector([]family{metric}, list)
	if len(lines) == 0 {
		if count := testutil.CollectAndCount(made, name); count != 0 {
			t.Errorf("%s has %d series, expected none", name, count)
		}
		return
	}
	text := "# HELP " + name + " " + metric.help + "\n# TYPE " + name + " gauge\n" + strings.Join(lines, "\n") + "\n"
	if err := testutil.CollectAndCompare(made, strings.NewReader(text), name); err != nil {
		t.Error(err)
	}
}

func seconds(unix int64) metav1.Time {
	return metav1.NewTime(time.Unix(unix, 0))
}

func pod() *corev1.Pod {
	created := seconds(1000)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "sd", Name: "a", UID: "u", CreationTimestamp: created,
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
			}}},
		},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning,
			Conditions: []corev1.PodCondition{
				{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: seconds(1001)},
				{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: seconds(1004)},
			},
		},
	}
}

const identity = `namespace="sd",pod="a",uid="u"`

func TestRunningPod(t *testing.T) {
	expect(t, pod(), "kube_pod_created", `kube_pod_created{`+identity+`} 1000`)
	expect(t, pod(), "kube_pod_deletion_timestamp")
	expect(t, pod(), "kube_pod_status_scheduled_time", `kube_pod_status_scheduled_time{`+identity+`} 1001`)
	expect(t, pod(), "kube_pod_status_ready_time", `kube_pod_status_ready_time{`+identity+`} 1004`)
	expect(t, pod(), "kube_pod_status_unschedulable")
	expect(t, pod(), "kube_pod_status_phase",
		`kube_pod_status_phase{namespace="sd",phase="Failed",pod="a",uid="u"} 0`,
		`kube_pod_status_phase{namespace="sd",phase="Pending",pod="a",uid="u"} 0`,
		`kube_pod_status_phase{namespace="sd",phase="Running",pod="a",uid="u"} 1`,
		`kube_pod_status_phase{namespace="sd",phase="Succeeded",pod="a",uid="u"} 0`,
		`kube_pod_status_phase{namespace="sd",phase="Unknown",pod="a",uid="u"} 0`)
}

func TestResourcesOfContainersButNotOfInitContainers(t *testing.T) {
	const each = `container="user",namespace="sd",node="gpu0",pod="a",`
	expect(t, pod(), "kube_pod_container_resource_requests",
		`kube_pod_container_resource_requests{`+each+`resource="cpu",uid="u",unit="core"} 0.05`,
		`kube_pod_container_resource_requests{`+each+`resource="memory",uid="u",unit="byte"} 67108864`,
		`kube_pod_container_resource_requests{`+each+`resource="nvidia_com_gpu",uid="u",unit="integer"} 2`)
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
}

func TestPodThatTerminates(t *testing.T) {
	ending := pod()
	deleted := seconds(2000)
	ending.DeletionTimestamp = &deleted
	expect(t, ending, "kube_pod_deletion_timestamp", `kube_pod_deletion_timestamp{`+identity+`} 2000`)
}

func TestScrapeFailsIfPodsCannotBeListed(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newCollector(families, func() ([]*corev1.Pod, error) { return nil, errors.New("gone") }))
	if _, err := registry.Gather(); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("gathered with %v, expected the error", err)
	}
}

func TestWatchesOnlyTheNamespacesThatItIsTold(t *testing.T) {
	named := func(namespace, name string) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	}
	client := fake.NewClientset(named("a", "one"), named("b", "two"), named("c", "other"))
	for expected, namespaces := range map[string][]string{"one two": {"a", "b"}, "one other two": nil} {
		list, err := watchPods(t.Context(), client, namespaces)
		if err != nil {
			t.Fatal(err)
		}
		pods, err := list()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, each := range pods {
			names = append(names, each.Name)
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != expected {
			t.Errorf("watches %s, expected %s", got, expected)
		}
	}
}

func TestArguments(t *testing.T) {
	parsed, err := parseArguments([]string{
		"--port=1", "--telemetry-port=2", "--resources=pods", "--namespaces=a,b",
		"--metric-allowlist=kube_pod_created,kube_pod_status_.*_time",
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, each := range parsed.families {
		names = append(names, each.name)
	}
	if got := strings.Join(names, " "); got != "kube_pod_created kube_pod_status_ready_time kube_pod_status_scheduled_time" {
		t.Errorf("families are %s", got)
	}
	if parsed.port != 1 || parsed.telemetryPort != 2 || strings.Join(parsed.namespaces, " ") != "a b" {
		t.Errorf("parsed %+v", parsed)
	}
	if everything, err := parseArguments([]string{"--resources=pods"}); err != nil || len(everything.families) != len(families) {
		t.Errorf("without lists there are %d families (%v)", len(everything.families), err)
	}
}

func TestArgumentsThatAreRefused(t *testing.T) {
	for message, args := range map[string][]string{
		`--resources is ""`:                    {},
		`--resources is "pods,nodes"`:          {"--resources=pods,nodes"},
		"not defined":                          {"--resources=pods", "--shard=1"},
		`"pods" is not an argument`:            {"--resources=pods", "pods"},
		`"kube_node_info", which the stand-in`: {"--resources=pods", "--metric-allowlist=kube_pod_created,kube_node_info"},
		`has "(": error parsing regexp`:        {"--resources=pods", "--metric-allowlist=("},
	} {
		if _, err := parseArguments(args); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%v: %v, expected %s", args, err, message)
		}
	}
}
