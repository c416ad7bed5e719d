import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { adoptNetwork, MAX_ZONES, Network, vswitchCidr } from "../components/network";
import {
    GET_SWITCHES,
    neededBy,
    only,
    promiseOf,
    recordResources,
    type Registered,
} from "./support/mocks";

const VPC = "alicloud:vpc/network:Network";
const VSWITCH = "alicloud:vpc/switch:Switch";
const NAT = "alicloud:vpc/natGateway:NatGateway";
const ADDRESS = "alicloud:ecs/eipAddress:EipAddress";
const ASSOCIATION = "alicloud:ecs/eipAssociation:EipAssociation";
const SNAT = "alicloud:vpc/snatEntry:SnatEntry";

const ARGS = { clusterName: "sd", vpcCidr: "10.0.0.0/16", zones: ["zone-b", "zone-c"] };

async function deploy(
    args: Partial<typeof ARGS> = {},
    opts: pulumi.ComponentResourceOptions = {},
): Promise<{ seen: Registered[]; network: Network }> {
    const seen = await recordResources();
    const network = new Network("net", { ...ARGS, ...args }, opts);
    // Whoever depends on a component comes after all its parts.
    const last = new pulumi.ComponentResource(
        "test:index:Last",
        "last",
        {},
        { dependsOn: network },
    );
    await promiseOf(last.urn);
    return { seen: seen.filter(({ type }) => type !== "test:index:Last"), network };
}

const ofType = (seen: readonly Registered[], type: string): Map<string, unknown> =>
    new Map(
        seen
            .filter((each) => each.type === type)
            .map(({ name, inputs }) => [name, inputs] as const),
    );

describe("Network", () => {
    it("makes a VPC with a vSwitch in each zone, named by its place", async () => {
        const { seen } = await deploy();
        assert.deepEqual(only(seen, VPC).inputs, { vpcName: "sd", cidrBlock: "10.0.0.0/16" });
        assert.deepEqual(
            ofType(seen, VSWITCH),
            new Map([
                [
                    "net-vswitch-0",
                    {
                        vswitchName: "sd-zone-b",
                        vpcId: "vpc-net-vpc-id",
                        zoneId: "zone-b",
                        cidrBlock: "10.0.0.0/20",
                    },
                ],
                [
                    "net-vswitch-1",
                    {
                        vswitchName: "sd-zone-c",
                        vpcId: "vpc-net-vpc-id",
                        zoneId: "zone-c",
                        cidrBlock: "10.0.16.0/20",
                    },
                ],
            ]),
        );
    });

    it("leaves by one enhanced NAT gateway in the first zone, with an address paid by traffic", async () => {
        const { seen } = await deploy();
        assert.deepEqual(only(seen, NAT).inputs, {
            natGatewayName: "sd",
            vpcId: "vpc-net-vpc-id",
            vswitchId: "vsw-net-vswitch-0-id",
            natType: "Enhanced",
            paymentType: "PayAsYouGo",
            internetChargeType: "PayByLcu",
        });
        assert.deepEqual(only(seen, ADDRESS).inputs, {
            addressName: "sd",
            paymentType: "PayAsYouGo",
            internetChargeType: "PayByTraffic",
            bandwidth: "200",
        });
        assert.deepEqual(only(seen, ASSOCIATION).inputs, {
            allocationId: "eip-net-nat-address-id",
            instanceId: "ngw-net-nat-id",
            instanceType: "Nat",
        });
    });

    it("lets each vSwitch out by that address, once the gateway has it", async () => {
        const { seen } = await deploy({ zones: ["zone-a", "zone-b", "zone-c"] });
        assert.deepEqual(
            ofType(seen, SNAT),
            new Map(
                [0, 1, 2].map((place) => [
                    `net-snat-${place}`,
                    {
                        snatTableId: "stb-net-nat",
                        sourceVswitchId: `vsw-net-vswitch-${place}-id`,
                        snatIp: "203.0.113.10",
                    },
                ]),
            ),
        );
        for (const each of seen.filter(({ type }) => type === SNAT)) {
            assert.ok(neededBy(seen, each).has("net-nat-association"), each.name);
        }
    });

    it("offers the ids of VPC and vSwitches in the order of the zones", async () => {
        const { network } = await deploy();
        assert.equal(await promiseOf(network.vpcId), "vpc-net-vpc-id");
        assert.deepEqual(await promiseOf(pulumi.all([...network.vswitchIds])), [
            "vsw-net-vswitch-0-id",
            "vsw-net-vswitch-1-id",
        ]);
    });

    it("is the parent of all its parts, which it protects as it is itself", async () => {
        for (const protect of [true, false]) {
            const { seen } = await deploy({}, { protect });
            const parts = seen.filter(({ type }) => type !== "sd:network:Network");
            assert.equal(parts.length, 8);
            for (const part of parts) {
                assert.match(part.parent, /sd:network:Network::net$/, part.name);
                assert.equal(part.protect, protect, part.name);
            }
        }
    });
});

describe("vswitchCidr", () => {
    it("gives each place the sixteenth of the VPC that it has whatever follows", () => {
        const places = Array.from({ length: MAX_ZONES }, (_, place) => place);
        assert.deepEqual(
            places.map((place) => vswitchCidr("192.168.0.0/16", place)),
            [
                "192.168.0.0/20",
                "192.168.16.0/20",
                "192.168.32.0/20",
                "192.168.48.0/20",
                "192.168.64.0/20",
            ],
        );
        assert.equal(vswitchCidr("10.0.0.0/24", 4), "10.0.0.64/28");
    });

    it("refuses what is no range", () => {
        assert.throws(() => vswitchCidr("10.0.0.0", 0), /10\.0\.0\.0 is no address range/);
    });
});

describe("adoptNetwork", () => {
    const EXISTING = [
        { id: "vsw-3", vpcId: "vpc-other", zoneId: "zone-c" },
        { id: "vsw-2", vpcId: "vpc-1", zoneId: "zone-b" },
        { id: "vsw-1", vpcId: "vpc-1", zoneId: "zone-a" },
        { id: "vsw-4", vpcId: "vpc-1", zoneId: "zone-a" },
    ];

    async function adopt(ids: readonly string[]): Promise<{
        adopted: Awaited<ReturnType<typeof adoptNetwork>>;
        asked: unknown[];
    }> {
        const asked: unknown[] = [];
        await recordResources({
            calls: {
                [GET_SWITCHES]: (inputs) => {
                    asked.push(inputs);
                    const wanted = inputs["ids"] as string[];
                    return { vswitches: EXISTING.filter(({ id }) => wanted.includes(id)) };
                },
            },
        });
        return { adopted: await adoptNetwork(ids), asked };
    }

    it("finds VPC and zones of the vSwitches, in their order", async () => {
        const { adopted, asked } = await adopt(["vsw-1", "vsw-2"]);
        assert.deepEqual(adopted, {
            vpcId: "vpc-1",
            vswitchIds: ["vsw-1", "vsw-2"],
            zones: ["zone-a", "zone-b"],
        });
        assert.deepEqual(asked, [{ ids: ["vsw-1", "vsw-2"] }]);
    });

    for (const [title, ids, message] of [
        [
            "vSwitches that the region does not have",
            ["vsw-1", "vsw-8", "vsw-9"],
            /^vswitchIds names vsw-8, vsw-9, which the region does not have; allowed: /,
        ],
        [
            "vSwitches of several VPCs",
            ["vsw-1", "vsw-3"],
            /^vswitchIds names vsw-1 in vpc-1, zone zone-a; vsw-3 in vpc-other, zone zone-c; allowed: vSwitches of one VPC in at least two zones$/,
        ],
        [
            "vSwitches of one zone",
            ["vsw-1", "vsw-4"],
            /^vswitchIds names vsw-1 in vpc-1, zone zone-a; vsw-4 in vpc-1, zone zone-a; allowed: /,
        ],
    ] as const) {
        it(`refuses ${title}`, async () => {
            await assert.rejects(adopt(ids), (error: Error) => {
                assert.ok(pulumi.RunError.isInstance(error));
                assert.match(error.message, message);
                return true;
            });
        });
    }
});
