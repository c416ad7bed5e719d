import { PROFILES } from "../../../load/profiles";
import { FORMAT, type PodRecord, type RunRecord, type Sample } from "../../../load/run-record";

/** A run of the recipe's profile with nothing in it, changed as a test needs it. */
export function runOf(changes: Partial<RunRecord> = {}): RunRecord {
    const samples = changes.samples ?? [];
    const loadEnd = Math.max(0, ...samples.map(({ done }) => done));
    return {
        ...FORMAT,
        startedAt: "2026-11-24T10:00:00.000Z",
        stack: "test",
        profile: { name: "recipe", ...PROFILES.recipe },
        seed: 1,
        loadEnd,
        end: loadEnd,
        podsMost: 5,
        minScale: 0,
        activators: 1,
        settings: {
            autoscaling: {},
            containerConcurrency: 1,
            timeoutSeconds: 300,
            readinessProbe: undefined,
            standIn: {},
        },
        samples,
        pods: [],
        metrics: [],
        unobserved: [],
        ...changes,
    };
}

/** A request that was sent at `sent` and answered at `done`. */
export function sampleOf(sent: number, done: number, changes: Partial<Sample> = {}): Sample {
    return { scheduled: sent, sent, firstByte: done, done, status: 200, bytes: 1, ...changes };
}

/** A pod with one GPU that was made in the run. */
export function podOf(name: string, changes: Partial<PodRecord> = {}): PodRecord {
    return { name, revision: "web-00001", gpus: 1, before: false, created: 0, ...changes };
}
