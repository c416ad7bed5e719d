import {
    CoreV1Api,
    Health,
    KubeConfig,
    KubernetesObjectApi,
    PatchStrategy,
    setHeaderOptions,
    type KubernetesObject,
} from "@kubernetes/client-node";
import { setMaxListeners } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { CLUSTER_STATE } from "../paths";
import { requireClusterPrerequisites } from "../prerequisites";
import { step } from "../progress";
import { buildBinaries, type Binaries } from "./binaries";
import { createCgroups, removeCgroups } from "./cgroups";
import {
    DAEMONS,
    KUBECONFIG,
    NODE_NAME,
    createCertificates,
    startApi,
    startRest,
    startRuntime,
} from "./control-plane";
import { importImages, packImages, type Image } from "./images";
import { gatewayAnswers, installKnative } from "./knative";
import { NETWORK, connectNode, refuseForeignNetwork, removeLink } from "./network";
import { startNode } from "./node";
import { clusterProcesses, kill, nodeProcess, readProcess, type Process } from "./processes";
import { until } from "./until";

/** The local cluster: Kubernetes with Knative and Kourier. */
export interface Cluster {
    /** Path, mode 600. */
    readonly kubeconfig: string;
    /** Where the gateway serves port 80, for this machine only. */
    readonly gatewayAddress: string;
    /** Reference, with digest, of the stand-in of the model server. */
    readonly modelImage: string;
}

/**
 * Boots the cluster, or returns the one that is running if it is healthy and of the same versions. What an
 * earlier run left behind is torn down first. On failure or abort, everything is torn down again.
 *
 * @throws Error in the user's terms, with the end of its log if a daemon died; the abort reason when aborted
 */
export async function bootCluster(signal?: AbortSignal): Promise<Cluster> {
    await requireClusterPrerequisites();
    const binaries = await step("Check programs", () => buildBinaries(signal));
    const { images, model } = await step("Check images", () => packImages(binaries, signal));
    const cluster: Cluster = {
        kubeconfig: KUBECONFIG.admin,
        gatewayAddress: NETWORK.gatewayAddress,
        modelImage: model.reference,
    };
    const made = JSON.stringify([binaries, images]);
    if (await isRunning(made)) {
        return cluster;
    }
    await removeLeftovers();
    await refuseForeignNetwork(signal);
    await claimState();
    try {
        await boot(binaries, images, signal);
        await writeFile(MADE_OF, made);
    } catch (error) {
        await step("Clean up", tearDownCluster);
        throw error;
    }
    return cluster;
}

/** Says what the running cluster was made of; appears when it is complete. */
const MADE_OF = join(CLUSTER_STATE, "made-of.json");
/** The process that boots or has booted the cluster. */
const BOOTED_BY = join(CLUSTER_STATE, "booted-by.json");
/** What {@link createCgroups} has to undo. */
const CGROUP_RECORD = join(CLUSTER_STATE, "cgroups.json");

async function isRunning(made: string): Promise<boolean> {
    const complete = await readFile(MADE_OF, "utf8").catch(() => undefined);
    if (complete !== made) {
        return false;
    }
    const running = (await clusterProcesses()).map(({ command: [program = ""] }) =>
        basename(program),
    );
    return (
        DAEMONS.every((daemon) => running.includes(daemon)) &&
        (await Promise.all([apiAnswers(kubeconfigOf(KUBECONFIG.admin)), gatewayAnswers()])
            .then((answers) => answers.every((answer) => answer === true))
            .catch(() => false))
    );
}

/** Removes what there is, except from under another process that is booting. */
async function removeLeftovers(): Promise<void> {
    const booting = await readFile(BOOTED_BY, "utf8")
        .then((text) => JSON.parse(text) as Process)
        .catch(() => undefined);
    if (booting !== undefined && !existsSync(MADE_OF)) {
        const now = await readProcess(booting.pid);
        if (now?.started === booting.started) {
            throw inUse(`process ${booting.pid} (${now.command.join(" ")})`);
        }
    }
    if (existsSync(CLUSTER_STATE) || (await nodeProcess()) !== undefined) {
        await step("Remove an earlier cluster that is incomplete or out of date", tearDownCluster);
    }
}

async function claimState(): Promise<void> {
    try {
        await mkdir(CLUSTER_STATE, { mode: 0o700 });
    } catch (error) {
        throw (error as NodeJS.ErrnoException).code === "EEXIST" ? inUse("another process") : error;
    }
    await writeFile(BOOTED_BY, JSON.stringify(await readProcess(process.pid)));
}

function inUse(by: string): Error {
    return new Error(
        `The cluster is being booted by ${by} right now. Wait until it has finished, or end it, then run ` +
            `the same command again.`,
    );
}

async function boot(
    binaries: Binaries,
    images: readonly Image[],
    userSignal?: AbortSignal,
): Promise<void> {
    // What fails first, a daemon that ends included, ends everything else that is under way.
    const failure = new AbortController();
    const fail = (error: unknown): void => {
        failure.abort(error);
    };
    const signal = userSignal ? AbortSignal.any([userSignal, failure.signal]) : failure.signal;
    // Dozens of conditions are awaited at once, each with a listener of its own.
    setMaxListeners(0, signal);
    const together = async (...works: readonly Promise<unknown>[]): Promise<void> => {
        // All of it has to be over before anything may be cleaned up.
        await Promise.allSettled(works.map((work) => work.catch(fail)));
        signal.throwIfAborted();
    };

    const node = step("Start the node", async () => {
        const started = await startNode(join(binaries.node, "node-init"), signal);
        await createCgroups(CGROUP_RECORD);
        await connectNode(started.pid, signal);
        return started;
    });
    await together(
        node,
        step("Create certificates", () => createCertificates(binaries, signal)),
    );

    const runtime = startRuntime(await node, fail, signal);
    const imported = runtime.then(() =>
        step("Import images", async () => importImages(await node, images, signal)),
    );
    const api = kubeconfigOf(KUBECONFIG.superAdmin);
    const control = step("Start the API server", async () => {
        await startApi(await node, binaries, fail);
        await until("the API server", 90, () => apiAnswers(api), signal);
        await bindAdministrators(api);
    });
    const kubernetes = Promise.all([control, runtime]).then(() =>
        step("Start the rest of Kubernetes", async () => {
            await startRest(await node, binaries, fail);
            await until("the node to be Ready", 90, () => nodeIsReady(api), signal);
            await addGpuStandIn(api);
        }),
    );
    const ready = Promise.all([imported, kubernetes]);
    const knative = control.then(() => installKnative(api, binaries, ready, signal));
    await together(runtime, imported, control, kubernetes, ready, knative);
}

function kubeconfigOf(file: string): KubeConfig {
    const kubeconfig = new KubeConfig();
    kubeconfig.loadFromFile(file);
    return kubeconfig;
}

async function apiAnswers(kubeconfig: KubeConfig): Promise<true | undefined> {
    const ready = await new Health(kubeconfig).readyz({ signal: AbortSignal.timeout(2000) });
    return ready ? true : undefined;
}

/**
 * kubeadm gives this group to the admin kubeconfig and to the API server as a client of the kubelet. It
 * comes first: the kubelet remembers a refusal for half a minute.
 */
async function bindAdministrators(kubeconfig: KubeConfig): Promise<void> {
    const name = "kubeadm:cluster-admins";
    const apiGroup = "rbac.authorization.k8s.io";
    const binding: unknown = {
        apiVersion: `${apiGroup}/v1`,
        kind: "ClusterRoleBinding",
        metadata: { name },
        roleRef: { apiGroup, kind: "ClusterRole", name: "cluster-admin" },
        subjects: [{ apiGroup, kind: "Group", name }],
    };
    await KubernetesObjectApi.makeApiClient(kubeconfig).create(binding as KubernetesObject);
}

/** Ready, and pods can be created: the controller manager makes their service account late. */
async function nodeIsReady(kubeconfig: KubeConfig): Promise<true | undefined> {
    const api = kubeconfig.makeApiClient(CoreV1Api);
    const { status } = await api.readNode({ name: NODE_NAME });
    await api.readNamespacedServiceAccount({ name: "default", namespace: "default" });
    const ready = status?.conditions?.find(({ type }) => type === "Ready");
    return ready?.status === "True" ? true : undefined;
}

/**
 * Stand-in for GPUs: a number in the node's status, which only the scheduler's arithmetic is about. No
 * device is behind it, and containers get nothing.
 */
async function addGpuStandIn(kubeconfig: KubeConfig): Promise<void> {
    const gpus = { "nvidia.com/gpu": "10" };
    // Capacity alone would reach allocatable only with the kubelet's next report.
    await kubeconfig
        .makeApiClient(CoreV1Api)
        .patchNodeStatus(
            { name: NODE_NAME, body: { status: { capacity: gpus, allocatable: gpus } } },
            setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
        );
}

/**
 * Removes the cluster and everything it has put on this machine, the state folder included. Builds stay in
 * the cache. It needs nothing but what it finds, so it works after a crash or SIGKILL of any process in
 * any phase, and when there is nothing to do.
 *
 * @throws Error when something cannot be removed, or when not run as root and there is a cluster
 */
export async function tearDownCluster(): Promise<void> {
    if (process.geteuid?.() !== 0) {
        if (!existsSync(CLUSTER_STATE)) {
            return;
        }
        throw new Error(`The cluster in ${CLUSTER_STATE} can be removed by root only.`);
    }
    const nodes = new Set<number>();
    await until("the processes of the cluster to end", 30, async () => {
        // The node ends last of all in it, and before the rest may be killed: its daemons' parents are
        // outside, and if they died first, it would wait for somebody else to reap the daemons. While it
        // ends it has no environment any more, so it must be remembered.
        const node = await nodeProcess();
        if (node !== undefined) {
            nodes.add(node);
            kill(node);
        }
        const left = await Promise.all([...nodes].map(readProcess));
        if (left.some((process) => process !== undefined && process.state !== "Z")) {
            return undefined;
        }
        const found = await clusterProcesses();
        for (const { pid } of found) {
            kill(pid);
        }
        return found.length === 0 ? true : undefined;
    });
    // Everything else is made after the state folder and removed before it, so without it there is none of
    // ours, whatever has our names.
    if (!existsSync(CLUSTER_STATE)) {
        return;
    }
    await removeLink();
    await removeCgroups(CGROUP_RECORD);
    await rm(CLUSTER_STATE, { recursive: true, force: true });
}
