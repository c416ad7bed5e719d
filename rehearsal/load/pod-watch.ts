import { CoreV1Api, makeInformer, type V1Pod } from "@kubernetes/client-node";
import { GPU_RESOURCE } from "../../components/gpu";
import type { PodRecord } from "./run-record";
import { ofService, type Target } from "./target";
import type { Clock } from "./timed-request";

/** Milliseconds until a watch that failed is begun again. */
const RESTART = 1000;

/** Follows the pods of a service from before a run until after it. */
export interface PodWatch {
    /** Every pod seen so far, in the order of their creation. */
    readonly pods: () => PodRecord[];
    /**
     * Resolves when the service has its `minScale` pods, all of them ready and none on its way out.
     *
     * @throws the abort reason
     */
    readonly untilSettled: (minScale: number, signal: AbortSignal) => Promise<void>;
    /** Failures of the watch, during which moments were seen late. */
    readonly failures: readonly string[];
    readonly stop: () => Promise<void>;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * Begins to watch. Moments are those at which this machine learned of a change, all by one clock, and so within
 * milliseconds; Kubernetes itself keeps whole seconds, by clocks of others.
 *
 * @throws Error when the first list of pods cannot be read
 */
export async function watchPods(target: Target, clock: Clock): Promise<PodWatch> {
    const { cluster, namespace, serviceName } = target;
    const records = new Map<string, Mutable<PodRecord>>();
    const failures: string[] = [];
    const listeners = new Set<() => void>();
    const core = cluster.makeApiClient(CoreV1Api);
    const labelSelector = ofService(target);
    let began = false;
    let stopped = false;

    const see = (pod: V1Pod): void => {
        const now = began ? clock() : 0;
        const uid = pod.metadata?.uid ?? "";
        const record = records.get(uid) ?? recordOf(pod, now, !began);
        records.set(uid, record);
        record.node = pod.spec?.nodeName;
        for (const [moment, isReached] of Object.entries(REACHED)) {
            if (isReached(pod)) {
                record[moment as Moment] ??= now;
            }
        }
        for (const listener of listeners) {
            listener();
        }
    };
    const lose = (pod: V1Pod): void => {
        see(pod);
        const record = records.get(pod.metadata?.uid ?? "");
        if (record !== undefined) {
            record.terminating ??= clock();
            record.deleted = clock();
        }
        for (const listener of listeners) {
            listener();
        }
    };

    const informer = makeInformer<V1Pod>(
        cluster,
        `/api/v1/namespaces/${namespace}/pods`,
        () => core.listNamespacedPod({ namespace, labelSelector }),
        labelSelector,
    );
    informer.on("add", see);
    informer.on("update", see);
    informer.on("delete", lose);
    let restart: NodeJS.Timeout | undefined;
    const begin = (): void => {
        informer.start().catch(fail);
    };
    const fail = (error: unknown): void => {
        if (!stopped) {
            failures.push(`${clock().toFixed(1)} s: ${(error as Error).message}`);
            restart = setTimeout(begin, RESTART);
        }
    };
    informer.on("error", fail);
    await informer.start();
    const [failure] = failures;
    if (failure !== undefined) {
        stopped = true;
        clearTimeout(restart);
        throw new Error(`the pods of ${namespace}/${serviceName} cannot be watched: ${failure}`);
    }
    began = true;

    return {
        pods: () => [...records.values()].toSorted((one, other) => one.created - other.created),
        untilSettled: (minScale, signal) =>
            new Promise((resolve, reject) => {
                const look = (): void => {
                    if (isSettled([...records.values()], minScale)) {
                        end();
                        resolve();
                    }
                };
                const abort = (): void => {
                    end();
                    reject(signal.reason as Error);
                };
                const end = (): void => {
                    listeners.delete(look);
                    signal.removeEventListener("abort", abort);
                };
                listeners.add(look);
                signal.addEventListener("abort", abort, { once: true });
                if (signal.aborted) {
                    abort();
                } else {
                    look();
                }
            }),
        failures,
        stop: async () => {
            stopped = true;
            clearTimeout(restart);
            await informer.stop();
        },
    };
}

/** Whether just the pods that always run are there. */
function isSettled(pods: readonly PodRecord[], minScale: number): boolean {
    const there = pods.filter(({ deleted }) => deleted === undefined);
    return (
        there.length === minScale &&
        there.every(({ ready, terminating }) => ready !== undefined && terminating === undefined)
    );
}

type Moment = "scheduled" | "started" | "ready" | "terminating";

/** Moments of a pod's life → whether it has come to it. */
const REACHED: Readonly<Record<Moment, (pod: V1Pod) => boolean>> = {
    scheduled: (pod) => hasCondition(pod, "PodScheduled"),
    started: ({ spec, status }) =>
        // The service's own container is the first; Knative adds its proxy after it.
        (status?.containerStatuses ?? []).some(
            ({ name, state }) => name === spec?.containers[0]?.name && state?.running !== undefined,
        ),
    ready: (pod) => hasCondition(pod, "Ready"),
    terminating: ({ metadata }) => metadata?.deletionTimestamp !== undefined,
};

function hasCondition({ status }: V1Pod, type: string): boolean {
    return (status?.conditions ?? []).some(
        (condition) => condition.type === type && condition.status === "True",
    );
}

function recordOf({ metadata, spec }: V1Pod, now: number, before: boolean): Mutable<PodRecord> {
    const limits = (spec?.containers ?? []).map(({ resources }) =>
        Number(resources?.limits?.[GPU_RESOURCE] ?? 0),
    );
    return {
        name: metadata?.name ?? "",
        revision: metadata?.labels?.["serving.knative.dev/revision"] ?? "",
        gpus: limits.reduce((sum, each) => sum + each, 0),
        before,
        created: now,
    };
}
