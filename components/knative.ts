import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { LIMITS } from "../policy/limits";
import {
    AUTOSCALER,
    DEFAULTS,
    DEPLOYMENT,
    DOMAIN,
    FEATURES,
    KNATIVE_NAMESPACE,
    MAX_SCALE_LIMIT,
    NETWORK,
    OBSERVABILITY,
    PART_OF,
    TOLERATIONS_FEATURE,
} from "./knative-config";
import { observabilityConfig } from "./knative-observability";
import type { MetricNames } from "./monitoring/monitored-service";

/**
 * Annotation of the control plane's pods whose change restarts them: since 1.19 Knative reads how to say its metrics only at
 * the start (knative/serving#15963).
 */
const RESTARTED_FOR = "stable-diffusion-knative/metrics";

/** Arguments for {@link Knative}. */
export interface KnativeArgs {
    /** Whether to set Knative's ConfigMaps, which all services of the cluster share. */
    readonly manageConfig: boolean;
    /**
     * Whether the ConfigMaps keep what was set when this stack is destroyed: where Knative goes with the stack
     * anyway. Otherwise the keys are removed, which does not bring earlier values back.
     */
    readonly retainConfig: boolean;
    /** Domain of our services' host names. */
    readonly domain: string;
    /**
     * How the metrics of the installed Knative are called, which decides how they are switched on; undefined in a
     * preview that does not know. `none`: metrics and request log are left as they are.
     */
    readonly metrics: MetricNames | "none" | undefined;
    /** Deployments of the control plane, by name, that read whether to say metrics only when they start. */
    readonly controlPlane: readonly string[];
}

/** The configuration of the Knative Serving that is installed in a cluster. */
export class Knative extends pulumi.ComponentResource {
    /** Deployments of the control plane that were told to restart, known when they were. */
    public readonly restarted: pulumi.Output<string[]>;

    constructor(name: string, args: KnativeArgs, opts?: pulumi.ComponentResourceOptions) {
        super("sd:knative:Knative", name, {}, opts);
        const patches: pulumi.Resource[] = [];

        if (args.manageConfig) {
            const config: Record<string, pulumi.Input<Record<string, string>>> = {
                ...knativeConfig(args.domain),
                ...(args.metrics === "none"
                    ? {}
                    : { [OBSERVABILITY]: observability(args.metrics) }),
            };
            for (const [configMap, data] of Object.entries(config)) {
                const patch = new k8s.core.v1.ConfigMapPatch(
                    `${name}-${configMap}`,
                    {
                        metadata: {
                            name: configMap,
                            namespace: KNATIVE_NAMESPACE,
                            // The keys are ours by configuration, whoever set them before.
                            annotations: { "pulumi.com/patchForce": "true" },
                        },
                        data,
                    },
                    {
                        parent: this,
                        // Monitoring may be switched off while Knative stays.
                        retainOnDelete: args.retainConfig && configMap !== OBSERVABILITY,
                    },
                );
                patches.push(patch);
            }
        }
        const restarts = args.controlPlane.map(
            (deployment) =>
                new k8s.apps.v1.DeploymentPatch(
                    `${name}-${deployment}`,
                    {
                        metadata: { name: deployment, namespace: KNATIVE_NAMESPACE },
                        spec: {
                            template: {
                                metadata: { annotations: { [RESTARTED_FOR]: "prometheus" } },
                            },
                        },
                    },
                    // What starts before the ConfigMap is set does not see it.
                    { parent: this, dependsOn: patches },
                ),
        );

        this.restarted = pulumi
            .all(restarts.map(({ metadata }) => metadata.name))
            .apply((names) => names);
        this.registerOutputs({ restarted: this.restarted });
    }
}

/** The keys of Knative's ConfigMaps that one-image-at-a-time GPU services need, by ConfigMap. */
export function knativeConfig(domain: string): Record<string, Record<string, string>> {
    const { containerConcurrency, maxScale } = LIMITS;
    return {
        [FEATURES]: {
            [TOLERATIONS_FEATURE]: "enabled",
            "kubernetes.podspec-nodeselector": "enabled",
        },
        // Without a mesh a pod that Kubernetes calls ready needs no second probe by the activator, and the
        // activator never falls back to the cluster IP, where the per-pod slots would be lost.
        [NETWORK]: { "mesh-compatibility-mode": "disabled" },
        [DOMAIN]: {
            [domain]: `selector:\n${Object.entries(PART_OF)
                .map(([key, value]) => `  ${key}: ${value}\n`)
                .join("")}`,
        },
        [AUTOSCALER]: {
            [MAX_SCALE_LIMIT]: String(maxScale.max),
            // The webhook insists on a default within the limit.
            "max-scale": String(maxScale.max),
        },
        [DEFAULTS]: {
            "allow-container-concurrency-zero": "false",
            "container-concurrency": String(containerConcurrency.max),
            "container-concurrency-max-limit": String(containerConcurrency.max),
        },
        // A pod that waits for a GPU node is not a failure of its revision.
        [DEPLOYMENT]: { "pod-is-always-schedulable": "true" },
    };
}

function observability(metrics: MetricNames | undefined): pulumi.Input<Record<string, string>> {
    return metrics === undefined
        ? (pulumi.unknown as unknown as Record<string, string>)
        : observabilityConfig(metrics);
}
