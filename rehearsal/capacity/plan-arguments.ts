import { parseArgs } from "node:util";
import { LIMITS } from "../../policy/limits";
import { offeredLoad, type PlanRequest } from "./plan";
import { BEHAVIOUR_DEFAULTS, type Range, SERVICE_DEFAULTS } from "./service";

/** What the command line asks for. */
export interface PlanArguments extends Omit<PlanRequest, "onTried"> {
    /** Of a GPU, or of a node where nodes are planned; undefined if costs are to be left out. */
    readonly pricePerHour: number | undefined;
    readonly json: boolean;
}

/** A wrong command line. */
export class UsageError extends Error {}

/** The text for --help. */
export const HELP = `Finds the settings with which a given traffic is served in time for the least money, by simulating
Knative's autoscaler, queues and cold starts (docs/capacity.md). Needs no cluster and no cloud account.

Usage: npm run plan-capacity -- --requests-per-hour N --p95 SECONDS [OPTIONS]

Traffic
  --requests-per-hour N        single requests, each at its own time; 0 with --burst only
  --burst N                    so many requests at once, besides ...
  --burst-every SECONDS        ... again and again after so long
Goal
  --p95 SECONDS                95 of 100 requests are to be answered within this
  --price N                    per GPU and hour, in any currency; with --node-start per node and hour
                               (default: costs are left out)
  --max-gpus N                 most pods, each with its GPUs (default: ${LIMITS.maxScale.max}, what the policies allow)
What it runs on; times are seconds, or a range such as 9.9-10.5
  --seconds-per-image N        time that a pod works on a request (default: 10)
  --cold-start N               from a pod being scheduled until it can answer (default: 60)
  --node-start SECONDS         from the demand for a node until it can have pods; with --node-idle (default: nodes
                               are left out: GPUs come with their pods, as with gpuSupply eci)
  --node-idle SECONDS          for which an idle node is kept and paid for (gpuIdleMinutes x 60)
  --activators N               replicas of Knative's activator (default: ${SERVICE_DEFAULTS.activators})
  --timeout SECONDS            timeoutSeconds of the service (default: ${SERVICE_DEFAULTS.timeoutSeconds})
  --ignores-sigterm            the container does not end on SIGTERM
Settings that are given, not chosen
  --min-scale N, --max-scale N, --scale-down-delay SECONDS, --target-utilization PERCENT
Output
  --seed N                     first seed of the random numbers; the same gives the same plan (default: 1)
  --json                       the same as JSON on stdout; null is a latency without an end
  -h, --help                   this text

Ends with 0 if there are such settings, 1 if there are none, 2 if the command line is wrong.`;

/** Allowed values of a number. */
interface Bounds {
    readonly least: number;
    readonly most: number;
    readonly whole?: boolean;
}

/** A day: longer times are none that this service has. */
const DAY = 24 * 3600;

const BOUNDS = {
    "requests-per-hour": { least: 0, most: 1_000_000 },
    burst: { least: 1, most: 1000, whole: true },
    "burst-every": { least: 1, most: DAY },
    p95: { least: 0.001, most: DAY },
    price: { least: 0, most: 1_000_000 },
    "max-gpus": { least: 1, most: 100, whole: true },
    "seconds-per-image": { least: 0.001, most: LIMITS.timeoutSeconds.max },
    "cold-start": { least: 0, most: DAY },
    "node-start": { least: 0, most: DAY },
    "node-idle": { least: 0, most: DAY },
    activators: { least: 1, most: 100, whole: true },
    timeout: { least: 1, most: LIMITS.timeoutSeconds.max, whole: true },
    "min-scale": { least: 0, most: 100, whole: true },
    "max-scale": { least: 1, most: 100, whole: true },
    "scale-down-delay": {
        least: LIMITS.scaleDownDelaySeconds.min,
        most: LIMITS.scaleDownDelaySeconds.max,
        whole: true,
    },
    "target-utilization": {
        least: LIMITS.targetUtilizationPercentage.min,
        most: LIMITS.targetUtilizationPercentage.max,
        whole: true,
    },
    seed: { least: 0, most: 2 ** 31, whole: true },
} as const satisfies Record<string, Bounds>;

type Key = keyof typeof BOUNDS;

/**
 * Reads the command line.
 *
 * @returns undefined if it asks for help
 * @throws UsageError naming the option, its value and what is allowed
 */
export function readPlanArguments(args: readonly string[]): PlanArguments | undefined {
    const values = parsed(args);
    if (values.help === true) {
        return undefined;
    }
    const number = (key: Key): number | undefined => {
        const text = values[key];
        return text === undefined ? undefined : numberOf(key, text);
    };
    const range = (key: "seconds-per-image" | "cold-start", otherwise: Range): Range => {
        const text = values[key];
        return text === undefined ? otherwise : rangeOf(key, text);
    };
    const required = (key: Key): number => {
        const value = number(key);
        if (value === undefined) {
            throw new UsageError(`--${key} is missing; allowed: ${allowed(key)}`);
        }
        return value;
    };
    const together = (one: Key, other: Key): { one: number; other: number } | undefined =>
        values[one] === undefined && values[other] === undefined
            ? undefined
            : { one: required(one), other: required(other) };

    const bursts = together("burst", "burst-every");
    const requestsPerHour = required("requests-per-hour");
    if (requestsPerHour === 0 && bursts === undefined) {
        throw new UsageError(
            "--requests-per-hour is 0; allowed: above 0, or together with --burst",
        );
    }
    const nodes = together("node-start", "node-idle");
    const [minScale, maxScale] = [number("min-scale"), number("max-scale")];
    const maxGpus = Math.max(number("max-gpus") ?? LIMITS.maxScale.max, maxScale ?? 0);
    if (minScale !== undefined && minScale > (maxScale ?? maxGpus)) {
        throw new UsageError(
            `--min-scale is ${minScale}; allowed: at most ${maxScale ?? maxGpus}, the most pods`,
        );
    }
    const asked: PlanArguments = {
        demand: {
            requestsPerHour,
            bursts: bursts && { size: bursts.one, everySeconds: bursts.other },
        },
        behaviour: {
            serviceSeconds: range("seconds-per-image", [10, 10]),
            coldStartSeconds: range("cold-start", [60, 60]),
            endsOnSigterm: values["ignores-sigterm"] !== true,
            stopsAbandonedWork: BEHAVIOUR_DEFAULTS.stopsAbandonedWork,
            nodes: nodes && { startSeconds: nodes.one, idleSeconds: nodes.other },
        },
        settings: {
            activators: number("activators") ?? SERVICE_DEFAULTS.activators,
            timeoutSeconds: number("timeout") ?? SERVICE_DEFAULTS.timeoutSeconds,
        },
        p95Seconds: required("p95"),
        maxGpus,
        given: defined({
            minScale,
            maxScale,
            scaleDownDelaySeconds: number("scale-down-delay"),
            targetUtilizationPercentage: number("target-utilization"),
        }),
        seed: number("seed") ?? 1,
        pricePerHour: number("price"),
        json: values.json === true,
    };
    requireRoom(asked);
    return asked;
}

/** @throws UsageError if the most pods cannot do the work, however they are started */
function requireRoom(asked: PlanArguments): void {
    const { given, maxGpus } = asked;
    const load = offeredLoad(asked);
    const most = given.maxScale ?? maxGpus;
    if (load >= most) {
        const option = given.maxScale === undefined ? "--max-gpus" : "--max-scale";
        throw new UsageError(
            `${option} is ${most}; allowed: more than ${load.toFixed(2)}, the GPUs that this traffic keeps at work`,
        );
    }
}

function parsed(
    args: readonly string[],
): Partial<Record<Key, string>> & Partial<Record<"ignores-sigterm" | "json" | "help", boolean>> {
    const keys = Object.keys(BOUNDS) as Key[];
    try {
        return parseArgs({
            args: [...args],
            options: {
                ...(Object.fromEntries(keys.map((key) => [key, { type: "string" }])) as Record<
                    Key,
                    { type: "string" }
                >),
                "ignores-sigterm": { type: "boolean" },
                json: { type: "boolean" },
                help: { type: "boolean", short: "h" },
            },
        }).values;
    } catch (error) {
        throw new UsageError((error as Error).message);
    }
}

function numberOf(key: Key, text: string): number {
    const { least, most, whole = false }: Bounds = BOUNDS[key];
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (!(value >= least && value <= most) || (whole && !Number.isInteger(value))) {
        throw new UsageError(`--${key} is ${JSON.stringify(text)}; allowed: ${allowed(key)}`);
    }
    return value;
}

function rangeOf(key: Key, text: string): Range {
    const [from = "", to = from, ...more] = text.split("-");
    const [least, most] = [numberOf(key, from), numberOf(key, to)];
    if (more.length > 0 || least > most) {
        throw new UsageError(
            `--${key} is ${JSON.stringify(text)}; allowed: ${allowed(key)}, or a range from the least to the most, such as 9.9-10.5`,
        );
    }
    return [least, most];
}

function allowed(key: Key): string {
    const { least, most, whole = false }: Bounds = BOUNDS[key];
    return `a ${whole ? "whole number" : "number"} from ${least} to ${most}`;
}

function defined<T extends object>(values: T): { [K in keyof T]?: NonNullable<T[K]> } {
    return Object.fromEntries(
        Object.entries(values).filter(([, value]) => value !== undefined),
    ) as { [K in keyof T]?: NonNullable<T[K]> };
}
