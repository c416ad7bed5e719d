import type { V1Pod } from "@kubernetes/client-node";
import assert from "node:assert/strict";
import { AUTOSCALING_CONFIG, NODE_POOL } from "../../cloud/resource-tokens";
import type { CloudNode } from "../../cloud/store";
import type { JsonObject } from "../../plugins/property-values";
import { calls, order, shapes } from "./cloud-stand-in-kubernetes";
import { type World, eventually, gpuPoolInputs, makeCluster, openWorld } from "./cloud-world";

/** A pod that waits for a GPU, or has one on a node. */
const pod = (name: string, on?: string): V1Pod => ({
    metadata: { name, namespace: "default" },
    spec: {
        containers: [{ name: "a", resources: { limits: { "nvidia.com/gpu": "1" } } }],
        tolerations: [{ key: "nvidia.com/gpu", operator: "Exists" }],
        ...(on === undefined ? {} : { nodeName: on }),
    },
    status: {
        phase: on === undefined ? "Pending" : "Running",
        ...(on === undefined
            ? { conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }] }
            : {}),
    },
});

describe("the nodes of the simulated cloud", () => {
    let world: World;
    let made: Awaited<ReturnType<typeof makeCluster>>;

    const start = async (options = {}): Promise<void> => {
        world = openWorld(options);
        made = await makeCluster(world);
    };
    const gpuNodes = (): readonly CloudNode[] =>
        world.cloud.inventory().nodes.filter(({ gpus }) => gpus > 0);
    const ready = (count: number): Promise<void> =>
        eventually(
            () =>
                gpuNodes().length === count && gpuNodes().every(({ status }) => status === "ready"),
        );
    const messages = (kind: string): string[] =>
        world.cloud
            .events()
            .filter((event) => event.kind === kind)
            .map(({ message }) => message);
    const makeGpuPool = async (more: JsonObject = {}): Promise<string> => {
        const { id } = await world.make(NODE_POOL, gpuPoolInputs(made, more));
        return id;
    };
    const autoscale = (more: JsonObject = {}) =>
        world.make(AUTOSCALING_CONFIG, {
            clusterId: made.clusterId,
            coolDownDuration: "0s",
            unneededDuration: "1h",
            ...more,
        });

    afterEach(() => {
        world.close();
    });

    it("are one real node for a CPU pool, with its labels and those of ACK", async () => {
        await start();
        const [node, ...others] = shapes(world.folder);
        assert.deepEqual(others, []);
        assert.match(node?.name ?? "", /^ap-southeast-1\.10\.0\.\d{1,2}\.\d{1,3}$/);
        assert.deepEqual(node?.labels, {
            "alibabacloud.com/nodepool-id": made.cpuPoolId.split(":")[1],
            "node.kubernetes.io/instance-type": "ecs.g7.xlarge",
            "topology.kubernetes.io/region": "ap-southeast-1",
            "topology.kubernetes.io/zone": "ap-southeast-1b",
        });
        assert.deepEqual([node.taints, node.gpus], [[], 0]);
        assert.deepEqual(messages("NodeRequested"), [
            "on-demand ecs.g7.xlarge in ap-southeast-1b: the pool always has 1 (one real node stands in for all 3)",
        ]);
    });

    it("join for a pod that waits for a GPU, with labels and taints of the pool", async () => {
        await start();
        const poolId = await makeGpuPool();
        await autoscale();
        assert.deepEqual(gpuNodes(), []);
        order(world.folder, { pods: [pod("a")] });
        await ready(1);
        const node = shapes(world.folder).at(-1);
        assert.equal(node?.gpus, 1);
        assert.deepEqual(node.taints, [
            { key: "nvidia.com/gpu", value: "present", effect: "NoSchedule" },
        ]);
        assert.deepEqual(node.labels, {
            pool: "gpu",
            "alibabacloud.com/nodepool-id": poolId.split(":")[1],
            "k8s.aliyun.com": "true",
            "node.kubernetes.io/instance-type": "ecs.gn6i-c8g1.2xlarge",
            "topology.kubernetes.io/region": "ap-southeast-1",
            "topology.kubernetes.io/zone": "ap-southeast-1b",
        });
        const kinds = world.cloud
            .events()
            .filter(({ subject }) => subject === node.name)
            .map(({ kind }) => kind);
        assert.deepEqual(kinds, ["NodeRequested", "NodeJoining", "NodeJoined"]);
    });

    it("boot before they join", async () => {
        await start({ gpuBootSeconds: 1e9 });
        await makeGpuPool();
        await autoscale();
        order(world.folder, { pods: [pod("a")] });
        await eventually(() => gpuNodes().length === 1);
        const [node] = gpuNodes();
        assert.equal(node?.status, "booting");
        const boots = Math.round((node.bootsUntil - Date.now()) / 100_000);
        assert.equal(boots, 10);
        assert.equal(shapes(world.folder).length, 1);
    });

    it("leave when no pod has needed them for the time of the configuration", async () => {
        await start();
        await makeGpuPool();
        await autoscale({ unneededDuration: "10m" });
        order(world.folder, { pods: [pod("a")] });
        await ready(1);
        const [node] = gpuNodes();
        order(world.folder, { pods: [] });
        await eventually(() => gpuNodes().length === 0);
        assert.equal(calls(world.folder).at(-1), `removeNode ${node?.name ?? ""}`);
        assert.deepEqual(messages("NodeLeft"), ["no pod needs its GPU"]);
    });

    it("of a pool with a minimum are there before any pod, and stay", async () => {
        await start();
        const { status } = await world.make(
            NODE_POOL,
            gpuPoolInputs(made, { scalingConfig: { enable: true, minSize: 1, maxSize: 2 } }),
        );
        assert.equal(status, "Available");
        assert.equal(gpuNodes().length, 1);
        assert.equal(gpuNodes()[0]?.status, "ready");
    });

    it("of a GPU pool of fixed size are as many as asked for, also after a change", async () => {
        await start();
        const fixed = (desiredSize: string) =>
            gpuPoolInputs(made, { scalingConfig: null, desiredSize });
        const { id } = await world.make(NODE_POOL, fixed("2"));
        assert.equal(gpuNodes().length, 2);
        await world.change(NODE_POOL, id, fixed("1"));
        assert.equal(gpuNodes().length, 1);
        await world.change(NODE_POOL, id, fixed("3"));
        assert.equal(gpuNodes().length, 3);
    });

    it("go with their pool, those that boot too", async () => {
        await start({ gpuBootSeconds: 1e9 });
        const poolId = await makeGpuPool();
        await autoscale();
        order(world.folder, { pods: [pod("a"), pod("b")] });
        await eventually(() => gpuNodes().length === 2);
        await world.remove(NODE_POOL, poolId);
        assert.deepEqual(gpuNodes(), []);
        assert.equal(calls(world.folder).filter((call) => call.startsWith("removeNode")).length, 2);
        assert.equal(shapes(world.folder).length, 1);
    });

    it("are of the next zone or type when one is sold out", async () => {
        await start();
        world.cloud.setFault({ name: "out-of-stock", instanceType: "ecs.gn6i-c8g1.2xlarge" });
        world.cloud.setFault({ name: "out-of-stock", zone: "ap-southeast-1b" });
        await makeGpuPool();
        await autoscale();
        order(world.folder, { pods: [pod("a")] });
        await ready(1);
        const [node] = gpuNodes();
        assert.deepEqual(
            [node?.instanceType, node?.zone],
            ["ecs.gn7i-c8g1.2xlarge", "ap-southeast-1c"],
        );
    });

    it("are waited for, with one event, until there is stock again", async () => {
        await start();
        world.cloud.setFault({ name: "out-of-stock", count: 2 });
        await makeGpuPool({
            instanceTypes: ["ecs.gn6i-c8g1.2xlarge"],
            vswitchIds: [made.vswitchIds[0]],
        });
        await autoscale({ scanInterval: "1s" });
        order(world.folder, { pods: [pod("a")] });
        await ready(1);
        assert.deepEqual(messages("NodeBlocked"), [
            "pod default/a waits for 1 GPU, but OperationDenied.NoStock: ecs.gn6i-c8g1.2xlarge is sold out in ap-southeast-1b",
        ]);
        assert.deepEqual(world.cloud.faults(), []);
    });

    it("are bought on demand where spot instances are sold out, under the policy that says so", async () => {
        await start();
        world.cloud.setFault({ name: "out-of-stock", spot: true });
        await makeGpuPool({
            spotStrategy: "SpotAsPriceGo",
            multiAzPolicy: "COST_OPTIMIZED",
            compensateWithOnDemand: true,
            onDemandPercentageAboveBaseCapacity: "0",
        });
        await autoscale();
        order(world.folder, { pods: [pod("a")] });
        await ready(1);
        assert.equal(gpuNodes()[0]?.spot, false);
        world.cloud.clearFaults(undefined);
        order(world.folder, { pods: [pod("a", gpuNodes()[0]?.name), pod("b")] });
        await ready(2);
        assert.deepEqual(
            gpuNodes().map(({ spot }) => spot),
            [false, true],
        );
    });

    it("are not bought on demand under another policy", async () => {
        await start();
        world.cloud.setFault({ name: "out-of-stock", spot: true });
        await makeGpuPool({
            spotStrategy: "SpotAsPriceGo",
            multiAzPolicy: "PRIORITY",
            compensateWithOnDemand: true,
        });
        await autoscale();
        order(world.folder, { pods: [pod("a")] });
        await eventually(() => messages("NodeBlocked").length === 1);
        assert.deepEqual(gpuNodes(), []);
    });

    it("stay within the quota of GPU vCPUs", async () => {
        await start({ quotas: { gpuVcpus: 8 } });
        await makeGpuPool();
        await autoscale();
        order(world.folder, { pods: [pod("a"), pod("b")] });
        await eventually(() => messages("NodeBlocked").length === 1);
        assert.equal(gpuNodes().length, 1);
        assert.match(
            messages("NodeBlocked")[0] ?? "",
            /^pod default\/b waits for 1 GPU, but QuotaExceed.ElasticQuota: 8 vCPUs more for ecs.gn6i-c8g1.2xlarge; allowed: 8 vCPUs of GPU instances, of which 8 are used/,
        );
    });

    it("meet a quota that is a fault", async () => {
        await start();
        world.cloud.setFault({ name: "quota", action: "RunInstances" });
        await makeGpuPool();
        await autoscale();
        order(world.folder, { pods: [pod("a")] });
        await eventually(() => messages("NodeBlocked").length === 1);
        assert.deepEqual(gpuNodes(), []);
    });

    it("of a new pool are not to be had, and so the pool fails", async () => {
        await start();
        world.cloud.setFault({ name: "out-of-stock", instanceType: "ecs.c7.xlarge" });
        const { status, message } = await world.make(NODE_POOL, {
            clusterId: made.clusterId,
            nodePoolName: "more",
            vswitchIds: [made.vswitchIds[0]],
            instanceTypes: ["ecs.c7.xlarge"],
            desiredSize: "1",
        });
        assert.deepEqual(
            [status, message],
            [
                "Failed",
                "the pool always has 1, but OperationDenied.NoStock: ecs.c7.xlarge is sold out in ap-southeast-1b",
            ],
        );
    });

    it("that cannot be had leave a change of their pool undone, until it is asked for again", async () => {
        await start();
        const fixed = (desiredSize: string) =>
            gpuPoolInputs(made, { scalingConfig: null, desiredSize });
        const { id } = await world.make(NODE_POOL, fixed("1"));
        world.cloud.setFault({ name: "out-of-stock" });
        const failed = await world.change(NODE_POOL, id, fixed("2"));
        assert.equal(failed.status, "ModifyFailed");
        assert.match(failed.message, /NoStock/);
        world.cloud.clearFaults(undefined);
        assert.equal((await world.change(NODE_POOL, id, fixed("2"))).status, "Available");
        assert.equal(gpuNodes().length, 2);
    });

    it("that do not join are removed, and tried again", async () => {
        await start();
        await makeGpuPool();
        await autoscale();
        order(world.folder, { pods: [pod("a")], failing: { joinNode: "no containerd" } });
        await eventually(() => messages("NodeFailed").includes("no containerd"));
        order(world.folder, { pods: [pod("a")] });
        await ready(1);
    });

    it("that do not join make their pool pause, so that another one may help", async () => {
        await start();
        await makeGpuPool({ instanceTypes: ["ecs.gn6i-c8g1.2xlarge"] });
        await makeGpuPool({ instanceTypes: ["ecs.gn7i-c8g1.2xlarge"] });
        await autoscale({ scanInterval: "0s" });
        // From now on the pause takes hours.
        world = world.reopened({ timeScale: 1000, gpuBootSeconds: 0 });
        order(world.folder, { pods: [pod("a")], failing: { joinNode: "no containerd" } });
        await eventually(() => messages("NodeFailed").length === 2);
        const asked = messages("NodeRequested")
            .slice(1)
            .map((message) => message.split(" ")[1]);
        assert.deepEqual(asked, ["ecs.gn6i-c8g1.2xlarge", "ecs.gn7i-c8g1.2xlarge"]);
    });

    it("that cannot be removed are tried again", async () => {
        await start();
        await makeGpuPool();
        await autoscale({ unneededDuration: "1s" });
        order(world.folder, { pods: [pod("a")] });
        await ready(1);
        order(world.folder, { pods: [], failing: { removeNode: "a process does not end" } });
        await eventually(() =>
            messages("NodeFailed").includes("cannot be removed: a process does not end"),
        );
        order(world.folder, {});
        await eventually(() => gpuNodes().length === 0);
    });
});
