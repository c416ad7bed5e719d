import type { PodRecord, RunRecord, Sample } from "./run-record";
import { type HeyFigures, heyFigures, mean } from "./statistics";

/** What follows from the record of one run. */
export interface RunFigures {
    readonly requests: number;
    /** Answers with status 200: images. */
    readonly images: number;
    /** Requests that their client gave up, as the profile says. */
    readonly cancelled: number;
    /** The others: another status, or no complete answer. */
    readonly failed: number;
    /** Status, error or "given up" → requests. */
    readonly outcomes: Readonly<Record<string, number>>;
    /**
     * Seconds from the moment at which a request was to be sent to the end of its answer; Infinity for a failed one.
     * Requests that were given up are left out.
     */
    readonly latencies: readonly number[];
    /** Seconds from the first request to the end of the last. */
    readonly total: number;
    /** As `hey` would print them: of its own measurements, if it sent the requests. @default - nothing was answered */
    readonly hey?: HeyFigures | undefined;
    /** Seconds that one image takes: as the stand-in measured, else those of the fastest request. */
    readonly serviceSeconds?: number | undefined;
    /**
     * Seconds that the same requests would take at least: with all pods warm and no request waiting for a busy one
     * while another idles. @default - the profile is open, or gives up requests
     */
    readonly floor?: number | undefined;
    /** Work done ÷ work that the pods which the clients could keep busy would have done in the same time. */
    readonly efficiency?: number | undefined;
    /** GPUs that pods held × seconds, from the first request to the end of the last. */
    readonly gpuSecondsDuringLoad: number;
    /** The same until the pods that the load had brought were gone. @default - they were not followed until then */
    readonly gpuSecondsUntilSettled?: number | undefined;
    /**
     * Most requests in flight in a pod, those that were given up left out; of pods that were there before the run,
     * since their start. @default - the model server is not the rehearsal's stand-in
     */
    readonly maxInFlight?: number | undefined;
    /**
     * Answered requests that came to a pod in which another was in flight. @default - the model server is not the
     * rehearsal's stand-in
     */
    readonly sentToBusyPod?: number | undefined;
    /**
     * Longest that an answered request waited in its pod, in seconds: behind others, or for the model. @default - the
     * model server is not the rehearsal's stand-in
     */
    readonly waitedInPod?: number | undefined;
    /** GPUs × seconds that pods drew for clients that had gone. @default - as above */
    readonly abandonedGpuSeconds?: number | undefined;
    /** GPUs × seconds that pods were spared to draw for such clients. @default - as above */
    readonly savedGpuSeconds?: number | undefined;
    /** Longest that any request waited while a ready pod had nothing to do. @default - cannot be told, see above */
    readonly idleWhileWaiting?: number | undefined;
    /** Longest that a request was under way that failed. @default - none did */
    readonly longestFailure?: number | undefined;
    /** From what happened besides to the next drawing that began. @default - nothing happened, or none began after it */
    readonly recovery?: number | undefined;
    readonly coldStarts: readonly ColdStart[];
}

/** How a pod that was made during the run became ready, in seconds of each phase. */
export interface ColdStart {
    readonly pod: string;
    /** Until it had a node. */
    readonly created: number;
    /** Until its own container ran. */
    readonly scheduled: number;
    /** Until it was ready. */
    readonly started: number;
}

/** Computes the figures of a run. */
export function figuresOf(run: RunRecord): RunFigures {
    const { samples, profile } = run;
    const kept = samples.filter(({ cancelled }) => cancelled === undefined);
    const answered = kept.filter(isImage);
    const start = Math.min(...samples.map(({ scheduled }) => scheduled));
    const total = samples.length === 0 ? 0 : run.loadEnd - start;
    const serviceSeconds = serviceOf(answered);
    const busy = busyPods(run);
    return {
        requests: samples.length,
        images: answered.length,
        cancelled: samples.length - kept.length,
        failed: kept.length - answered.length,
        outcomes: outcomesOf(samples),
        latencies: kept.map((sample) =>
            isImage(sample) ? sample.done - sample.scheduled : Infinity,
        ),
        total,
        hey: heyOf(run, total),
        serviceSeconds,
        floor:
            busy === undefined || serviceSeconds === undefined || profile.cancel !== undefined
                ? undefined
                : Math.ceil(samples.length / busy) * serviceSeconds,
        efficiency:
            busy === undefined || serviceSeconds === undefined || total === 0
                ? undefined
                : (answered.length * serviceSeconds) / (busy * total),
        gpuSecondsDuringLoad: samples.length === 0 ? 0 : gpuSeconds(run.pods, start, run.loadEnd),
        gpuSecondsUntilSettled:
            profile.untilSettled && run.interrupted === undefined
                ? gpuSeconds(run.pods, start, run.end)
                : undefined,
        maxInFlight: maxInFlightOf(run),
        sentToBusyPod: sentToBusyPod(answered),
        waitedInPod: waitedInPod(answered),
        abandonedGpuSeconds: standInGpuSeconds(run, "abandonedSeconds"),
        savedGpuSeconds: standInGpuSeconds(run, "savedSeconds"),
        idleWhileWaiting: idleWhileWaiting(run),
        longestFailure: greatest(
            kept.filter((each) => !isImage(each)).map(({ sent, done }) => done - sent),
        ),
        recovery: recoveryOf(run),
        coldStarts: run.pods.flatMap(coldStartOf),
    };
}

function greatest(values: readonly number[]): number | undefined {
    return values.length === 0 ? undefined : Math.max(...values);
}

function recoveryOf({ samples, disturbance }: RunRecord): number | undefined {
    if (disturbance === undefined) {
        return undefined;
    }
    const began = samples
        .filter(isImage)
        .flatMap(({ firstByte, standIn }) =>
            firstByte === undefined || standIn === undefined ? [] : [firstByte - standIn.drew],
        )
        .filter((moment) => moment >= disturbance.at);
    return began.length === 0 ? undefined : Math.min(...began) - disturbance.at;
}

function isImage({ status, error }: Sample): boolean {
    return status === 200 && error === undefined;
}

function outcomesOf(samples: readonly Sample[]): Record<string, number> {
    const outcomes: Record<string, number> = {};
    for (const { cancelled, error, status } of samples) {
        const outcome = cancelled ? "given up" : (error ?? String(status));
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
    return outcomes;
}

function heyOf({ hey, samples }: RunRecord, total: number): HeyFigures | undefined {
    if (hey !== undefined) {
        const { requests } = hey;
        const ends = requests.map(({ offset, responseTime }) => offset + responseTime);
        const begin = Math.min(...requests.map(({ offset }) => offset));
        return requests.length === 0
            ? undefined
            : heyFigures(
                  requests.map(({ responseTime }) => responseTime),
                  Math.max(...ends) - begin,
                  samples.length,
              );
    }
    const answered = samples.filter(({ status, error }) => status !== undefined && !error);
    return answered.length === 0
        ? undefined
        : heyFigures(
              answered.map(({ sent, done }) => done - sent),
              total,
              samples.length,
          );
}

function serviceOf(answered: readonly Sample[]): number | undefined {
    const drew = answered.flatMap(({ standIn }) => (standIn === undefined ? [] : [standIn.drew]));
    if (answered.length === 0) {
        return undefined;
    }
    return drew.length === answered.length
        ? mean(drew)
        : Math.min(...answered.map(({ sent, done }) => done - sent));
}

/** Pods that the clients of a closed profile can keep busy at most. */
function busyPods({ profile: { arrivals }, podsMost }: RunRecord): number | undefined {
    return arrivals.kind === "closed" ? Math.min(arrivals.clients, podsMost) : undefined;
}

/** GPUs that pods held between two moments: from the node's choice until they were gone. */
export function gpuSeconds(
    pods: readonly Pick<PodRecord, "gpus" | "scheduled" | "deleted">[],
    from: number,
    to: number,
): number {
    return pods.reduce((sum, { gpus, scheduled = Infinity, deleted = Infinity }) => {
        const held = Math.min(deleted, to) - Math.max(scheduled, from);
        return sum + gpus * Math.max(0, held);
    }, 0);
}

function maxInFlightOf({ samples, pods }: RunRecord): number | undefined {
    const counted = [
        ...samples.flatMap(({ standIn }) => standIn?.inFlight ?? []),
        ...pods.flatMap(({ standIn }) => standIn?.maxInFlight ?? []),
    ];
    return counted.length === 0 ? undefined : Math.max(...counted);
}

function sentToBusyPod(answered: readonly Sample[]): number | undefined {
    const found = answered.flatMap(({ standIn }) => standIn?.inFlight ?? []);
    return found.length === 0 ? undefined : found.filter((each) => each > 1).length;
}

function waitedInPod(answered: readonly Sample[]): number | undefined {
    const waits = answered.flatMap(({ standIn }) => standIn?.waited ?? []);
    return waits.length === 0 ? undefined : Math.max(...waits);
}

function standInGpuSeconds(
    { pods }: RunRecord,
    counter: "abandonedSeconds" | "savedSeconds",
): number | undefined {
    const counted = pods.flatMap(({ gpus, standIn }) => {
        const seconds = standIn?.[counter];
        return seconds === undefined ? [] : [gpus * seconds];
    });
    return counted.length === 0 ? undefined : counted.reduce((sum, each) => sum + each, 0);
}

function coldStartOf({ name, before, created, scheduled, started, ready }: PodRecord): ColdStart[] {
    return before || scheduled === undefined || started === undefined || ready === undefined
        ? []
        : [
              {
                  pod: name,
                  created: scheduled - created,
                  scheduled: started - scheduled,
                  started: ready - started,
              },
          ];
}

/** Two moments, of which the first is the earlier. */
type Interval = readonly [number, number];

/**
 * The longest that a request waited, in sum, while any ready pod had nothing to do. It needs to know of every
 * request which pod drew it and when: work that its client gave up shows nowhere.
 */
function idleWhileWaiting({ samples, pods, end }: RunRecord): number | undefined {
    const drawn = samples.flatMap(({ sent, firstByte, standIn }) =>
        firstByte === undefined || standIn === undefined
            ? []
            : [{ pod: standIn.pod, sent, began: firstByte - standIn.drew, ended: firstByte }],
    );
    if (drawn.length === 0 || drawn.length < samples.length) {
        return undefined;
    }
    const idle = union(
        pods.flatMap(({ name, ready, terminating, deleted }) =>
            ready === undefined
                ? []
                : without(
                      [ready, terminating ?? deleted ?? end],
                      drawn
                          .filter(({ pod }) => pod === name)
                          .map(({ began, ended }) => [began, ended] as const),
                  ),
        ),
    );
    const waits = drawn.map(({ sent, began }) =>
        idle.reduce(
            (sum, [from, to]) => sum + Math.max(0, Math.min(to, began) - Math.max(from, sent)),
            0,
        ),
    );
    return Math.max(...waits);
}

/** What of an interval the others leave. */
function without([from, to]: Interval, others: readonly Interval[]): Interval[] {
    const left: Interval[] = [];
    let begin = from;
    for (const [start, end] of union(others)) {
        if (start > begin) {
            left.push([begin, Math.min(start, to)]);
        }
        begin = Math.max(begin, end);
    }
    left.push([begin, to]);
    return left.filter(([start, end]) => start < end);
}

/** The same moments in intervals that do not overlap, in their order. */
function union(intervals: readonly Interval[]): Interval[] {
    const merged: [number, number][] = [];
    for (const [from, to] of intervals.toSorted(([one], [other]) => one - other)) {
        const last = merged.at(-1);
        if (last !== undefined && from <= last[1]) {
            last[1] = Math.max(last[1], to);
        } else {
            merged.push([from, to]);
        }
    }
    return merged;
}
