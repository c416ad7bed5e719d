import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { type ClusterFacts, readClusterFacts } from "./cluster-facts";
import { type ClusterRequirements, unmetRequirements } from "./cluster-requirements";
import { userError } from "./user-error";
import { valueOf } from "./value-of";

/** A cluster that exists, as the program works with it. */
export interface ExistingCluster {
    /** Kubernetes provider of the cluster. */
    readonly provider: k8s.Provider;
    /** Contents of the kubeconfig, a secret. */
    readonly kubeconfig: pulumi.Output<string>;
    /** Allocatable GPUs of all nodes together. */
    readonly gpuCapacity: pulumi.Output<number>;
}

/**
 * Checks a cluster that exists, and makes its provider. The check comes before any resource is declared, and
 * not as an output that resources wait for, so that there is one error, and it is not that of a resource.
 *
 * @param kubeconfig contents of the kubeconfig; undefined in a preview of a cluster to come, which is not
 * checked and whose values are unknown
 * @throws pulumi.RunError naming everything that the cluster lacks, or why it does not answer
 */
export async function openExistingCluster(
    name: string,
    kubeconfig: pulumi.Output<string> | undefined,
    requirements: ClusterRequirements,
): Promise<ExistingCluster> {
    if (kubeconfig === undefined) {
        const unknown = pulumi.secret(pulumi.unknown as unknown as string);
        return {
            provider: new k8s.Provider(name, { kubeconfig: unknown }),
            kubeconfig: unknown,
            gpuCapacity: pulumi.unsecret(unknown).apply(Number),
        };
    }
    const contents = await valueOf(kubeconfig);
    const { gpusPerNode } = await checkedFacts(contents, requirements);
    return {
        provider: new k8s.Provider(name, { kubeconfig }),
        kubeconfig,
        gpuCapacity: pulumi.output(gpusPerNode.reduce((sum, gpus) => sum + gpus, 0)),
    };
}

async function checkedFacts(
    kubeconfig: string,
    requirements: ClusterRequirements,
): Promise<ClusterFacts> {
    const facts = await readClusterFacts(kubeconfig, requirements.namespace).catch(
        (error: unknown) => {
            throw userError((error as Error).message);
        },
    );
    const missing = unmetRequirements(facts, requirements);
    if (missing.length > 0) {
        throw userError(
            `the cluster does not fit; nothing was changed in it:\n${missing.map((each) => `  ${each}`).join("\n")}`,
        );
    }
    return facts;
}
