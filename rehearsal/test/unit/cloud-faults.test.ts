import assert from "node:assert/strict";
import { FAULTS, concerns, isOutOfStock, parseFault } from "../../cloud/faults";

const KNOWN = { actions: ["CreateVpc", "DeleteVpc"], types: ["alicloud:vpc/network:Network"] };

describe("faults", () => {
    it("are taken with the fields that they have", () => {
        const fault = { name: "out-of-stock", zone: "ap-southeast-1b", spot: true, count: 2 };
        assert.deepEqual(parseFault(fault, KNOWN), fault);
        assert.deepEqual(Object.keys(FAULTS), [
            "throttling",
            "server-error",
            "access-denied",
            "quota",
            "out-of-stock",
            "slow-creation",
            "creation-failure",
            "addon-failure",
        ]);
    });

    const refused: [unknown, RegExp][] = [
        [{ name: "flood" }, /^name of the fault is "flood"; allowed: throttling, server-error, /],
        ["throttling", /^name of the fault is undefined; allowed: /],
        [{ name: "toString" }, /^name of the fault is "toString"; allowed: /],
        [
            { name: "throttling", zone: "ap-southeast-1a" },
            /^the fault throttling has no field zone; it has count, action, type$/,
        ],
        [
            { name: "throttling", count: 0 },
            /^count of the fault is 0; allowed: a whole number from 1/,
        ],
        [
            { name: "throttling", action: "DropVpc" },
            /^action of the fault is "DropVpc"; allowed: CreateVpc, DeleteVpc$/,
        ],
        [{ name: "quota", type: "vpc" }, /^type of the fault is "vpc"; allowed: alicloud:vpc/],
        [{ name: "server-error", applied: "yes" }, /^applied of the fault is "yes"; allowed: true/],
        [{ name: "out-of-stock", spot: 1 }, /^spot of the fault is 1; allowed: true or false$/],
        [
            { name: "out-of-stock", zone: "moon-1a" },
            /^zone of the fault is "moon-1a"; allowed: ap-/,
        ],
        [
            { name: "out-of-stock", instanceType: "ecs.x" },
            /^instanceType of the fault is "ecs.x"; /,
        ],
        [
            { name: "slow-creation", factor: 0.5 },
            /^factor of the fault is 0.5; allowed: a number from 1/,
        ],
        [{ name: "slow-creation", seconds: -1 }, /^seconds of the fault is -1; allowed: a number/],
        [{ name: "slow-creation" }, /^the fault slow-creation needs either factor or seconds$/],
        [
            { name: "slow-creation", factor: 2, seconds: 2 },
            /^the fault slow-creation needs either factor or seconds$/,
        ],
        [{ name: "addon-failure", addon: "" }, /^addon of the fault is ""; allowed: the name/],
        [{ name: "creation-failure", message: 5 }, /^message of the fault is 5; allowed: a text$/],
    ];
    for (const [fault, message] of refused) {
        it(`are refused as ${JSON.stringify(fault)}`, () => {
            assert.throws(() => parseFault(fault, KNOWN), { message });
        });
    }

    it("concern what they are confined to", () => {
        const where = { action: "CreateVpc", type: "t" };
        assert.equal(concerns({ name: "quota" }, where), true);
        assert.equal(concerns({ name: "quota", action: "CreateVpc", type: "t" }, where), true);
        assert.equal(concerns({ name: "quota", action: "DeleteVpc" }, where), false);
        assert.equal(concerns({ name: "quota", type: "u" }, where), false);
    });

    it("take instances out of stock by zone, type and payment", () => {
        const offer = { zone: "z", instanceType: "t", spot: false };
        assert.equal(isOutOfStock({ name: "out-of-stock" }, offer), true);
        assert.equal(isOutOfStock({ name: "quota" }, offer), false);
        assert.equal(isOutOfStock({ name: "out-of-stock", zone: "y" }, offer), false);
        assert.equal(isOutOfStock({ name: "out-of-stock", instanceType: "u" }, offer), false);
        const spotOnly = { name: "out-of-stock", spot: true } as const;
        assert.equal(isOutOfStock(spotOnly, offer), false);
        assert.equal(isOutOfStock(spotOnly, { ...offer, spot: true }), true);
    });
});
