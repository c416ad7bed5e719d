import fc from "fast-check";
import assert from "node:assert/strict";
import { figuresOf, gpuSeconds } from "../../../load/run-figures";
import { podOf, runOf, sampleOf } from "./runs";

const drawnBy = (pod: string, drew: number) => ({ standIn: { pod, inFlight: 1, waited: 0, drew } });

describe("the figures of a run", () => {
    it("count images, failures and what was given up apart", () => {
        const { requests, images, failed, cancelled, outcomes } = figuresOf(
            runOf({
                samples: [
                    sampleOf(0, 1),
                    sampleOf(0, 2, { status: 503 }),
                    sampleOf(0, 3, { status: undefined, error: "ECONNRESET" }),
                    sampleOf(0, 4, { error: "ECONNRESET" }),
                    sampleOf(0, 1, {
                        status: undefined,
                        error: "given up by its client",
                        cancelled: true,
                    }),
                ],
            }),
        );
        assert.deepEqual([requests, images, failed, cancelled], [5, 1, 3, 1]);
        assert.deepEqual(outcomes, { "200": 1, "503": 1, ECONNRESET: 2, "given up": 1 });
    });

    it("count latencies from the moment at which a request was to be sent, failures as endless", () => {
        const { latencies, total } = figuresOf(
            runOf({
                samples: [
                    sampleOf(3, 5, { scheduled: 1 }),
                    sampleOf(2, 9, { status: 504 }),
                    sampleOf(2, 3, { status: undefined, cancelled: true }),
                ],
            }),
        );
        assert.deepEqual(latencies, [4, Infinity]);
        assert.equal(total, 8);
    });

    it("take hey's table from hey itself where it sent the requests", () => {
        const samples = Array.from({ length: 3 }, () => sampleOf(0, 9));
        const requests = [
            { responseTime: 2, status: 200, offset: 1 },
            { responseTime: 4, status: 503, offset: 2 },
        ];
        const { hey } = figuresOf(runOf({ samples, hey: { command: "hey", requests } }));
        assert.deepEqual([hey?.total, hey?.fastest, hey?.slowest, hey?.average], [5, 2, 4, 3]);
        assert.equal(hey?.requestsPerSecond, 3 / 5);
        const { hey: own } = figuresOf(
            runOf({ samples: [sampleOf(1, 3), sampleOf(1, 4, { error: "x" })] }),
        );
        assert.deepEqual([own?.total, own?.average, own?.requestsPerSecond], [3, 2, 2 / 3]);
    });

    it("compare with a fleet of warm pods that none of the clients' requests finds idle in vain", () => {
        // 50 requests of 2 s by 5 clients on 5 pods: 20 s at least; it took 25.
        const samples = Array.from({ length: 50 }, (_, index) =>
            sampleOf(index / 2, index / 2 + 0.5, drawnBy("a", 2)),
        );
        const five = figuresOf(runOf({ samples }));
        assert.deepEqual(
            [five.serviceSeconds, five.floor, five.total, five.efficiency],
            [2, 20, 25, 0.8],
        );
        const three = figuresOf(runOf({ samples, podsMost: 3 }));
        assert.deepEqual([three.floor, three.efficiency], [34, 100 / 75]);
        const ten = figuresOf(runOf({ samples, podsMost: 10 }));
        assert.equal(ten.floor, 20);
    });

    it("take the fastest request for the time of an image where no stand-in says it", () => {
        const { serviceSeconds } = figuresOf(runOf({ samples: [sampleOf(0, 3), sampleOf(0, 2)] }));
        assert.equal(serviceSeconds, 2);
    });

    it("have no floor where requests arrive by chance or are given up", () => {
        const samples = [sampleOf(0, 2)];
        const { profile } = runOf();
        const open = { ...profile, arrivals: { kind: "open", rate: 1 } } as const;
        assert.equal(figuresOf(runOf({ samples, profile: open })).floor, undefined);
        assert.equal(figuresOf(runOf({ samples, profile: open })).efficiency, undefined);
        const cancel = { ...profile, cancel: { every: 2, afterSeconds: 1 } };
        assert.equal(figuresOf(runOf({ samples, profile: cancel })).floor, undefined);
    });

    it("count a GPU from the node's choice until the pod is gone, during the load and after it", () => {
        const run = runOf({
            samples: [sampleOf(0, 100)],
            end: 200,
            pods: [
                podOf("a", { before: true, scheduled: 0, deleted: 30 }),
                podOf("b", { scheduled: 20, deleted: 150, gpus: 2 }),
                podOf("c", { scheduled: 90 }),
                podOf("waits for a node"),
            ],
        });
        const { gpuSecondsDuringLoad, gpuSecondsUntilSettled } = figuresOf(run);
        assert.equal(gpuSecondsDuringLoad, 30 + 2 * 80 + 10);
        assert.equal(gpuSecondsUntilSettled, 30 + 2 * 130 + 110);
        assert.equal(
            figuresOf({ ...run, interrupted: "SIGINT" }).gpuSecondsUntilSettled,
            undefined,
        );
        const { profile } = run;
        const brief = { ...profile, untilSettled: false };
        assert.equal(figuresOf({ ...run, profile: brief }).gpuSecondsUntilSettled, undefined);
    });

    it("never count more GPU-seconds than pods times time, nor less of a longer time", () => {
        const pod = fc
            .tuple(fc.nat(100), fc.nat(100))
            .map(([scheduled, held]) => podOf("p", { scheduled, deleted: scheduled + held }));
        fc.assert(
            fc.property(
                fc.array(pod),
                fc.nat(100),
                fc.nat(100),
                fc.nat(100),
                (pods, from, span, more) => {
                    const counted = gpuSeconds(pods, from, from + span);
                    assert.ok(counted >= 0 && counted <= pods.length * span);
                    assert.ok(counted <= gpuSeconds(pods, from, from + span + more));
                },
            ),
        );
    });

    it("know the most requests in a pod from answers and from the pods' own counters", () => {
        const two = { standIn: { pod: "a", inFlight: 2, waited: 0, drew: 1 } };
        const samples = [sampleOf(0, 1, two), sampleOf(0, 1)];
        assert.equal(figuresOf(runOf({ samples })).maxInFlight, 2);
        assert.equal(figuresOf(runOf({ samples })).sentToBusyPod, 1);
        const pods = [podOf("a", { standIn: { maxInFlight: 4, requests: 9 } })];
        assert.equal(figuresOf(runOf({ samples, pods })).maxInFlight, 4);
        assert.equal(figuresOf(runOf({ samples: [sampleOf(0, 1)] })).maxInFlight, undefined);
    });

    it("know how long it took until a request failed, given up ones aside", () => {
        const samples = [
            sampleOf(0, 1),
            sampleOf(0, 20, { cancelled: true }),
            sampleOf(2, 5, { status: 504 }),
            sampleOf(2, 4, { status: 503 }),
        ];
        assert.equal(figuresOf(runOf({ samples })).longestFailure, 3);
        assert.equal(figuresOf(runOf({ samples: [sampleOf(0, 1)] })).longestFailure, undefined);
    });

    it("know when the next drawing began after a disturbance", () => {
        const drew = { standIn: { pod: "a", inFlight: 1, waited: 0, drew: 2 } };
        const samples = [
            sampleOf(0, 11, drew),
            sampleOf(0, 17, drew),
            sampleOf(0, 16, drew),
            sampleOf(0, 13, { ...drew, status: 503 }),
        ];
        const disturbance = { kind: "activator-loss", at: 10 } as const;
        assert.equal(figuresOf(runOf({ samples, disturbance })).recovery, 4);
        assert.equal(figuresOf(runOf({ samples })).recovery, undefined);
        assert.equal(
            figuresOf(runOf({ samples, disturbance: { ...disturbance, at: 50 } })).recovery,
            undefined,
        );
    });

    it("know how long a request waited in its pod, of those that were answered", () => {
        const waited = (seconds: number) => ({
            standIn: { pod: "a", inFlight: 1, waited: seconds, drew: 1 },
        });
        const samples = [
            sampleOf(0, 3, waited(0.5)),
            sampleOf(0, 9, { ...waited(7), cancelled: true }),
            sampleOf(0, 2, waited(0.25)),
        ];
        assert.equal(figuresOf(runOf({ samples })).waitedInPod, 0.5);
        assert.equal(figuresOf(runOf({ samples: [sampleOf(0, 1)] })).waitedInPod, undefined);
    });

    it("count what GPUs drew, and were spared to draw, for clients that had gone", () => {
        const counting = (abandonedSeconds: number, savedSeconds: number) => ({
            maxInFlight: 1,
            requests: 1,
            abandonedSeconds,
            savedSeconds,
        });
        const pods = [
            podOf("a", { standIn: counting(0.5, 8) }),
            podOf("b", { gpus: 2, standIn: counting(1, 3) }),
            podOf("c"),
        ];
        const { abandonedGpuSeconds, savedGpuSeconds } = figuresOf(runOf({ pods }));
        assert.deepEqual([abandonedGpuSeconds, savedGpuSeconds], [2.5, 14]);
        const older = [podOf("a", { standIn: { maxInFlight: 4, requests: 9 } })];
        assert.equal(figuresOf(runOf({ pods: older })).abandonedGpuSeconds, undefined);
    });

    it("show the phases of the cold starts of the run, of pods that became ready", () => {
        const { coldStarts } = figuresOf(
            runOf({
                pods: [
                    podOf("warm", { before: true, scheduled: 0, started: 0, ready: 0 }),
                    podOf("cold", { created: 1, scheduled: 4, started: 6, ready: 16 }),
                    podOf("never", { created: 1, scheduled: 4 }),
                ],
            }),
        );
        assert.deepEqual(coldStarts, [{ pod: "cold", created: 3, scheduled: 2, started: 10 }]);
    });
});

describe("the longest wait while a ready pod idles", () => {
    const warm = { before: true, scheduled: 0, started: 0, ready: 0 };
    const pods = [podOf("a", warm), podOf("b", warm)];

    it("is the time that a request waits for a busy pod beside an idle one", () => {
        // The second waits 10 s for a; b draws something from 4 s to 7 s and idles otherwise.
        const samples = [
            sampleOf(0, 10, drawnBy("a", 10)),
            sampleOf(0, 20, drawnBy("a", 10)),
            sampleOf(4, 7, drawnBy("b", 3)),
        ];
        assert.equal(figuresOf(runOf({ samples, pods })).idleWhileWaiting, 7);
    });

    it("is 0 where every pod has work, or is not ready, or is on its way out", () => {
        const samples = [sampleOf(0, 10, drawnBy("a", 10)), sampleOf(0, 20, drawnBy("a", 10))];
        const busy = [...samples, sampleOf(0, 20, drawnBy("b", 20))];
        assert.equal(figuresOf(runOf({ samples: busy, pods })).idleWhileWaiting, 0);
        for (const b of [
            podOf("b", { scheduled: 0 }),
            podOf("b", { scheduled: 0, ready: 15 }),
            podOf("b", { ...warm, terminating: 0 }),
        ]) {
            assert.equal(
                figuresOf(runOf({ samples, pods: [pods[0] ?? b, b] })).idleWhileWaiting,
                0,
            );
        }
    });

    it("begins with the request, not with the pod", () => {
        const samples = [sampleOf(0, 10, drawnBy("a", 10)), sampleOf(8, 20, drawnBy("a", 10))];
        assert.equal(figuresOf(runOf({ samples, pods })).idleWhileWaiting, 2);
    });

    it("is unknown where a request says not by which pod it was drawn", () => {
        const samples = [sampleOf(0, 10, drawnBy("a", 10)), sampleOf(0, 20)];
        assert.equal(figuresOf(runOf({ samples, pods })).idleWhileWaiting, undefined);
        assert.equal(figuresOf(runOf({ pods })).idleWhileWaiting, undefined);
    });
});
