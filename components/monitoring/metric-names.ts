import type { MetricNames } from "./monitored-service";

/** What Knative's metrics are called, and the labels by which they say whose they are. */
export interface KnativeNames {
    /** Labels of the series of autoscaler and activator. */
    readonly namespaceLabel: string;
    readonly revisionLabel: string;

    /** Gauges of the autoscaler, in pods: what the demand asks for, without regard to minScale and maxScale. */
    readonly desiredPods: string;
    /** What the autoscaler asks Kubernetes for. */
    readonly requestedPods: string;
    /** Pods that are ready. */
    readonly readyPods: string;
    /** Pods whose phase is Pending. */
    readonly pendingPods: string;
    /** Pods that are running and have been told to end. */
    readonly terminatingPods: string;
    /** 1 while the autoscaler is in panic mode, else 0. */
    readonly panicMode: string;
    /** Gauges of the autoscaler, in requests: average of the stable window, of the panic window, and per pod. */
    readonly stableConcurrency: string;
    readonly panicConcurrency: string;
    readonly targetConcurrency: string;

    /** Gauge of the activator: requests that it holds, averaged over a second; the running ones are among them. */
    readonly activatorConcurrency: string;
    /** Gauges of the activator: requests that wait for a pod, and those that run. @default - there is none */
    readonly waitingRequests?: string;
    readonly runningRequests?: string;
    /** Gauge of the activator: 1 while the autoscaler hears it. @default - there is none */
    readonly autoscalerReachable?: string;

    /** Counter of the queue-proxy: answers, by {@link statusLabel}. */
    readonly responses: string;
    /** Label of the status, and its value for statuses that begin with a digit, as a regular expression. */
    readonly statusLabel: string;
    readonly statusOf: (digits: string) => string;
    /** Labels of the queue-proxy's series that name namespace and service. */
    readonly queueProxyLabels: { readonly namespace: string; readonly service: string };
    /** Histogram of the queue-proxy: time from its taking a request to its answer. */
    readonly responseTime: string;
    /** Histogram of the queue-proxy: time that the container takes for a request. */
    readonly serviceTime: string;
    /** Units of both histograms in a second. */
    readonly perSecond: number;
    /** Upper bounds of the buckets of {@link responseTime} from a second on, in seconds. */
    readonly bucketBounds: readonly number[];
}

/**
 * Both worlds of names. Sources: the code of Knative Serving 1.18 and 1.23 (pkg/queue, pkg/activator,
 * pkg/autoscaler, pkg/reconciler/autoscaling/kpa), and for 1.23 what a scrape shows. Waiting and running requests are
 * told apart since 1.22; from 1.19 to 1.21 the series are absent.
 *
 * The labels `namespace` and `service` of the queue-proxy's series since 1.19 are added when they are scraped: they
 * carry none of their own.
 */
export const KNATIVE_NAMES: Readonly<Record<MetricNames, KnativeNames>> = {
    opentelemetry: {
        namespaceLabel: "k8s_namespace_name",
        revisionLabel: "kn_revision_name",
        desiredPods: "kn_revision_pods_desired",
        requestedPods: "kn_revision_pods_requested",
        readyPods: "kn_revision_pods_count",
        pendingPods: "kn_revision_pods_pending_count",
        terminatingPods: "kn_revision_pods_terminating_count",
        panicMode: "kn_revision_panic_mode",
        stableConcurrency: "kn_revision_concurrency_stable",
        panicConcurrency: "kn_revision_concurrency_panic",
        targetConcurrency: "kn_revision_concurrency_target",
        activatorConcurrency: "kn_revision_request_concurrency",
        waitingRequests: "kn_revision_request_queued",
        runningRequests: "kn_revision_request_active",
        autoscalerReachable: "kn_activator_stats_conn_reachable",
        responses: "http_server_request_duration_seconds_count",
        statusLabel: "http_response_status_code",
        statusOf: (digits) => `[${digits}]..`,
        queueProxyLabels: { namespace: "namespace", service: "service" },
        responseTime: "http_server_request_duration_seconds",
        serviceTime: "kn_serving_invocation_duration_seconds",
        perSecond: 1,
        bucketBounds: [1, 2.5, 5, 7.5, 10],
    },
    opencensus: {
        namespaceLabel: "namespace_name",
        revisionLabel: "revision_name",
        desiredPods: "autoscaler_desired_pods",
        requestedPods: "autoscaler_requested_pods",
        readyPods: "autoscaler_actual_pods",
        pendingPods: "autoscaler_pending_pods",
        terminatingPods: "autoscaler_terminating_pods",
        panicMode: "autoscaler_panic_mode",
        stableConcurrency: "autoscaler_stable_request_concurrency",
        panicConcurrency: "autoscaler_panic_request_concurrency",
        targetConcurrency: "autoscaler_target_concurrency_per_pod",
        activatorConcurrency: "activator_request_concurrency",
        responses: "revision_request_count",
        statusLabel: "response_code_class",
        statusOf: (digits) => `[${digits}]xx`,
        queueProxyLabels: { namespace: "namespace_name", service: "service_name" },
        responseTime: "revision_request_latencies",
        serviceTime: "revision_app_request_latencies",
        perSecond: 1000,
        bucketBounds: [1, 2, 5, 10, 20, 50, 100],
    },
};

/**
 * Metrics of the gateway's Envoy. Its clusters are called `<namespace>/<revision>`. They stay when the revision has no
 * pods.
 */
export const ENVOY_NAMES = {
    /** Counter of requests, there as soon as the gateway knows the revision. */
    requests: "envoy_cluster_upstream_rq_total",
    /** Counter of answers, there from the first one on, by the first digit of the status in `envoy_response_code_class`. */
    responses: "envoy_cluster_upstream_rq_xx",
    /** Histogram in milliseconds of the time from the end of the request to the end of its answer. */
    responseTime: "envoy_cluster_upstream_rq_time",
    perSecond: 1000,
    /** Envoy's default bounds from a second on, in seconds. Source: its documentation of `BootstrapConfig` stats. */
    bucketBounds: [1, 2.5, 5, 10, 30, 60, 300, 600, 1800, 3600],
} as const;

/**
 * Metrics of kube-state-metrics, of which the resource `pods` is enough. It has to be scraped with `honor_labels`,
 * so that `namespace` and `pod` are those of the pod that a series is about.
 */
export const KUBE_STATE_NAMES = {
    /** Amount of a `resource` that a `container` asks for; `node` is empty before the pod has one. */
    requests: "kube_pod_container_resource_requests",
    /** 1 for the `phase` that the pod is in. */
    phase: "kube_pod_status_phase",
    /** 1 while the scheduler finds no node. */
    unschedulable: "kube_pod_status_unschedulable",
    /** Unix times, in seconds. */
    created: "kube_pod_created",
    scheduled: "kube_pod_status_scheduled_time",
    ready: "kube_pod_status_ready_time",
    /** When the time that a pod was given to end is over, so that of the deletion and its grace period. */
    deletion: "kube_pod_deletion_timestamp",
} as const;

/** What kube-state-metrics makes of the name of the extended resource `nvidia.com/gpu`. */
export const GPU_RESOURCE_LABEL = "nvidia_com_gpu";

/**
 * Metrics of NVIDIA's DCGM exporter, with the `namespace` and `pod` that hold the GPU, so scraped with
 * `honor_labels`.
 */
export const DCGM_NAMES = {
    /** Share of the time in which a kernel ran, in percent. */
    utilization: "DCGM_FI_DEV_GPU_UTIL",
    /** Memory of the GPU that is used, in MiB. */
    memoryUsed: "DCGM_FI_DEV_FB_USED",
    /** Code of the last Xid error; 0 if there was none since the exporter started. */
    xid: "DCGM_FI_DEV_XID_ERRORS",
} as const;

/** Metrics of cAdvisor in the kubelet, by `namespace`, `pod` and `container`. */
export const CADVISOR_NAMES = {
    cpu: "container_cpu_usage_seconds_total",
    memory: "container_memory_working_set_bytes",
} as const;

/** Series that Prometheus writes about each of its targets. */
export const TARGET_NAMES = {
    up: "up",
    samples: "scrape_samples_post_metric_relabeling",
} as const;
