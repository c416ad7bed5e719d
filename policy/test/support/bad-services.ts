import type { Props } from "../../props";
import { type ServiceChanges, serviceWith } from "./candidates";

/** A Knative Service that the pack refuses. */
export interface BadService {
    /** What is wrong with it; also its name in the cluster. */
    readonly name: string;
    /** The object as `kubectl apply` would send it; its namespace is `sd` unless that is what is wrong. */
    readonly object: Props;
    /** The mandatory rules that it breaks under {@link BAD_SERVICES_CONFIG}, and no others, in alphabetical order. */
    readonly rules: readonly string[];
}

/** The configuration of the pack under which {@link BAD_SERVICES} are judged; elsewhere, the defaults. */
export const BAD_SERVICES_CONFIG = {
    "knative-tls": { clusterRedirects: true },
    "knative-image-registry": { registries: ["registry.example.com"] },
    // It is about all of them together.
    "knative-monthly-cost": { ceiling: 5000 },
} as const;

const KNATIVE = "autoscaling.knative.dev";
const AFFINITY = "serving.knative.dev.alibabacloud";
const DIGEST = `sha256:${"0".repeat(64)}`;
const RESOURCES = { cpu: "3", memory: "12Gi", "nvidia.com/gpu": "1" };

/** A Service for each way in which a mandatory rule can be broken that differs in what its author has to do. */
export const BAD_SERVICES: readonly BadService[] = [
    bad("concurrency-unset", "knative-container-concurrency", {
        spec: { containerConcurrency: undefined },
    }),
    bad("concurrency-zero", "knative-container-concurrency", { spec: { containerConcurrency: 0 } }),
    bad("concurrency-too-high", "knative-container-concurrency", {
        spec: { containerConcurrency: 2 },
    }),
    annotated("max-scale-unset", "knative-max-scale", "max-scale", undefined),
    annotated("max-scale-zero", "knative-max-scale", "max-scale", "0"),
    annotated("max-scale-too-high", "knative-max-scale", "max-scale", "11"),
    bad("max-scale-too-high-in-legacy-spelling", "knative-max-scale", {
        annotations: { [`${KNATIVE}/max-scale`]: undefined, [`${KNATIVE}/maxScale`]: "11" },
    }),
    annotated("max-scale-in-two-spellings", "knative-max-scale", "maxScale", "1"),
    annotated("min-scale-above-max-scale", "knative-min-scale", "min-scale", "3"),
    annotated("min-scale-negative", "knative-min-scale", "min-scale", "-1"),
    annotated("activation-scale-too-low", "knative-activation-scale", "activation-scale", "1"),
    annotated(
        "activation-scale-above-max-scale",
        "knative-activation-scale",
        "activation-scale",
        "3",
    ),
    annotated("initial-scale-above-max-scale", "knative-initial-scale", "initial-scale", "3"),
    annotated("initial-scale-zero", "knative-initial-scale", "initial-scale", "0"),
    bad("timeout-unset", "knative-timeout", { spec: { timeoutSeconds: undefined } }),
    bad("timeout-too-short", "knative-timeout", { spec: { timeoutSeconds: 59 } }),
    bad("timeout-too-long", "knative-timeout", { spec: { timeoutSeconds: 601 } }),
    bad("response-start-timeout-too-short", "knative-timeout", {
        spec: { responseStartTimeoutSeconds: 10 },
    }),
    bad("idle-timeout-too-short", "knative-timeout", { spec: { idleTimeoutSeconds: 10 } }),
    annotated("window-too-short", "knative-stable-window", "window", "5s"),
    annotated("scale-down-delay-too-long", "knative-scale-down-delay", "scale-down-delay", "2h"),
    annotated("scale-down-delay-without-unit", "knative-scale-down-delay", "scale-down-delay", "9"),
    annotated(
        "pod-retention-too-long",
        "knative-pod-retention",
        "scale-to-zero-pod-retention-period",
        "2h",
    ),
    annotated("panic-window-too-short", "knative-panic", "panic-window-percentage", "0.5"),
    annotated("panic-threshold-too-low", "knative-panic", "panic-threshold-percentage", "100"),
    annotated("utilization-too-high", "knative-target", "target-utilization-percentage", "101"),
    annotated("target-above-concurrency", "knative-target", "target", "2"),
    annotated("metric-of-requests-per-second", "knative-target", "metric", "rps"),
    annotated(
        "burst-capacity-unset",
        "knative-target-burst-capacity",
        "target-burst-capacity",
        undefined,
    ),
    annotated(
        "burst-capacity-200",
        "knative-target-burst-capacity",
        "target-burst-capacity",
        "200",
    ),
    annotated(
        "metric-aggregation-unknown",
        "knative-metric-aggregation",
        "metric-aggregation-algorithm",
        "median",
    ),
    annotated("class-unknown", "knative-autoscaler-class", "class", "keda"),
    annotated("class-of-ack", "knative-autoscaler-class", "class", `mpa.${KNATIVE}`),
    bad("annotation-on-the-service", "knative-annotation-placement", {
        metadata: { annotations: { [`${KNATIVE}/max-scale`]: "2" } },
    }),
    bad("image-by-tag", "knative-image-digest", {
        container: { image: "registry.example.com/sd:1.10" },
    }),
    bad("image-without-tag", "knative-image-digest", {
        container: { image: "registry.example.com/sd" },
    }),
    bad("image-from-elsewhere", "knative-image-registry", {
        container: { image: `docker.io/library/sd@${DIGEST}` },
    }),
    bad("gpu-unset", "knative-gpu-limit", {
        container: { resources: resources({ "nvidia.com/gpu": undefined }) },
    }),
    bad("gpu-zero", "knative-gpu-limit", {
        container: { resources: resources({ "nvidia.com/gpu": "0" }) },
    }),
    bad("gpu-too-many", "knative-gpu-limit", {
        container: { resources: resources({ "nvidia.com/gpu": "9" }) },
    }),
    bad("cuda-check-skipped", "knative-cuda-check", {
        container: { args: ["--listen", "--api", "--skip-torch-cuda-test"] },
    }),
    bad("resources-not-guaranteed", "knative-guaranteed-resources", {
        container: { resources: { limits: RESOURCES, requests: { ...RESOURCES, memory: "1Gi" } } },
    }),
    bad("readiness-unset", "knative-readiness-probe", {
        container: { readinessProbe: undefined },
    }),
    bad("readiness-by-command", "knative-readiness-probe", {
        container: { readinessProbe: { exec: { command: ["true"] } } },
    }),
    bad("readiness-behind-credentials", "knative-readiness-probe", {
        container: { readinessProbe: { httpGet: { path: "/sdapi/v1/options", port: 7860 } } },
    }),
    bad("liveness-impatient", "knative-liveness-probe", {
        container: { livenessProbe: { tcpSocket: { port: 7860 }, periodSeconds: 10 } },
    }),
    bad("affinity-incomplete", "knative-cookie-affinity", {
        metadata: {
            annotations: { [`${AFFINITY}/affinity`]: "cookie", [`${AFFINITY}/cookie-name`]: "sd" },
        },
    }),
    bad("elastic-instances-without-alternative", "knative-elastic-instances", {
        annotations: { "k8s.aliyun.com/eci-use-specs": "ecs.gn6i-c8g1.2xlarge" },
    }),
    bad("elastic-instances-without-fallback", "knative-elastic-instances-spot", {
        annotations: { "k8s.aliyun.com/eci-spot-strategy": "SpotAsPriceGo" },
    }),
    bad("namespace-default", "knative-namespace", { metadata: { namespace: "default" } }),
    bad("namespace-of-knative", "knative-namespace", {
        metadata: { namespace: "knative-serving" },
    }),
    bad("network-of-the-node", "knative-pod-security", { spec: { hostNetwork: true } }),
    bad("folder-of-the-node", "knative-pod-security", {
        spec: { volumes: [{ name: "models", hostPath: { path: "/models" } }] },
    }),
    bad("privileged", "knative-pod-security", {
        container: {
            securityContext: {
                privileged: true,
                allowPrivilegeEscalation: false,
                seccompProfile: { type: "RuntimeDefault" },
                runAsNonRoot: true,
            },
        },
    }),
    bad("privilege-escalation-unset", "knative-privilege-escalation", {
        container: {
            securityContext: { seccompProfile: { type: "RuntimeDefault" }, runAsNonRoot: true },
        },
    }),
    bad("credentials-unset", "knative-authentication", { container: { env: undefined } }),
    bad("credentials-in-clear", "knative-authentication", {
        container: { args: ["--listen", "--api", "--api-auth", "user:password"] },
    }),
    bad("plain-http", "knative-tls", {
        metadata: { annotations: { "networking.knative.dev/http-protocol": "Enabled" } },
    }),
    // What a Service that says next to nothing breaks.
    {
        name: "bare",
        object: {
            apiVersion: "serving.knative.dev/v1",
            kind: "Service",
            metadata: { name: "bare", namespace: "sd" },
            spec: { template: { spec: { containers: [{ image: "registry.example.com/sd" }] } } },
        },
        rules: [
            "knative-authentication",
            "knative-container-concurrency",
            "knative-gpu-limit",
            "knative-guaranteed-resources",
            "knative-image-digest",
            "knative-max-scale",
            "knative-privilege-escalation",
            "knative-readiness-probe",
            "knative-timeout",
        ],
    },
];

/** The good Service of {@link serviceWith} with changes that break one rule. */
function bad(name: string, rule: string, changes: ServiceChanges): BadService {
    const { props } = serviceWith({ ...changes, metadata: { ...changes.metadata, name } });
    return { name, object: props, rules: [rule] };
}

/** The same, with another value of an annotation of the autoscaler; undefined takes it away. */
function annotated(
    name: string,
    rule: string,
    annotation: string,
    value: string | undefined,
): BadService {
    return bad(name, rule, { annotations: { [`${KNATIVE}/${annotation}`]: value } });
}

function resources(changes: Readonly<Record<string, string | undefined>>) {
    const changed = JSON.parse(JSON.stringify({ ...RESOURCES, ...changes })) as object;
    return { limits: changed, requests: changed };
}
