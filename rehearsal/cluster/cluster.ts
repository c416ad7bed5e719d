import {
    CoreV1Api,
    Health,
    KubeConfig,
    KubernetesObjectApi,
    type KubernetesObject,
} from "@kubernetes/client-node";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CLUSTER_STATE } from "../paths";
import { requireClusterPrerequisites } from "../prerequisites";
import { step } from "../progress";
import { buildBinaries, type Binaries } from "./binaries";
import { KUBECONFIG, createCertificates } from "./certificates";
import { createCgroups, removeCgroups } from "./cgroups";
import { CONTROL_PLANE_DAEMONS, startApi, startControllers } from "./control-plane";
import { prepareImageStore } from "./image-store";
import { packImages, type ConfiguredImage, type PackedImages } from "./images";
import { applyKnative, completeKnative, gatewayAnswers } from "./knative";
import { CONTROL_PLANE, isWhole, recordDaemons, startMachine, type Machine } from "./machine";
import { NETWORK, connectControlPlane, refuseForeignNetwork, removeLink } from "./network";
import {
    clusterProcesses,
    endProcesses,
    isInit,
    isRunning,
    readProcess,
    type Process,
} from "./processes";
import { sharedFailure } from "./shared-failure";
import { until } from "./until";
import { joinWorker } from "./worker";

/** The local cluster: Kubernetes with Knative and Kourier. */
export interface Cluster {
    /** Path, mode 600. */
    readonly kubeconfig: string;
    /** Where the gateway serves port 80, for this machine only. */
    readonly gatewayAddress: string;
    /** Reference, with digest, of each image that the program's configuration names, by its key there. */
    readonly configuredImages: Readonly<Record<ConfiguredImage, string>>;
}

/** What a cluster is made of. */
export interface Parts extends PackedImages {
    readonly binaries: Binaries;
}

/**
 * Builds and packs what is not in the cache.
 *
 * @throws Error that lists what is missing on this machine, or with the tail of a build's output; the abort
 * reason when aborted
 */
export async function prepareParts(signal?: AbortSignal): Promise<Parts> {
    await requireClusterPrerequisites();
    const binaries = await step("Check programs", () => buildBinaries(signal));
    return { binaries, ...(await step("Check images", () => packImages(binaries, signal))) };
}

/**
 * Boots a cluster with one worker, and Knative on it, or returns the one that is running if it is healthy and
 * of the same versions. What an earlier run left behind is torn down first. On failure or abort, everything
 * is torn down again.
 *
 * @throws Error in the user's terms, with the end of its log if a daemon died; the abort reason when aborted
 */
export async function bootCluster(signal?: AbortSignal): Promise<Cluster> {
    const parts = await prepareParts(signal);
    await bootUnlessRunning(
        JSON.stringify(["with Knative", parts]),
        async () => isWhole(NODE.name) && (await gatewayAnswers().catch(() => undefined)) === true,
        (work) => bootAll(work, parts),
        signal,
    );
    return {
        kubeconfig: KUBECONFIG.admin,
        gatewayAddress: NETWORK.gatewayAddress,
        configuredImages: parts.configured,
    };
}

/**
 * Boots the control plane without any worker, or leaves the one that is running if it is healthy and of the
 * same versions; otherwise as {@link bootCluster}.
 */
export async function bootControlPlane(parts: Parts, signal?: AbortSignal): Promise<void> {
    await bootUnlessRunning(
        JSON.stringify(["control plane", parts]),
        () => Promise.resolve(true),
        async (work) => {
            const { whole } = startControlPlane(work, parts.binaries);
            await work.together(whole);
        },
        signal,
    );
}

/** The worker of {@link bootCluster}. */
const NODE = { name: "node0", labels: {}, taints: [], gpus: 10 };

/** Says what the running cluster was made of; appears when it is complete. */
const MADE_OF = join(CLUSTER_STATE, "made-of.json");
/** The process that boots the cluster or was killed while it did. */
const BOOTED_BY = join(CLUSTER_STATE, "booted-by.json");
/** What {@link createCgroups} has to undo. */
const CGROUP_RECORD = join(CLUSTER_STATE, "cgroups.json");

/** Work in parts at once, of which the first failure ends all. */
interface Work {
    readonly signal: AbortSignal;
    readonly fail: (error: unknown) => void;
    /** Resolves when all parts are over; rejects with the first failure, then too. */
    readonly together: (...parts: readonly Promise<unknown>[]) => Promise<void>;
}

async function bootUnlessRunning(
    made: string,
    answers: () => Promise<boolean>,
    boot: (work: Work) => Promise<void>,
    userSignal?: AbortSignal,
): Promise<void> {
    const running = await readFile(MADE_OF, "utf8").catch(() => undefined);
    if (running === made && (await controlPlaneIsRunning()) && (await answers())) {
        return;
    }
    await removeLeftovers();
    await refuseForeignNetwork(userSignal);
    await claimState();
    const { signal, fail } = sharedFailure(userSignal);
    const together = async (...parts: readonly Promise<unknown>[]): Promise<void> => {
        // All of it has to be over before anything may be cleaned up.
        await Promise.allSettled(parts.map((part) => part.catch(fail)));
        signal.throwIfAborted();
    };
    try {
        await boot({ signal, fail, together });
        await rm(BOOTED_BY);
        await writeFile(MADE_OF, made);
    } catch (error) {
        await step("Clean up", tearDownCluster);
        throw error;
    }
}

/** Whether all of the control plane runs and answers. */
export async function controlPlaneIsRunning(): Promise<boolean> {
    return (
        isWhole(CONTROL_PLANE) &&
        (await apiAnswers(kubeconfigOf(KUBECONFIG.admin)).catch(() => undefined)) === true
    );
}

/** Removes what there is, except from under another process that is booting. */
async function removeLeftovers(): Promise<void> {
    const booting = await readFile(BOOTED_BY, "utf8")
        .then((text) => JSON.parse(text) as Process)
        .catch(() => undefined);
    if (booting !== undefined && isRunning(booting)) {
        throw inUse(`process ${booting.pid} (${booting.command.join(" ")})`);
    }
    if (existsSync(CLUSTER_STATE) || (await clusterProcesses()).some(isInit)) {
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

/** The parts of a control plane that starts. */
interface ControlPlane {
    /** Resolves when the machine is connected and certificates can be issued. */
    readonly machine: Promise<Machine>;
    /** Resolves when the API server answers. */
    readonly api: Promise<KubeConfig>;
    /** Resolves when all of it runs. */
    readonly whole: Promise<void>;
}

function startControlPlane({ signal, fail }: Work, binaries: Binaries): ControlPlane {
    const machine = step("Start the control plane", async () => {
        const started = await startMachine(CONTROL_PLANE, join(binaries.node, "node-init"), signal);
        await createCgroups(CGROUP_RECORD);
        await connectControlPlane(started, signal);
        await createCertificates(binaries, signal);
        return started;
    });
    const api = machine.then((started) =>
        step("Start the API server", async () => {
            const superAdmin = kubeconfigOf(KUBECONFIG.superAdmin);
            await startApi(started, binaries, fail);
            await until("the API server", 90, () => apiAnswers(superAdmin), signal);
            await bindAdministrators(superAdmin);
            return superAdmin;
        }),
    );
    const whole = Promise.all([machine, api]).then(([started, kubeconfig]) =>
        step("Start the controllers", async () => {
            await startControllers(started, binaries, fail);
            await until("pods to be allowed", 90, () => podsAreAllowed(kubeconfig), signal);
            await recordDaemons(started, CONTROL_PLANE_DAEMONS);
        }),
    );
    return { machine, api, whole };
}

async function bootAll(work: Work, { binaries, images }: Parts): Promise<void> {
    const { signal, fail, together } = work;
    const { machine, api, whole } = startControlPlane(work, binaries);
    const store = prepareImageStore(binaries, images, signal);
    const node = machine.then((controlPlane) =>
        step("Start the node", () =>
            joinWorker(NODE, { binaries, controlPlane, images: store, api, ended: fail }, signal),
        ),
    );
    const ready = Promise.all([node, whole]);
    const applied = api.then((kubeconfig) =>
        step("Apply Knative and Kourier", (note) =>
            applyKnative(kubeconfig, binaries, ready, note, signal),
        ),
    );
    const knative = Promise.all([api, applied]).then(([kubeconfig]) =>
        step("Wait for Knative and Kourier", (note) =>
            completeKnative(kubeconfig, binaries, 180, note, signal),
        ),
    );
    await together(machine, api, whole, store, node, ready, applied, knative);
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

/** The controller manager makes the service account that pods run as late. */
async function podsAreAllowed(kubeconfig: KubeConfig): Promise<true> {
    await kubeconfig
        .makeApiClient(CoreV1Api)
        .readNamespacedServiceAccount({ name: "default", namespace: "default" });
    return true;
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
    await endProcesses("the processes of the cluster to end", clusterProcesses);
    // Everything else is made after the state folder and removed before it, so without it there is none of
    // ours, whatever has our names.
    if (!existsSync(CLUSTER_STATE)) {
        return;
    }
    await removeLink();
    await removeCgroups(CGROUP_RECORD);
    await rm(CLUSTER_STATE, { recursive: true, force: true });
}
