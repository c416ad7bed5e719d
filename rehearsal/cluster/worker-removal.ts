import {
    ApiException,
    CoreV1Api,
    PatchStrategy,
    setHeaderOptions,
    type KubeConfig,
    type V1Pod,
} from "@kubernetes/client-node";
import { rm } from "node:fs/promises";
import { removeWorkerCgroups } from "./cgroups";
import { endMachine, folderOf, forgetDaemons, isWhole, requireWorkerName } from "./machine";
import { unlessMissing } from "../../components/unless-missing";
import { until } from "./until";
import { releaseNumbers } from "./worker-numbers";

/** Seconds that evicted pods get to end before they are deleted at once: Knative lets its own drain for 30. */
export const DRAIN_SECONDS = 45;

/**
 * Drains a node as `kubectl drain` does, waits up to {@link DRAIN_SECONDS} for its pods to end, and discards
 * the worker.
 */
export async function removeWorker(
    name: string,
    api: KubeConfig,
    signal?: AbortSignal,
): Promise<void> {
    const core = api.makeApiClient(CoreV1Api);
    // Without a kubelet nobody would end the pods.
    if (isWhole(name) && (await cordon(core, name))) {
        await drained(core, name, signal);
    }
    await discardWorker(name, api);
}

/**
 * Removes whatever there is of a worker: its machine, pods, node, control groups and state. It needs nothing
 * but what it finds, so it works after a crash of any process in any phase, and when there is nothing to do.
 *
 * @throws Error for a name that no worker can have
 */
export async function discardWorker(name: string, api: KubeConfig): Promise<void> {
    requireWorkerName(name);
    const core = api.makeApiClient(CoreV1Api);
    // From here on it is no failure that its daemons are gone, nor is it a worker that could be used.
    await forgetDaemons(name);
    for (const pod of await podsOn(core, name)) {
        await deleteAtOnce(core, pod);
    }
    await endMachine(name);
    // What was created or ended meanwhile.
    for (const pod of await podsOn(core, name)) {
        await deleteAtOnce(core, pod);
    }
    await unlessMissing(core.deleteNode({ name }));
    await removeWorkerCgroups(name);
    await rm(folderOf(name), { recursive: true, force: true });
    await releaseNumbers(name);
}

/** Keeps pods from being scheduled there; false if there is no such node. */
async function cordon(core: CoreV1Api, name: string): Promise<boolean> {
    const body = { spec: { unschedulable: true } };
    return (
        (await unlessMissing(
            core.patchNode(
                { name, body },
                setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
            ),
        )) !== undefined
    );
}

/** Evicts all pods and waits until they have ended or the time is over. */
async function drained(core: CoreV1Api, node: string, signal?: AbortSignal): Promise<void> {
    const deadline = performance.now() + DRAIN_SECONDS * 1000;
    await until(
        `the pods of ${node} to be evicted`,
        DRAIN_SECONDS + 30,
        async () => {
            const left = await podsOn(core, node);
            for (const { metadata } of left.filter((pod) => !pod.metadata?.deletionTimestamp)) {
                const { name = "", namespace = "" } = metadata ?? {};
                await core
                    .createNamespacedPodEviction({
                        name,
                        namespace,
                        body: { metadata: { name, namespace } },
                    })
                    .catch((error: unknown) => {
                        // Gone already, or a disruption budget allows it only later.
                        if (!(error instanceof ApiException && [404, 429].includes(error.code))) {
                            throw error;
                        }
                    });
            }
            return left.length === 0 || performance.now() > deadline ? true : undefined;
        },
        signal,
    );
}

async function podsOn(core: CoreV1Api, node: string): Promise<V1Pod[]> {
    const fieldSelector = `spec.nodeName=${node}`;
    return (await core.listPodForAllNamespaces({ fieldSelector })).items;
}

async function deleteAtOnce(core: CoreV1Api, { metadata }: V1Pod): Promise<void> {
    const { name = "", namespace = "" } = metadata ?? {};
    await unlessMissing(core.deleteNamespacedPod({ name, namespace, gracePeriodSeconds: 0 }));
}
