import {
    ApiextensionsV1Api,
    CoreV1Api,
    CustomObjectsApi,
    KubeConfig,
    type V1Pod,
    type V1PodSpec,
} from "@kubernetes/client-node";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { after, before, describe, it } from "mocha";
import type { KubernetesBackend, NodeShape } from "../../cloud/kubernetes-backend";
import { createLocalKubernetes } from "../../cloud/local-kubernetes";
import { prepareParts, tearDownCluster } from "../../cluster/cluster";
import { PAUSE_IMAGE } from "../../cluster/containerd";
import { gatewayAnswers } from "../../cluster/knative";
import { folderOf, runningMachine } from "../../cluster/machine";
import { kill, machineProcesses } from "../../cluster/processes";
import { until } from "../../cluster/until";
import { REPOSITORY } from "../../paths";

const GPU = "nvidia.com/gpu";
const CPU_NODE: NodeShape = {
    name: "cpu-0",
    labels: { "topology.kubernetes.io/zone": "zone-a" },
    taints: [],
    gpus: 0,
};
const GPU_NODE: NodeShape = {
    name: "gpu-0",
    labels: { pool: "gpu" },
    taints: [{ key: GPU, value: "present", effect: "NoSchedule" }],
    gpus: 1,
};
const TOLERATION = { key: GPU, operator: "Exists", effect: "NoSchedule" };
const ON_GPU_NODE = { nodeSelector: { pool: "gpu" } };

/** Boots clusters of its own, one part of a cluster after the other, as the simulated ACK does. */
describe("the local Kubernetes", function () {
    this.timeout(300_000);
    let kubernetes: KubernetesBackend;

    before(async () => {
        await tearDownCluster();
        kubernetes = createLocalKubernetes();
    });
    after(tearDownCluster);

    it("asks for a cluster first", async () => {
        await assert.rejects(kubernetes.nodes(), /There is no local cluster .*create it first/);
        await assert.rejects(kubernetes.joinNode(CPU_NODE, report), /There is no local cluster/);
    });

    it("has no node after its creation, and is created only once", async () => {
        await timed("control plane", () => kubernetes.createCluster(report));
        assert.deepEqual(await kubernetes.nodes(), []);
        const [machine, processes] = await Promise.all([
            runningMachine("control-plane"),
            machineProcesses("control-plane"),
        ]);
        await kubernetes.createCluster(report);
        assert.deepEqual(
            await runningMachine("control-plane").then((now) => now?.pid),
            machine?.pid,
        );
        const programs = processes.map(({ command: [program = ""] }) => basename(program));
        assert.ok(programs.includes("kube-scheduler"));
        assert.ok(!programs.includes("kubelet"));
    });

    it("hands out one lasting kubeconfig, and temporary ones that differ and end in time", async () => {
        const lasting = await kubernetes.kubeconfig();
        assert.equal(await kubernetes.kubeconfig(), lasting);
        const [one, other] = [await kubernetes.kubeconfig(600), await kubernetes.kubeconfig(600)];
        assert.notEqual(keyOf(one), keyOf(other));
        const ends = Date.parse(certificateOf(one).validTo) - Date.now();
        assert.ok(ends > 0 && ends <= 600_000, String(ends));
        assert.deepEqual((await clientOf(one).listNode()).items, []);

        const short = await kubernetes.kubeconfig(1);
        const ended = Date.parse(certificateOf(short).validTo);
        await until("its end", 10, () =>
            Promise.resolve(Date.now() > ended + 1000 ? true : undefined),
        );
        await assert.rejects(clientOf(short).listNode(), { code: 401 });
        await assert.rejects(kubernetes.kubeconfig(0.5), /is 0.5 s; allowed: a whole number/);
    });

    it("refuses nodes that cannot be, before anything is made", async () => {
        const join = (wrong: Partial<NodeShape>): Promise<void> =>
            kubernetes.joinNode({ ...CPU_NODE, ...wrong }, report);
        await assert.rejects(join({ name: "Node_1" }), /name of a node is "Node_1"; allowed: 1 to/);
        await assert.rejects(
            join({ name: "control-plane" }),
            /allowed: anything but control-plane/,
        );
        await assert.rejects(join({ gpus: -1 }), /gpus of node cpu-0 is -1; allowed: a whole/);
        await assert.rejects(
            join({ labels: { "kubernetes.io/wrong": "x" } }),
            /kubelet of cpu-0 ended .*unknown .*labels/s,
        );
        assert.deepEqual(await kubernetes.nodes(), []);
        assert.ok(!existsSync(folderOf("cpu-0")));
    });

    it("joins nodes with what their pool gives them", async () => {
        await timed("first worker", () => kubernetes.joinNode(CPU_NODE, report));
        await timed("GPU worker", () => kubernetes.joinNode(GPU_NODE, report));
        const [cpu, gpu] = await kubernetes.nodes();
        assert.equal(cpu?.metadata?.name, "cpu-0");
        assert.equal(cpu.metadata.labels?.["topology.kubernetes.io/zone"], "zone-a");
        assert.equal(cpu.status?.allocatable?.[GPU], undefined);
        assert.equal(gpu?.metadata?.name, "gpu-0");
        assert.equal(gpu.metadata.labels?.["pool"], "gpu");
        assert.equal(gpu.metadata.labels["sd-rehearsal/gpu-stand-in"], "true");
        const taints = gpu.spec?.taints?.map(({ key, value, effect }) => ({ key, value, effect }));
        assert.deepEqual(taints, GPU_NODE.taints);
        assert.equal(gpu.status?.allocatable?.[GPU], "1");
    });

    it("leaves a node alone that has joined already, also for another process", async () => {
        const machine = await runningMachine("gpu-0");
        await createLocalKubernetes().joinNode(GPU_NODE, report);
        assert.deepEqual((await runningMachine("gpu-0"))?.pid, machine?.pid);
    });

    it("lets only pods that tolerate its taint run on a GPU node, and no more than it has GPUs", async () => {
        const limits = { [GPU]: "1" };
        await createPods(kubernetes, {
            "no-limit-no-toleration": pod({}),
            "limit-no-toleration": pod(ON_GPU_NODE, limits),
            "no-limit-no-toleration-there": pod(ON_GPU_NODE),
            "limit-toleration": pod({ tolerations: [TOLERATION] }, limits),
            "second-limit-toleration": pod({ tolerations: [TOLERATION] }, limits),
        });
        assert.deepEqual(
            await settled(kubernetes, {
                "no-limit-no-toleration": "Running",
                "limit-toleration": "Running",
            }),
            ["limit-toleration on gpu-0", "no-limit-no-toleration on cpu-0"],
        );
        const reasons = await unscheduled(kubernetes);
        assert.deepEqual(Object.keys(reasons).sort(), [
            "limit-no-toleration",
            "no-limit-no-toleration-there",
            "second-limit-toleration",
        ]);
        assert.match(String(reasons["limit-no-toleration"]), /untolerated taint/);
        assert.match(String(reasons["no-limit-no-toleration-there"]), /untolerated taint/);
        assert.match(String(reasons["second-limit-toleration"]), /Insufficient nvidia\.com\/gpu/);
    });

    it("removes a node with its pods, and a pod that waits runs when the node has come back", async () => {
        await timed("removal with a pod", () => kubernetes.removeNode("gpu-0"));
        assert.deepEqual(names(await kubernetes.nodes()), ["cpu-0"]);
        assert.equal(await runningMachine("gpu-0"), undefined);
        assert.ok(!existsSync(folderOf("gpu-0")));
        const left = names(await kubernetes.pods());
        assert.ok(!left.includes("limit-toleration"));
        const reasons = await unscheduled(kubernetes);
        assert.ok("second-limit-toleration" in reasons);

        await timed("GPU worker again", () => kubernetes.joinNode(GPU_NODE, report));
        await timed("its pod", () => settled(kubernetes, { "second-limit-toleration": "Running" }));
        assert.deepEqual(kubernetes.failures(), []);
    });

    it("tells which daemons died, with their logs, until their node is removed", async () => {
        const kubelet = (await machineProcesses("gpu-0")).find(
            ({ command: [program = ""] }) => basename(program) === "kubelet",
        );
        kill(Number(kubelet?.pid));
        const [failure] = await until("the failure", 10, () => {
            const failures = kubernetes.failures();
            return Promise.resolve(failures.length > 0 ? failures : undefined);
        });
        assert.match(
            failure ?? "",
            /^kubelet of gpu-0 is not running any more\. The end of .*\n {2}\S/,
        );

        // Nobody ends its pod any more, and nobody waits for that.
        const start = performance.now();
        await kubernetes.removeNode("gpu-0");
        process.stdout.write(`      removal without kubelet: ${seconds(start)}\n`);
        assert.deepEqual(kubernetes.failures(), []);
        assert.ok(!names(await kubernetes.pods()).includes("second-limit-toleration"));
    });

    it("starts a node anew whose machine was killed under its pods", async () => {
        await kubernetes.joinNode(GPU_NODE, report);
        await createPods(kubernetes, {
            victim: pod({ tolerations: [TOLERATION] }, { [GPU]: "1" }),
        });
        await settled(kubernetes, { victim: "Running" });
        const machine = await runningMachine("gpu-0");
        kill(Number(machine?.pid));
        await until("the machine to end", 10, async () =>
            (await runningMachine("gpu-0")) === undefined ? true : undefined,
        );
        assert.match(kubernetes.failures().join("\n"), /^machine of gpu-0 is not running/m);
        await kubernetes.joinNode(GPU_NODE, report);
        assert.deepEqual(names(await kubernetes.nodes()).sort(), ["cpu-0", "gpu-0"]);
        assert.ok(!names(await kubernetes.pods()).includes("victim"));
        assert.deepEqual(kubernetes.failures(), []);
    });

    it("installs Knative, which another process completes when the one that began has ended", async () => {
        const script = `
            const { createLocalKubernetes } = require("./rehearsal/cloud/local-kubernetes");
            createLocalKubernetes().installKnative(() => {}).then(() => process.exit());
        `;
        const begin = spawn(process.execPath, ["--import", "tsx", "-e", script], {
            cwd: REPOSITORY,
            stdio: "inherit",
        });
        const [code] = (await timed("Knative applied", () => once(begin, "exit"))) as [number];
        assert.equal(code, 0);
        const core = (await configOf(kubernetes)).makeApiClient(CoreV1Api);
        const gateway = { name: "kourier", namespace: "kourier-system" };
        const { status } = await core.readNamespacedService(gateway);
        assert.equal(status?.loadBalancer?.ingress, undefined);

        const another = createLocalKubernetes();
        await timed("gateway", () => until("the gateway", 180, gatewayAnswers));
        assert.deepEqual(another.failures(), []);
    });

    it("removes Knative with every Knative Service", async () => {
        const { configured } = await prepareParts();
        await runService(kubernetes, configured.image);
        await timed("Knative removed", () => kubernetes.removeKnative());
        const config = await configOf(kubernetes);
        const { items } = await config
            .makeApiClient(ApiextensionsV1Api)
            .listCustomResourceDefinition();
        assert.deepEqual(names(items), []);
        const namespaces = names((await config.makeApiClient(CoreV1Api).listNamespace()).items);
        assert.deepEqual(
            namespaces.filter((name) => !name.startsWith("kube-")),
            ["default"],
        );
        assert.ok(!names(await kubernetes.pods()).some((name) => name.startsWith("to-remove")));
    });

    it("deletes a cluster from under a node that joins, whose join fails", async () => {
        await kubernetes.removeNode("gpu-0");
        const join = kubernetes.joinNode(GPU_NODE, report);
        const rejected = assert.rejects(join, /the cluster is being deleted/);
        await until("its machine", 30, () => runningMachine("gpu-0"));
        await timed("deletion", () => kubernetes.deleteCluster());
        await rejected;
        await assert.rejects(kubernetes.pods(), /There is no local cluster/);
        await kubernetes.deleteCluster();
    });

    it("says what of a control plane has died, and boots it anew when asked for a cluster", async () => {
        await kubernetes.createCluster(report);
        const scheduler = (await machineProcesses("control-plane")).find(
            ({ command: [program = ""] }) => basename(program) === "kube-scheduler",
        );
        kill(Number(scheduler?.pid));
        const died = /^kube-scheduler of control-plane is not running any more/m;
        await until("the failure", 10, () =>
            Promise.resolve(kubernetes.failures().some((each) => died.test(each)) || undefined),
        );
        await assert.rejects(
            kubernetes.nodes(),
            /create it again\. kube-scheduler of control-plane/,
        );
        await kubernetes.createCluster(report);
        assert.deepEqual(kubernetes.failures(), []);
        assert.deepEqual(await kubernetes.nodes(), []);
    });
});

function report(what: string): void {
    process.stdout.write(`      waiting for ${what}\n`);
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await work();
    process.stdout.write(`      ${what}: ${seconds(start)}\n`);
    return result;
}

function seconds(start: number): string {
    return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}

function names(objects: readonly { metadata?: { name?: string } }[]): string[] {
    return objects.map(({ metadata }) => metadata?.name ?? "");
}

async function configOf(kubernetes: KubernetesBackend): Promise<KubeConfig> {
    const config = new KubeConfig();
    config.loadFromString(await kubernetes.kubeconfig());
    return config;
}

function clientOf(kubeconfig: string): CoreV1Api {
    const config = new KubeConfig();
    config.loadFromString(kubeconfig);
    return config.makeApiClient(CoreV1Api);
}

function certificateOf(kubeconfig: string): X509Certificate {
    const config = new KubeConfig();
    config.loadFromString(kubeconfig);
    return new X509Certificate(Buffer.from(config.getCurrentUser()?.certData ?? "", "base64"));
}

function keyOf(kubeconfig: string): string {
    return certificateOf(kubeconfig).publicKey.export({ type: "spki", format: "pem" }).toString();
}

function pod(spec: Partial<V1PodSpec>, limits: Record<string, string> = {}): V1PodSpec {
    const container = { name: "pause", image: PAUSE_IMAGE, resources: { limits } };
    return { ...spec, containers: [container] };
}

async function createPods(
    kubernetes: KubernetesBackend,
    pods: Readonly<Record<string, V1PodSpec>>,
): Promise<void> {
    const core = (await configOf(kubernetes)).makeApiClient(CoreV1Api);
    for (const [name, spec] of Object.entries(pods)) {
        await core.createNamespacedPod({
            namespace: "default",
            body: { metadata: { name }, spec },
        });
    }
}

/** Waits until the pods are in these phases and returns where they are. */
async function settled(
    kubernetes: KubernetesBackend,
    phases: Readonly<Record<string, string>>,
): Promise<string[]> {
    const found = await until("the pods' phases", 60, async () => {
        const pods = (await kubernetes.pods()).filter(
            ({ metadata }) => (metadata?.name ?? "") in phases,
        );
        const reached = pods.filter(
            ({ metadata, status }) => status?.phase === phases[metadata?.name ?? ""],
        );
        return reached.length === Object.keys(phases).length ? reached : undefined;
    });
    return found.map(({ metadata, spec }) => `${metadata?.name ?? ""} on ${spec?.nodeName ?? ""}`);
}

/** The pods that the scheduler has found no node for, with its reasons; waits until it has judged all. */
async function unscheduled(kubernetes: KubernetesBackend): Promise<Record<string, string>> {
    const judged = (each: V1Pod): string | undefined =>
        each.status?.conditions?.find(({ type }) => type === "PodScheduled")?.message;
    return until("the scheduler's judgement", 30, async () => {
        const waiting = (await kubernetes.pods()).filter(
            ({ spec }) => spec?.nodeName === undefined,
        );
        return waiting.every((each) => judged(each) !== undefined)
            ? Object.fromEntries(
                  waiting.map((each) => [each.metadata?.name ?? "", judged(each) ?? ""]),
              )
            : undefined;
    });
}

/** Runs a Knative Service until it is Ready. */
async function runService(kubernetes: KubernetesBackend, image: string): Promise<void> {
    const objects = (await configOf(kubernetes)).makeApiClient(CustomObjectsApi);
    const service = {
        group: "serving.knative.dev",
        version: "v1",
        namespace: "default",
        plural: "services",
    };
    const container = {
        image,
        command: ["python3", "launch.py", "--listen", "--api"],
        ports: [{ containerPort: 7860 }],
    };
    await objects.createNamespacedCustomObject({
        ...service,
        body: {
            apiVersion: "serving.knative.dev/v1",
            kind: "Service",
            metadata: { name: "to-remove" },
            spec: { template: { spec: { containers: [container] } } },
        },
    });
    await until("the service to be Ready", 120, async () => {
        const found: unknown = await objects.getNamespacedCustomObject({
            ...service,
            name: "to-remove",
        });
        const { status } = found as {
            status?: { conditions?: { type: string; status: string }[] };
        };
        const ready = status?.conditions?.find(({ type }) => type === "Ready");
        return ready?.status === "True" ? true : undefined;
    });
}
