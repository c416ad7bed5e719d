import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { NETWORK, conflicts, overlap } from "../../cluster/network";

const FREE = { links: ["lo", "eth0"], addresses: ["127.0.0.1", "192.0.2.2"], routes: ["default"] };

describe("network of the cluster", () => {
    it("fits a machine that has none of its names and addresses", () => {
        assert.deepEqual(conflicts({ ...FREE, routes: ["default", "172.17.0.0/16"] }), []);
    });

    it("names every device, address and route in its way", () => {
        const machine = {
            links: ["lo", NETWORK.link],
            addresses: ["127.0.0.1", "172.30.0.7", "10.244.0.9"],
            routes: ["default", "172.30.0.0/16", "10.96.0.0/24", "172.30.1.1", "192.0.2.0/24"],
        };
        assert.deepEqual(conflicts(machine), [
            `device ${NETWORK.link}`,
            "address 172.30.0.7",
            "address 10.244.0.9",
            "route to 172.30.0.0/16",
            "route to 10.96.0.0/24",
            "route to 172.30.1.1",
        ]);
    });

    it("takes a route to everything that is not the default route for a conflict", () => {
        assert.deepEqual(conflicts({ ...FREE, routes: ["0.0.0.0/1", "0.0.0.0/0"] }), [
            "route to 0.0.0.0/1",
            "route to 0.0.0.0/0",
        ]);
    });
});

describe("overlap of address ranges", () => {
    const address = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    const length = fc.integer({ min: 0, max: 32 });

    it("is what arithmetic on first and last addresses says", () => {
        fc.assert(
            fc.property(address, length, address, length, (a, aLength, b, bLength) => {
                const [aFirst, aLast] = bounds(a, aLength);
                const [bFirst, bLast] = bounds(b, bLength);
                assert.equal(
                    overlap(text(a, aLength), text(b, bLength)),
                    aFirst <= bLast && bFirst <= aLast,
                );
            }),
        );
    });

    it("holds for any address and a range around it", () => {
        fc.assert(
            fc.property(address, length, (a, aLength) => {
                assert.ok(overlap(text(a, 32).replace("/32", ""), text(a, aLength)));
            }),
        );
    });

    it("ends at the last bit of the prefix", () => {
        assert.ok(overlap("172.30.0.0/24", "172.30.0.255"));
        assert.ok(!overlap("172.30.0.0/24", "172.30.1.0"));
        assert.ok(!overlap("10.96.0.0/16", "10.97.0.0/16"));
    });

    function bounds(a: number, prefix: number): [number, number] {
        const size = 2 ** (32 - prefix);
        const first = Math.floor(a / size) * size;
        return [first, first + size - 1];
    }

    function text(a: number, prefix: number): string {
        const bytes = [24, 16, 8, 0].map((shift) => Math.floor(a / 2 ** shift) % 256);
        return `${bytes.join(".")}/${prefix}`;
    }
});
