import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ApiError, ApiRequest, Description } from "../../cloud/api";
import { type Cloud, type CloudOptions, DEFAULT_OPTIONS, createCloud } from "../../cloud/cloud";
import * as tokens from "../../cloud/resource-tokens";
import { resourceType } from "../../cloud/resource-types";
import { openStore } from "../../cloud/store";
import type { JsonObject } from "../../plugins/property-values";
import { createStandInKubernetes } from "./cloud-stand-in-kubernetes";

/** A cloud in this process, with a stand-in for Kubernetes, for one test. */
export interface World {
    readonly cloud: Cloud;
    /** Folder of the store and of the stand-in's orders. */
    readonly folder: string;
    readonly request: (action: string, rest?: Partial<ApiRequest>) => Promise<JsonObject>;
    /** Creates a resource and waits until it no longer is Pending. */
    readonly make: (type: string, inputs: JsonObject) => Promise<Description>;
    readonly change: (type: string, id: string, inputs: JsonObject) => Promise<Description>;
    /** Asks for a deletion, and waits until it is over. */
    readonly remove: (type: string, id: string) => Promise<void>;
    readonly describe: (type: string, id: string) => Promise<Description>;
    /** A second cloud over the same folder, as another process would open it. */
    readonly reopened: (options?: Partial<CloudOptions>) => World;
    readonly close: () => void;
}

/** Opens a cloud in a folder of its own, in which time hardly passes. */
export function openWorld(options: Partial<CloudOptions> = {}, folder?: string): World {
    const place = folder ?? mkdtempSync(join(tmpdir(), "cloud-"));
    const stopped = new AbortController();
    const cloud = createCloud(
        openStore(place),
        createStandInKubernetes(place),
        { ...DEFAULT_OPTIONS, timeScale: 1e-6, leastScanPause: 10, ...options },
        stopped.signal,
    );
    cloud.run();

    const request: World["request"] = async (action, rest = {}) =>
        (await cloud.request({
            action,
            region: "ap-southeast-1",
            accessKeyId: "LTAI",
            ...rest,
        })) as JsonObject;
    const describe: World["describe"] = async (type, id) =>
        (await request(resourceType(type).actions.describe, { id })) as unknown as Description;
    const settled = async (id: string): Promise<void> => {
        await eventually(() =>
            cloud
                .inventory()
                .resources.every(
                    (each) =>
                        each.id !== id ||
                        !["Pending", "Modifying", "Deleting"].includes(each.status),
                ),
        );
    };
    /** As in the real cloud, what is new may not be read at once. */
    const describeNew: World["describe"] = async (type, id) => {
        for (;;) {
            try {
                return await describe(type, id);
            } catch (error) {
                assert.equal((error as ApiError).status, 404);
                await delay(2);
            }
        }
    };
    return {
        cloud,
        folder: place,
        request,
        describe,
        make: async (type, inputs) => {
            const { create } = resourceType(type).actions;
            const { id } = (await request(create, { parameters: inputs })) as { id: string };
            await settled(id);
            return describeNew(type, id);
        },
        change: async (type, id, inputs) => {
            await request(resourceType(type).actions.update, { id, parameters: inputs });
            await settled(id);
            return describe(type, id);
        },
        remove: async (type, id) => {
            await request(resourceType(type).actions.delete ?? "", { id });
            await settled(id);
        },
        reopened: (more) => {
            stopped.abort();
            return openWorld({ ...options, ...more }, place);
        },
        close: () => {
            stopped.abort();
            rmSync(place, { recursive: true, force: true });
        },
    };
}

/** Waits until the condition holds; mocha's timeout is its end. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await condition())) {
        await delay(2);
    }
}

/** Inputs of a cluster that the cloud takes, in these vSwitches. */
export function clusterInputs(vswitchIds: readonly string[], more: JsonObject = {}): JsonObject {
    return {
        name: "sd",
        clusterSpec: "ack.pro.small",
        vswitchIds: [...vswitchIds],
        podCidr: "172.20.0.0/16",
        serviceCidr: "172.21.0.0/20",
        newNatGateway: false,
        skipSetCertificateAuthority: true,
        ...more,
    };
}

/** A VPC with vSwitches in zones b and c. */
export async function makeNetwork(
    world: World,
): Promise<{ vpcId: string; vswitchIds: [string, string] }> {
    const vpc = await world.make(tokens.VPC, { vpcName: "sd", cidrBlock: "10.0.0.0/16" });
    const vswitch = (zoneId: string, cidrBlock: string) =>
        world.make(tokens.VSWITCH, { vpcId: vpc.id, zoneId, cidrBlock });
    const b = await vswitch("ap-southeast-1b", "10.0.0.0/20");
    const c = await vswitch("ap-southeast-1c", "10.0.16.0/20");
    return { vpcId: vpc.id, vswitchIds: [b.id, c.id] };
}

/** A network, a cluster and a pool of three CPU nodes. */
export async function makeCluster(world: World) {
    const network = await makeNetwork(world);
    const cluster = await world.make(tokens.CLUSTER, clusterInputs(network.vswitchIds));
    const cpuPool = await world.make(tokens.NODE_POOL, {
        clusterId: cluster.id,
        nodePoolName: "cpu",
        vswitchIds: [...network.vswitchIds],
        instanceTypes: ["ecs.g7.xlarge"],
        desiredSize: "3",
    });
    return { ...network, clusterId: cluster.id, cpuPoolId: cpuPool.id };
}

/** Inputs of a pool of GPU nodes, 0 to 2, in the cluster. */
export function gpuPoolInputs(
    { clusterId, vswitchIds }: { clusterId: string; vswitchIds: readonly string[] },
    more: JsonObject = {},
): JsonObject {
    return {
        clusterId,
        nodePoolName: "gpu",
        vswitchIds: [...vswitchIds],
        instanceTypes: ["ecs.gn6i-c8g1.2xlarge", "ecs.gn7i-c8g1.2xlarge"],
        scalingConfig: { enable: true, minSize: 0, maxSize: 2, type: "gpu" },
        labels: [{ key: "pool", value: "gpu" }],
        taints: [{ key: "nvidia.com/gpu", value: "present", effect: "NoSchedule" }],
        ...more,
    };
}

/** The value if it is a text; otherwise an empty one, which no test expects. */
export function textOf(value: unknown): string {
    return typeof value === "string" ? value : "";
}
