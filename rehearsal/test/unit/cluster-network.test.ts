import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { MOST_WORKERS, NETWORK, conflicts, overlap, workerNetwork } from "../../cluster/network";

const FREE = { links: ["lo", "eth0"], addresses: ["127.0.0.1", "192.0.2.2"], routes: ["default"] };

describe("network of the cluster", () => {
    it("fits a machine that has none of its names and addresses", () => {
        assert.deepEqual(conflicts({ ...FREE, routes: ["default", "172.17.0.0/16"] }), []);
    });

    it("names every device, address and route in its way", () => {
        const machine = {
            links: ["lo", NETWORK.link],
            addresses: ["127.0.0.1", "172.30.0.7", "10.244.0.9"],
            routes: [
                "default",
                "172.30.0.0/16",
                "10.96.0.0/24",
                "10.244.240.0/24",
                "172.30.1.1",
                "192.0.2.0/24",
            ],
        };
        assert.deepEqual(conflicts(machine), [
            `device ${NETWORK.link}`,
            "address 172.30.0.7",
            "address 10.244.0.9",
            "route to 172.30.0.0/16",
            "route to 10.96.0.0/24",
            "route to 10.244.240.0/24",
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

describe("network of a worker", () => {
    const number = fc.integer({ min: 1, max: MOST_WORKERS });

    it("lies in the ranges of the cluster, apart from the control plane's and this machine's addresses", () => {
        fc.assert(
            fc.property(number, (one) => {
                const { address, pods } = workerNetwork(one);
                assert.ok(overlap(address, NETWORK.nodes));
                assert.ok(overlap(pods, NETWORK.pods));
                assert.notEqual(address, NETWORK.hostAddress);
                assert.notEqual(address, NETWORK.controlPlaneAddress);
            }),
        );
    });

    it("has nothing in common with that of another", () => {
        fc.assert(
            fc.property(number, number, (one, other) => {
                fc.pre(one !== other);
                const [first, second] = [workerNetwork(one), workerNetwork(other)];
                assert.notEqual(first.link, second.link);
                assert.notEqual(first.address, second.address);
                assert.ok(!overlap(first.pods, second.pods));
            }),
        );
    });

    it("has a device whose name the kernel accepts, and the documented addresses", () => {
        assert.deepEqual(workerNetwork(1), {
            link: "worker1",
            address: "172.30.0.11",
            pods: "10.244.1.0/24",
        });
        assert.ok(workerNetwork(MOST_WORKERS).link.length <= 15);
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
