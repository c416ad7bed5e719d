import assert from "node:assert/strict";
import { experimentPoints, pointOf } from "../../../capacity/experiment-points";
import { type Experiment, EXPERIMENTS } from "../../../load/experiments";
import { PROFILES } from "../../../load/profiles";
import type { RunRecord } from "../../../load/run-record";
import { podOf, runOf, sampleOf } from "../load/runs";

const EXPERIMENT = { id: "X1", title: "a trial" };

const AUTOSCALING = {
    "autoscaling.knative.dev/min-scale": "1",
    "autoscaling.knative.dev/max-scale": "10",
    "autoscaling.knative.dev/target-utilization-percentage": "85",
    "autoscaling.knative.dev/scale-down-delay": "120s",
    "autoscaling.knative.dev/target-burst-capacity": "-1",
};

const SETTINGS: RunRecord["settings"] = {
    autoscaling: AUTOSCALING,
    containerConcurrency: 1,
    timeoutSeconds: 240,
    readinessProbe: undefined,
    standIn: { MODEL_SERVER_MODEL_LOADED_SECONDS: "43" },
};

const standIn = (
    drew: number,
    pod = "a",
): NonNullable<RunRecord["samples"][number]["standIn"]> => ({
    pod,
    inFlight: 1,
    waited: 0,
    drew,
});

/** Three requests and two pods, of which one was there before. */
const RUN = runOf({
    settings: SETTINGS,
    minScale: 1,
    podsMost: 7,
    activators: 2,
    samples: [
        sampleOf(1, 11, { standIn: standIn(9.9) }),
        sampleOf(3, 15, { standIn: standIn(10.4) }),
        sampleOf(2, 22, { standIn: standIn(10) }),
    ],
    pods: [
        podOf("a", { before: true, scheduled: 0, ready: 0 }),
        podOf("b", { scheduled: 2, ready: 46, deleted: 62 }),
    ],
    end: 71,
});

const changed = (settings: Partial<RunRecord["settings"]>, other: Partial<RunRecord> = {}) => ({
    ...RUN,
    settings: { ...SETTINGS, ...settings },
    ...other,
});

describe("pointOf", () => {
    it("takes settings, load and behaviour from what the runs observed", () => {
        const slower = {
            ...RUN,
            samples: [sampleOf(1, 12, { standIn: standIn(10.5) })],
            pods: [podOf("b", { scheduled: 2, ready: 45 })],
        };
        const point = pointOf(EXPERIMENT, [RUN, slower]);
        assert.deepEqual(point.settings, {
            minScale: 1,
            maxScale: 7,
            targetUtilizationPercentage: 85,
            scaleDownDelaySeconds: 120,
            targetBurstCapacity: -1,
            containerConcurrency: 1,
            timeoutSeconds: 240,
            activators: 2,
        });
        assert.deepEqual(point.behaviour, {
            serviceSeconds: [9.9, 10.5],
            coldStartSeconds: [43, 44],
            endsOnSigterm: true,
        });
        assert.deepEqual(point.traffic, {
            kind: "closed",
            clients: 5,
            requests: 50,
            queue: "own",
        });
    });

    it("computes the figures of each run as the report does", () => {
        const samples = Array.from({ length: 100 }, (_, index) =>
            sampleOf(1, 2 + index, { standIn: standIn(10) }),
        );
        const point = pointOf(EXPERIMENT, [{ ...RUN, samples, loadEnd: 101 }]);
        assert.deepEqual(point.runs, [
            {
                totalSeconds: 100,
                mean: 50.5,
                p50: 51,
                p90: 91,
                p95: 96,
                slowest: 100,
                // From the first request on: one pod until all had settled, the other until it was gone.
                gpuSecondsPerImage: (70 + 60) / 100,
            },
        ]);
        assert.equal(point.paidUntil, "settled");
    });

    it("takes the moments of open arrivals from the samples, and GPU time until the last answer", () => {
        const profile = { name: "steady", ...PROFILES.steady };
        const point = pointOf(EXPERIMENT, [{ ...RUN, profile }]);
        assert.deepEqual(point.traffic, { kind: "moments", ofRuns: [[0, 1, 2]] });
        assert.equal(point.paidUntil, "last answer");
        assert.equal(point.runs[0]?.gpuSecondsPerImage, (21 + 20) / 3);
    });

    it("knows pods that ignore SIGTERM", () => {
        const run = changed({ standIn: { MODEL_SERVER_SIGTERM: "ignore" } });
        assert.equal(pointOf(EXPERIMENT, [run]).behaviour.endsOnSigterm, false);
    });

    it("takes the cold start that the pods were told where none was started", () => {
        const run = { ...RUN, pods: RUN.pods.slice(0, 1) };
        assert.deepEqual(pointOf(EXPERIMENT, [run]).behaviour.coldStartSeconds, [43, 43]);
    });

    it("takes a pod's first drawing as its start where an activator knew it before Kubernetes did", () => {
        const samples = [
            sampleOf(1, 66, { standIn: standIn(10, "b") }),
            sampleOf(1, 56, { standIn: standIn(10.5, "b") }),
            sampleOf(1, 30, { standIn: standIn(10) }),
        ];
        const { behaviour } = pointOf(EXPERIMENT, [{ ...RUN, samples }]);
        assert.deepEqual(behaviour.coldStartSeconds, [43.5, 43.5]);
    });

    it("takes each run's own cold starts where the pods drew them, and else their range alone", () => {
        const pods = [
            podOf("b", { scheduled: 2, ready: 46 }),
            podOf("c", { scheduled: 3 }),
            podOf("d", { scheduled: 3, ready: 140 }),
        ];
        const staggered = changed({ standIn: { MODEL_SERVER_STAGGER_SECONDS: "0-130" } });
        const alike = changed({ standIn: { MODEL_SERVER_STAGGER_SECONDS: "0" } });
        assert.deepEqual(pointOf(EXPERIMENT, [staggered, { ...staggered, pods }]).coldStarts, [
            [44],
            [44, 137],
        ]);
        assert.equal(pointOf(EXPERIMENT, [alike]).coldStarts, undefined);
        assert.equal(pointOf(EXPERIMENT, [RUN]).coldStarts, undefined);
    });

    it("takes the panic window of runs that set one, and else leaves it to Knative", () => {
        const annotation = { "autoscaling.knative.dev/panic-window-percentage": "4" };
        const autoscaling = { ...AUTOSCALING, ...annotation };
        const { settings } = pointOf(EXPERIMENT, [changed({ autoscaling })]);
        assert.equal(settings.panicWindowPercentage, 4);
        assert.ok(!("panicWindowPercentage" in pointOf(EXPERIMENT, [RUN]).settings));
    });

    it("refuses runs under different settings", () => {
        const other = changed({ timeoutSeconds: 300 });
        assert.throws(() => pointOf(EXPERIMENT, [RUN, other]), /X1: its runs have different/);
    });

    it("refuses an annotation that the model does not understand", () => {
        const autoscaling = { ...AUTOSCALING, "autoscaling.knative.dev/window": "30s" };
        assert.throws(
            () => pointOf(EXPERIMENT, [changed({ autoscaling })]),
            /X1: the model does not understand autoscaling\.knative\.dev\/window; allowed: class, /,
        );
    });

    it("refuses a value that it cannot read, and an annotation that is missing", () => {
        const delay = "autoscaling.knative.dev/scale-down-delay";
        for (const value of ["2m", undefined]) {
            const autoscaling = { ...AUTOSCALING, [delay]: value } as Record<string, string>;
            assert.throws(
                () => pointOf(EXPERIMENT, [changed({ autoscaling })]),
                new RegExp(
                    `X1: ${delay} is ${value === undefined ? "undefined" : '"2m"'}; allowed`,
                ),
            );
        }
    });

    it("refuses a run that does not say how long an image took, or which pods there were", () => {
        const silent = { ...RUN, samples: [sampleOf(1, 11)] };
        assert.throws(() => pointOf(EXPERIMENT, [silent]), /nothing of samples\[\]\.standIn\.drew/);
        assert.throws(() => pointOf(EXPERIMENT, [{ ...RUN, pods: [] }]), /nothing of pods/);
        assert.throws(
            () => pointOf(EXPERIMENT, [{ ...RUN, activators: undefined }]),
            /nothing of activators/,
        );
    });
});

describe("experimentPoints", () => {
    const named = async (runsOf: (experiment: Experiment) => number): Promise<string[]> => {
        const points = await experimentPoints((experiment) =>
            Promise.resolve(new Array<RunRecord>(runsOf(experiment)).fill(RUN)),
        );
        return points.map(({ name }) => name);
    };
    const allRuns = ({ repeats }: Experiment): number => repeats;

    it("has a point of each experiment that the model covers", async () => {
        const names = await named(allRuns);
        for (const id of ["E0", "E1", "E2", "E3", "E4", "E5", "E6", "E8-ignored", "E9-100-120"]) {
            assert.ok(names.includes(id), id);
        }
    });

    it("has none where pods are ready before they can answer, or something else happens", async () => {
        const names = await named(allRuns);
        for (const id of [
            "E7-tcp",
            "E7-http",
            "L1",
            "SOAK",
            "C1-drawn",
            "Q100",
            "G0-activation-5",
        ]) {
            assert.ok(EXPERIMENTS.some((each) => each.id === id));
            assert.ok(!names.includes(id), id);
        }
    });

    it("has none of an experiment that has not been run, or not as often as it is to be", async () => {
        const runs: Readonly<Record<string, number>> = { E0: 2, E4: 3 };
        assert.deepEqual(await named(({ id }) => runs[id] ?? 0), ["E4"]);
    });
});
