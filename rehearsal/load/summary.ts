import { seededRandom } from "./random";
import { type ColdStart, figuresOf, type RunFigures } from "./run-figures";
import type { RunRecord } from "./run-record";
import { bootstrap, type Estimate, type HeyFigures, mean, quantile } from "./statistics";

/** What the runs of one profile say together. In JSON, an endless figure is null: too many requests failed. */
export interface Summary {
    readonly stack: string;
    readonly profile: string;
    readonly runs: number;
    /** Why there are fewer requests or runs than were to be. */
    readonly interrupted?: string | undefined;
    readonly requests: number;
    readonly images: number;
    readonly cancelled: number;
    readonly failed: number;
    readonly outcomes: Readonly<Record<string, number>>;
    /** Of the run whose total is the median, or the faster of the two in the middle. */
    readonly hey?: HeyFigures | undefined;
    /** Figure → estimate. What could not be observed in every run is missing. */
    readonly figures: Readonly<Partial<Record<Figure, Estimate>>>;
    readonly coldStarts: readonly ColdStart[];
    /** What could not be observed, and why. */
    readonly unobserved: readonly string[];
}

/** Figures, in the order in which reports show them → what each is. */
export const FIGURES = {
    totalSeconds: "total, s",
    meanSeconds: "mean latency, s",
    p50Seconds: "P50, s",
    p90Seconds: "P90, s",
    p95Seconds: "P95, s",
    p99Seconds: "P99, s",
    slowestSeconds: "slowest, s",
    failedShare: "failed requests, share of those not given up",
    serviceSeconds: "one image, s",
    floorSeconds: "floor of this fleet, s",
    totalToFloor: "total ÷ floor",
    efficiency: "efficiency",
    gpuSecondsPerImage: "GPU-seconds per image",
    costPer1000Images: "cost of 1000 images",
    maxInFlight: "most requests in flight in a pod",
    sentToBusyPod: "requests sent to a busy pod",
    waitedInPodSeconds: "longest wait in a pod, s",
    abandonedGpuSeconds: "GPU-seconds drawn for clients that had gone",
    savedGpuSeconds: "GPU-seconds not drawn for clients that had gone",
    idleWhileWaitingSeconds: "longest wait while a ready pod idles, s",
    longestFailureSeconds: "longest time to a failure, s",
    recoverySeconds: "from the disturbance to the next drawing, s",
    coldStartSeconds: "cold start of a pod, s",
} as const;
export type Figure = keyof typeof FIGURES;

/**
 * Sums up runs of one profile. Latencies of all runs count together; of a figure that a run has once, the median of
 * the runs is taken, and the largest of those that say how bad it became.
 *
 * @param runs at least one
 * @param gpuHourPrice of one GPU, in any currency. @default - costs are left out
 * @param interrupted why further runs are missing. @default why the last one ended early, if it did
 */
export function summarize(
    runs: readonly RunRecord[],
    {
        gpuHourPrice,
        interrupted = runs.at(-1)?.interrupted,
    }: {
        readonly gpuHourPrice?: number | undefined;
        readonly interrupted?: string | undefined;
    } = {},
): Summary {
    const [first] = runs;
    if (first === undefined) {
        throw new Error("there are no runs to sum up");
    }
    const each = runs.map(figuresOf);
    const sum = (figure: (run: RunFigures) => number): number =>
        each.reduce((total, run) => total + figure(run), 0);
    const outcomes: Record<string, number> = {};
    for (const [outcome, count] of each.flatMap((run) => Object.entries(run.outcomes))) {
        outcomes[outcome] = (outcomes[outcome] ?? 0) + count;
    }
    return {
        stack: first.stack,
        profile: first.profile.name,
        runs: runs.length,
        interrupted,
        requests: sum(({ requests }) => requests),
        images: sum(({ images }) => images),
        cancelled: sum(({ cancelled }) => cancelled),
        failed: sum(({ failed }) => failed),
        outcomes,
        hey: each
            .toSorted((one, other) => one.total - other.total)
            .at(Math.floor((each.length - 1) / 2))?.hey,
        figures: { ...latencyFigures(each), ...otherFigures(each, gpuHourPrice) },
        coldStarts: each.flatMap(({ coldStarts }) => coldStarts),
        unobserved: [...new Set(runs.flatMap(({ unobserved }) => unobserved))],
    };
}

/** The bootstrap draws the same samples each time, so that a report can be computed again. */
const SEED = 1;

function latencyFigures(each: readonly RunFigures[]): Partial<Record<Figure, Estimate>> {
    const runs = each.map(({ latencies }) => latencies).filter(({ length }) => length > 0);
    if (runs.length === 0) {
        return {};
    }
    const at = (share: number) => (values: readonly number[]) => quantile(values, share);
    const figures = {
        meanSeconds: mean,
        p50Seconds: at(0.5),
        p90Seconds: at(0.9),
        p95Seconds: at(0.95),
        p99Seconds: at(0.99),
        slowestSeconds: at(1),
        failedShare: (values: readonly number[]) =>
            values.filter((value) => value === Infinity).length / values.length,
    };
    return bootstrap(runs, figures, seededRandom(SEED));
}

/**
 * GPU-seconds of a run for each of its images, with those of the way down where they are known.
 *
 * @returns undefined if there are none: no pod was seen, which does not mean that it cost nothing
 */
export function gpuSecondsPerImage(run: RunFigures): number | undefined {
    return (run.gpuSecondsUntilSettled ?? run.gpuSecondsDuringLoad) / run.images || undefined;
}

function otherFigures(
    each: readonly RunFigures[],
    gpuHourPrice: number | undefined,
): Partial<Record<Figure, Estimate>> {
    const values: Partial<Record<Figure, (number | undefined)[]>> = {
        totalSeconds: each.map(({ total }) => total),
        serviceSeconds: each.map((run) => run.serviceSeconds),
        floorSeconds: each.map(({ floor }) => floor),
        totalToFloor: each.map(({ total, floor }) => floor && total / floor),
        efficiency: each.map((run) => run.efficiency),
        gpuSecondsPerImage: each.map(gpuSecondsPerImage),
        abandonedGpuSeconds: each.map((run) => run.abandonedGpuSeconds),
        savedGpuSeconds: each.map((run) => run.savedGpuSeconds),
        coldStartSeconds: each.flatMap((run) =>
            run.coldStarts.map(({ created, scheduled, started }) => created + scheduled + started),
        ),
        ...(gpuHourPrice === undefined
            ? {}
            : {
                  costPer1000Images: each.map((run) => {
                      const seconds = gpuSecondsPerImage(run);
                      return seconds === undefined ? undefined : (seconds * gpuHourPrice) / 3.6;
                  }),
              }),
    };
    const worst: Partial<Record<Figure, (number | undefined)[]>> = {
        maxInFlight: each.map((run) => run.maxInFlight),
        sentToBusyPod: each.map((run) => run.sentToBusyPod),
        waitedInPodSeconds: each.map((run) => run.waitedInPod),
        idleWhileWaitingSeconds: each.map((run) => run.idleWhileWaiting),
        longestFailureSeconds: each.map((run) => run.longestFailure),
        recoverySeconds: each.map((run) => run.recovery),
    };
    return {
        ...estimates(values, (of) => quantile(of, 0.5)),
        ...estimates(worst, (of) => quantile(of, 1)),
    };
}

/** An interval needs more than one value; of one, both bounds are the value. */
function estimates(
    figures: Partial<Record<Figure, (number | undefined)[]>>,
    statistic: (values: readonly number[]) => number,
): Partial<Record<Figure, Estimate>> {
    return Object.fromEntries(
        Object.entries(figures).flatMap(([figure, values]) => {
            const known = values.filter((value) => value !== undefined);
            return known.length === 0 || known.length < values.length
                ? []
                : [[figure, bootstrap([known], { figure: statistic }, seededRandom(SEED)).figure]];
        }),
    );
}
