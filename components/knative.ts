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
    PART_OF,
    TOLERATIONS_FEATURE,
} from "./knative-config";
import { userError } from "./user-error";

/** Arguments for {@link Knative}. */
export interface KnativeArgs {
    /** Whether to set Knative's ConfigMaps, which all services of the cluster share. */
    readonly manageConfig: boolean;
    /** Domain of our services' host names. */
    readonly domain: string;
    /** Namespace of the Service of the gateway. */
    readonly gatewayNamespace: string;
    /** Name of the Service of the gateway. */
    readonly gatewayService: string;
    /** Address of the gateway. @default - that of the Service's load balancer */
    readonly gatewayAddress?: string | undefined;
}

/** Knative Serving as it is installed in a cluster: its configuration, and where its gateway answers. */
export class Knative extends pulumi.ComponentResource {
    /** Address at which the gateway takes requests for every host. */
    public readonly gatewayAddress: pulumi.Output<string>;

    constructor(name: string, args: KnativeArgs, opts?: pulumi.ComponentResourceOptions) {
        super("sd:knative:Knative", name, {}, opts);

        if (args.manageConfig) {
            for (const [configMap, data] of Object.entries(knativeConfig(args.domain))) {
                new k8s.core.v1.ConfigMapPatch(
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
                    { parent: this },
                );
            }
        }

        const { gatewayNamespace, gatewayService } = args;
        this.gatewayAddress =
            args.gatewayAddress === undefined
                ? k8s.core.v1.Service.get(
                      `${name}-gateway`,
                      `${gatewayNamespace}/${gatewayService}`,
                      { parent: this },
                  ).status.apply((status) =>
                      loadBalancerAddress(status, `${gatewayNamespace}/${gatewayService}`),
                  )
                : pulumi.output(args.gatewayAddress);
        this.registerOutputs({ gatewayAddress: this.gatewayAddress });
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

/**
 * The address of a Service's load balancer.
 *
 * @throws pulumi.RunError when it has none, saying what to set
 */
export function loadBalancerAddress(
    status: { loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] } } | undefined,
    service: string,
): string {
    const ingress = status?.loadBalancer?.ingress?.[0];
    const address = ingress?.ip ?? ingress?.hostname;
    if (address === undefined) {
        throw userError(
            `the gateway's Service ${service} has no load balancer address; set the one at which the gateway is reached: pulumi config set gatewayAddress HOST:PORT`,
        );
    }
    return address;
}
