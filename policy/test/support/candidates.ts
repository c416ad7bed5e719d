import { KNATIVE_CONFIGURATION, KNATIVE_SERVICE } from "../../knative-service";
import { NODE_POOL } from "../../node-pool";
import type { Candidate } from "./verdict";

type Values = Readonly<Record<string, unknown>>;

/** What differs from the good Service; undefined takes a value away. */
export interface ServiceChanges {
    readonly type?: string;
    readonly metadata?: Values;
    readonly annotations?: Values;
    readonly templateLabels?: Values;
    readonly spec?: Values;
    readonly container?: Values;
}

const RESOURCES = { cpu: "3", memory: "12Gi", "nvidia.com/gpu": "1" };

/** The annotations of {@link serviceWith}. */
const ANNOTATIONS = {
    "autoscaling.knative.dev/class": "kpa.autoscaling.knative.dev",
    "autoscaling.knative.dev/min-scale": "0",
    "autoscaling.knative.dev/max-scale": "2",
    "autoscaling.knative.dev/target-utilization-percentage": "85",
    "autoscaling.knative.dev/scale-down-delay": "180s",
    "autoscaling.knative.dev/target-burst-capacity": "-1",
};

const CONTAINER = {
    name: "stable-diffusion",
    image: `registry.example.com/sd@sha256:${"0".repeat(64)}`,
    command: ["tini", "--", "python3", "launch.py"],
    args: ["--listen", "--api"],
    env: [
        {
            name: "COMMANDLINE_ARGS",
            valueFrom: { secretKeyRef: { name: "credentials", key: "COMMANDLINE_ARGS" } },
        },
    ],
    ports: [{ containerPort: 7860, name: "http1" }],
    readinessProbe: { httpGet: { path: "/internal/ping", port: 7860 }, periodSeconds: 1 },
    resources: { requests: RESOURCES, limits: RESOURCES },
    securityContext: {
        allowPrivilegeEscalation: false,
        seccompProfile: { type: "RuntimeDefault" },
        runAsNonRoot: true,
    },
};

/** A Knative Service that no rule complains about, with changes. */
export function serviceWith(changes: ServiceChanges = {}): Candidate {
    const container = merged(CONTAINER, changes.container);
    return {
        type: changes.type ?? KNATIVE_SERVICE,
        props: {
            apiVersion: "serving.knative.dev/v1",
            kind: "Service",
            metadata: merged(
                {
                    name: "sd",
                    namespace: "sd",
                    labels: { owner: "team", env: "dev", "cost-center": "1" },
                },
                changes.metadata,
            ),
            spec: {
                template: {
                    metadata: {
                        annotations: merged(ANNOTATIONS, changes.annotations),
                        ...(changes.templateLabels ? { labels: changes.templateLabels } : {}),
                    },
                    spec: merged(
                        {
                            containerConcurrency: 1,
                            timeoutSeconds: 300,
                            containers: [container],
                        },
                        changes.spec,
                    ),
                },
            },
        },
    };
}

/** The same as a Configuration. */
export function configurationWith(changes: ServiceChanges = {}): Candidate {
    return serviceWith({ ...changes, type: KNATIVE_CONFIGURATION });
}

/** A node pool with GPUs that no rule complains about, with changes. */
export function poolWith(changes: Values = {}, name = "gpu"): Candidate {
    return {
        type: NODE_POOL,
        name,
        props: merged(
            {
                instanceTypes: ["ecs.gn6i-c8g1.2xlarge", "ecs.gn7i-c8g1.2xlarge"],
                scalingConfig: { enable: true, minSize: 0, maxSize: 3 },
                spotStrategy: "NoSpot",
                systemDiskEncrypted: true,
                taints: [{ key: "nvidia.com/gpu", value: "present", effect: "NoSchedule" }],
                management: { enable: true, autoRepair: true },
                tags: { owner: "team", env: "dev", "cost-center": "1" },
            },
            changes,
        ),
    };
}

function merged(base: Values, changes: Values = {}): Record<string, unknown> {
    return Object.fromEntries(
        Object.entries({ ...base, ...changes }).filter(([, value]) => value !== undefined),
    );
}
