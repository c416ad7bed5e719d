import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import {
    InClusterMonitoring,
    type InClusterMonitoringArgs,
} from "../../components/monitoring/in-cluster";
import { scrapeConfigs } from "../../components/monitoring/scrape-config";
import {
    MOCK_PASSWORD,
    neededBy,
    only,
    promiseOf,
    recordResources,
    type Registered,
    SECRET,
} from "../support/mocks";

const CONFIG_MAP = "kubernetes:core/v1:ConfigMap";
const DAEMON_SET = "kubernetes:apps/v1:DaemonSet";
const DEPLOYMENT = "kubernetes:apps/v1:Deployment";
const SECRET_TYPE = "kubernetes:core/v1:Secret";
const CLAIM = "kubernetes:core/v1:PersistentVolumeClaim";
const SERVICE = "kubernetes:core/v1:Service";

const digest = (name: string): string => `registry.example/${name}@sha256:${"0".repeat(64)}`;

const ARGS: InClusterMonitoringArgs = {
    serviceNamespace: "sd",
    gatewayNamespace: "kourier-system",
    gpuMetrics: true,
    metricsRetentionDays: 7,
    metricsStorage: { kind: "volume", gib: 50, storageClass: "fast" },
    grafana: true,
    receivers: { webhookUrl: undefined, email: undefined },
    images: {
        prometheus: digest("prometheus"),
        kubeStateMetrics: digest("ksm"),
        alertmanager: digest("alertmanager"),
        dcgmExporter: digest("dcgm"),
        grafana: digest("grafana"),
    },
    rules: { groups: [{ name: "sd", rules: [] }] },
    dashboards: { "sd.json": '{"uid":"sd"}' },
};

const WEBHOOK = { webhookUrl: pulumi.secret("https://hooks.example.com/token"), email: undefined };

async function deploy(args: Partial<InClusterMonitoringArgs> = {}): Promise<{
    seen: Registered[];
    monitoring: InClusterMonitoring;
}> {
    const seen = await recordResources();
    const monitoring = new InClusterMonitoring("monitoring", { ...ARGS, ...args });
    await afterAllOf(monitoring);
    return { seen: seen.filter(({ type }) => type !== "test:index:Last"), monitoring };
}

/** Whoever depends on a component comes after all its parts. */
async function afterAllOf(component: pulumi.ComponentResource): Promise<void> {
    const last = new pulumi.ComponentResource(
        "test:index:Last",
        "last",
        {},
        { dependsOn: component },
    );
    await promiseOf(last.urn);
}

function named(seen: readonly Registered[], type: string, name: string): Registered {
    return only(
        seen.filter((each) => each.name === name),
        type,
    );
}

interface Container {
    readonly image: string;
    readonly args: readonly string[];
    readonly env?: readonly { readonly name: string }[];
    readonly securityContext: object;
    readonly resources: { readonly requests: object; readonly limits: object };
    readonly volumeMounts: readonly object[];
}

interface PodSpec {
    readonly automountServiceAccountToken: boolean;
    readonly serviceAccountName?: string;
    readonly securityContext: object;
    readonly containers: readonly [Container];
    readonly volumes: readonly object[];
    readonly affinity: object;
    readonly tolerations?: readonly object[];
}

function podOf({ inputs }: Registered): PodSpec {
    return (inputs["spec"] as { template: { spec: PodSpec } }).template.spec;
}

const dataOf = ({ inputs }: Registered): Record<string, string> =>
    inputs["data"] as Record<string, string>;

describe("InClusterMonitoring", () => {
    it("keeps all it makes in one namespace, which says whose it is", async () => {
        const { seen } = await deploy({ receivers: WEBHOOK });
        const namespace = only(seen, "kubernetes:core/v1:Namespace");
        assert.deepEqual(namespace.inputs["metadata"], {
            name: "sd-monitoring",
            labels: { "app.kubernetes.io/part-of": "stable-diffusion-knative" },
        });
        for (const { type, name, inputs } of seen) {
            if (!type.startsWith("kubernetes:") || name === "monitoring-namespace") {
                continue;
            }
            const metadata = inputs["metadata"] as {
                namespace?: string;
                labels: Record<string, string>;
            };
            const isOfCluster = type.includes(":ClusterRole");
            assert.equal(metadata.namespace, isOfCluster ? undefined : "sd-monitoring", name);
            assert.equal(
                metadata.labels["app.kubernetes.io/part-of"],
                "stable-diffusion-knative",
                name,
            );
        }
    });

    it("declares nothing but what any Kubernetes knows", async () => {
        const { seen } = await deploy({ receivers: WEBHOOK });
        const groups = new Set(
            seen
                .map(({ type }) => type)
                .filter((type) => type.startsWith("kubernetes:"))
                .map((type) => type.split(":")[1]),
        );
        assert.deepEqual([...groups].sort(), [
            "apps/v1",
            "core/v1",
            "rbac.authorization.k8s.io/v1",
        ]);
        assert.doesNotMatch(JSON.stringify(seen), /coreos/);
    });

    it("runs each program without privileges and with what it needs, away from GPU nodes", async () => {
        const { seen } = await deploy({ receivers: WEBHOOK });
        const deployments = seen.filter(({ type }) => type === DEPLOYMENT);
        assert.deepEqual(
            Object.fromEntries(
                deployments.map((each) => [
                    (each.inputs["metadata"] as { name: string }).name,
                    podOf(each).containers[0].image,
                ]),
            ),
            {
                prometheus: digest("prometheus"),
                "kube-state-metrics": digest("ksm"),
                alertmanager: digest("alertmanager"),
                grafana: digest("grafana"),
            },
        );
        for (const deployment of deployments) {
            const { securityContext, containers, affinity } = podOf(deployment);
            const user = deployment.name.endsWith("grafana") ? 472 : 65_534;
            assert.deepEqual(securityContext, {
                runAsNonRoot: true,
                runAsUser: user,
                runAsGroup: user,
                fsGroup: user,
                seccompProfile: { type: "RuntimeDefault" },
            });
            assert.deepEqual(containers[0].securityContext, {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ["ALL"] },
            });
            const { requests, limits } = containers[0].resources;
            assert.deepEqual(Object.keys(requests), ["cpu", "memory"]);
            assert.deepEqual(Object.keys(limits), ["memory"]);
            assert.match(
                JSON.stringify(affinity),
                /preferred.*"stable-diffusion-knative\/pool","operator":"DoesNotExist"/,
            );
            const { strategy } = deployment.inputs["spec"] as { strategy: object };
            assert.deepEqual(strategy, { type: "Recreate" });
        }
    });

    it("gives a token of the API server to those that ask it, with no more than they read", async () => {
        const { seen } = await deploy({ receivers: WEBHOOK });
        const accounts = new Map(
            seen
                .filter(({ type }) => type === DEPLOYMENT)
                .map((each) => [each.name, podOf(each)] as const)
                .map(([name, pod]) => [
                    name,
                    pod.automountServiceAccountToken ? pod.serviceAccountName : "none",
                ]),
        );
        assert.deepEqual(Object.fromEntries(accounts), {
            "monitoring-prometheus": "prometheus",
            "monitoring-kube-state-metrics": "kube-state-metrics",
            "monitoring-alertmanager": "none",
            "monitoring-grafana": "none",
        });
        const rules = Object.fromEntries(
            seen
                .filter(({ type }) => type.endsWith(":ClusterRole"))
                .map(({ name, inputs }) => [name, inputs["rules"]]),
        );
        assert.deepEqual(rules, {
            "monitoring-kube-state-metrics-role": [
                { apiGroups: [""], resources: ["pods"], verbs: ["list", "watch"] },
            ],
            "monitoring-prometheus-role": [
                { apiGroups: [""], resources: ["nodes", "pods"], verbs: ["get", "list", "watch"] },
                { apiGroups: [""], resources: ["nodes/metrics"], verbs: ["get"] },
            ],
        });
        for (const program of ["prometheus", "kube-state-metrics"]) {
            const { subjects } = seen.find(({ name }) => name === `monitoring-${program}-binding`)
                ?.inputs as { subjects: object[] };
            assert.deepEqual(subjects, [
                { kind: "ServiceAccount", name: program, namespace: "sd-monitoring" },
            ]);
        }
    });

    it("is reached by a Service for each program, within the cluster", async () => {
        const { seen, monitoring } = await deploy({ receivers: WEBHOOK });
        const services = seen.filter(({ type }) => type === SERVICE);
        assert.deepEqual(
            Object.fromEntries(
                services.map(({ inputs }) => {
                    const { name } = inputs["metadata"] as { name: string };
                    const { selector, ports, type } = inputs["spec"] as {
                        selector: Record<string, string>;
                        ports: { port: number }[];
                        type?: string;
                    };
                    assert.deepEqual(selector, { "app.kubernetes.io/name": name });
                    assert.equal(type, undefined);
                    return [name, ports[0]?.port];
                }),
            ),
            { "kube-state-metrics": 8080, alertmanager: 9093, prometheus: 9090, grafana: 3000 },
        );
        assert.equal(
            await promiseOf(monitoring.prometheusUrl),
            "http://prometheus.sd-monitoring.svc:9090",
        );
    });

    it("asks kube-state-metrics for the pods of the service only, and of them for what is used", async () => {
        const { seen } = await deploy();
        const { args } = podOf(named(seen, DEPLOYMENT, "monitoring-kube-state-metrics"))
            .containers[0];
        assert.ok(args.includes("--resources=pods"));
        assert.ok(args.includes("--namespaces=sd"));
        const [allowed = ""] = args.filter((arg) => arg.startsWith("--metric-allowlist="));
        assert.match(allowed, /=kube_pod_container_resource_requests,kube_pod_status_phase,/);
    });
});

describe("its Prometheus", () => {
    const files = async (args: Partial<InClusterMonitoringArgs> = {}) => {
        const { seen } = await deploy(args);
        const config = named(seen, CONFIG_MAP, "monitoring-prometheus-config");
        return { seen, config, data: dataOf(config) };
    };

    it("gets what to scrape and the rules as a file that is made anew when they change", async () => {
        const { seen, config, data } = await files();
        assert.equal((config.inputs["metadata"] as { name?: string }).name, undefined);
        const { scrape_configs, rule_files, alerting, global } = JSON.parse(
            data["prometheus.yml"] ?? "",
        ) as Record<string, unknown>;
        assert.deepEqual(
            scrape_configs,
            JSON.parse(
                JSON.stringify(scrapeConfigs({ ...ARGS, monitoringNamespace: "sd-monitoring" })),
            ),
        );
        assert.deepEqual(rule_files, ["/etc/prometheus/rules.yml"]);
        assert.deepEqual(global, { scrape_interval: "15s", evaluation_interval: "15s" });
        assert.equal(alerting, undefined);
        assert.deepEqual(JSON.parse(data["rules.yml"] ?? ""), ARGS.rules);
        const server = named(seen, DEPLOYMENT, "monitoring-prometheus");
        assert.ok(neededBy(seen, server).has("monitoring-prometheus-config"));
    });

    it("starts once it may read what it looks for", async () => {
        const { seen } = await files();
        for (const program of ["prometheus", "kube-state-metrics"]) {
            const server = named(seen, DEPLOYMENT, `monitoring-${program}`);
            assert.ok(neededBy(seen, server).has(`monitoring-${program}-binding`));
        }
    });

    it("keeps what fits on its volume, for as long as it is told to", async () => {
        const { seen } = await files();
        const claim = only(seen, CLAIM);
        assert.deepEqual(claim.inputs["spec"], {
            accessModes: ["ReadWriteOnce"],
            storageClassName: "fast",
            resources: { requests: { storage: "50Gi" } },
        });
        const { name, annotations } = claim.inputs["metadata"] as {
            name?: string;
            annotations: object;
        };
        assert.equal(name, undefined);
        assert.deepEqual(annotations, { "pulumi.com/skipAwait": "true" });
        const { args } = podOf(named(seen, DEPLOYMENT, "monitoring-prometheus")).containers[0];
        assert.deepEqual(
            args.filter((arg) => arg.includes("retention")),
            ["--storage.tsdb.retention.time=7d", "--storage.tsdb.retention.size=40960MB"],
        );
    });

    it("takes the cluster's own class of volumes unless told otherwise", async () => {
        const { seen } = await files({
            metricsStorage: { kind: "volume", gib: 20, storageClass: undefined },
        });
        assert.ok(!("storageClassName" in (only(seen, CLAIM).inputs["spec"] as object)));
    });

    it("keeps its data in the pod where it is told that there are no volumes", async () => {
        const { seen } = await files({ metricsStorage: { kind: "ephemeral" } });
        assert.ok(seen.every(({ type }) => type !== CLAIM));
        const { volumes, containers } = podOf(named(seen, DEPLOYMENT, "monitoring-prometheus"));
        assert.deepEqual(volumes[1], { name: "data", emptyDir: { sizeLimit: "4Gi" } });
        assert.ok(containers[0].args.includes("--storage.tsdb.retention.size=3276MB"));
    });

    it("sends alerts to an Alertmanager where somebody is to be told", async () => {
        const { data } = await files({ receivers: WEBHOOK });
        const { alerting } = JSON.parse(data["prometheus.yml"] ?? "") as { alerting: unknown };
        assert.deepEqual(alerting, {
            alertmanagers: [
                { static_configs: [{ targets: ["alertmanager.sd-monitoring.svc:9093"] }] },
            ],
        });
    });
});

describe("its Alertmanager", () => {
    async function config(receivers: InClusterMonitoringArgs["receivers"]): Promise<unknown> {
        const { seen } = await deploy({ receivers });
        const { inputs } = named(seen, SECRET_TYPE, "monitoring-alertmanager-config");
        // The whole file is a secret.
        const { value } = inputs["stringData"] as {
            value: { "alertmanager.yml": string };
        };
        assert.deepEqual(inputs["stringData"], { ...SECRET, value });
        const { receivers: read } = JSON.parse(value["alertmanager.yml"]) as {
            receivers: unknown;
        };
        return read;
    }

    it("is there only where somebody is to be told", async () => {
        const { seen } = await deploy();
        assert.ok(seen.every(({ name }) => !name.includes("alertmanager")));
    });

    it("calls the webhook, whose URL is a secret from birth", async () => {
        assert.deepEqual(await config(WEBHOOK), [
            {
                name: "team",
                webhook_configs: [{ url: "https://hooks.example.com/token" }],
            },
        ]);
    });

    it("sends e-mails by the mail server that it is given, with credentials where it has some", async () => {
        const smtp = { server: "mail.example.com:587", from: "alerts@example.com" };
        const email = { to: "sd@example.com", smtp: { ...smtp, credentials: undefined } };
        const sent = {
            to: "sd@example.com",
            from: "alerts@example.com",
            smarthost: "mail.example.com:587",
            send_resolved: true,
        };
        assert.deepEqual(await config({ webhookUrl: undefined, email }), [
            { name: "team", email_configs: [sent] },
        ]);
        const credentials = { username: "sd", password: pulumi.secret("open sesame") };
        const withPassword = { ...email, smtp: { ...smtp, credentials } };
        assert.deepEqual(await config({ webhookUrl: undefined, email: withPassword }), [
            {
                name: "team",
                email_configs: [{ ...sent, auth_username: "sd", auth_password: "open sesame" }],
            },
        ]);
    });
});

describe("its Grafana", () => {
    it("is there only when asked for", async () => {
        const { seen, monitoring } = await deploy({ grafana: false });
        assert.equal(monitoring.grafana, undefined);
        assert.ok(seen.every(({ name }) => !name.includes("grafana")));
    });

    it("asks our Prometheus, and shows the dashboards from files", async () => {
        const { seen, monitoring } = await deploy();
        const files = (name: string): Record<string, string> =>
            dataOf(named(seen, CONFIG_MAP, `monitoring-grafana-${name}`));
        assert.deepEqual(files("dashboards"), ARGS.dashboards);
        const { datasources } = JSON.parse(files("datasource")["prometheus.yaml"] ?? "") as {
            datasources: { url: string; uid: string; type: string }[];
        };
        assert.deepEqual(
            datasources.map(({ url, uid, type }) => [type, uid, url]),
            [["prometheus", "prometheus", "http://prometheus.sd-monitoring.svc:9090"]],
        );
        const { providers } = JSON.parse(files("provider")["dashboards.yaml"] ?? "") as {
            providers: { options: { path: string } }[];
        };
        const { volumeMounts } = podOf(named(seen, DEPLOYMENT, "monitoring-grafana")).containers[0];
        assert.ok(
            volumeMounts.some(
                (mount) =>
                    (mount as { mountPath: string }).mountPath === providers[0]?.options.path,
            ),
        );
        assert.ok(monitoring.grafana);
        assert.equal(
            await promiseOf(monitoring.grafana.url),
            "http://grafana.sd-monitoring.svc:3000",
        );
    });

    it("has a password that nobody chose, a secret from birth", async () => {
        const { seen, monitoring } = await deploy();
        const { inputs } = named(seen, SECRET_TYPE, "monitoring-grafana-credentials");
        assert.deepEqual(inputs["stringData"], { ...SECRET, value: { password: MOCK_PASSWORD } });
        assert.ok(monitoring.grafana);
        const { password } = monitoring.grafana;
        assert.equal(await pulumi.isSecret(password), true);
        assert.equal(await promiseOf(password), MOCK_PASSWORD);
        const { env } = podOf(named(seen, DEPLOYMENT, "monitoring-grafana")).containers[0];
        assert.deepEqual(
            env?.find(({ name }) => name === "GF_SECURITY_ADMIN_PASSWORD"),
            {
                name: "GF_SECURITY_ADMIN_PASSWORD",
                valueFrom: { secretKeyRef: { name: "credentials-1234", key: "password" } },
            },
        );
    });
});

describe("its exporter of GPU metrics", () => {
    it("runs where GPUs are, whatever their taint, and is not waited for", async () => {
        const { seen } = await deploy();
        const { inputs, ...rest } = only(seen, DAEMON_SET);
        const pod = podOf({ inputs, ...rest });
        assert.deepEqual((inputs["metadata"] as { annotations: object }).annotations, {
            "pulumi.com/skipAwait": "true",
        });
        assert.deepEqual(pod.tolerations, [{ key: "nvidia.com/gpu", operator: "Exists" }]);
        assert.deepEqual(pod.affinity, {
            nodeAffinity: {
                requiredDuringSchedulingIgnoredDuringExecution: {
                    nodeSelectorTerms: [
                        "stable-diffusion-knative/pool",
                        "nvidia.com/gpu.present",
                        "aliyun.accelerator/nvidia_name",
                    ].map((key) => ({ matchExpressions: [{ key, operator: "Exists" }] })),
                },
            },
        });
        assert.equal(pod.automountServiceAccountToken, false);
        assert.equal(pod.containers[0].image, digest("dcgm"));
    });

    it("asks for no GPU", async () => {
        const { seen } = await deploy();
        const { resources } = podOf(only(seen, DAEMON_SET)).containers[0];
        assert.doesNotMatch(JSON.stringify(resources), /nvidia/);
    });

    it("is neither run nor scraped when it is not asked for", async () => {
        const { seen } = await deploy({ gpuMetrics: false });
        assert.ok(seen.every(({ type }) => type !== DAEMON_SET));
        const data = dataOf(named(seen, CONFIG_MAP, "monitoring-prometheus-config"));
        assert.doesNotMatch(data["prometheus.yml"] ?? "", /dcgm/);
    });
});
