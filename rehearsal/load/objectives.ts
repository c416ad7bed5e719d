import { readFile } from "node:fs/promises";
import { PROFILES } from "./profiles";
import type { Figure, Summary } from "./summary";

/** Objective → the figure it bounds, and from which side. */
const OBJECTIVES = {
    totalSeconds: "most",
    totalToFloor: "most",
    meanSeconds: "most",
    p50Seconds: "most",
    p90Seconds: "most",
    p95Seconds: "most",
    p99Seconds: "most",
    slowestSeconds: "most",
    failedShare: "most",
    efficiency: "least",
    gpuSecondsPerImage: "most",
    costPer1000Images: "most",
    maxInFlight: "most",
    waitedInPodSeconds: "most",
    abandonedGpuSeconds: "most",
    idleWhileWaitingSeconds: "most",
    coldStartSeconds: "most",
} as const satisfies Partial<Record<Figure, "most" | "least">>;
type Objective = keyof typeof OBJECTIVES;

/** Service level objectives of one profile in one environment: figure → its bound, which belongs to it. */
export type Objectives = Readonly<Partial<Record<Objective, number>>>;

/**
 * Reads the objectives of a profile from an environment's file, such as `slo/prod.json`: profile → figure → bound.
 *
 * @throws Error naming the file, and the key, its value and what is allowed
 */
export async function readObjectives(file: string, profile: string): Promise<Objectives> {
    const text = await readFile(file, "utf8").catch((error: unknown) => {
        throw new Error(
            `there are no service level objectives in ${file} (${(error as NodeJS.ErrnoException).code ?? ""}); name another file: --slo FILE`,
        );
    });
    const objectives = parseObjectives(file, text)[profile];
    if (objectives === undefined) {
        throw new Error(`${file} has no objectives for the profile ${profile}`);
    }
    return objectives;
}

/**
 * Reads the text of such a file.
 *
 * @throws Error naming every problem
 */
export function parseObjectives(file: string, text: string): Record<string, Objectives> {
    let read: unknown;
    try {
        read = JSON.parse(text);
    } catch (error) {
        throw new Error(`${file}: ${(error as Error).message}`, { cause: error });
    }
    const problems: string[] = [];
    const refuse = (key: string, value: unknown, allowed: string): void => {
        problems.push(`${file}: ${key} is ${JSON.stringify(value)}; allowed: ${allowed}`);
    };
    if (!isObject(read)) {
        refuse("the file", read, "an object");
        read = {};
    }
    for (const [profile, objectives] of Object.entries(read as Record<string, unknown>)) {
        if (!(profile in PROFILES)) {
            refuse(profile, objectives, `the profiles ${Object.keys(PROFILES).join(", ")}`);
        } else if (!isObject(objectives) || Object.keys(objectives).length === 0) {
            refuse(profile, objectives, "an object with at least one objective");
        } else {
            for (const [objective, bound] of Object.entries(objectives)) {
                const key = `${profile}.${objective}`;
                if (!(objective in OBJECTIVES)) {
                    refuse(key, bound, `the objectives ${Object.keys(OBJECTIVES).join(", ")}`);
                } else if (typeof bound !== "number" || !(bound >= 0)) {
                    refuse(key, bound, "a number from 0");
                }
            }
        }
    }
    if (problems.length > 0) {
        throw new Error(problems.join("\n"));
    }
    return read as Record<string, Objectives>;
}

function isObject(value: unknown): value is Record<string, unknown> {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a load met what was asked of it. */
export interface Verdict {
    readonly met: boolean;
    readonly judgements: readonly Judgement[];
}

/** One objective and what came of it. */
export interface Judgement {
    readonly objective: Figure;
    readonly bound: number;
    readonly side: "most" | "least";
    /** @default - the figure could not be observed, which does not meet the objective */
    readonly value?: number | undefined;
    readonly met: boolean;
}

/** Judges a summary. A load that was interrupted meets nothing: what was not sent was not measured. */
export function judge(summary: Summary, objectives: Objectives): Verdict {
    const judgements = Object.entries(objectives).map(([name, bound]): Judgement => {
        const objective = name as Objective;
        const side = OBJECTIVES[objective];
        const value = summary.figures[objective]?.value;
        const met = value !== undefined && (side === "most" ? value <= bound : value >= bound);
        return { objective, bound, side, value, met };
    });
    return {
        met: summary.interrupted === undefined && judgements.every(({ met }) => met),
        judgements,
    };
}
