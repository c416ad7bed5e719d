import { KNATIVE_NAMESPACE } from "../knative-config";
import { CADVISOR_NAMES, DCGM_NAMES, ENVOY_NAMES, KNATIVE_NAMES } from "./metric-names";

/** What decides what is scraped. */
export interface ScrapeTargets {
    /** Namespace of the service. */
    readonly serviceNamespace: string;
    /** Namespace of Knative's gateway. */
    readonly gatewayNamespace: string;
    /** Namespace of Prometheus and of what it asks in it. */
    readonly monitoringNamespace: string;
    /** Whether there are DCGM exporters in that namespace. */
    readonly gpuMetrics: boolean;
}

/** Name of the container port at which Knative's control plane and Kourier's Envoy are scraped. */
export const METRICS_PORT = "metrics";

/** Label `app` of the pods of Kourier's gateway. Source: config/300-gateway.yaml of net-kourier. */
export const GATEWAY_APP = "3scale-kourier-gateway";

/** Port of kube-state-metrics. */
export const KUBE_STATE_METRICS_PORT = 8080;

/** Name of the Service of kube-state-metrics. */
export const KUBE_STATE_METRICS = "kube-state-metrics";

/** Name of the DCGM exporter, by which its pods are found. */
export const DCGM_EXPORTER = "dcgm-exporter";

/** Label by which the parts of the monitoring are found. */
export const NAME_LABEL = "app.kubernetes.io/name";

/** Seconds between two looks at what changes with each request; a pod of the service may live for a minute only. */
export const FAST_INTERVAL_SECONDS = 5;

/** Seconds between two looks at everything else. */
export const INTERVAL_SECONDS = 15;

/**
 * The metrics that are kept of each source, as regular expressions of their names: what a panel or a rule asks for, and
 * hardly anything else, since each series costs memory. Knative's are there in the names of both worlds.
 */
export const KEPT = {
    queueProxy: Object.values(KNATIVE_NAMES).flatMap(({ responses, responseTime, serviceTime }) => [
        responses,
        histogram(responseTime),
        histogram(serviceTime),
    ]),
    knative: ["kn_(revision|activator)_.*", "(activator_request_concurrency|autoscaler_.*)"],
    // Counters and histograms alike.
    envoy: Object.values(ENVOY_NAMES)
        .filter((name) => typeof name === "string")
        .map((name) => `${name}(_(bucket|count|sum))?`),
    // For those who ask how full the volume of Prometheus is.
    kubelet: ["kubelet_volume_stats_(used|capacity)_bytes"],
    cadvisor: Object.values(CADVISOR_NAMES),
    gpu: Object.values(DCGM_NAMES),
};

function histogram(name: string): string {
    return `${name}_(bucket|count|sum)`;
}

/** One step of `relabel_configs`, as far as it is used here. */
interface Relabelling {
    readonly source_labels?: readonly string[];
    readonly regex?: string;
    readonly action?: "keep" | "drop";
    readonly target_label?: string;
}

/** One entry of `scrape_configs`, as far as it is used here. */
export interface ScrapeConfig {
    readonly job_name: string;
    readonly [key: string]: unknown;
    readonly relabel_configs?: readonly Relabelling[];
    readonly metric_relabel_configs?: readonly Relabelling[];
}

/**
 * The `scrape_configs` of a Prometheus in the cluster, by its service account: queue-proxies, Knative's control plane,
 * the gateway's Envoy, kubelet and cAdvisor, kube-state-metrics, DCGM exporters. Only Kubernetes' own objects are asked
 * for targets; nothing of the Prometheus operator is needed.
 *
 * Series of queue-proxies get the labels `namespace`, `service`, `revision`, `pod` and `node`: their own name none of
 * these. Queries rely on them, and none selects by `job`.
 */
export function scrapeConfigs(targets: ScrapeTargets): ScrapeConfig[] {
    const { serviceNamespace, gatewayNamespace, monitoringNamespace } = targets;
    const fast = {
        scrape_interval: `${FAST_INTERVAL_SECONDS}s`,
        scrape_timeout: `${FAST_INTERVAL_SECONDS - 1}s`,
    };
    return [
        {
            job_name: "queue-proxy",
            ...fast,
            kubernetes_sd_configs: pods([serviceNamespace], "serving.knative.dev/revision"),
            relabel_configs: [
                keep("__meta_kubernetes_pod_container_port_name", "http-usermetric"),
                RUNNING,
                copy("__meta_kubernetes_namespace", "namespace"),
                copy("__meta_kubernetes_pod_label_serving_knative_dev_service", "service"),
                copy("__meta_kubernetes_pod_label_serving_knative_dev_revision", "revision"),
                POD,
                copy("__meta_kubernetes_pod_node_name", "node"),
            ],
            metric_relabel_configs: [keepNames(KEPT.queueProxy)],
        },
        {
            job_name: "knative",
            ...fast,
            kubernetes_sd_configs: pods([KNATIVE_NAMESPACE]),
            relabel_configs: [
                keep("__meta_kubernetes_pod_container_port_name", METRICS_PORT),
                // Where the gateway is in the same namespace, it has a job of its own.
                {
                    source_labels: ["__meta_kubernetes_pod_label_app"],
                    regex: GATEWAY_APP,
                    action: "drop",
                },
                RUNNING,
                copy("__meta_kubernetes_pod_label_app", "app"),
                POD,
            ],
            metric_relabel_configs: [keepNames(KEPT.knative)],
        },
        {
            job_name: "envoy",
            ...fast,
            metrics_path: "/stats/prometheus",
            kubernetes_sd_configs: pods([gatewayNamespace], `app=${GATEWAY_APP}`),
            relabel_configs: [
                keep("__meta_kubernetes_pod_container_port_name", METRICS_PORT),
                RUNNING,
                POD,
            ],
            metric_relabel_configs: [
                keepNames(KEPT.envoy),
                // Kourier calls an upstream <namespace>/<revision>; other services of the cluster are not ours.
                keep("envoy_cluster_name", `${serviceNamespace}/.*`),
            ],
        },
        { ...node("kubelet", "/metrics"), metric_relabel_configs: [keepNames(KEPT.kubelet)] },
        {
            ...node("cadvisor", "/metrics/cadvisor"),
            metric_relabel_configs: [
                keepNames(KEPT.cadvisor),
                keep(
                    "namespace",
                    [
                        ...new Set([
                            serviceNamespace,
                            monitoringNamespace,
                            KNATIVE_NAMESPACE,
                            gatewayNamespace,
                        ]),
                    ].join("|"),
                ),
                // A pod's sum, which its containers make up, and its sandbox.
                keep("container", ".+"),
                { source_labels: ["container"], regex: "POD", action: "drop" },
            ],
        },
        {
            job_name: KUBE_STATE_METRICS,
            // Its series are about other pods than its own.
            honor_labels: true,
            static_configs: [
                {
                    targets: [
                        `${KUBE_STATE_METRICS}.${monitoringNamespace}.svc:${KUBE_STATE_METRICS_PORT}`,
                    ],
                },
            ],
        },
        ...(targets.gpuMetrics
            ? [
                  {
                      job_name: DCGM_EXPORTER,
                      // Those of the pod that holds the GPU.
                      honor_labels: true,
                      kubernetes_sd_configs: pods(
                          [monitoringNamespace],
                          `${NAME_LABEL}=${DCGM_EXPORTER}`,
                      ),
                      relabel_configs: [RUNNING, copy("__meta_kubernetes_pod_node_name", "node")],
                      metric_relabel_configs: [keepNames(KEPT.gpu)],
                  },
              ]
            : []),
    ];
}

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** A pod that ends is still running while it drains, and its last samples count. */
const RUNNING = keep("__meta_kubernetes_pod_phase", "Running");

const POD = copy("__meta_kubernetes_pod_name", "pod");

function pods(namespaces: readonly string[], label?: string): object[] {
    return [
        {
            role: "pod",
            namespaces: { names: namespaces },
            ...(label === undefined ? {} : { selectors: [{ role: "pod", label }] }),
        },
    ];
}

/** A page of each kubelet. Virtual nodes have none. */
function node(job: string, path: string): ScrapeConfig {
    return {
        job_name: job,
        scheme: "https",
        metrics_path: path,
        authorization: { credentials_file: `${SERVICE_ACCOUNT}/token` },
        // Most clusters let a kubelet sign its own certificate.
        tls_config: { insecure_skip_verify: true },
        kubernetes_sd_configs: [{ role: "node" }],
        relabel_configs: [
            {
                source_labels: ["__meta_kubernetes_node_label_type"],
                regex: "virtual-kubelet",
                action: "drop",
            },
            copy("__meta_kubernetes_node_name", "node"),
        ],
    };
}

function keep(label: string, regex: string): Relabelling {
    return { source_labels: [label], regex, action: "keep" };
}

function keepNames(names: readonly string[]): Relabelling {
    return keep("__name__", names.join("|"));
}

function copy(label: string, to: string): Relabelling {
    return { source_labels: [label], target_label: to };
}
