import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { PART_OF } from "../knative-config";

/** Arguments for {@link clusterReader}. */
export interface ClusterReaderArgs {
    /** Name of the service account. */
    readonly accountName: string;
    /** Namespace of the service account. */
    readonly namespace: pulumi.Input<string>;
    /** What it may do, in all namespaces. */
    readonly rules: k8s.types.input.rbac.v1.PolicyRule[];
}

/** A service account with a ClusterRole of its own. */
export interface ClusterReader {
    /** Name of the service account. */
    readonly account: pulumi.Output<string>;
    /** What has to be there before the account may do anything. */
    readonly binding: pulumi.Resource;
}

/** Makes one. */
export function clusterReader(
    name: string,
    { accountName, namespace, rules }: ClusterReaderArgs,
    opts: pulumi.ResourceOptions,
): ClusterReader {
    const account = new k8s.core.v1.ServiceAccount(
        `${name}-account`,
        { metadata: { name: accountName, namespace, labels: PART_OF } },
        opts,
    ).metadata.name;
    const role = new k8s.rbac.v1.ClusterRole(
        `${name}-role`,
        { metadata: { labels: PART_OF }, rules },
        opts,
    );
    const binding = new k8s.rbac.v1.ClusterRoleBinding(
        `${name}-binding`,
        {
            metadata: { labels: PART_OF },
            roleRef: {
                apiGroup: "rbac.authorization.k8s.io",
                kind: "ClusterRole",
                name: role.metadata.name,
            },
            subjects: [{ kind: "ServiceAccount", name: account, namespace }],
        },
        opts,
    );
    return { account, binding };
}
