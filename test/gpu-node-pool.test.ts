import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { GpuNodePool, type GpuNodePoolArgs } from "../components/gpu-node-pool";
import { StableDiffusion } from "../components/stable-diffusion";
import { readSettings } from "../config";
import { KNATIVE_SERVICE } from "../policy/knative-service";
import { neededBy, only, promiseOf, recordResources, type Registered } from "./support/mocks";
import { configure } from "./support/project";

const POOL = "alicloud:cs/nodePool:NodePool";
const AUTOSCALING = "alicloud:cs/autoscalingConfig:AutoscalingConfig";

const ARGS: GpuNodePoolArgs = {
    clusterId: "c1",
    vswitchIds: ["vsw-a", "vsw-b"],
    gpuInstanceTypes: ["ecs.gn6i-c8g1.2xlarge", "ecs.gn7i-c8g1.2xlarge"],
    gpuNodesMin: 0,
    gpuNodesMax: 3,
    gpuSpotStrategy: "NoSpot",
    onDemandNodes: 1,
    gpuDiskGib: 120,
    nodeImageType: "AliyunLinux3",
    gpuDriverVersion: "550.144.03",
    gpuToleration: false,
    gpuIdleMinutes: 10,
};

async function deploy(
    args: Partial<GpuNodePoolArgs> = {},
    opts: pulumi.ComponentResourceOptions = {},
): Promise<Registered[]> {
    const seen = await recordResources();
    const pool = new GpuNodePool("gpu", { ...ARGS, ...args }, opts);
    // Whoever depends on a component comes after all its parts.
    const last = new pulumi.ComponentResource("test:index:Last", "last", {}, { dependsOn: pool });
    await promiseOf(last.urn);
    return seen;
}

describe("GpuNodePool", () => {
    it("is an autoscaled pool that tries the zones and types in their order", async () => {
        assert.deepEqual(only(await deploy(), POOL).inputs, {
            clusterId: "c1",
            nodePoolName: "gpu",
            vswitchIds: ["vsw-a", "vsw-b"],
            instanceTypes: ["ecs.gn6i-c8g1.2xlarge", "ecs.gn7i-c8g1.2xlarge"],
            // And no desiredSize, which is the autoscaler's.
            scalingConfig: { enable: true, minSize: 0, maxSize: 3, type: "gpu" },
            scalingPolicy: "release",
            spotStrategy: "NoSpot",
            multiAzPolicy: "PRIORITY",
            imageType: "AliyunLinux3",
            systemDiskCategory: "cloud_essd",
            systemDiskPerformanceLevel: "PL1",
            systemDiskSize: 120,
            labels: [
                { key: "ack.aliyun.com/nvidia-driver-version", value: "550.144.03" },
                { key: "stable-diffusion-knative/pool", value: "gpu" },
            ],
            taints: [{ key: "nvidia.com/gpu", value: "present", effect: "PreferNoSchedule" }],
            installCloudMonitor: true,
            instanceMetadataOptions: { httpTokens: "required" },
            management: {
                enable: true,
                autoRepair: true,
                autoRepairPolicy: { restartNode: true },
            },
        });
    });

    it("buys spot instances with on-demand ones below and behind them when told to", async () => {
        const onDemand = only(await deploy(), POOL).inputs;
        const spot = only(await deploy({ gpuSpotStrategy: "SpotAsPriceGo" }), POOL).inputs;
        assert.deepEqual(spot, {
            ...onDemand,
            scalingConfig: { enable: true, minSize: 0, maxSize: 3, type: "spot" },
            spotStrategy: "SpotAsPriceGo",
            multiAzPolicy: "COST_OPTIMIZED",
            compensateWithOnDemand: true,
            spotInstanceRemedy: true,
            onDemandBaseCapacity: "1",
            onDemandPercentageAboveBaseCapacity: "0",
        });
    });

    it("is as small, as large and as roomy as configured", async () => {
        const { inputs } = only(
            await deploy({ gpuNodesMin: 1, gpuNodesMax: 9, gpuDiskGib: 200 }),
            POOL,
        );
        assert.deepEqual(inputs["scalingConfig"], {
            enable: true,
            minSize: 1,
            maxSize: 9,
            type: "gpu",
        });
        assert.equal(inputs["systemDiskSize"], 200);
    });

    for (const gpuToleration of [true, false]) {
        it(`lets the service's pods in ${gpuToleration ? "by" : "without"} their toleration`, async () => {
            configure({ gpuToleration, domain: "example.com" }, "dev");
            const seen = await deploy({ gpuToleration });
            const service = new StableDiffusion("sd", {
                ...readSettings(true),
                kubeconfig: pulumi.output("unused"),
            });
            await promiseOf(service.url);
            const taints = only(seen, POOL).inputs["taints"] as { key: string; effect: string }[];
            const { spec } = only(seen, KNATIVE_SERVICE).inputs as {
                spec: { template: { spec: { tolerations?: Toleration[] } } };
            };
            const tolerated = (taint: { key: string; effect: string }): boolean =>
                (spec.template.spec.tolerations ?? []).some(
                    ({ key, effect, operator }) =>
                        key === taint.key && effect === taint.effect && operator === "Exists",
                );
            const keepsOut = taints.filter(({ effect }) => effect === "NoSchedule");
            assert.equal(keepsOut.length, gpuToleration ? 1 : 0);
            assert.ok(keepsOut.every(tolerated));
        });
    }

    it("scales from zero for pods that wait, and gives idle nodes back", async () => {
        const seen = await deploy({ gpuIdleMinutes: 7 });
        const autoscaling = only(seen, AUTOSCALING);
        assert.deepEqual(autoscaling.inputs, {
            clusterId: "c1",
            scalerType: "cluster-autoscaler",
            expander: "least-waste",
            scaleUpFromZero: true,
            scaleDownEnabled: true,
            coolDownDuration: "7m",
            unneededDuration: "7m",
            scanInterval: "15s",
            gpuUtilizationThreshold: "0.5",
            skipNodesWithLocalStorage: false,
        });
        assert.ok(neededBy(seen, autoscaling).has("gpu-nodes"));
    });

    it("is the parent of its parts, which it protects as it is itself", async () => {
        for (const protect of [true, false]) {
            const seen = await deploy({}, { protect });
            for (const type of [POOL, AUTOSCALING]) {
                const part = only(seen, type);
                assert.match(part.parent, /sd:cluster:GpuNodePool::gpu$/);
                assert.equal(part.protect, protect);
            }
        }
    });
});

interface Toleration {
    readonly key: string;
    readonly effect: string;
    readonly operator: string;
}
