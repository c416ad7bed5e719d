import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { mock } from "node:test";
import {
    requireZones,
    type ZoneFacts,
    type ZoneNeeds,
    zoneProblems,
} from "../components/gpu-zones";
import { GET_NAT_ZONES, GET_ZONES, recordResources } from "./support/mocks";

const NEEDS: ZoneNeeds = {
    zones: ["zone-a", "zone-b"],
    gpuInstanceTypes: ["ecs.t4", "ecs.a10"],
    makesNatGateway: true,
};

const FACTS: ZoneFacts = {
    all: ["zone-a", "zone-b", "zone-c"],
    withNat: ["zone-a", "zone-c"],
    selling: new Map([
        ["ecs.t4", ["zone-a", "zone-c"]],
        ["ecs.a10", ["zone-b"]],
    ]),
};

describe("zoneProblems", () => {
    for (const [title, needs, facts, errors, warnings] of [
        ["accepts zones that each sell one of the types", {}, {}, [], []],
        [
            "names zones that do not exist, and those that do",
            { zones: ["zone-a", "zone-x", "zone-y"] },
            {},
            ["zones has zone-x, zone-y; allowed in this region: zone-a, zone-b, zone-c"],
            [],
        ],
        [
            "refuses a first zone without NAT gateways",
            { zones: ["zone-b", "zone-a"] },
            {},
            ["the first of zones, that of the NAT gateway, is zone-b; allowed: zone-a, zone-c"],
            [],
        ],
        [
            "does not ask for NAT gateways where it makes none",
            { zones: ["zone-b", "zone-a"], makesNatGateway: false },
            {},
            [],
            [],
        ],
        [
            "warns of a zone that is sold out, as long as another one is not",
            { zones: ["zone-a", "zone-b", "zone-c"] },
            {
                selling: new Map([
                    ["ecs.t4", ["zone-b"]],
                    ["ecs.a10", ["zone-b"]],
                ]),
            },
            [],
            ["zone-a", "zone-c"].map(
                (zone) =>
                    `zone ${zone} has none of gpuInstanceTypes in stock at the moment, so GPU nodes start in the others only`,
            ),
        ],
        [
            "refuses zones that all are sold out, and says where the types are sold",
            {},
            {
                selling: new Map([
                    ["ecs.t4", ["zone-c", "zone-d"]],
                    ["ecs.a10", []],
                ]),
            },
            [
                "none of zones (zone-a, zone-b) has one of gpuInstanceTypes in stock; they are sold in ecs.t4: zone-c, zone-d; ecs.a10: nowhere in this region",
            ],
            [],
        ],
    ] as const) {
        it(title, () => {
            assert.deepEqual(zoneProblems({ ...NEEDS, ...needs }, { ...FACTS, ...facts }), {
                errors,
                warnings,
            });
        });
    }

    it("names both, no NAT gateways and no GPUs", () => {
        const facts = { ...FACTS, withNat: ["zone-c"], selling: new Map([["ecs.t4", ["zone-c"]]]) };
        assert.equal(zoneProblems(NEEDS, facts).errors.length, 2);
    });
});

describe("requireZones", () => {
    /** A region as {@link FACTS} has it; what it was asked. */
    async function region(facts: ZoneFacts = FACTS): Promise<unknown[]> {
        const asked: unknown[] = [];
        await recordResources({
            calls: {
                [GET_ZONES]: (inputs) => {
                    asked.push(inputs);
                    const type = inputs["availableInstanceType"];
                    return {
                        ids: typeof type === "string" ? facts.selling.get(type) : facts.all,
                    };
                },
                [GET_NAT_ZONES]: () => ({ zones: facts.withNat.map((zoneId) => ({ zoneId })) }),
            },
        });
        return asked;
    }

    it("asks for zones that can have vSwitches, and for those that sell each type", async () => {
        const asked = await region();
        await requireZones(NEEDS);
        assert.deepEqual(asked, [
            { availableResourceCreation: "VSwitch" },
            { availableInstanceType: "ecs.t4" },
            { availableInstanceType: "ecs.a10" },
        ]);
    });

    it("goes on with a warning when one of the zones is sold out", async () => {
        await region({ ...FACTS, selling: new Map([["ecs.t4", ["zone-b"]]]) });
        // Where the SDK's log goes without an engine.
        const warn = mock.method(console, "warn", () => undefined);
        try {
            await requireZones({ ...NEEDS, gpuInstanceTypes: ["ecs.t4"] });
            const said = warn.mock.calls.map((call) => (call.arguments as string[])[0]);
            assert.equal(said.length, 1);
            assert.match(said[0] ?? "", /zone zone-a has none of gpuInstanceTypes in stock/);
        } finally {
            warn.mock.restore();
        }
    });

    it("says what to check when the cloud refuses to answer", async () => {
        await recordResources({
            calls: {
                [GET_ZONES]: () => {
                    // The SDK hands on the details of a gRPC error.
                    throw Object.assign(new Error(), { details: "Forbidden.RAM" });
                },
            },
        });
        await assert.rejects(requireZones(NEEDS), (error: Error) => {
            assert.ok(pulumi.RunError.isInstance(error));
            assert.match(error.message, /check region and credentials: .*Forbidden\.RAM/s);
            return true;
        });
    });

    it("refuses with all that is wrong, a line each", async () => {
        await region({ ...FACTS, withNat: [], selling: new Map([["ecs.t4", []]]) });
        await assert.rejects(
            requireZones({ ...NEEDS, gpuInstanceTypes: ["ecs.t4"] }),
            (error: Error) => {
                assert.ok(pulumi.RunError.isInstance(error));
                assert.match(error.message, /^the first of zones.*\nnone of zones/);
                return true;
            },
        );
    });
});
