import assert from "node:assert/strict";
import fc from "fast-check";
import { capacityShortfall, gpuCapacity, type GpuCapacityArgs } from "../components/gpu-capacity";

const anyArgs: fc.Arbitrary<GpuCapacityArgs> = fc
    .record({
        maxScale: fc.integer({ min: 1, max: 10 }),
        gpusPerNode: fc.integer({ min: 1, max: 8 }),
        gpuNodesMax: fc.integer({ min: 1, max: 100 }),
    })
    .chain(({ maxScale, gpusPerNode, gpuNodesMax }) =>
        fc.record({
            minScale: fc.integer({ min: 0, max: maxScale }),
            gpusPerPod: fc.integer({ min: 1, max: gpusPerNode }),
            maxScale: fc.constant(maxScale),
            gpusPerNode: fc.constant(gpusPerNode),
            gpuNodesMax: fc.constant(gpuNodesMax),
        }),
    );

/** The fewest nodes with room for the pods of a rollout, found by filling node after node. */
function nodesFor({ minScale, maxScale, gpusPerPod, gpusPerNode }: GpuCapacityArgs): number {
    let pods = maxScale + Math.max(1, minScale);
    let nodes = 0;
    while (pods > 0) {
        nodes += 1;
        for (let free = gpusPerNode; free >= gpusPerPod && pods > 0; free -= gpusPerPod) {
            pods -= 1;
        }
    }
    return nodes;
}

describe("capacityShortfall", () => {
    it("finds room on exactly as many nodes as a rollout fills, and not on one less", () => {
        fc.assert(
            fc.property(anyArgs, (args) => {
                const gpuNodesMax = nodesFor(args);
                assert.equal(capacityShortfall({ ...args, gpuNodesMax }), undefined);
                assert.ok(capacityShortfall({ ...args, gpuNodesMax: gpuNodesMax - 1 }));
            }),
        );
    });

    it("names the nodes that would do", () => {
        fc.assert(
            fc.property(anyArgs, (args) => {
                const shortfall = capacityShortfall(args);
                const allowed = /^at least ([0-9]+),/.exec(shortfall?.allowed ?? "")?.[1];
                assert.equal(
                    allowed,
                    args.gpuNodesMax < nodesFor(args) ? String(nodesFor(args)) : undefined,
                );
            }),
        );
    });

    it("says how many pods there are, and for how many there is room", () => {
        assert.deepEqual(
            capacityShortfall({
                minScale: 2,
                maxScale: 5,
                gpusPerPod: 3,
                gpusPerNode: 8,
                gpuNodesMax: 3,
            }),
            {
                allowed:
                    "at least 4, since maxScale 5 and the first 2 of a new revision are 7 pods with 21 GPUs",
                consequence:
                    "there is room for 6 of the 7 pods that a rollout under full load has, so the new revision waits until pods of the old one are gone, and gives up after progressDeadlineSeconds",
            },
        );
    });
});

describe("gpuCapacity", () => {
    it("counts no GPU that is left over on a node", () => {
        fc.assert(
            fc.property(anyArgs, (args) => {
                const leftOver = args.gpusPerNode % args.gpusPerPod;
                assert.equal(gpuCapacity(args), args.gpuNodesMax * (args.gpusPerNode - leftOver));
            }),
        );
    });
});
