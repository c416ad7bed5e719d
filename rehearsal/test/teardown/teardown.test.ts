import { CoreV1Api, CustomObjectsApi, KubeConfig, type V1Node } from "@kubernetes/client-node";
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "mocha";
import { createLocalKubernetes } from "../../cloud/local-kubernetes";
import { buildBinaries } from "../../cluster/binaries";
import { bootCluster, tearDownCluster, type Cluster } from "../../cluster/cluster";
import { command } from "../../cluster/command";
import { PAUSE_IMAGE } from "../../cluster/containerd";
import { packImages } from "../../cluster/images";
import { NETWORK } from "../../cluster/network";
import { clusterProcesses, machineProcesses, type Process } from "../../cluster/processes";
import { until } from "../../cluster/until";
import { differences, hostState, type HostState } from "../../host-state";
import { CLUSTER_STATE } from "../../paths";

/** The steps of a boot with everything in the cache, in the order in which they begin. */
const PHASES = [
    "Check programs",
    "Check images",
    "Start the control plane",
    "Import images",
    "Start the API server",
    "Start the node",
    "Apply Knative and Kourier",
    "Start the controllers",
    "Wait for Knative and Kourier",
];

/** What a joining worker starts, in this order; the first is its machine. */
const WORKER_PROGRAMS = ["node-init", "containerd", "kubelet", "kube-proxy"];

describe("removal of the cluster", function () {
    this.timeout(300_000);
    let untouched: HostState;

    before(async () => {
        await tearDownCluster();
        // Fills the cache, so that the phases below are those of a boot.
        await packImages(await buildBinaries());
        untouched = await hostState();
    });
    after(tearDownCluster);

    for (const phase of PHASES) {
        it(`leaves nothing after SIGKILL of the boot in the phase "${phase}"`, async () => {
            const boot = startBoot();
            await reached(boot, phase);
            boot.process.kill("SIGKILL");
            await boot.ended;
            await tearDownCluster();
            await nothingIsLeft();
        });
    }

    it("leaves nothing after SIGKILL of the boot while it runs a long command", async () => {
        const script = `require("./rehearsal/cluster/command").command("sleep", ["1002"])`;
        const child = spawn(process.execPath, ["--import", "tsx", "-e", script]);
        await until("the command", 10, async () =>
            (await clusterProcesses()).find((each) => each.command.join(" ") === "sleep 1002"),
        );
        child.kill("SIGKILL");
        await once(child, "exit");
        await tearDownCluster();
        await nothingIsLeft();
    });

    it("is done by a boot that is interrupted", async () => {
        const boot = startBoot();
        await reached(boot, "Wait for Knative and Kourier");
        boot.process.kill("SIGINT");
        assert.equal(await boot.ended, 1);
        assert.match(await boot.errors, /\ninterrupted\n$/);
        await nothingIsLeft();
    });

    it("is done by a boot in which a daemon dies, and the error says which, with its log", async () => {
        const boot = startBoot();
        await reached(boot, "Wait for Knative and Kourier");
        await killDaemon("node0", "kubelet");
        assert.equal(await boot.ended, 1);
        assert.match(
            await boot.errors,
            /\nkubelet of node0 ended \(.*\)\. The end of its log:\n {2}\S/,
        );
        await nothingIsLeft();
    });

    for (const program of WORKER_PROGRAMS) {
        it(`leaves nothing after SIGKILL of the join of a worker that has started its ${program}`, async () => {
            const join = startBoot("gpu-0");
            await workerHas(join, program);
            join.process.kill("SIGKILL");
            await join.ended;
            await tearDownCluster();
            await nothingIsLeft();
        });
    }

    it("is not needed after SIGKILL of the join of a worker, which can be joined again", async () => {
        for (const program of WORKER_PROGRAMS) {
            const killed = startBoot("gpu-0");
            await workerHas(killed, program);
            killed.process.kill("SIGKILL");
            await killed.ended;
        }
        const joined = startBoot("gpu-0");
        assert.equal(await joined.ended, 0, await joined.errors);
        const nodes = JSON.parse(await joined.output) as V1Node[];
        assert.deepEqual(
            nodes.map(({ metadata }) => metadata?.name),
            ["gpu-0"],
        );
        assert.equal(nodes[0]?.status?.allocatable?.["nvidia.com/gpu"], "1");
        // One machine of that name, and one daemon of each kind, not the killed ones' too.
        const counts = WORKER_PROGRAMS.map(
            async (program) => (await daemons("gpu-0", program)).length,
        );
        assert.deepEqual(await Promise.all(counts), [1, 1, 1, 1]);
        await tearDownCluster();
        await nothingIsLeft();
    });

    it("leaves nothing of a full cluster with a running service, whatever of it was killed", async () => {
        // What a killed boot left does not keep the next one from booting.
        const killed = startBoot();
        await reached(killed, "Start the controllers");
        killed.process.kill("SIGKILL");
        await killed.ended;

        const boot = startBoot();
        assert.equal(await boot.ended, 0, await boot.errors);
        const [first, ...phases] = boot.phases.filter((title) => !title.startsWith("Build "));
        const [cleanUp] = phases.splice(1, 1);
        assert.match(cleanUp ?? "", /^Remove an earlier cluster/);
        assert.deepEqual([first, ...phases].sort(), [...PHASES].sort());
        const cluster = JSON.parse(await boot.output) as Cluster;
        await runService(cluster);

        // A healthy cluster is used as it is.
        const again = startBoot();
        assert.equal(await again.ended, 0, await again.errors);
        assert.deepEqual(again.phases, ["Check programs", "Check images"]);
        assert.deepEqual(JSON.parse(await again.output), cluster);

        await runWorker(cluster);
        await killDaemon("gpu-0", "node-init");
        for (const daemon of ["kubelet", "containerd", "node-init"]) {
            await killDaemon("node0", daemon);
        }
        await tearDownCluster();
        await nothingIsLeft();
        await tearDownCluster();
        await nothingIsLeft();
    });

    it("does not touch what others have where the cluster would be, and the boot refuses it", async () => {
        await command("ip", [
            "link",
            "add",
            NETWORK.link,
            "type",
            "veth",
            "peer",
            "name",
            "sd-peer",
        ]);
        try {
            await assert.rejects(
                bootCluster(),
                new RegExp(`already has: device ${NETWORK.link}\\.`),
            );
            await tearDownCluster();
            assert.ok(!existsSync(CLUSTER_STATE));
            await command("ip", ["link", "show", NETWORK.link]);
        } finally {
            await command("ip", ["link", "delete", NETWORK.link]);
        }
        await nothingIsLeft();
    });

    it("is not done by a second boot under the feet of the first, which is refused", async () => {
        const first = startBoot();
        await reached(first, "Start the API server");
        await assert.rejects(bootCluster(), /is being booted by process \d+ .*boot\.ts/);
        assert.equal(await first.ended, 0, await first.errors);
        await tearDownCluster();
        await nothingIsLeft();
    });

    /** Processes that others started in between may take a moment to end; ours may not. */
    async function nothingIsLeft(): Promise<void> {
        let left: string[] = [];
        await until("nothing to be left", 10, async () => {
            left = differences(untouched, await hostState());
            return left.length === 0 ? true : undefined;
        }).catch(() => {
            assert.deepEqual(left, []);
        });
    }
});

/** A boot in a process of its own. */
interface Boot {
    readonly process: ChildProcess;
    /** Titles of the steps that have begun. */
    readonly phases: string[];
    /** The exit code; null after a signal. */
    readonly ended: Promise<number | null>;
    /** What it wrote on stdout. */
    readonly output: Promise<string>;
    /** What it wrote on stderr. */
    readonly errors: Promise<string>;
}

/** @param worker without it the whole cluster is booted; with it, a control plane and this worker */
function startBoot(worker?: string): Boot {
    const script = join(__dirname, "boot.ts");
    const args = worker === undefined ? [] : [worker];
    const child = spawn(process.execPath, ["--import", "tsx", script, ...args], {
        stdio: ["ignore", "pipe", "pipe"],
    });
    const phases: string[] = [];
    createInterface(child.stderr).on("line", (line) => {
        if (line.startsWith("▸ ")) {
            phases.push(line.slice(2));
        }
    });
    return {
        process: child,
        phases,
        ended: once(child, "close").then(([code]) => code as number | null),
        output: text(child.stdout),
        errors: text(child.stderr),
    };
}

async function reached(boot: Boot, phase: string): Promise<void> {
    const ended = boot.ended.then(async () => {
        throw new Error(`the boot ended before "${phase}": ${await boot.errors}`);
    });
    ended.catch(() => undefined);
    await Promise.race([
        ended,
        until(phase, 120, () => Promise.resolve(boot.phases.includes(phase) || undefined)),
    ]);
}

async function daemons(machine: string, program: string): Promise<Process[]> {
    return (await machineProcesses(machine)).filter(
        ({ command: [path = ""] }) => basename(path) === program,
    );
}

async function workerHas(boot: Boot, program: string): Promise<void> {
    // One that an earlier, killed boot left is not what is waited for.
    const old = (await daemons("gpu-0", program)).map(({ pid }) => pid);
    const ended = boot.ended.then(async () => {
        throw new Error(`the boot ended before it started ${program}: ${await boot.errors}`);
    });
    ended.catch(() => undefined);
    const started = until(program, 60, async () => {
        const found = await daemons("gpu-0", program);
        return found.some(({ pid }) => !old.includes(pid)) ? true : undefined;
    });
    await Promise.race([ended, started]);
}

async function killDaemon(machine: string, program: string): Promise<void> {
    const found = await daemons(machine, program);
    assert.equal(found.length, 1, `one ${program} of ${machine}`);
    process.kill(Number(found[0]?.pid), "SIGKILL");
}

/** Joins a worker for GPUs and runs a pod on it. */
async function runWorker({ kubeconfig }: Cluster): Promise<void> {
    const taint = { key: "nvidia.com/gpu", value: "present", effect: "NoSchedule" };
    await createLocalKubernetes().joinNode(
        { name: "gpu-0", labels: {}, taints: [taint], gpus: 1 },
        () => undefined,
    );
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    const core = config.makeApiClient(CoreV1Api);
    const pod = { name: "on-gpu", namespace: "default" };
    await core.createNamespacedPod({
        namespace: pod.namespace,
        body: {
            metadata: pod,
            spec: {
                nodeName: "gpu-0",
                tolerations: [{ operator: "Exists" }],
                containers: [{ name: "pause", image: PAUSE_IMAGE }],
            },
        },
    });
    await until("the pod to run", 60, async () => {
        const { status } = await core.readNamespacedPod(pod);
        return status?.phase === "Running" ? true : undefined;
    });
}

async function runService({
    kubeconfig,
    gatewayAddress,
    configuredImages,
}: Cluster): Promise<void> {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    const api = config.makeApiClient(CustomObjectsApi);
    const services = {
        group: "serving.knative.dev",
        version: "v1",
        namespace: "default",
        plural: "services",
    };
    const container = {
        image: configuredImages.image,
        command: ["python3", "launch.py", "--listen", "--api"],
        ports: [{ containerPort: 7860 }],
        resources: { limits: { "nvidia.com/gpu": "1" } },
    };
    await api.createNamespacedCustomObject({
        ...services,
        body: {
            apiVersion: "serving.knative.dev/v1",
            kind: "Service",
            metadata: { name: "teardown" },
            spec: { template: { spec: { containers: [container] } } },
        },
    });
    // With upstream's domain a service is for the cluster only; that its pod runs is enough here.
    await until("the service to be Ready", 60, async () => {
        const found: unknown = await api.getNamespacedCustomObject({
            ...services,
            name: "teardown",
        });
        const { status } = found as {
            status?: { conditions?: { type: string; status: string }[] };
        };
        const ready = status?.conditions?.find(({ type }) => type === "Ready");
        return ready?.status === "True" ? true : undefined;
    });
    const { status } = await fetch(`http://${gatewayAddress}/`);
    assert.equal(status, 404);
}
