import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { readClusterFacts } from "./cluster-facts";
import { type ClusterRequirements, unmetRequirements } from "./cluster-requirements";

/** Arguments for {@link ExistingCluster}. */
export interface ExistingClusterArgs {
    /** Contents of the cluster's kubeconfig. Unknown in a preview of a cluster to come. */
    readonly kubeconfig: pulumi.Output<string>;
    /** What the service asks of the cluster. */
    readonly requirements: ClusterRequirements;
}

/**
 * A cluster that exists: checked before anything is put into it, then reached through `provider`. Whatever
 * uses the provider waits for the check, and none of it is created when the check fails.
 */
export class ExistingCluster extends pulumi.ComponentResource {
    /** Kubernetes provider of the cluster. */
    public readonly provider: k8s.Provider;
    /** Contents of the kubeconfig, a secret. */
    public readonly kubeconfig: pulumi.Output<string>;
    /** Allocatable GPUs of all nodes together. */
    public readonly gpuCapacity: pulumi.Output<number>;

    constructor(name: string, args: ExistingClusterArgs, opts?: pulumi.ComponentResourceOptions) {
        super("sd:cluster:ExistingCluster", name, {}, opts);

        const checked = args.kubeconfig.apply(async (kubeconfig) => {
            const facts = await readClusterFacts(kubeconfig, args.requirements.namespace);
            const missing = unmetRequirements(facts, args.requirements);
            if (missing.length > 0) {
                throw new pulumi.RunError(
                    `the cluster does not fit; nothing was changed in it:\n${missing.map((each) => `  ${each}`).join("\n")}`,
                );
            }
            return { kubeconfig, gpus: facts.gpusPerNode.reduce((sum, gpus) => sum + gpus, 0) };
        });

        this.kubeconfig = pulumi.secret(checked.kubeconfig);
        this.gpuCapacity = pulumi.unsecret(checked.gpus);
        this.provider = new k8s.Provider(name, { kubeconfig: this.kubeconfig }, { parent: this });
        this.registerOutputs({ gpuCapacity: this.gpuCapacity });
    }
}
