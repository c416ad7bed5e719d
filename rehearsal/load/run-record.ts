import { readFile, writeFile } from "node:fs/promises";
import type { Profile } from "./profiles";
import type { ServedSettings } from "./target";

/** Version of the format below (docs/load.md); rises when a property goes or changes its meaning. */
export const FORMAT = { format: "stable-diffusion-load-run", version: 1 } as const;

/**
 * Everything that was observed in one run, as it is written to a file: no figure in it is computed from another.
 * All moments are seconds from `startedAt` by this machine's clock.
 */
export interface RunRecord {
    readonly format: typeof FORMAT.format;
    readonly version: typeof FORMAT.version;
    /** ISO 8601. */
    readonly startedAt: string;
    /** Name of the Pulumi stack. */
    readonly stack: string;
    readonly profile: Profile;
    /** Of the arrivals. */
    readonly seed: number;
    /** Why it ended before its profile did. @default - it did not */
    readonly interrupted?: string | undefined;
    /** End of the last request. */
    readonly loadEnd: number;
    /** End of the observation: later, if the pods were followed until they were gone. */
    readonly end: number;
    /** Most pods that there could be. */
    readonly podsMost: number;
    readonly minScale: number;
    /** Pods of Knative's activator, if they are in the cluster. */
    readonly activators?: number | undefined;
    readonly settings: ServedSettings;
    readonly samples: readonly Sample[];
    /** The same requests as `hey` itself measured them, where it sent them. */
    readonly hey?: HeyRun | undefined;
    /** What happened besides. @default - nothing */
    readonly disturbance?: DisturbanceRecord | undefined;
    readonly pods: readonly PodRecord[];
    readonly metrics: readonly MetricsPoint[];
    /** What could not be observed, and why. */
    readonly unobserved: readonly string[];
}

/** One request. */
export interface Sample {
    /** When it was to be sent: the moment drawn for it, or when its client was free. */
    readonly scheduled: number;
    readonly sent: number;
    /** When the head of its answer came. */
    readonly firstByte?: number | undefined;
    /** When its answer was complete, or it failed. */
    readonly done: number;
    /** HTTP status. @default - no answer came */
    readonly status?: number | undefined;
    /** Why there is no complete answer. */
    readonly error?: string | undefined;
    /** Whether its client gave it up, as the profile says. */
    readonly cancelled?: true | undefined;
    /** Of the answer's body. */
    readonly bytes: number;
    /** What the rehearsal's stand-in of the model server says of itself. @default - it was none, or did not answer */
    readonly standIn?: StandInSample | undefined;
}

/** What the stand-in says with an answer, which the WebUI does not. */
export interface StandInSample {
    /** Name of the pod. */
    readonly pod: string;
    /** Requests that were in the pod when this one came, itself included. */
    readonly inFlight: number;
    /** Seconds it waited in the pod, for other requests or for the model. */
    readonly waited: number;
    /** Seconds it was drawn. */
    readonly drew: number;
}

/** What the stand-in in a pod counted. */
export interface StandInPod {
    /** Most requests in it at a time, since its start. */
    readonly maxInFlight: number;
    /** Requests that came, since its start. */
    readonly requests: number;
    /** Seconds it drew for clients that had gone, during the run. @default - an earlier stand-in did not count them */
    readonly abandonedSeconds?: number | undefined;
    /** Seconds it was spared to draw for such clients, during the run. @default - as above */
    readonly savedSeconds?: number | undefined;
}

/** What `hey` says. */
export interface HeyRun {
    /** Command line, which holds no secret. */
    readonly command: string;
    readonly requests: readonly HeyRequest[];
}

/** A row of `hey -o csv`, in seconds. It has rows of answered requests only. */
export interface HeyRequest {
    readonly responseTime: number;
    readonly status: number;
    /** When it was sent, from the start of `hey`. */
    readonly offset: number;
}

/** Something that happened while the load went on (disturbance.ts). */
export interface DisturbanceRecord {
    readonly kind: "rollout" | "activator-loss";
    readonly at: number;
}

/** A pod of the service, as a watch saw it. What was so before the run began has the moment 0. */
export interface PodRecord {
    readonly name: string;
    readonly revision: string;
    readonly node?: string | undefined;
    /** GPUs that it holds. */
    readonly gpus: number;
    /** Whether it was there before the run began. */
    readonly before: boolean;
    readonly created: number;
    readonly scheduled?: number | undefined;
    /** When the service's own container ran. */
    readonly started?: number | undefined;
    readonly ready?: number | undefined;
    /** When its deletion was asked for. */
    readonly terminating?: number | undefined;
    /** When it was gone. @default - it was there when the observation ended */
    readonly deleted?: number | undefined;
    /** Counters of the stand-in in it, when they were last read. @default - it is none, or could not be asked */
    readonly standIn?: StandInPod | undefined;
}

/** What Knative's autoscaler and activators said at one moment. What they did not say is missing. */
export interface MetricsPoint {
    readonly at: number;
    /** Pods that the autoscaler wants. */
    readonly desired?: number | undefined;
    /** Pods that are ready, as the autoscaler counts. */
    readonly actual?: number | undefined;
    /** 1 in panic mode, 0 otherwise. */
    readonly panic?: number | undefined;
    /** Average concurrency over the stable window. */
    readonly stable?: number | undefined;
    /** Requests that wait in the activators. */
    readonly queued?: number | undefined;
    /** Requests that the activators have sent to pods. */
    readonly active?: number | undefined;
}

/** Writes a run to a file, numbers to a tenth of a millisecond, each element of a list on a line of its own. */
export async function writeRun(file: string, run: RunRecord): Promise<void> {
    const text = (value: unknown): string =>
        JSON.stringify(value, (_, each: unknown) =>
            typeof each === "number" ? Number(each.toFixed(4)) : each,
        );
    const properties = Object.entries(run)
        .filter(([, value]) => value !== undefined)
        .map(([key, value]: [string, unknown]) =>
            Array.isArray(value) && value.length > 0
                ? `${text(key)}: [\n${value.map(text).join(",\n")}\n]`
                : `${text(key)}: ${text(value)}`,
        );
    await writeFile(file, `{\n${properties.join(",\n")}\n}\n`);
}

/**
 * Reads a file that a run left.
 *
 * @throws Error naming the file, if it is none of this version
 */
export async function readRun(file: string): Promise<RunRecord> {
    const read = JSON.parse(await readFile(file, "utf8")) as Partial<RunRecord> | null;
    for (const key of ["format", "version"] as const) {
        if (read?.[key] !== FORMAT[key]) {
            throw new Error(
                `${file}: ${key} is ${JSON.stringify(read?.[key])}; allowed: ${JSON.stringify(FORMAT[key])}`,
            );
        }
    }
    for (const key of ["samples", "pods", "metrics", "unobserved"] as const) {
        if (!Array.isArray(read?.[key])) {
            throw new Error(`${file}: ${key} is not a list`);
        }
    }
    return read as RunRecord;
}
