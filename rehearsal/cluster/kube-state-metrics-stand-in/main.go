// A stand-in for kube-state-metrics 2, for machines where its module cannot be had. It says of pods, and of nothing
// else, what families.go lists, under the official names and labels, on the official ports and paths. It has no
// sharding, no custom resources, no metrics of itself but those of the Go runtime, and it was not made from the
// sources of the official program. What it does not know it refuses when it starts.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	parsed, err := parseArguments(args)
	if err != nil {
		return err
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	list, err := watchPods(ctx, client, parsed.namespaces)
	if err != nil {
		return err
	}
	cluster := prometheus.NewRegistry()
	if err := cluster.Register(newCollector(parsed.families, list)); err != nil {
		return err
	}
	itself := prometheus.NewRegistry()
	itself.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	metrics := http.NewServeMux()
	metrics.Handle("/metrics", promhttp.HandlerFor(cluster, promhttp.HandlerOpts{}))
	metrics.HandleFunc("/healthz", func(answer http.ResponseWriter, _ *http.Request) { fmt.Fprint(answer, "OK") })
	metrics.HandleFunc("/livez", apiServerSays(client, "/livez"))
	telemetry := http.NewServeMux()
	telemetry.Handle("/metrics", promhttp.HandlerFor(itself, promhttp.HandlerOpts{}))
	telemetry.HandleFunc("/readyz", apiServerSays(client, "/readyz"))
	return serve(ctx, map[int]http.Handler{parsed.port: metrics, parsed.telemetryPort: telemetry})
}

// watchPods returns when all pods of the namespaces, or of all if there are none, are known.
func watchPods(ctx context.Context, client kubernetes.Interface, namespaces []string) (lister, error) {
	if len(namespaces) == 0 {
		namespaces = []string{metav1.NamespaceAll}
	}
	var listers []corelisters.PodLister
	for _, namespace := range namespaces {
		factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(namespace))
		pods := factory.Core().V1().Pods()
		// The factory starts only what was asked for.
		pods.Informer()
		listers = append(listers, pods.Lister())
		factory.Start(ctx.Done())
		for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
			if !synced {
				return nil, fmt.Errorf("ended before all of %v were known", kind)
			}
		}
	}
	return func() ([]*corev1.Pod, error) {
		var all []*corev1.Pod
		for _, each := range listers {
			pods, err := each.List(labels.Everything())
			if err != nil {
				return nil, err
			}
			all = append(all, pods...)
		}
		return all, nil
	}, nil
}

// apiServerSays answers what the API server answers about itself: without it, nothing here is up to date.
func apiServerSays(client kubernetes.Interface, path string) http.HandlerFunc {
	return func(answer http.ResponseWriter, request *http.Request) {
		said, err := client.Discovery().RESTClient().Get().AbsPath(path).DoRaw(request.Context())
		if err != nil {
			http.Error(answer, err.Error(), http.StatusServiceUnavailable)
			return
		}
		answer.Write(said)
	}
}

// serve returns when the context ends or a server does.
func serve(ctx context.Context, handlers map[int]http.Handler) error {
	ended := make(chan error, len(handlers))
	var servers []*http.Server
	for port, handler := range handlers {
		server := &http.Server{Addr: fmt.Sprintf(":%d", port), Handler: handler, ReadHeaderTimeout: 5 * time.Second}
		servers = append(servers, server)
		go func() { ended <- server.ListenAndServe() }()
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	deadline, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var problems []error
	for _, server := range servers {
		problems = append(problems, server.Shutdown(deadline))
	}
	return errors.Join(problems...)
}
