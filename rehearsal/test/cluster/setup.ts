import { bootCluster, tearDownCluster } from "../../cluster/cluster";

/** Path of the kubeconfig for the tests; set it to use a cluster that is running already. */
const VARIABLE = "REHEARSAL_KUBECONFIG";

let booted = false;

/** Boots one cluster for all tests of this folder. */
export async function mochaGlobalSetup(): Promise<void> {
    if (process.env[VARIABLE] !== undefined) {
        return;
    }
    booted = true;
    process.env[VARIABLE] = (await bootCluster()).kubeconfig;
}

/** Removes the cluster, if it was booted here. */
export async function mochaGlobalTeardown(): Promise<void> {
    if (booted) {
        await tearDownCluster();
    }
}
