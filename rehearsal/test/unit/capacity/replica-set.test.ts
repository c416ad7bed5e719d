import assert from "node:assert/strict";
import { Pod } from "../../../capacity/pod";
import { victimOf } from "../../../capacity/replica-set";

const NOW = 1000;

/** A pod that was made, and perhaps was ready, so many seconds ago. */
function pod(
    uid: number,
    {
        created,
        ready,
        isScheduled = true,
    }: {
        readonly created: number;
        readonly ready?: number;
        readonly isScheduled?: boolean;
    },
): Pod {
    const made = new Pod(uid, NOW - created, undefined, 0, uid);
    made.scheduledAt = isScheduled ? made.createdAt : NOW + 100;
    made.readyAt = ready === undefined ? undefined : NOW - ready;
    return made;
}

const victim = (...pods: Pod[]): number => victimOf(pods, NOW).uid;

describe("victimOf", () => {
    it("is a pod without a node, else one that is not ready", () => {
        const ready = pod(1, { created: 50, ready: 1 });
        const starting = pod(2, { created: 900 });
        const unscheduled = pod(3, { created: 900, isScheduled: false });
        assert.equal(victim(ready, starting, unscheduled), 3);
        assert.equal(victim(ready, starting), 2);
    });

    it("is the youngest of the ready ones, by when they were ready", () => {
        const old = pod(1, { created: 300, ready: 250 });
        const young = pod(2, { created: 400, ready: 20 });
        assert.equal(victim(old, young), 2);
        assert.equal(victim(young, old), 2);
    });

    it("is any of those whose ages have the same power of two, in nanoseconds", () => {
        // 2^36 ns are 68.7 s, 2^37 ns 137.4 s.
        assert.equal(
            victim(pod(1, { created: 200, ready: 137 }), pod(2, { created: 200, ready: 69 })),
            1,
        );
        assert.equal(
            victim(pod(1, { created: 200, ready: 138 }), pod(2, { created: 200, ready: 69 })),
            2,
        );
        assert.equal(
            victim(pod(1, { created: 200, ready: 69 }), pod(2, { created: 200, ready: 68 })),
            2,
        );
    });

    it("is the youngest of those that are starting", () => {
        assert.equal(victim(pod(1, { created: 100 }), pod(2, { created: 10 })), 2);
    });

    it("is nothing where there is no pod", () => {
        assert.throws(() => victimOf([], NOW), /no pod to delete/);
    });
});
