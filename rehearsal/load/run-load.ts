import { type Disturbance, disturb } from "./disturbance";
import { generate } from "./generator";
import { runHey } from "./hey";
import { observe, type Observer } from "./observer";
import { type PodWatch, watchPods } from "./pod-watch";
import type { Profile } from "./profiles";
import { FORMAT, type HeyRun, type RunRecord, type Sample } from "./run-record";
import { requireServed, type Target } from "./target";
import { type Clock, type Sender, sender, startClock } from "./timed-request";

/** Seconds that pods get to come or to go before and after a load: their grace period, delays, a node's start. */
const SETTLE_SECONDS = 1800;

/** Seconds between two lines of progress. */
const PROGRESS_PERIOD = 5;

/** One run of a profile against a stack. */
export interface LoadRun {
    readonly target: Target;
    /** Name of the Pulumi stack. */
    readonly stack: string;
    readonly profile: Profile;
    /** Of the arrivals. */
    readonly seed: number;
    /** What happens while the load goes on. @default - nothing */
    readonly disturbance?: Disturbance | undefined;
    /** Gets a line now and then while the run goes on. */
    readonly onProgress: (line: string) => void;
    /** Ends the load; what was observed until then is returned. */
    readonly signal: AbortSignal;
}

/**
 * Waits until the service has the pods that always run and no others, sends the profile's requests, and observes
 * clients, pods, autoscaler and activators meanwhile.
 *
 * @returns what was observed, also when it was interrupted after the load had begun
 * @throws Error before any request, if the cluster does not serve the target or the pods do not settle; the abort
 * reason if aborted before
 */
export async function runLoad(run: LoadRun): Promise<RunRecord> {
    const { target, stack, profile, seed, onProgress, signal } = run;
    const settings = await requireServed(target);
    await settled(run);

    const startedAt = new Date().toISOString();
    const clock = startClock();
    const watch = await watchPods(target, clock);
    const observer = observe(target, watch, clock);
    const requests = sender(target, clock);
    const samples: Sample[] = [];
    const progress = setInterval(() => {
        onProgress(progressLine(run, clock, requests, samples, observer));
    }, PROGRESS_PERIOD * 1000);
    try {
        const ended = new AbortController();
        const [hey, disturbance] = await Promise.all([
            send(run, { clock, requests, samples }).finally(() => {
                ended.abort();
            }),
            run.disturbance && disturb(run.disturbance, target, clock, ended.signal),
        ]);
        const loadEnd = Math.max(...samples.map(({ done }) => done), 0);
        if (profile.untilSettled && !signal.aborted) {
            onProgress(
                `${clock().toFixed(1)} s: all requests are over; waiting for the pods to go`,
            );
            await untilSettled(watch, target, signal).catch((error: unknown) => {
                if (!signal.aborted) {
                    throw error;
                }
            });
        }
        await observer.stop();
        return {
            ...FORMAT,
            startedAt,
            stack,
            profile,
            seed,
            interrupted: signal.aborted ? (signal.reason as Error).message : undefined,
            loadEnd,
            end: clock(),
            podsMost: target.podsMost,
            minScale: target.minScale,
            activators: observer.activators(),
            settings,
            samples,
            hey,
            disturbance,
            pods: observer.pods(),
            metrics: observer.metrics,
            unobserved: observer.unobserved(),
        };
    } finally {
        clearInterval(progress);
        requests.close();
        await observer.stop();
        await watch.stop();
    }
}

/** The fleet as it is before a load, so that one run does not begin with the pods of another. */
async function settled({ target, onProgress, signal }: LoadRun): Promise<void> {
    const watch = await watchPods(target, startClock());
    try {
        onProgress(`waiting for the service to be at its minScale of ${target.minScale} pods`);
        await untilSettled(watch, target, signal);
    } finally {
        await watch.stop();
    }
}

async function untilSettled(
    watch: PodWatch,
    { minScale }: Target,
    signal: AbortSignal,
): Promise<void> {
    const limit = AbortSignal.timeout(SETTLE_SECONDS * 1000);
    try {
        await watch.untilSettled(minScale, AbortSignal.any([signal, limit]));
    } catch (error) {
        signal.throwIfAborted();
        const there = watch.pods().filter(({ deleted }) => deleted === undefined);
        throw new Error(
            `the service did not come to its minScale of ${minScale} pods in ${SETTLE_SECONDS} s; its pods: ${there.map(({ name }) => name).join(", ") || "none"}`,
            { cause: error },
        );
    }
}

async function send(
    { target, profile, seed, signal }: LoadRun,
    {
        clock,
        requests,
        samples,
    }: { readonly clock: Clock; readonly requests: Sender; readonly samples: Sample[] },
): Promise<HeyRun | undefined> {
    const onSample = (sample: Sample): void => {
        samples.push(sample);
    };
    const { arrivals } = profile;
    if (arrivals.kind === "closed" && arrivals.sender === "hey") {
        return runHey(profile, arrivals.clients, {
            target,
            sender: requests,
            clock,
            onSample,
            signal,
        });
    }
    await generate(profile, { sender: requests, clock, seed, onSample, signal });
    return undefined;
}

function progressLine(
    { profile }: LoadRun,
    clock: Clock,
    requests: Sender,
    samples: readonly Sample[],
    observer: Observer,
): string {
    const answered = samples.filter(({ status }) => status === 200).length;
    const cancelled = samples.filter((sample) => sample.cancelled).length;
    const failed = samples.length - answered - cancelled;
    const pods = observer.pods().filter(({ deleted }) => deleted === undefined);
    const ready = pods.filter((pod) => pod.ready !== undefined && pod.terminating === undefined);
    const leaving = pods.filter(({ terminating }) => terminating !== undefined);
    const queued = observer.metrics.at(-1)?.queued;
    const most = profile.arrivals.kind === "closed" ? ` of ${profile.requests}` : "";
    return [
        `${clock().toFixed(1)} s: ${answered}${most} answered`,
        ...(failed > 0 ? [`${failed} failed`] : []),
        ...(cancelled > 0 ? [`${cancelled} given up`] : []),
        `${requests.underWay()} under way${queued === undefined ? "" : ` (${queued} queued)`}`,
        `pods: ${ready.length} ready, ${pods.length - ready.length - leaving.length} starting, ${leaving.length} leaving`,
    ].join(", ");
}
