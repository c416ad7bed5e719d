import { EXPERIMENTS, type Experiment } from "../load/experiments";
import { readResults } from "../load/performance-docs";
import { figuresOf } from "../load/run-figures";
import type { RunRecord } from "../load/run-record";
import { gpuSecondsPerImage } from "../load/summary";
import type { Range, ServiceSettings } from "./service";
import type { Figure, Point } from "./validation";

/**
 * Points of the experiments that the model covers, in their order. One whose runs are not all there, since its batch was
 * interrupted, has none: its figures would change with the next run.
 */
export async function experimentPoints(
    resultsOf: (experiment: Experiment) => Promise<readonly RunRecord[]> = readResults,
): Promise<Point[]> {
    const points = EXPERIMENTS.filter(isCovered).map(async (experiment) => {
        const [first, ...others] = await resultsOf(experiment);
        return first === undefined || 1 + others.length < experiment.repeats
            ? []
            : [pointOf(experiment, [first, ...others])];
    });
    return (await Promise.all(points)).flat();
}

/** Annotations of autoscaling.knative.dev that the model understands. */
const UNDERSTOOD: ReadonlySet<string> = new Set([
    "class",
    "min-scale",
    "max-scale",
    "target-utilization-percentage",
    "panic-window-percentage",
    "scale-down-delay",
    "target-burst-capacity",
]);

/**
 * Whether nothing happens that the model leaves out: pods that are ready before they can answer, the loss of an
 * activator, a rollout, annotations that the plan does not choose. The load is the recipe's, or arrives by chance.
 */
function isCovered({ settings, profile, disturbance }: Experiment): boolean {
    const { PORT_OPEN_SECONDS, MODEL_LOADED_SECONDS } = settings.standIn;
    const { arrivals } = profile;
    return (
        disturbance === undefined &&
        settings.readiness !== "tcp" &&
        PORT_OPEN_SECONDS === MODEL_LOADED_SECONDS &&
        Object.keys(settings.autoscaling).every((name) => UNDERSTOOD.has(name)) &&
        (arrivals.kind === "open" || arrivals.sender === "hey")
    );
}

/** At least one. */
type Runs = readonly [RunRecord, ...(readonly RunRecord[])];

/**
 * A point of an experiment: all of it is what its runs have observed, and their figures are computed as in the report.
 *
 * @throws Error naming what the runs do not say, or say differently from each other
 */
export function pointOf({ id, title }: Pick<Experiment, "id" | "title">, runs: Runs): Point {
    const [first] = runs;
    const settings = settingsOf(id, first);
    for (const run of runs) {
        if (JSON.stringify(settingsOf(id, run)) !== JSON.stringify(settings)) {
            throw new Error(`${id}: its runs have different settings`);
        }
    }
    return {
        name: id,
        what: title,
        source: `docs/performance/${id}-*.json, from ${first.startedAt}`,
        settings,
        behaviour: behaviourOf(id, runs),
        traffic: trafficOf(runs),
        coldStarts: isStaggered(first) ? runs.map(coldStartsOf) : undefined,
        paidUntil: first.profile.untilSettled ? "settled" : "last answer",
        runs: runs.map((run) => measuredFigures(id, run)),
    };
}

const ANNOTATION = "autoscaling.knative.dev/";

function settingsOf(id: string, run: RunRecord): Point["settings"] {
    const { settings, minScale, podsMost, activators } = run;
    for (const name of Object.keys(settings.autoscaling)) {
        if (!UNDERSTOOD.has(name.slice(ANNOTATION.length))) {
            throw new Error(
                `${id}: the model does not understand ${name}; allowed: ${[...UNDERSTOOD].join(", ")}`,
            );
        }
    }
    const annotation = (name: string, pattern = /^(-?\d+)$/): number => {
        const value = settings.autoscaling[`${ANNOTATION}${name}`];
        const number = pattern.exec(value ?? "")?.[1];
        if (number === undefined) {
            throw new Error(
                `${id}: ${ANNOTATION}${name} is ${JSON.stringify(value)}; allowed: ${pattern.source}`,
            );
        }
        return Number(number);
    };
    return {
        minScale,
        maxScale: podsMost,
        targetUtilizationPercentage: annotation("target-utilization-percentage"),
        // Before this program set it, runs had Knative's own.
        ...(`${ANNOTATION}panic-window-percentage` in settings.autoscaling
            ? { panicWindowPercentage: annotation("panic-window-percentage") }
            : {}),
        scaleDownDelaySeconds: annotation("scale-down-delay", /^(\d+)s$/),
        targetBurstCapacity: annotation("target-burst-capacity"),
        containerConcurrency: known(
            id,
            "settings.containerConcurrency",
            settings.containerConcurrency,
        ),
        timeoutSeconds: known(id, "settings.timeoutSeconds", settings.timeoutSeconds),
        activators: known(id, "activators", activators),
    } satisfies Partial<ServiceSettings>;
}

function behaviourOf(id: string, runs: Runs): Point["behaviour"] {
    const [{ settings }] = runs;
    const drew = runs.flatMap(({ samples }) =>
        samples.flatMap(({ standIn }) => standIn?.drew ?? []),
    );
    const coldStarts = runs.flatMap(coldStartsOf);
    const told = Number(settings.standIn["MODEL_SERVER_MODEL_LOADED_SECONDS"]);
    return {
        serviceSeconds: known(id, "samples[].standIn.drew", rangeOf(drew)),
        // Where no pod was started, none has shown more than what it was told.
        coldStartSeconds: rangeOf(coldStarts) ?? [told, told],
        endsOnSigterm: settings.standIn["MODEL_SERVER_SIGTERM"] !== "ignore",
    };
}

/** Whether the pods drew their start-up from a range. */
function isStaggered({ settings }: RunRecord): boolean {
    return Number(settings.standIn["MODEL_SERVER_STAGGER_SECONDS"] ?? 0) !== 0;
}

/** Activators ask pods themselves, and may send the first request before Kubernetes calls a pod ready. */
function coldStartsOf({ pods, samples }: RunRecord): number[] {
    return pods.flatMap(({ name, before, scheduled, ready }) => {
        if (before || scheduled === undefined || ready === undefined) {
            return [];
        }
        const began = samples.flatMap(({ firstByte, standIn }) =>
            firstByte === undefined || standIn?.pod !== name ? [] : [firstByte - standIn.drew],
        );
        return [Math.min(ready, ...began) - scheduled];
    });
}

function rangeOf(values: readonly number[]): Range | undefined {
    return values.length === 0 ? undefined : [Math.min(...values), Math.max(...values)];
}

function trafficOf(runs: Runs): Point["traffic"] {
    const [{ profile }] = runs;
    const { arrivals, requests } = profile;
    if (arrivals.kind === "closed") {
        return { kind: "closed", clients: arrivals.clients, requests, queue: "own" };
    }
    return {
        kind: "moments",
        ofRuns: runs.map(({ samples }) => {
            const moments = samples
                .map(({ scheduled }) => scheduled)
                .toSorted((one, other) => one - other);
            return moments.map((moment) => moment - (moments[0] ?? 0));
        }),
    };
}

function measuredFigures(id: string, run: RunRecord): Partial<Record<Figure, number>> {
    const figures = figuresOf(run);
    const hey = known(id, "an answer", figures.hey);
    return {
        totalSeconds: hey.total,
        mean: hey.average,
        p50: hey.distribution[50],
        p90: hey.distribution[90],
        p95: hey.distribution[95],
        slowest: hey.slowest,
        gpuSecondsPerImage: known(id, "pods", gpuSecondsPerImage(figures)),
    };
}

function known<T>(id: string, what: string, value: T | undefined): T {
    if (value === undefined) {
        throw new Error(`${id}: a run says nothing of ${what}`);
    }
    return value;
}
