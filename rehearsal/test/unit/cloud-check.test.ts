import assert from "node:assert/strict";
import * as fc from "fast-check";
import { changesBetween } from "../../cloud/changes";
import { failuresOf } from "../../cloud/check";
import { CLUSTER, NODE_POOL, VPC, VSWITCH } from "../../cloud/resource-tokens";
import { resourceType } from "../../cloud/resource-types";
import { type PropertyMap, Secret, UNKNOWN } from "../../plugins/property-values";

const failures = (type: string, inputs: PropertyMap, stage: "preview" | "creation" = "preview") =>
    failuresOf(inputs, resourceType(type).inputs, stage, type).map(
        ({ property, reason }) => `${property}: ${reason}`,
    );

const pool = { clusterId: "c1", nodePoolName: "gpu" };

describe("the check of inputs", () => {
    it("lets correct inputs through, at any depth", () => {
        const inputs = {
            ...pool,
            desiredSize: "3",
            scalingConfig: { enable: true, minSize: 0, maxSize: 2, type: "spot" },
            labels: [{ key: "a", value: "b" }],
            tags: { a: "b" },
        };
        assert.deepEqual(failures(NODE_POOL, inputs, "creation"), []);
    });

    const refusedAtPreview: [string, PropertyMap, string | RegExp][] = [
        [
            NODE_POOL,
            { ...pool, multiAzPolicy: "WHATEVER" },
            "multiAzPolicy: expected multi_az_policy to be one of [PRIORITY COST_OPTIMIZED BALANCE], got WHATEVER",
        ],
        [
            NODE_POOL,
            { ...pool, systemDiskCategory: "cloudEssd" },
            /^systemDiskCategory: .* \[cloud_efficiency .*\], got cloudEssd$/,
        ],
        [
            NODE_POOL,
            { ...pool, scalingConfig: { type: "tpu" } },
            "scalingConfig.type: expected scaling_config.type to be one of [cpu gpu gpushare spot], got tpu",
        ],
        [
            CLUSTER,
            { clusterSpec: "ack.huge" },
            /^clusterSpec: .* \[ack.standard ack.pro.small .*\], got ack.huge$/,
        ],
        [
            CLUSTER,
            { deleteOptions: [{ resourceType: "NLB", deleteMode: "delete" }] },
            /^deleteOptions\[0\].resourceType: .* \[SLB ALB SLS_Data SLS_ControlPlane PrivateZone\], got NLB$/,
        ],
        [
            CLUSTER,
            { deleteOptions: [{ resourceType: "SLB", deleteMode: "keep" }] },
            /^deleteOptions\[0\].deleteMode: .* \[delete retain\], got keep$/,
        ],
        [
            CLUSTER,
            { vswitchIds: ["vpc-1"] },
            /^vswitchIds\[0\]: .*: vpc-1; should start with 'vsw-'\.$/,
        ],
        [NODE_POOL, { ...pool, vswitchIds: ["x"] }, /^vswitchIds\[0\]: .*: x; should start with/],
        [
            NODE_POOL,
            { nodePoolName: "gpu" },
            /^clusterId: Missing required argument: The argument "cluster_id" is required.* a string$/,
        ],
        [
            NODE_POOL,
            { ...pool, labels: [{ value: "b" }] },
            /^labels\[0\].key: Missing required argument: The argument "key"/,
        ],
        [
            NODE_POOL,
            { ...pool, desiredSize: 3 },
            `desiredSize: desiredSize of ${NODE_POOL} is 3; give a string`,
        ],
        [
            NODE_POOL,
            { ...pool, systemDiskSize: "80" },
            /^systemDiskSize: .* is "80"; give a number$/,
        ],
        [
            NODE_POOL,
            { ...pool, forceDelete: "yes" },
            /^forceDelete: .* is "yes"; give true or false$/,
        ],
        [NODE_POOL, { ...pool, taints: {} }, /^taints: .* is \{\}; give a list$/],
        [NODE_POOL, { ...pool, tags: ["a"] }, /^tags: .*; give an object of strings$/],
        [NODE_POOL, { ...pool, tags: { a: 1 } }, /^tags\["a"\]: .* is 1; give a string$/],
        [
            NODE_POOL,
            { ...pool, scalingConfig: true },
            /^scalingConfig: .* is true; give an object with enable, minSize, maxSize, /,
        ],
        [
            NODE_POOL,
            { ...pool, vswitchIds: [null] },
            /^vswitchIds\[0\]: .* is null; give a string$/,
        ],
        [
            NODE_POOL,
            { ...pool, management: { autoFix: true } },
            /^management.autoFix: An argument named "autoFix" is not expected here: .* it knows enable, autoRepair, /,
        ],
        [VPC, { nat: true }, /^nat: An argument named "nat" .* it knows vpcName, cidrBlock, /],
        [
            VPC,
            { name: "a" },
            `name: name of ${VPC} is deprecated, and the stand-in for the alicloud plugin refuses it; use vpcName`,
        ],
        [VSWITCH, { availabilityZone: "a" }, /^availabilityZone: .* is deprecated.*; use zoneId$/],
        [
            NODE_POOL,
            { ...pool, scalingConfig: new Secret({ type: "tpu" }) },
            /^scalingConfig.type: expected/,
        ],
    ];
    for (const [type, inputs, message] of refusedAtPreview) {
        it(`refuses ${JSON.stringify(inputs)} at preview`, () => {
            const [found = "", ...others] = failures(type, inputs);
            assert.deepEqual(others, []);
            if (typeof message === "string") {
                assert.equal(found, message);
            } else {
                assert.match(found, message);
            }
        });
    }

    const refusedLater: [string, PropertyMap, string][] = [
        [
            NODE_POOL,
            { ...pool, spotStrategy: "Spot" },
            "spotStrategy: spotStrategy is Spot; allowed: NoSpot, SpotWithPriceLimit, SpotAsPriceGo",
        ],
        [
            NODE_POOL,
            { ...pool, taints: [{ key: "a", effect: "Never" }] },
            "taints[0].effect: taints[0].effect is Never; allowed: NoSchedule, NoExecute, PreferNoSchedule",
        ],
        [
            NODE_POOL,
            { ...pool, systemDiskSize: 1 },
            "systemDiskSize: expected system_disk_size to be in the range (20 - 32768), got 1",
        ],
        [
            CLUSTER,
            { controlPlaneLogTtl: "0" },
            'controlPlaneLogTtl: controlPlaneLogTtl is 0; allowed: "1" to "9999" days',
        ],
    ];
    for (const [type, inputs, message] of refusedLater) {
        it(`lets ${JSON.stringify(inputs)} through at preview, but not at creation`, () => {
            assert.deepEqual(failures(type, inputs), []);
            assert.deepEqual(failures(type, inputs, "creation"), [message]);
        });
    }

    it("does not look at CIDRs at preview", () => {
        assert.deepEqual(failures(VPC, { cidrBlock: "999.0.0.0/8" }), []);
    });

    it("does not look at what is not known yet", () => {
        const inputs = {
            clusterId: UNKNOWN,
            nodePoolName: UNKNOWN,
            multiAzPolicy: UNKNOWN,
            labels: UNKNOWN,
        };
        assert.deepEqual(failures(NODE_POOL, inputs), []);
    });

    it("takes null for a property that is left out", () => {
        assert.deepEqual(failures(NODE_POOL, { ...pool, desiredSize: null, whatever: null }), []);
        assert.equal(failures(NODE_POOL, { ...pool, clusterId: null }).length, 1);
    });
});

describe("the difference of inputs", () => {
    const changes = (type: string, olds: PropertyMap, news: PropertyMap) =>
        changesBetween(olds, news, resourceType(type).inputs);

    it("replaces and changes in place as the table says", () => {
        const olds = {
            serviceCidr: "172.21.0.0/20",
            clusterSpec: "ack.standard",
            deletionProtection: true,
            name: "a",
        };
        const news = {
            serviceCidr: "172.22.0.0/20",
            clusterSpec: "ack.pro.small",
            name: "b",
            podCidr: "10.0.0.0/8",
        };
        assert.deepEqual(changes(CLUSTER, olds, news), {
            serviceCidr: { kind: "update", replace: true },
            clusterSpec: { kind: "update", replace: false },
            deletionProtection: { kind: "delete", replace: false },
            name: { kind: "update", replace: false },
            podCidr: { kind: "add", replace: true },
        });
    });

    it("goes into blocks, lists and maps", () => {
        const olds = {
            instanceMetadataOptions: { httpTokens: "optional" },
            scalingConfig: { minSize: 0, maxSize: 2 },
            instanceTypes: ["a", "b"],
            taints: [{ key: "k", value: "v" }],
            tags: { "a.b": "1", c: "1" },
        };
        const news = {
            instanceMetadataOptions: { httpTokens: "required" },
            scalingConfig: { minSize: 0, maxSize: 3 },
            instanceTypes: ["a", "c", "d"],
            taints: [{ key: "k", value: "w" }],
            tags: { "a.b": "2", c: "1" },
        };
        assert.deepEqual(changes(NODE_POOL, olds, news), {
            "instanceMetadataOptions.httpTokens": { kind: "update", replace: true },
            "scalingConfig.maxSize": { kind: "update", replace: false },
            "instanceTypes[1]": { kind: "update", replace: false },
            "instanceTypes[2]": { kind: "add", replace: false },
            "taints[0].value": { kind: "update", replace: false },
            'tags["a.b"]': { kind: "update", replace: false },
        });
    });

    it("takes what is not known yet for a change", () => {
        const change = { vpcId: { kind: "update", replace: true } };
        assert.deepEqual(changes(VSWITCH, { vpcId: "vpc-1" }, { vpcId: UNKNOWN }), change);
    });

    it("is empty between equal inputs, whatever is secret, null or in another order", () => {
        const inputs = fc.dictionary(fc.string(), fc.jsonValue());
        fc.assert(
            fc.property(inputs, (value) => {
                const olds = value as PropertyMap;
                const entries = Object.entries(olds).reverse();
                const news = Object.fromEntries(
                    entries.map(([key, each]) => [key, new Secret(each ?? null)]),
                );
                const more = { "left out": null, ...news };
                assert.deepEqual(changesBetween(olds, more, {}), {});
            }),
        );
    });
});
