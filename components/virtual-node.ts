import * as alicloud from "@pulumi/alicloud";
import * as pulumi from "@pulumi/pulumi";

/** Label of pods that run on elastic container instances. */
export const ECI_LABEL = { "alibabacloud.com/eci": "true" } as const;

/** Annotations of such pods (help page "Create an ECI pod"). */
export const ECI_ANNOTATIONS = {
    /** Instance types to choose from, the preferred one first. */
    types: "k8s.aliyun.com/eci-use-specs",
    spotStrategy: "k8s.aliyun.com/eci-spot-strategy",
    /** Whether an instance is bought on demand where there is no spot instance. */
    spotFallback: "k8s.aliyun.com/eci-spot-fallback",
} as const;

/** Instance types that a pod can name at most. */
export const MAX_ECI_SPECS = 5;

/**
 * The virtual node of a cluster: a pod with the label {@link ECI_LABEL} gets an elastic container instance of its
 * own, and its GPU is billed while it lives. The recipe's way, in place of a GPU node pool.
 */
export function virtualNode(
    name: string,
    clusterId: pulumi.Input<string>,
    opts?: pulumi.CustomResourceOptions,
): alicloud.cs.KubernetesAddon {
    return new alicloud.cs.KubernetesAddon(
        name,
        // Uninstalling demands to be told that the instances go as well.
        { clusterId, name: "ack-virtual-node", cleanupCloudResources: true },
        opts,
    );
}
