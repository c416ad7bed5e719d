import {
    CoreV1Api,
    PatchStrategy,
    setHeaderOptions,
    type KubeConfig,
} from "@kubernetes/client-node";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { NodeShape } from "../cloud/kubernetes-backend";
import type { Binaries } from "./binaries";
import { PKI, createKubeconfig } from "./certificates";
import { cgroupOf, createWorkerCgroups } from "./cgroups";
import { CONTAINERD, cniFolder, startContainerd } from "./containerd";
import { copyImages } from "./image-store";
import {
    inMachine,
    isWhole,
    recordDaemons,
    requireWorkerName,
    startDaemon,
    startMachine,
    type Machine,
} from "./machine";
import { NETWORK, connectWorker, workerNetwork } from "./network";
import { sharedFailure } from "./shared-failure";
import { unlessMissing } from "../../components/unless-missing";
import { until, untilAborted } from "./until";
import { claimNumber } from "./worker-numbers";

/** Label of a node whose GPUs are only numbers in its status. */
export const GPU_STAND_IN_LABEL = "sd-rehearsal/gpu-stand-in";

/** What a worker needs of the rest of the cluster, some of which may still be under way. */
export interface WorkerCluster {
    readonly binaries: Binaries;
    readonly controlPlane: Machine;
    /** Resolves when the image store is there. */
    readonly images: Promise<unknown>;
    /** Resolves, when the API server answers, to administrators' access. */
    readonly api: Promise<KubeConfig>;
    /** Called with an Error that carries the end of its log if a daemon of the worker ends, whenever that is. */
    readonly ended?: (error: Error) => void;
}

/** Names of the programs that {@link joinWorker} starts. */
const DAEMONS = ["containerd", "kubelet", "kube-proxy"];

/**
 * Starts a machine with a container runtime, kubelet and kube-proxy of its own and resolves when its node is
 * Ready. On failure or abort, what it has made is left for `discardWorker`.
 *
 * @param shape GPUs are a stand-in: a number in the node's status, which only the scheduler's arithmetic is
 * about. No device is behind them, and containers get nothing.
 * @throws Error for a name that no worker can have; with the end of its log if a daemon died
 */
export async function joinWorker(
    shape: NodeShape,
    { binaries, controlPlane, images, api, ended }: WorkerCluster,
    userSignal?: AbortSignal,
): Promise<void> {
    const { name, gpus } = shape;
    requireWorkerName(name);
    if (!Number.isInteger(gpus) || gpus < 0) {
        throw new Error(`gpus of node ${name} is ${gpus}; allowed: a whole number from 0 on`);
    }
    const { signal, fail } = sharedFailure(userSignal);
    const daemonEnded = (error: Error): void => {
        fail(error);
        ended?.(error);
    };
    const number = await claimNumber(name);
    const worker = await startMachine(name, join(binaries.node, "node-init"), signal);
    await connectWorker(controlPlane, worker, number, signal);
    await createWorkerCgroups(name);
    await configure(worker, number, shape, binaries, signal);

    await untilAborted(images, signal);
    await copyImages(worker, signal);
    await startContainerd(worker, daemonEnded, signal);

    const core = (await untilAborted(api, signal)).makeApiClient(CoreV1Api);
    await startKubelet(worker, number, shape, binaries, daemonEnded);
    await until(
        `the node ${name} to be registered`,
        60,
        () => core.readNode({ name }).then(() => true as const),
        signal,
    );
    // It looks for the node when it starts, and then only once a second.
    const proxy = join(binaries.kubernetes, "kube-proxy");
    await startDaemon(worker, proxy, [`--config=${join(worker.folder, PROXY)}`], daemonEnded);
    await until(`the node ${name} to be Ready`, 90, () => isReady(core, name), signal);
    if (gpus > 0) {
        await offerGpus(core, shape);
    }
    await recordDaemons(worker, DAEMONS);
}

/** Whether the worker is complete, all that belongs to it is running, and its node is Ready. */
export async function isJoined(name: string, api: KubeConfig): Promise<boolean> {
    return isWhole(name) && (await isReady(api.makeApiClient(CoreV1Api), name)) === true;
}

const PROXY = "etc/kube-proxy.json";
const KUBELET = "etc/kubelet.json";
/** The usual place, where the kubelet has its plugins' sockets built in; the path of a socket must be short. */
const KUBELET_ROOT = "/var/lib/kubelet";

/** Writes what the daemons of a worker read. */
async function configure(
    worker: Machine,
    number: number,
    { name, taints }: NodeShape,
    binaries: Binaries,
    signal: AbortSignal | undefined,
): Promise<void> {
    const { folder } = worker;
    await mkdir(cniFolder(worker), { recursive: true });
    const write = (file: string, content: string): Promise<void> =>
        writeFile(join(folder, file), content, { mode: 0o600 });
    const network = {
        cniVersion: "0.4.0",
        name: "pods",
        plugins: [
            {
                type: "ptp",
                ipam: {
                    type: "host-local",
                    dataDir: join(folder, "ipam"),
                    ranges: [[{ subnet: workerNetwork(number).pods }]],
                    routes: [{ dst: "0.0.0.0/0" }],
                },
            },
        ],
    };
    await writeFile(join(cniFolder(worker), "pods.conflist"), JSON.stringify(network));

    await copyFile(join(PKI, "ca.crt"), join(folder, "etc/ca.crt"));
    const clients = {
        kubelet: { name: `system:node:${name}`, groups: ["system:nodes"] },
        "kube-proxy": { name: "system:kube-proxy" },
    };
    for (const [file, client] of Object.entries(clients)) {
        const issued = await createKubeconfig(binaries, { ...client, machine: name }, signal);
        await write(`etc/${file}.conf`, issued);
    }

    await write("etc/resolv.conf", `nameserver ${NETWORK.controlPlaneAddress}\n`);
    const kubelet = {
        apiVersion: "kubelet.config.k8s.io/v1beta1",
        kind: "KubeletConfiguration",
        failCgroupV1: false,
        cgroupDriver: "cgroupfs",
        cgroupRoot: cgroupOf(name),
        containerRuntimeEndpoint: `unix://${CONTAINERD}`,
        authentication: {
            anonymous: { enabled: false },
            webhook: { enabled: true },
            x509: { clientCAFile: join(folder, "etc/ca.crt") },
        },
        authorization: { mode: "Webhook" },
        clusterDomain: "cluster.local",
        clusterDNS: [NETWORK.controlPlaneAddress],
        resolvConf: join(folder, "etc/resolv.conf"),
        registerWithTaints: taints,
        volumePluginDir: `${KUBELET_ROOT}/volume-plugins`,
        failSwapOn: false,
        // As restrict_oom_score_adj of containerd.
        oomScoreAdj: 0,
        enforceNodeAllocatable: [],
        serializeImagePulls: false,
        // Percentages of a developer's large disk would evict everything although gigabytes are free.
        evictionHard: {
            "memory.available": "200Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
        // There is no registry to pull a collected image from again.
        imageGCHighThresholdPercent: 100,
        healthzBindAddress: "127.0.0.1",
    };
    await write(KUBELET, JSON.stringify(kubelet));
    const proxy = {
        apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
        kind: "KubeProxyConfiguration",
        mode: "nftables",
        clientConnection: { kubeconfig: join(folder, "etc/kube-proxy.conf") },
        clusterCIDR: NETWORK.pods,
        hostnameOverride: name,
        oomScoreAdj: 0,
        // Zero leaves these settings of the kernel alone, which partly are the whole machine's.
        conntrack: {
            maxPerCore: 0,
            min: 0,
            tcpEstablishedTimeout: "0s",
            tcpCloseWaitTimeout: "0s",
        },
        metricsBindAddress: "127.0.0.1:10249",
        healthzBindAddress: "127.0.0.1:10256",
    };
    await write(PROXY, JSON.stringify(proxy));
}

async function startKubelet(
    worker: Machine,
    number: number,
    { name, labels, gpus }: NodeShape,
    binaries: Binaries,
    ended: (error: Error) => void,
): Promise<void> {
    const { folder } = worker;
    const all = { ...labels, ...(gpus > 0 && { [GPU_STAND_IN_LABEL]: "true" }) };
    const list = Object.entries(all).map(([key, value]) => `${key}=${value}`);
    await mkdir(join(folder, "kubelet"));
    const mount = `mkdir ${KUBELET_ROOT} && mount --bind ${join(folder, "kubelet")} ${KUBELET_ROOT}`;
    await inMachine(worker, "sh", ["-euc", mount]);
    await startDaemon(
        worker,
        join(binaries.kubernetes, "kubelet"),
        [
            `--kubeconfig=${join(folder, "etc/kubelet.conf")}`,
            `--config=${join(folder, KUBELET)}`,
            `--hostname-override=${name}`,
            `--node-ip=${workerNetwork(number).address}`,
            ...(list.length > 0 ? [`--node-labels=${list.join(",")}`] : []),
            `--root-dir=${KUBELET_ROOT}`,
            `--cert-dir=${KUBELET_ROOT}/pki`,
            // Without this flag, deprecated and hidden, /metrics/cadvisor names no containers.
            `--containerd=${CONTAINERD}`,
        ],
        ended,
    );
}

async function isReady(core: CoreV1Api, name: string): Promise<true | undefined> {
    const node = await unlessMissing(core.readNode({ name }));
    const ready = node?.status?.conditions?.find(({ type }) => type === "Ready");
    return ready?.status === "True" ? true : undefined;
}

async function offerGpus(core: CoreV1Api, { name, gpus }: NodeShape): Promise<void> {
    const resources = { "nvidia.com/gpu": String(gpus) };
    // Capacity alone would reach allocatable only with the kubelet's next report.
    await core.patchNodeStatus(
        { name, body: { status: { capacity: resources, allocatable: resources } } },
        setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
    );
}
