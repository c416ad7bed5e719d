import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gpuSeconds } from "../load/run-figures";
import { heyFigures, quantile } from "../load/statistics";
import {
    BEHAVIOUR_DEFAULTS,
    type Behaviour,
    SERVICE_DEFAULTS,
    type ServiceSettings,
} from "./service";
import { type Run, simulate } from "./simulation";
import { type ClosedTraffic, openTraffic, type Traffic } from "./traffic";

/** The points that the model is compared with. */
export const POINTS = join(__dirname, "points.json");

/** A figure of a run. Percentiles are those of `hey`; times are seconds. */
export type Figure =
    "totalSeconds" | "mean" | "p50" | "p90" | "p95" | "p99" | "slowest" | "gpuSecondsPerImage";

/** Something that was run elsewhere, and what came of it. */
export interface Point {
    readonly name: string;
    readonly what: string;
    /** Who ran it, when, and how often. */
    readonly source: string;
    readonly settings: Partial<ServiceSettings> & Pick<ServiceSettings, "minScale" | "maxScale">;
    readonly behaviour: Partial<Behaviour> & Pick<Behaviour, "serviceSeconds" | "coldStartSeconds">;
    readonly traffic:
        | ClosedTraffic
        | {
              readonly kind: "open";
              readonly requestsPerHour: number;
              readonly hours: number;
          }
        | MeasuredMoments;
    /**
     * Cold starts of each run's pods, in the order of their creation, where chance decided about them: these were drawn.
     * @default - any of the behaviour's
     */
    readonly coldStarts?: readonly (readonly number[])[] | undefined;
    /**
     * Until when GPU time counts, from the first request. @default "settled": until the pods that the load brought are
     * gone, or to the end of the hours
     */
    readonly paidUntil?: "settled" | "last answer";
    /** The figures of each run, all with the same ones. */
    readonly runs: readonly Readonly<Partial<Record<Figure, number>>>[];
}

/** Requests that came at the same moments in the model and in the runs. */
export interface MeasuredMoments {
    readonly kind: "moments";
    /** Of each run, in seconds from its first request. */
    readonly ofRuns: readonly (readonly number[])[];
}

/** The points that are written down, by where they come from. Those of experiments follow from their results. */
export interface Points {
    /** Runs on a real Knative. */
    readonly measured: readonly Point[];
    /** Predictions of another model, which show no more than that two agree. */
    readonly otherModel: readonly Point[];
}

/** Reads the points of a file. */
export function readPoints(file = POINTS): Points {
    return JSON.parse(readFileSync(file, "utf8")) as Points;
}

/** A figure of a point beside that of the model. */
export interface Comparison {
    readonly point: Point;
    readonly figure: Figure;
    /** Median of the runs. */
    readonly measured: number;
    /** Median of the model's runs. */
    readonly modelled: number;
    /** Between these are nine of ten of the model's runs. */
    readonly range: readonly [low: number, high: number];
    /** Deviation of the model from the measurement, such as 0.05. */
    readonly deviation: number;
    /** near: within {@link TOLERANCE}. spread: not, but runs differ by as much from each other. */
    readonly verdict: "near" | "spread" | "off";
}

/** Deviation up to which the model holds. */
export const TOLERANCE = 0.1;

/** Runs of the model for each point. */
const RUNS = { closed: 100, open: 12, moments: 12 };

/** Compares the model with a point. */
export function compare(point: Point): Comparison[] {
    const runs = Array.from({ length: RUNS[point.traffic.kind] }, (_, index) =>
        figuresOf(runOf(point, index + 1), point.paidUntil),
    );
    const [first = {}] = point.runs;
    return (Object.keys(first) as Figure[]).map((figure) => {
        const values = runs.map((each) => each[figure]);
        const measured = quantile(
            point.runs.map((each) => each[figure] ?? Number.NaN),
            0.5,
        );
        const modelled = quantile(values, 0.5);
        const range = [quantile(values, 0.05), quantile(values, 0.95)] as const;
        const deviation = modelled / measured - 1;
        const isWithin = range[0] <= measured && measured <= range[1];
        const verdict = Math.abs(deviation) <= TOLERANCE ? "near" : isWithin ? "spread" : "off";
        return { point, figure, measured, modelled, range, deviation, verdict };
    });
}

function runOf({ settings, behaviour, traffic, coldStarts }: Point, seed: number): Run {
    return simulate({
        settings: { ...SERVICE_DEFAULTS, ...settings },
        behaviour: { ...BEHAVIOUR_DEFAULTS, ...behaviour },
        traffic: trafficOf(traffic, seed),
        coldStarts: coldStarts && inTurn(coldStarts, seed),
        seed,
        until: traffic.kind === "open" ? traffic.hours * 3600 : undefined,
    });
}

function trafficOf(traffic: Point["traffic"], seed: number): Traffic {
    if (traffic.kind === "closed") {
        return traffic;
    }
    return traffic.kind === "open"
        ? openTraffic(traffic, { hours: traffic.hours, seed })
        : { kind: "open", arrivals: inTurn(traffic.ofRuns, seed) };
}

/** Of each run of the model another run that was measured, one after the other. */
function inTurn(ofRuns: readonly (readonly number[])[], seed: number): readonly number[] {
    return ofRuns[seed % ofRuns.length] ?? [];
}

function figuresOf(
    { requests, pods, totalSeconds, gpuSeconds: untilSettled }: Run,
    paidUntil: Point["paidUntil"] = "settled",
): Record<Figure, number> {
    const latencies = requests
        .filter(({ outcome }) => outcome === "answered")
        .map(({ arrivedAt, endedAt }) => endedAt - arrivedAt);
    const { average, slowest, distribution } = heyFigures(latencies, totalSeconds);
    const held = pods.map(({ scheduledAt, goneAt }) => ({
        gpus: 1,
        scheduled: scheduledAt,
        deleted: goneAt,
    }));
    const paid = paidUntil === "settled" ? untilSettled : gpuSeconds(held, 0, totalSeconds);
    return {
        totalSeconds,
        mean: average,
        p50: distribution[50],
        p90: distribution[90],
        p95: distribution[95],
        p99: distribution[99],
        slowest,
        gpuSecondsPerImage: paid / latencies.length,
    };
}
