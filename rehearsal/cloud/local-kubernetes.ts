import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { readFile } from "node:fs/promises";
import { KUBECONFIG, createKubeconfig } from "../cluster/certificates";
import {
    bootControlPlane,
    controlPlaneIsRunning,
    prepareParts,
    tearDownCluster,
    type Parts,
} from "../cluster/cluster";
import { prepareImageStore } from "../cluster/image-store";
import {
    applyKnative,
    completeKnative,
    isKnativeIncomplete,
    removeKnative,
} from "../cluster/knative";
import { CONTROL_PLANE, endedDaemons, isWhole, runningMachine } from "../cluster/machine";
import { untilAborted } from "../cluster/until";
import { isJoined, joinWorker } from "../cluster/worker";
import { discardWorker, removeWorker } from "../cluster/worker-removal";
import { CLUSTER_STATE } from "../paths";
import type { KubernetesBackend } from "./kubernetes-backend";

/**
 * The local cluster as the Kubernetes of the simulated ACK. It keeps nothing in memory that cannot be found
 * again, so a process that was killed in the middle of anything is followed by another that asks for the same.
 * Knative's installation goes on by itself.
 *
 * About one subject (the cluster, a node, Knative) one thing is done at a time: who asks for the same again
 * gets the promise of the first; who asks for something else ends it, and its promise rejects.
 */
export function createLocalKubernetes(): KubernetesBackend {
    const works = new Map<string, Work>();
    let knativeFailure: string | undefined;
    let parts: Promise<Parts> | undefined;

    /** Does one thing about a subject, once all that is being done to the cluster itself is over. */
    function work(
        subject: string,
        kind: string,
        run: (signal: AbortSignal) => Promise<void>,
    ): Promise<void> {
        const current = works.get(subject);
        if (current?.kind === kind) {
            return current.done;
        }
        const abort = new AbortController();
        current?.abort.abort(new Error(`${subject}: ${current.kind} gave way to ${kind}`));
        const done = Promise.allSettled([current?.done, works.get(CLUSTER)?.done])
            .then(() => {
                abort.signal.throwIfAborted();
                return run(abort.signal);
            })
            .finally(() => {
                if (works.get(subject)?.abort === abort) {
                    works.delete(subject);
                }
            });
        // Not everybody who starts some work waits for its end.
        done.catch(() => undefined);
        works.set(subject, { kind, abort, done });
        return done;
    }

    async function prepared(signal?: AbortSignal): Promise<Parts> {
        parts ??= prepareParts().catch((error: unknown) => {
            parts = undefined;
            throw error;
        });
        return untilAborted(parts, signal);
    }

    function images(): Promise<void> {
        return work("images", "import", async (signal) => {
            const made = await prepared(signal);
            await prepareImageStore(made.binaries, made.images, signal);
        });
    }

    /** Goes on after Knative's objects were applied. Nobody waits for it, so a failure is kept. */
    function completeInBackground(): void {
        knativeFailure = undefined;
        const completed = work(KNATIVE, "start", async (signal) => {
            const { binaries } = await prepared(signal);
            await completeKnative(await access(), binaries, START_SECONDS, () => undefined, signal);
        });
        const { signal } = works.get(KNATIVE)?.abort ?? new AbortController();
        completed.catch((error: unknown) => {
            if (!signal.aborted) {
                knativeFailure = `Knative did not start: ${messageOf(error)}`;
            }
        });
    }

    /** What a killed process had begun and nobody will ask for again. */
    async function goOn(): Promise<void> {
        if ((await controlPlaneIsRunning()) && (await isKnativeIncomplete(await access()))) {
            completeInBackground();
        }
    }
    goOn().catch((error: unknown) => {
        knativeFailure = `Knative's start could not go on: ${messageOf(error)}`;
    });

    return {
        createCluster: (report) =>
            work(CLUSTER, "create", async (signal) => {
                report("programs and images, which are built if they are not in the cache");
                const made = await prepared(signal);
                report("the control plane");
                await bootControlPlane(made, signal);
                // Ahead of the first node, which imports them again if this fails.
                void images();
            }),

        deleteCluster: () => {
            // What is begun from here on waits for the deletion, and must not be waited for by it.
            const others = [...works].filter(([subject]) => subject !== CLUSTER);
            return work(CLUSTER, "delete", async () => {
                for (const [subject, { abort }] of others) {
                    abort.abort(new Error(`${subject}: the cluster is being deleted`));
                }
                await Promise.allSettled(others.map(([, { done }]) => done));
                await tearDownCluster();
                knativeFailure = undefined;
            });
        },

        kubeconfig: async (validSeconds) => {
            await access();
            if (validSeconds === undefined) {
                return readFile(KUBECONFIG.admin, "utf8");
            }
            if (!Number.isInteger(validSeconds) || validSeconds < 1) {
                throw new Error(
                    `validity of a kubeconfig is ${validSeconds} s; allowed: a whole number from 1 on`,
                );
            }
            const { binaries } = await prepared();
            const groups = ["kubeadm:cluster-admins"];
            return createKubeconfig(binaries, { name: "temporary-admin", groups, validSeconds });
        },

        joinNode: (node, report) =>
            work(`node ${node.name}`, "join", async (signal) => {
                const api = await access();
                if (await isJoined(node.name, api)) {
                    return;
                }
                await discardWorker(node.name, api);
                const controlPlane = await runningMachine(CONTROL_PLANE);
                if (controlPlane === undefined) {
                    throw new Error("The machine of the control plane has ended.");
                }
                const { binaries } = await prepared(signal);
                const stored = images();
                report(`node ${node.name} to be Ready`);
                try {
                    await joinWorker(
                        node,
                        { binaries, controlPlane, images: stored, api: Promise.resolve(api) },
                        signal,
                    );
                } catch (error) {
                    await discardWorker(node.name, api).catch((again: unknown) => {
                        throw new AggregateError(
                            [error, again],
                            `${messageOf(error)} And what it left could not be removed: ${messageOf(again)}`,
                        );
                    });
                    throw error;
                }
            }),

        removeNode: (name) =>
            work(`node ${name}`, "remove", async (signal) => {
                await removeWorker(name, await access(), signal);
            }),

        installKnative: async (report) => {
            await work(KNATIVE, "apply", async (signal) => {
                report("Knative's and Kourier's objects to be applied");
                const { binaries } = await prepared(signal);
                const ready = Promise.resolve();
                await applyKnative(await access(), binaries, ready, () => undefined, signal);
            });
            completeInBackground();
        },

        removeKnative: () =>
            work(KNATIVE, "remove", async (signal) => {
                const { binaries } = await prepared(signal);
                await removeKnative(await access(), binaries, signal);
            }),

        failures: () => [
            ...endedDaemons(),
            ...(knativeFailure === undefined ? [] : [knativeFailure]),
        ],

        pods: async () =>
            (await (await access()).makeApiClient(CoreV1Api).listPodForAllNamespaces()).items,

        nodes: async () => (await (await access()).makeApiClient(CoreV1Api).listNode()).items,
    };
}

/** Something that is being done about a subject. */
interface Work {
    readonly kind: string;
    readonly abort: AbortController;
    readonly done: Promise<void>;
}

const CLUSTER = "cluster";
const KNATIVE = "Knative";

/** How long the programs of Knative may take to run: they wait for nodes, which may come late. */
const START_SECONDS = 900;

/** @throws Error if there is no cluster, or none that runs, naming what of it has ended */
function access(): Promise<KubeConfig> {
    if (!isWhole(CONTROL_PLANE)) {
        const ended = endedDaemons();
        const problem =
            ended.length === 0
                ? `There is no local cluster (in ${CLUSTER_STATE}); create it first.`
                : `The local cluster does not run any more; create it again. ${ended.join("\n")}`;
        return Promise.reject(new Error(problem));
    }
    const kubeconfig = new KubeConfig();
    kubeconfig.loadFromFile(KUBECONFIG.admin);
    return Promise.resolve(kubeconfig);
}

function messageOf(error: unknown): string {
    return error instanceof Error ? error.message : String(error);
}
