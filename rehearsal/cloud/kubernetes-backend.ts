import type { V1Node, V1Pod } from "@kubernetes/client-node";

/** A node as its node pool describes it. */
export interface NodeShape {
    /** Name of the Node object. */
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly taints: readonly {
        readonly key: string;
        readonly value: string;
        readonly effect: string;
    }[];
    /** `nvidia.com/gpu` that the node offers; 0 for a CPU node. */
    readonly gpus: number;
}

/**
 * What the simulated ACK needs of a Kubernetes that really runs. Every promise rejects with an Error in the
 * user's terms. `report` is told what is waited for.
 */
export interface KubernetesBackend {
    /** Boots the control plane, without any node, and resolves when the API server answers. */
    readonly createCluster: (report: (what: string) => void) => Promise<void>;
    /** Removes everything, nodes included; also what a killed process left. */
    readonly deleteCluster: () => Promise<void>;
    /**
     * A kubeconfig of the cluster's administrators: the same at each call, or one of its own with a client
     * certificate that ends after `validSeconds`.
     */
    readonly kubeconfig: (validSeconds?: number) => Promise<string>;
    /** Starts a node with a kubelet and container runtime of its own, and resolves when it is Ready. */
    readonly joinNode: (node: NodeShape, report: (what: string) => void) => Promise<void>;
    /** Evicts its pods, deletes the Node object and stops the node. */
    readonly removeNode: (name: string) => Promise<void>;
    /** Applies Knative Serving and Kourier and resolves before the webhook or the gateway answers. */
    readonly installKnative: (report: (what: string) => void) => Promise<void>;
    /** Deletes Knative with its custom resource definitions, and so every Knative Service. */
    readonly removeKnative: () => Promise<void>;
    /** Names of the daemons that died unexpectedly, each with the end of its log. */
    readonly failures: () => readonly string[];
    /** All pods of all namespaces. */
    readonly pods: () => Promise<readonly V1Pod[]>;
    readonly nodes: () => Promise<readonly V1Node[]>;
}
