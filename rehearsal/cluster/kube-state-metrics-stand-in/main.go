// A stand-in for kube-state-metrics 2, for machines where its module cannot be had. It says of pods, nodes
// and Deployments what families.go lists, under the official names and labels, on the official ports and paths. It has no
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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
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

	listers, err := watch(ctx, client, parsed)
	if err != nil {
		return err
	}
	cluster := prometheus.NewRegistry()
	if err := cluster.Register(newCollector(parsed.families, listers)); err != nil {
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

// watch returns when all objects of the resources are known.
func watch(ctx context.Context, client kubernetes.Interface, parsed arguments) (map[string]lister, error) {
	everywhere := []string{metav1.NamespaceAll}
	namespaces := parsed.namespaces
	if len(namespaces) == 0 {
		namespaces = everywhere
	}
	listers := map[string]lister{}
	for _, resource := range parsed.resources {
		among := namespaces
		if resource == nodes {
			among = everywhere
		}
		var stores []cache.Store
		for _, namespace := range among {
			factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(namespace))
			stores = append(stores, informerOf(factory, resource).GetStore())
			factory.Start(ctx.Done())
			for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
				if !synced {
					return nil, fmt.Errorf("ended before all of %v were known", kind)
				}
			}
		}
		listers[resource] = func() ([]runtime.Object, error) { return contents(stores) }
	}
	return listers, nil
}

func informerOf(factory informers.SharedInformerFactory, resource string) cache.SharedIndexInformer {
	switch resource {
	case deployments:
		return factory.Apps().V1().Deployments().Informer()
	case nodes:
		return factory.Core().V1().Nodes().Informer()
	default:
		return factory.Core().V1().Pods().Informer()
	}
}

func contents(stores []cache.Store) ([]runtime.Object, error) {
	var all []runtime.Object
	for _, store := range stores {
		for _, each := range store.List() {
			object, ok := each.(runtime.Object)
			if !ok {
				return nil, fmt.Errorf("%T is no object of Kubernetes", each)
			}
			all = append(all, object)
		}
	}
	return all, nil
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
