import assert from "node:assert/strict";
import { alerts } from "../../components/monitoring/alerts";
import { dashboards } from "../../components/monitoring/dashboards";
import { KUBE_STATE_NAMES, TARGET_NAMES } from "../../components/monitoring/metric-names";
import type { MonitoredService } from "../../components/monitoring/monitored-service";
import {
    KEPT,
    type ScrapeConfig,
    scrapeConfigs,
    type ScrapeTargets,
} from "../../components/monitoring/scrape-config";

const TARGETS: ScrapeTargets = {
    serviceNamespace: "sd",
    gatewayNamespace: "kourier-system",
    monitoringNamespace: "sd-monitoring",
    gpuMetrics: true,
};

interface Relabelling {
    readonly source_labels: readonly string[];
    readonly regex?: string;
    readonly action?: string;
    readonly target_label?: string;
}

function job(name: string, targets: Partial<ScrapeTargets> = {}): ScrapeConfig {
    const found = scrapeConfigs({ ...TARGETS, ...targets }).find(
        ({ job_name }) => job_name === name,
    );
    assert.ok(found, name);
    return found;
}

/**
 * What Prometheus makes of labels: as its documentation of relabel_config describes keep, drop and replace, as far as
 * they are used here.
 *
 * @returns undefined where they are dropped
 */
function relabelled(
    rules: ScrapeConfig["relabel_configs"],
    labels: Readonly<Record<string, string>>,
): Record<string, string> | undefined {
    let now: Record<string, string> | undefined = { ...labels };
    for (const { source_labels, regex = "(.*)", action, target_label } of (rules ??
        []) as Relabelling[]) {
        const value: string = source_labels.map((label) => now?.[label] ?? "").join(";");
        const matches = new RegExp(`^(?:${regex})$`).test(value);
        if (action === "keep" ? !matches : action === "drop" && matches) {
            return undefined;
        }
        if (target_label !== undefined && matches) {
            now = { ...now, [target_label]: value };
        }
    }
    return now;
}

/** The labels that a target ends up with: those without two underscores in front. */
function targetLabels(
    name: string,
    meta: Readonly<Record<string, string>>,
    targets: Partial<ScrapeTargets> = {},
): Record<string, string> | undefined {
    const found = relabelled(
        job(name, targets).relabel_configs,
        Object.fromEntries(Object.entries(meta).map(([key, value]) => [`__meta_${key}`, value])),
    );
    return (
        found &&
        Object.fromEntries(Object.entries(found).filter(([label]) => !label.startsWith("__")))
    );
}

const POD = {
    kubernetes_namespace: "sd",
    kubernetes_pod_name: "sd-00001-deployment-x",
    kubernetes_pod_node_name: "gpu-1",
    kubernetes_pod_phase: "Running",
    kubernetes_pod_container_port_name: "http-usermetric",
    kubernetes_pod_label_serving_knative_dev_revision: "sd-00001",
    kubernetes_pod_label_serving_knative_dev_service: "sd",
};

describe("the scraping of queue-proxies", () => {
    it("gives each series the labels that queries rely on", () => {
        assert.deepEqual(targetLabels("queue-proxy", POD), {
            namespace: "sd",
            service: "sd",
            revision: "sd-00001",
            pod: "sd-00001-deployment-x",
            node: "gpu-1",
        });
    });

    it("asks the port of user metrics only, and only of pods that run", () => {
        for (const other of [
            { kubernetes_pod_container_port_name: "http-autometric" },
            { kubernetes_pod_phase: "Pending" },
            { kubernetes_pod_phase: "Succeeded" },
        ]) {
            assert.equal(targetLabels("queue-proxy", { ...POD, ...other }), undefined);
        }
    });

    it("looks for pods of revisions in the namespace of the service, every five seconds", () => {
        const { kubernetes_sd_configs, scrape_interval, scrape_timeout } = job("queue-proxy");
        assert.deepEqual(kubernetes_sd_configs, [
            {
                role: "pod",
                namespaces: { names: ["sd"] },
                selectors: [{ role: "pod", label: "serving.knative.dev/revision" }],
            },
        ]);
        assert.equal(scrape_interval, "5s");
        assert.equal(scrape_timeout, "4s");
    });
});

describe("the scraping of Knative and the gateway", () => {
    const ACTIVATOR = {
        kubernetes_pod_name: "activator-1",
        kubernetes_pod_phase: "Running",
        kubernetes_pod_container_port_name: "metrics",
        kubernetes_pod_label_app: "activator",
    };

    it("names the program and the pod", () => {
        assert.deepEqual(targetLabels("knative", ACTIVATOR), {
            app: "activator",
            pod: "activator-1",
        });
        const other = { ...ACTIVATOR, kubernetes_pod_container_port_name: "http1" };
        assert.equal(targetLabels("knative", other), undefined);
    });

    it("does not ask a gateway in Knative's namespace twice", () => {
        const gateway = { ...ACTIVATOR, kubernetes_pod_label_app: "3scale-kourier-gateway" };
        assert.equal(targetLabels("knative", gateway), undefined);
        const targets = { gatewayNamespace: "knative-serving" };
        assert.ok(targetLabels("envoy", gateway, targets));
        assert.deepEqual(job("envoy", targets)["kubernetes_sd_configs"], [
            {
                role: "pod",
                namespaces: { names: ["knative-serving"] },
                selectors: [{ role: "pod", label: "app=3scale-kourier-gateway" }],
            },
        ]);
    });

    it("keeps of Envoy what is about the service, and nothing of its neighbours", () => {
        const kept = (labels: Record<string, string>): boolean =>
            relabelled(job("envoy").metric_relabel_configs, labels) !== undefined;
        const name = "envoy_cluster_upstream_rq_time_bucket";
        assert.ok(kept({ __name__: name, envoy_cluster_name: "sd/sd-00001" }));
        assert.ok(!kept({ __name__: name, envoy_cluster_name: "sd-other/x-00001" }));
        assert.ok(!kept({ __name__: name, envoy_cluster_name: "xds_cluster" }));
        assert.ok(!kept({ __name__: "envoy_server_uptime", envoy_cluster_name: "sd/sd-00001" }));
    });
});

describe("the scraping of nodes", () => {
    it("asks kubelets with the pod's own token, and leaves virtual nodes out", () => {
        for (const [name, path] of [
            ["kubelet", "/metrics"],
            ["cadvisor", "/metrics/cadvisor"],
        ] as const) {
            const { scheme, metrics_path, authorization, kubernetes_sd_configs } = job(name);
            assert.equal(scheme, "https");
            assert.equal(metrics_path, path);
            assert.deepEqual(authorization, {
                credentials_file: "/var/run/secrets/kubernetes.io/serviceaccount/token",
            });
            assert.deepEqual(kubernetes_sd_configs, [{ role: "node" }]);
            assert.deepEqual(targetLabels(name, { kubernetes_node_name: "n1" }), { node: "n1" });
            const virtual = { kubernetes_node_label_type: "virtual-kubelet" };
            assert.equal(targetLabels(name, virtual), undefined);
        }
    });

    it("keeps of cAdvisor the containers of what is watched and of what watches", () => {
        const kept = (labels: Record<string, string>): boolean =>
            relabelled(job("cadvisor").metric_relabel_configs, {
                __name__: "container_memory_working_set_bytes",
                container: "main",
                ...labels,
            }) !== undefined;
        for (const namespace of ["sd", "sd-monitoring", "knative-serving", "kourier-system"]) {
            assert.ok(kept({ namespace }), namespace);
        }
        assert.ok(!kept({ namespace: "kube-system" }));
        assert.ok(!kept({ namespace: "sd-2" }));
        assert.ok(!kept({ namespace: "sd", container: "" }));
        assert.ok(!kept({ namespace: "sd", container: "POD" }));
        assert.ok(!kept({ namespace: "sd", __name__: "container_fs_reads_total" }));
    });
});

describe("the scraping of what speaks for others", () => {
    it("keeps the labels of those that it is about", () => {
        for (const name of ["kube-state-metrics", "dcgm-exporter"]) {
            assert.equal(job(name)["honor_labels"], true, name);
        }
        for (const { job_name, honor_labels } of scrapeConfigs(TARGETS)) {
            assert.ok(
                honor_labels !== true || /^(kube-state-metrics|dcgm-exporter)$/.test(job_name),
            );
        }
    });

    it("asks for GPUs only where there is an exporter", () => {
        assert.deepEqual(targetLabels("dcgm-exporter", POD), { node: "gpu-1" });
        const without = scrapeConfigs({ ...TARGETS, gpuMetrics: false });
        assert.ok(without.every(({ job_name }) => job_name !== "dcgm-exporter"));
        assert.equal(without.length, scrapeConfigs(TARGETS).length - 1);
    });
});

describe("what is scraped", () => {
    it("has a name of its own for each job, and needs nothing of the Prometheus operator", () => {
        const configs = scrapeConfigs(TARGETS);
        assert.equal(new Set(configs.map(({ job_name }) => job_name)).size, configs.length);
        assert.doesNotMatch(JSON.stringify(configs), /coreos|ServiceMonitor|PodMonitor/);
    });

    it("is all that a panel or an alert asks for", () => {
        const kept = [...Object.values(KEPT).flat(), ...Object.values(KUBE_STATE_NAMES)];
        const isKept = (name: string): boolean =>
            [...kept, ...Object.values(TARGET_NAMES)].some((pattern) =>
                new RegExp(`^(?:${pattern})$`).test(name),
            );
        const asked = new Set(
            WORLDS.flatMap((service) => [
                ...dashboards(service).flatMap(({ rows }) =>
                    rows.flatMap(({ panels }) =>
                        panels.flatMap(({ queries }) => queries.map((query) => query.expression)),
                    ),
                ),
                ...alerts(service).map(({ expression }) => expression),
            ]).flatMap(metricsIn),
        );
        // More than a slip of the pattern below would leave.
        assert.ok(asked.size >= 20, [...asked].join());
        assert.deepEqual(
            [...asked].filter((name) => !isKept(name)),
            [],
        );
    });
});

const SERVICE: MonitoredService = {
    namespace: "sd",
    serviceName: "sd",
    minScale: 0,
    maxScale: 5,
    containerConcurrency: 1,
    gpusPerPod: 1,
    timeoutSeconds: 300,
    scaleDownDelaySeconds: 180,
    gpuHourPrice: 1.5,
    currency: "USD",
    metricNames: "opentelemetry",
    gateway: "kourier",
    gpuMetrics: true,
};

/** All that decides which metrics are asked for. */
const WORLDS: readonly MonitoredService[] = (["opentelemetry", "opencensus"] as const).flatMap(
    (metricNames) =>
        (["kourier", "other"] as const).map((gateway) => ({ ...SERVICE, metricNames, gateway })),
);

/** Names of metrics in a query: those that a selector in braces follows, or that Prometheus' own functions get. */
function metricsIn(expression: string): string[] {
    return [...expression.matchAll(/([a-zA-Z_:][\w:]*)\{/g)].map(([, name = ""]) => name);
}
