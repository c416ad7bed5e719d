import * as alicloud from "@pulumi/alicloud";
import * as pulumi from "@pulumi/pulumi";

/** Arguments for {@link knativeAddon}. */
export interface KnativeAddonArgs {
    /** Cluster to install it in. */
    readonly clusterId: pulumi.Input<string>;
    /** Name of ACK's add-on. */
    readonly name: string;
    /** Version of the add-on. @default - the newest when it is installed */
    readonly version?: string | undefined;
    /** The add-on's own configuration; which keys it takes is not documented. Values are strings. */
    readonly config: Readonly<Record<string, string>>;
}

/**
 * ACK's managed Knative, with the gateway that its configuration names (by default Kourier). Uninstalling deletes
 * Knative's custom resources, and so every Knative Service of the cluster.
 */
export function knativeAddon(
    name: string,
    args: KnativeAddonArgs,
    opts?: pulumi.CustomResourceOptions,
): alicloud.cs.KubernetesAddon {
    return new alicloud.cs.KubernetesAddon(
        name,
        {
            clusterId: args.clusterId,
            // Left out, Pulumi would make one up, with a random end.
            name: args.name,
            ...(args.version ? { version: args.version } : {}),
            ...(Object.keys(args.config).length > 0 ? { config: JSON.stringify(args.config) } : {}),
        },
        opts,
    );
}
