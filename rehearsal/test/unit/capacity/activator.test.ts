import assert from "node:assert/strict";
import fc from "fast-check";
import { Activator, sliceOf } from "../../../capacity/activator";
import { Pod } from "../../../capacity/pod";
import type { Request } from "../../../capacity/request";

const pods = (count: number): Pod[] =>
    Array.from({ length: count }, (_, number) => new Pod(number, 0, undefined, number, number));

const request = (number: number): Request => ({
    number,
    arrivedAt: 0,
    serviceSeconds: 10,
    onEnd: () => undefined,
    activator: undefined,
    pod: undefined,
    isHeld: true,
    endedAt: undefined,
    outcome: undefined,
});

/** Lets requests come in, and says to which pods they go, in which order. */
function sent(activator: Activator, numbers: readonly number[]): [request: number, pod: number][] {
    for (const number of numbers) {
        activator.enter(0, request(number));
    }
    const result: [number, number][] = [];
    for (let next = activator.next(); next !== undefined; next = activator.next()) {
        next.request.pod = next.pod;
        result.push([next.request.number, next.pod.number]);
    }
    return result;
}

describe("sliceOf", () => {
    it("gives each pod to one activator, and each activator the same number or one more", () => {
        fc.assert(
            fc.property(
                fc.integer({ min: 1, max: 5 }),
                fc.integer({ min: 0, max: 20 }),
                (of, more) => {
                    const ready = Array.from({ length: of + more }, (_, index) => index);
                    const slices = ready.slice(0, of).map((place) => sliceOf(ready, place, of));
                    assert.deepEqual(
                        slices.flat().sort((a, b) => a - b),
                        ready,
                    );
                    const sizes = slices.map(({ length }) => length);
                    assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
                },
            ),
        );
    });

    it("lets activators share pods when there are too few", () => {
        const slices = [0, 1, 2].map((place) => sliceOf(["a", "b"], place, 3));
        assert.deepEqual(slices, [["a"], ["b"], ["a"]]);
        assert.deepEqual(sliceOf(["a"], 2, 3), ["a"]);
        assert.deepEqual(sliceOf([], 2, 3), []);
    });
});

describe("an activator", () => {
    it("sends the oldest request to the first of its pods with a free slot", () => {
        const activator = new Activator(1);
        activator.setPods(pods(3));
        assert.deepEqual(sent(activator, [7, 8]), [
            [7, 0],
            [8, 1],
        ]);
    });

    it("keeps what no pod has a slot for, and sends it when one is free", () => {
        const activator = new Activator(1);
        const [pod] = pods(1);
        activator.setPods(pod ? [pod] : []);
        const first = request(1);
        activator.enter(0, first);
        activator.next();
        first.pod = pod;
        assert.deepEqual(sent(activator, [2, 3]), []);
        activator.leave(5, first);
        assert.deepEqual(sent(activator, []), [[2, 0]]);
    });

    it("fills each of up to three slots of a pod before the next one", () => {
        const activator = new Activator(2);
        activator.setPods(pods(2));
        assert.deepEqual(sent(activator, [0, 1, 2]), [
            [0, 0],
            [1, 0],
            [2, 1],
        ]);
    });

    it("takes turns where pods have more than three slots", () => {
        const activator = new Activator(4);
        activator.setPods(pods(2));
        assert.deepEqual(sent(activator, [0, 1, 2]), [
            [0, 0],
            [1, 1],
            [2, 0],
        ]);
    });

    it("sends only to its share of the pods", () => {
        const activator = new Activator(1);
        activator.setPlace(1, 2);
        activator.setPods(pods(4));
        assert.deepEqual(sent(activator, [0, 1, 2]), [
            [0, 2],
            [1, 3],
        ]);
    });

    it("counts what is in pods that it has no more, so that a request may wait beside an idle pod", () => {
        const activator = new Activator(1);
        const [busy, other, idle] = pods(3) as [Pod, Pod, Pod];
        activator.setPods([busy, other]);
        const first = request(0);
        const second = request(1);
        activator.enter(0, first);
        activator.enter(0, second);
        first.pod = activator.next()?.pod;
        second.pod = activator.next()?.pod;
        activator.setPods([idle]);
        assert.deepEqual(sent(activator, [2]), []);
        activator.leave(1, first);
        assert.deepEqual(sent(activator, []), []);
        activator.leave(2, second);
        assert.deepEqual(sent(activator, []), [[2, 2]]);
    });

    it("has nothing to tell of a request that left while it waited", () => {
        const activator = new Activator(1);
        const waiting = request(0);
        activator.enter(0, waiting);
        activator.leave(1, waiting);
        activator.setPods(pods(1));
        assert.deepEqual(sent(activator, []), []);
    });

    it("tells of its first request at once, and leaves it out of its first report", () => {
        const activator = new Activator(1);
        assert.equal(activator.enter(0.5, request(0)), true);
        assert.equal(activator.enter(0.5, request(1)), false);
        assert.equal(activator.enter(0.75, request(2)), false);
        assert.equal(activator.report(1), 1.5);
        assert.equal(activator.report(2), 3);
    });

    it("reports zero once when nothing is left, and then nothing until the next request", () => {
        const activator = new Activator(1);
        const only = request(0);
        activator.enter(0, only);
        activator.report(1);
        activator.leave(1.25, only);
        assert.equal(activator.report(2), 0.25);
        assert.equal(activator.report(3), 0);
        assert.equal(activator.report(4), undefined);
        assert.equal(activator.enter(9, request(1)), true);
    });
});
