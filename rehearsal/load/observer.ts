import { type MetricsSource, scrapedMetrics } from "./metrics";
import { pause } from "./pause";
import type { PodWatch } from "./pod-watch";
import type { MetricsPoint, PodRecord, StandInPod } from "./run-record";
import { type StandInCounters, standInCounters } from "./stand-in-counters";
import type { Target } from "./target";
import type { Clock } from "./timed-request";

/** Seconds between two looks: the autoscaler decides every two seconds. */
const PERIOD = 2;

/** Looks at Knative and at the pods while a load goes on. */
export interface Observer {
    readonly metrics: readonly MetricsPoint[];
    /** The pods of the watch, with the counters of the stand-ins in them. */
    readonly pods: () => PodRecord[];
    /** Pods of the activator, if there are any in the cluster. */
    readonly activators: () => number | undefined;
    /** What could not be observed, each reason once. */
    readonly unobserved: () => string[];
    /** Looks once more and stops. */
    readonly stop: () => Promise<void>;
}

/** Begins to look, every two seconds. */
export function observe(
    target: Target,
    watch: PodWatch,
    clock: Clock,
    source: MetricsSource = scrapedMetrics(target),
): Observer {
    const metrics: MetricsPoint[] = [];
    const counters = new Map<string, StandInCounters>();
    const firstCounters = new Map<string, StandInCounters>();
    const reasons = new Set<string>();
    const stopping = new AbortController();

    const look = async (): Promise<void> => {
        const at = clock();
        const { figures, failures } = await source.read();
        if (Object.values<number | undefined>(figures).some((figure) => figure !== undefined)) {
            metrics.push({ at, ...figures });
        }
        for (const failure of failures) {
            reasons.add(failure);
        }
        await Promise.all(watch.pods().filter(isReachable).map(count));
    };
    const count = async ({ name, before }: PodRecord): Promise<void> => {
        try {
            const counted = await standInCounters(target, name);
            if (counted === undefined) {
                reasons.add(
                    "requests in a pod at a time: its model server is not the rehearsal's stand-in",
                );
            } else {
                counters.set(name, counted);
                if (before && !firstCounters.has(name)) {
                    firstCounters.set(name, counted);
                }
            }
        } catch (error) {
            // A pod may end while it is asked.
            const pod = watch.pods().find((each) => each.name === name);
            if (pod !== undefined && isReachable(pod)) {
                reasons.add(`counters of a pod: ${(error as Error).message.split("\n")[0] ?? ""}`);
            }
        }
    };
    const looking = (async () => {
        while (!stopping.signal.aborted) {
            const next = clock() + PERIOD;
            await look();
            await pause(next - clock(), stopping.signal);
        }
        await look();
    })();

    return {
        metrics,
        pods: () =>
            watch.pods().map((pod) => ({
                ...pod,
                standIn: since(firstCounters.get(pod.name), counters.get(pod.name)),
            })),
        activators: source.activators,
        unobserved: () => [
            ...reasons,
            ...watch.failures.map((failure) => `pods, for a moment, at ${failure}`),
        ],
        stop: async () => {
            stopping.abort();
            await looking;
        },
    };
}

/** Counters with the seconds of the run alone; the others tell of the whole life of the pod. */
function since(
    first: StandInCounters | undefined,
    last: StandInCounters | undefined,
): StandInPod | undefined {
    return (
        last && {
            ...last,
            abandonedSeconds: last.abandonedSeconds - (first?.abandonedSeconds ?? 0),
            savedSeconds: last.savedSeconds - (first?.savedSeconds ?? 0),
        }
    );
}

function isReachable({ ready, terminating, deleted }: PodRecord): boolean {
    return ready !== undefined && terminating === undefined && deleted === undefined;
}
