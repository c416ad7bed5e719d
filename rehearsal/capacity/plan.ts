import { quantile } from "../load/statistics";
import {
    BEHAVIOUR_DEFAULTS,
    type Behaviour,
    SERVICE_DEFAULTS,
    type ServiceSettings,
} from "./service";
import { type Run, simulate } from "./simulation";
import { type Demand, openTraffic } from "./traffic";

/** The settings that are chosen. */
export type Choice = Pick<
    ServiceSettings,
    "minScale" | "maxScale" | "targetUtilizationPercentage" | "scaleDownDelaySeconds"
>;

/** What is planned for. */
export interface PlanRequest {
    readonly demand: Demand;
    readonly behaviour: Pick<Behaviour, "serviceSeconds" | "coldStartSeconds"> & Partial<Behaviour>;
    /** Settings that are not chosen. */
    readonly settings: Pick<ServiceSettings, "activators" | "timeoutSeconds"> &
        Partial<Pick<ServiceSettings, "panicWindowPercentage">>;
    /** 95 of 100 requests are to be answered within so many seconds. */
    readonly p95Seconds: number;
    /** Most pods. */
    readonly maxGpus: number;
    /** Settings that are given, not chosen. */
    readonly given: Partial<Choice>;
    /** First of the seeds. */
    readonly seed: number;
    /** Told of each setting that was tried. */
    readonly onTried: (tried: number, of: number) => void;
}

/** What is to be expected of settings. */
export interface Expectation {
    readonly choice: Choice;
    /** Seconds from request to answer; Infinity where it is none. */
    readonly p50: number;
    readonly p95: number;
    readonly p99: number;
    /** Share of the requests that got no image, 0 to 1. */
    readonly failed: number;
    /** GPU time, each pod from being scheduled to being gone, for each image. */
    readonly gpuSecondsPerImage: number;
    /** Time of nodes, where they are paid for, for each image; else that of GPUs. */
    readonly paidSecondsPerImage: number;
    readonly podsStartedPerHour: number;
    /** Latencies of each of the simulated periods. */
    readonly latencies: readonly (readonly number[])[];
}

/** What comes of planning. */
export interface Plan {
    /** The cheapest that keeps the limit; undefined if none does. */
    readonly recommended: Expectation | undefined;
    /** Those for which there is none both cheaper and faster, the cheapest first. */
    readonly alternatives: readonly Expectation[];
    /** Settings that were tried. */
    readonly tried: number;
    /** Hours of each simulated period. */
    readonly hours: number;
    readonly periods: number;
}

/** Periods that each setting is simulated for in the end. */
export const PERIODS = 8;

/** Those for a first look. */
const FIRST_LOOK = 2;

/** Requests of a period, on average: 95 of 100 of them are well known after some. */
const REQUESTS_PER_PERIOD = 500;

/** Bounds of the length of a period. */
const HOURS = { least: 1, most: 168 };

/** Settings that are looked at again after the first look, of the cheapest ones and of the fastest ones. */
const LOOKED_AT_AGAIN = 12;

/** The first look may be wrong by as much. */
const DOUBT = 1.15;

/** Values of targetUtilizationPercentage and of scaleDownDelaySeconds that are tried. */
const TARGETS = [100, 85, 70, 50];
const DELAYS = [0, 60, 120, 180, 300, 600];

/** Numbers of pods that are tried. */
const FLEETS = { minScale: 6, maxScale: 7 };

/** Requests that are worked on at a time, on average, if pods enough are there. */
export function offeredLoad({
    demand,
    behaviour,
}: Pick<PlanRequest, "demand" | "behaviour">): number {
    const [least, most] = behaviour.serviceSeconds;
    return (requestsPerHour(demand) / 3600) * ((least + most) / 2);
}

/** Single requests and those of bursts. */
function requestsPerHour({ requestsPerHour: single, bursts }: Demand): number {
    return single + (bursts === undefined ? 0 : (bursts.size * 3600) / bursts.everySeconds);
}

/**
 * Tries settings on the same simulated traffic, and finds the cheapest with which 95 of 100 requests are answered in
 * time. The same request gives the same plan.
 */
export function planCapacity(request: PlanRequest): Plan {
    const choices = choicesFor(request);
    const firstLook = choices.map((choice, index) => {
        request.onTried(index + 1, choices.length);
        return expect(request, choice, FIRST_LOOK);
    });
    const byCost = firstLook.toSorted(cheaper);
    const promising = [
        ...byCost.filter(({ p95 }) => p95 <= request.p95Seconds * DOUBT).slice(0, LOOKED_AT_AGAIN),
        ...thinned(frontier(byCost), LOOKED_AT_AGAIN),
    ];
    const expectations = [...new Set(promising)].map(({ choice }) =>
        expect(request, choice, PERIODS),
    );
    const sorted = expectations.toSorted(cheaper);
    return {
        recommended: sorted.find(({ p95 }) => p95 <= request.p95Seconds),
        alternatives: frontier(sorted),
        tried: choices.length,
        hours: hoursFor(request),
        periods: PERIODS,
    };
}

/** What is to be expected of these settings. */
export function expect(request: PlanRequest, choice: Choice, periods = PERIODS): Expectation {
    const hours = hoursFor(request);
    const runs = Array.from({ length: periods }, (_, period) => {
        const seed = request.seed + period;
        return simulate({
            settings: { ...SERVICE_DEFAULTS, ...request.settings, ...choice },
            behaviour: { ...BEHAVIOUR_DEFAULTS, ...request.behaviour },
            traffic: openTraffic(request.demand, { hours, seed }),
            seed,
            until: hours * 3600,
        });
    });
    const latencies = runs.map(latenciesOf);
    const all = latencies.flat();
    const images = all.filter((each) => each !== Number.POSITIVE_INFINITY).length;
    const sum = (of: (run: Run) => number): number =>
        runs.reduce((total, run) => total + of(run), 0);
    return {
        choice,
        p50: quantile(all, 0.5),
        p95: quantile(all, 0.95),
        p99: quantile(all, 0.99),
        failed: 1 - images / all.length,
        gpuSecondsPerImage: sum(({ gpuSeconds }) => gpuSeconds) / images,
        paidSecondsPerImage: sum(({ nodeSeconds }) => nodeSeconds) / images,
        podsStartedPerHour: sum(({ pods }) => pods.length - choice.minScale) / (periods * hours),
        latencies,
    };
}

function latenciesOf({ requests }: Run): number[] {
    return requests.map(({ outcome, arrivedAt, endedAt }) =>
        outcome === "answered" ? endedAt - arrivedAt : Number.POSITIVE_INFINITY,
    );
}

function hoursFor({ demand }: PlanRequest): number {
    const hours = REQUESTS_PER_PERIOD / requestsPerHour(demand);
    return Math.min(HOURS.most, Math.max(HOURS.least, Math.ceil(hours)));
}

/** The settings to try. */
function choicesFor(request: PlanRequest): Choice[] {
    const { given, maxGpus, demand } = request;
    const load = offeredLoad(request);
    // Requests that come by chance are rarely more at a time than this.
    const crowd = Math.ceil(load + 3 * Math.sqrt(load)) + 1 + (demand.bursts?.size ?? 0);
    const fewest = Math.max(1, Math.ceil(load), given.minScale ?? 0);
    const most = Math.max(fewest, Math.min(maxGpus, crowd));
    const either = (value: number | undefined, others: readonly number[]): readonly number[] =>
        value === undefined ? others : [value];

    const choices: Choice[] = [];
    for (const maxScale of either(given.maxScale, upTo(fewest, most, FLEETS.maxScale))) {
        for (const minScale of either(given.minScale, upTo(0, maxScale, FLEETS.minScale))) {
            // A fleet that is fixed has no use for the others.
            const isFixed = minScale === maxScale;
            const { scaleDownDelaySeconds: delay, targetUtilizationPercentage: target } = given;
            for (const scaleDownDelaySeconds of either(delay, isFixed ? [0] : DELAYS)) {
                for (const targetUtilizationPercentage of either(
                    target,
                    isFixed ? [100] : TARGETS,
                )) {
                    choices.push({
                        minScale,
                        maxScale,
                        targetUtilizationPercentage,
                        scaleDownDelaySeconds,
                    });
                }
            }
        }
    }
    return choices;
}

/** Whole numbers from the least to the most, both included, so many of them at most. */
function upTo(least: number, most: number, count: number): number[] {
    return thinned(
        Array.from({ length: most - least + 1 }, (_, index) => least + index),
        count,
    );
}

/** So many of these at most, evenly, the first and the last included. */
function thinned<T>(items: readonly T[], count: number): T[] {
    if (items.length <= count) {
        return [...items];
    }
    const kept = Array.from({ length: count }, (_, index) =>
        Math.round((index * (items.length - 1)) / (count - 1)),
    );
    return items.filter((_, index) => kept.includes(index));
}

function cheaper(one: Expectation, other: Expectation): number {
    return one.paidSecondsPerImage - other.paidSecondsPerImage || one.p95 - other.p95;
}

/** Those that are faster than all that are cheaper. */
function frontier(byCost: readonly Expectation[]): Expectation[] {
    let fastest = Number.POSITIVE_INFINITY;
    return byCost.filter(({ p95 }, index) => {
        const isFaster = index === 0 || p95 < fastest;
        fastest = Math.min(fastest, p95);
        return isFaster;
    });
}
