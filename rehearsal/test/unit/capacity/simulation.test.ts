import assert from "node:assert/strict";
import fc from "fast-check";
import {
    BEHAVIOUR_DEFAULTS,
    type Behaviour,
    SERVICE_DEFAULTS,
    type ServiceSettings,
} from "../../../capacity/service";
import {
    type FinishedRequest,
    type Run,
    type Scenario,
    simulate,
} from "../../../capacity/simulation";
import { openTraffic, type Traffic } from "../../../capacity/traffic";

const open = (...arrivals: number[]): Traffic => ({ kind: "open", arrivals });

function scenario({
    traffic = open(0),
    seed = 1,
    until,
    ...rest
}: Partial<ServiceSettings & Behaviour & Pick<Scenario, "traffic" | "seed" | "until">>): Scenario {
    const { serviceSeconds = [10, 10], coldStartSeconds = [20, 20] } = rest;
    return {
        settings: { ...SERVICE_DEFAULTS, minScale: 0, maxScale: 10, ...rest },
        behaviour: { ...BEHAVIOUR_DEFAULTS, ...rest, serviceSeconds, coldStartSeconds },
        traffic,
        seed,
        until,
    };
}

const latency = ({ arrivedAt, endedAt }: FinishedRequest): number => endedAt - arrivedAt;

const latencies = ({ requests }: Run): number[] => requests.map(latency);

const near = (actual: number | undefined, expected: number): void => {
    assert.ok(Math.abs((actual ?? Number.NaN) - expected) < 1e-6, `${actual} is not ${expected}`);
};

const count = ({ requests }: Run, outcome: FinishedRequest["outcome"]): number =>
    requests.filter((each) => each.outcome === outcome).length;

const anyClosed = fc.record({
    kind: fc.constant("closed" as const),
    clients: fc.constantFrom(1, 4, 12),
    requests: fc.constant(24),
    queue: fc.constantFrom("own" as const, "shared" as const),
});

const anyOpen = fc
    .record({ requestsPerHour: fc.integer({ min: 5, max: 1500 }), seed: fc.nat() })
    .map(({ requestsPerHour, seed }) => openTraffic({ requestsPerHour }, { hours: 0.2, seed }));

const anyTraffic: fc.Arbitrary<Traffic> = fc.oneof(anyOpen, anyClosed);

const anyScenario: fc.Arbitrary<Scenario> = fc
    .record({
        minScale: fc.nat(3),
        more: fc.integer({ min: 1, max: 4 }),
        targetUtilizationPercentage: fc.constantFrom(100, 85, 50),
        scaleDownDelaySeconds: fc.constantFrom(0, 60, 180),
        targetBurstCapacity: fc.constantFrom(-1, 0, 211),
        containerConcurrency: fc.constantFrom(1, 2, 5),
        activators: fc.integer({ min: 1, max: 3 }),
        windowSeconds: fc.constantFrom(6, 60),
        timeoutSeconds: fc.constantFrom(60, 300),
        coldStartSeconds: fc.constantFrom([0, 0] as const, [5, 50] as const),
        endsOnSigterm: fc.boolean(),
        nodes: fc.constantFrom(undefined, { startSeconds: 100, idleSeconds: 300 }),
        traffic: anyTraffic,
        seed: fc.nat(1000),
    })
    .map(({ more, ...rest }) =>
        scenario({ ...rest, maxScale: rest.minScale + more, stopsAbandonedWork: true }),
    );

const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0);

/** Most intervals that overlap. */
function mostAtATime(intervals: readonly (readonly [from: number, to: number])[]): number {
    const steps = intervals
        .flatMap(([from, to]) => [
            { at: from, change: 1 },
            { at: to, change: -1 },
        ])
        .sort((one, other) => one.at - other.at || one.change - other.change);
    let present = 0;
    return Math.max(0, ...steps.map(({ change }) => (present += change)));
}

/** Latencies of requests that are served in their order by so many servers, each for the same time. */
function firstComeFirstServed(
    arrivals: readonly number[],
    servers: number,
    service: number,
): number[] {
    const free = new Array<number>(servers).fill(0);
    return arrivals.map((arrival) => {
        const next = free.indexOf(Math.min(...free));
        const end = Math.max(arrival, free[next] ?? 0) + service;
        free[next] = end;
        return end - arrival;
    });
}

describe("the simulation", () => {
    it("answers a request after a cold start and the work", () => {
        const run = simulate(scenario({}));
        near(latencies(run)[0], 30);
        assert.equal(run.pods.length, 1);
        near(run.totalSeconds, 30);
    });

    it("needs no cold start where a pod is always there", () => {
        near(latencies(simulate(scenario({ minScale: 1 })))[0], 10);
    });

    it("gives the same run for the same seed, and another for another", () => {
        const of = (seed: number): number[] =>
            latencies(simulate(scenario({ seed, serviceSeconds: [5, 15] })));
        assert.deepEqual(of(1), of(1));
        assert.notDeepEqual(of(1), of(2));
    });

    it("starts a pod for each of five requests, and none beyond maxScale", () => {
        const five = open(0, 0, 0, 0, 0);
        assert.equal(simulate(scenario({ traffic: five })).pods.length, 5);
        assert.equal(simulate(scenario({ traffic: five, maxScale: 3 })).pods.length, 3);
        const spare = { traffic: five, targetUtilizationPercentage: 70 };
        assert.equal(simulate(scenario(spare)).pods.length, 8);
    });

    it("gives the first pods that are started the cold starts that are given, and the others any", () => {
        const traffic = open(0, 0, 0, 0);
        const { pods } = simulate({ ...scenario({ traffic, minScale: 1 }), coldStarts: [35, 30] });
        assert.equal(pods.length, 4);
        [undefined, 35, 30, 20].forEach((expected, index) => {
            const { scheduledAt = 0, readyAt = 0 } = pods[index] ?? {};
            if (expected !== undefined) {
                near(readyAt - scheduledAt, expected);
            }
        });
    });

    it("has any activator be the first at a pod that they share, and not the one that will have it", () => {
        const [targetBurstCapacity, activators] = [211, 3];
        const traffic = open(0, 0, 0, 0, 0);
        const stacked = Array.from({ length: 200 }, (_, seed) => {
            const run = simulate(scenario({ traffic, targetBurstCapacity, activators, seed }));
            return Math.max(...latencies(run)) > 55;
        });
        const share = stacked.filter(Boolean).length / stacked.length;
        assert.ok(share > 0.1 && share < 0.4, String(share));
    });

    it("lets the last pod go when the stable window has passed, and holds its GPU while it drains", () => {
        const { pods, gpuSeconds } = simulate(scenario({}));
        const [pod] = pods;
        const [deletedAt = 0, goneAt = 0] = [pod?.deletedAt, pod?.goneAt];
        // Answered at 30; the window is silent 60 s after the report of that second.
        assert.ok(deletedAt > 90 && deletedAt < 94, String(deletedAt));
        near(goneAt - deletedAt, 30);
        near(gpuSeconds, goneAt - (pod?.scheduledAt ?? 0));
    });

    it("keeps the last pod for 30 s more where the activators were not in the path", () => {
        const deletedAt = (targetBurstCapacity: number): number =>
            simulate(scenario({ targetBurstCapacity, windowSeconds: 6 })).pods[0]?.deletedAt ?? 0;
        const difference = deletedAt(0) - deletedAt(-1);
        assert.ok(difference > 28 && difference < 34, String(difference));
    });

    it("does not delete a pod that it waits for, although nobody does any more", () => {
        const [pod] = simulate(
            scenario({ timeoutSeconds: 60, windowSeconds: 6, coldStartSeconds: [300, 300] }),
        ).pods;
        near((pod?.readyAt ?? 0) - (pod?.scheduledAt ?? 0), 300);
        assert.ok((pod?.deletedAt ?? 0) > (pod?.readyAt ?? 0));
    });

    it("keeps pods for the delay on top", () => {
        const [pod] = simulate(scenario({ scaleDownDelaySeconds: 120 })).pods;
        const deletedAt = pod?.deletedAt ?? 0;
        assert.ok(deletedAt > 208 && deletedAt < 216, String(deletedAt));
    });

    it("holds a GPU until timeoutSeconds where the container ignores SIGTERM", () => {
        const [pod] = simulate(scenario({ endsOnSigterm: false, timeoutSeconds: 300 })).pods;
        near((pod?.goneAt ?? 0) - (pod?.deletedAt ?? 0), 300);
    });

    it("keeps all pods for a whole window with -1, and lets them go one by one where pods are asked", () => {
        const traffic = { kind: "closed", clients: 5, requests: 50, queue: "own" } as const;
        const lastDeletion = (targetBurstCapacity: number): number[] => {
            const { pods, totalSeconds } = simulate(
                scenario({ traffic, targetBurstCapacity, coldStartSeconds: [0, 0] }),
            );
            return pods.map(({ deletedAt = 0 }) => deletedAt - totalSeconds).sort((a, b) => a - b);
        };
        const [earliest = 0] = lastDeletion(-1);
        assert.ok(earliest > 30, String(earliest));
        const [first = 0, second = 0] = lastDeletion(211);
        assert.ok(first < 20, String(first));
        assert.ok(second > first + 6, String(second));
    });

    it("refuses the twelfth request at a pod that the gateway sends all to", () => {
        const traffic = open(...new Array<number>(12).fill(0));
        const settings = { minScale: 1, maxScale: 1, targetBurstCapacity: 0, traffic };
        const run = simulate(scenario(settings));
        assert.equal(count(run, "refused"), 1);
        assert.equal(count(run, "answered"), 11);
        assert.equal(
            count(simulate(scenario({ ...settings, targetBurstCapacity: -1 })), "answered"),
            12,
        );
    });

    it("ends a request at timeoutSeconds, waiting included", () => {
        const traffic = open(0, 0, 0);
        const run = simulate(scenario({ minScale: 1, maxScale: 1, timeoutSeconds: 25, traffic }));
        assert.deepEqual(
            run.requests.map(({ outcome }) => outcome),
            ["answered", "answered", "timeout"],
        );
        near(latencies(run)[2], 25);
    });

    it("has each activator keep to its own pods, so that a request may wait beside an idle one", () => {
        const traffic = open(0, 0.1, 0.2, 0.3);
        const waits = (activators: number): number[] =>
            [1, 2, 3, 4, 5, 6, 7, 8].map((seed) =>
                Math.max(
                    ...latencies(
                        simulate(scenario({ minScale: 4, activators, traffic, seed, maxScale: 4 })),
                    ),
                ),
            );
        for (const longest of waits(1)) {
            near(longest, 10);
        }
        assert.ok(Math.max(...waits(2)) > 19);
    });

    it("prefers pods by their addresses, which do not follow the order of creation", () => {
        const traffic = open(0, 20, 40);
        const taken = Array.from({ length: 20 }, (_, seed) => {
            const { requests } = simulate(scenario({ minScale: 3, traffic, seed }));
            const pods = new Set(requests.map(({ pod }) => pod));
            assert.equal(pods.size, 1);
            return [...pods][0];
        });
        assert.deepEqual([...new Set(taken)].sort(), [0, 1, 2]);
    });

    it("lets an abandoned request take a pod all the same, as the WebUI does, unless work stops", () => {
        const traffic = {
            kind: "closed",
            clients: 2,
            requests: 2,
            queue: "shared",
            abandoned: { every: 2, afterSeconds: 1 },
        } as const;
        const fleet = { minScale: 1, maxScale: 1, traffic };
        const goesOn = simulate(scenario(fleet));
        assert.equal(count(goesOn, "abandoned"), 1);
        near(latencies(goesOn)[1], 20);
        assert.equal(goesOn.pods[0]?.mostInContainer, 2);
        const stops = simulate(scenario({ ...fleet, stopsAbandonedWork: true }));
        near(latencies(stops)[1], 11);
    });

    it("lets a request that was given up in the queue reach a pod", () => {
        const traffic = {
            kind: "closed",
            clients: 3,
            requests: 4,
            queue: "shared",
            abandoned: { every: 2, afterSeconds: 1 },
        } as const;
        // The first and the third of the four are given up: the third waits when its client goes.
        const run = simulate(scenario({ minScale: 1, maxScale: 1, traffic }));
        near(latencies(run)[1], 20);
        near(latencies(run)[3], 39);
    });

    it("loses what a deleted pod has not finished when its drain is over, if its container ends", () => {
        const outcomes = (endsOnSigterm: boolean): string[] =>
            simulate(
                scenario({
                    traffic: open(0, 50),
                    serviceSeconds: [100, 100],
                    coldStartSeconds: [0, 0],
                    windowSeconds: 6,
                    endsOnSigterm,
                }),
            ).requests.map(({ outcome }) => outcome);
        // When the first is done, one pod is enough, and the younger one goes.
        assert.deepEqual(outcomes(true), ["answered", "lost"]);
        assert.deepEqual(outcomes(false), ["answered", "answered"]);
    });

    it("takes a node that is free, and one that has to start otherwise", () => {
        const nodes = { startSeconds: 100, idleSeconds: 600 };
        const run = simulate(scenario({ nodes, traffic: open(0, 300), until: 2000 }));
        near(latencies(run)[0], 130);
        near(latencies(run)[1], 30);
        const [first, second] = run.pods;
        // Asked for at 0; free when the second pod is gone; kept for 600 s.
        near(run.nodeSeconds, (second?.goneAt ?? 0) + 600);
        near(first?.scheduledAt, 100);
    });

    it("has a node for each pod that is always there", () => {
        const nodes = { startSeconds: 100, idleSeconds: 600 };
        const run = simulate(scenario({ nodes, minScale: 2, until: 500 }));
        near(run.gpuSeconds, 1000);
        near(run.nodeSeconds, 1000);
    });

    it("pays until the end that is given", () => {
        near(simulate(scenario({ minScale: 2, traffic: open(0), until: 500 })).gpuSeconds, 1000);
    });

    it("ends each request once, at its time, in a pod that never has too many", () => {
        fc.assert(
            fc.property(anyScenario, (any) => {
                const { settings, traffic } = any;
                const run = simulate(any);
                const expected =
                    traffic.kind === "open" ? traffic.arrivals.length : traffic.requests;
                assert.equal(run.requests.length, expected);
                for (const request of run.requests) {
                    if (request.outcome === "answered") {
                        assert.ok(latency(request) >= request.serviceSeconds - 1e-9);
                        assert.notEqual(request.pod, undefined);
                    }
                    assert.ok(latency(request) <= settings.timeoutSeconds + 1e-9);
                }
                for (const { mostInContainer } of run.pods) {
                    assert.ok(mostInContainer <= settings.containerConcurrency);
                }
            }),
        );
    });

    it("never wants more pods than maxScale, and pays for no less than the work", () => {
        fc.assert(
            fc.property(anyScenario, (any) => {
                const { settings, behaviour } = any;
                const { pods, requests, gpuSeconds, nodeSeconds } = simulate(any);
                const wanted = pods.map(
                    ({ createdAt, deletedAt = Number.POSITIVE_INFINITY }) =>
                        [createdAt, deletedAt] as const,
                );
                assert.ok(mostAtATime(wanted) <= settings.maxScale);
                const work = requests
                    .filter(({ outcome }) => outcome === "answered")
                    .map(({ serviceSeconds }) => serviceSeconds);
                assert.ok(gpuSeconds * settings.containerConcurrency >= sum(work) - 1e-6);
                assert.ok(
                    behaviour.nodes === undefined
                        ? nodeSeconds === gpuSeconds
                        : nodeSeconds >= gpuSeconds - 1e-6,
                );
            }),
        );
    });

    it("is back at minScale in the end, with every other pod gone", () => {
        fc.assert(
            fc.property(anyScenario, (any) => {
                const { pods } = simulate(any);
                const left = pods.filter(({ goneAt }) => goneAt === undefined);
                assert.equal(left.length, any.settings.minScale);
            }),
        );
    });

    it("keeps to Little's law: requests at a time are rate times latency", () => {
        const traffic = openTraffic({ requestsPerHour: 720 }, { hours: 1, seed: 5 });
        const run = simulate(scenario({ traffic, minScale: 1 }));
        let present = 0;
        for (let second = 0; second < 3600; second++) {
            present += run.requests.filter(
                ({ arrivedAt, endedAt }) => arrivedAt <= second && second < endedAt,
            ).length;
        }
        const rateTimesLatency = sum(latencies(run)) / 3600;
        assert.ok(Math.abs(present / 3600 / rateTimesLatency - 1) < 0.02);
    });

    it("serves a fixed fleet in the order of arrival, with no request waiting beside an idle pod", () => {
        fc.assert(
            fc.property(anyOpen, fc.integer({ min: 1, max: 6 }), (traffic, pods) => {
                const fleet = { minScale: pods, maxScale: pods, timeoutSeconds: 1e6, traffic };
                const actual = latencies(simulate(scenario(fleet)));
                firstComeFirstServed(traffic.arrivals, pods, 10).forEach((expected, index) => {
                    near(actual[index], expected);
                });
            }),
        );
    });

    it("answers no request later with one pod more", () => {
        fc.assert(
            fc.property(anyOpen, fc.integer({ min: 1, max: 6 }), (traffic, pods) => {
                const of = (scale: number): number[] =>
                    latencies(simulate(scenario({ minScale: scale, maxScale: scale, traffic })));
                const more = of(pods + 1);
                of(pods).forEach((each, index) => {
                    assert.ok((more[index] ?? Number.NaN) <= each + 1e-6);
                });
            }),
        );
    });

    it("waits as long as queueing theory says, with one pod (Pollaczek and Khinchine)", () => {
        const traffic = openTraffic({ requestsPerHour: 180 }, { hours: 80, seed: 1 });
        const fleet = { minScale: 1, maxScale: 1, timeoutSeconds: 1e6, traffic, until: 0 };
        const all = latencies(simulate(scenario(fleet)));
        // Half of the time at work, 10 s each: 0.5 × 10 / (2 × (1 − 0.5)).
        const wait = sum(all) / all.length - 10;
        assert.ok(Math.abs(wait / 5 - 1) < 0.06, `${wait} is not 5`);
    });
});
