import { CoreV1Api } from "@kubernetes/client-node";
import type { StandInPod } from "./run-record";
import type { Target } from "./target";

/** Port of the WebUI and its stand-in. */
const PORT = 7860;

/** Counters of one pod, all since its start. */
export type StandInCounters = Required<StandInPod>;

/**
 * Asks the stand-in of the model server in a pod, through the API server, for its counters
 * (rehearsal/model-server/README.md).
 *
 * @returns undefined where the pod does not answer as the stand-in does: the WebUI has no such route
 * @throws Error when the API server cannot be asked or does not reach the pod
 */
export async function standInCounters(
    { cluster, namespace }: Target,
    pod: string,
): Promise<StandInCounters | undefined> {
    try {
        const answer: unknown = await cluster
            .makeApiClient(CoreV1Api)
            .connectGetNamespacedPodProxyWithPath({
                name: `${pod}:${PORT}`,
                namespace,
                path: "stand-in/statistics",
            });
        const counted = answer as Record<string, unknown>;
        const counters = {
            maxInFlight: counted["max_in_flight"],
            requests: counted["total"],
            abandonedSeconds: counted["abandoned_seconds"],
            savedSeconds: counted["saved_seconds"],
        };
        return areNumbers(counters) ? counters : undefined;
    } catch (error) {
        const { code, body } = error as { code?: unknown; body?: unknown };
        // The API server's own 404 is of a pod that is gone.
        if (code === 404 && !JSON.stringify(body).includes("Status")) {
            return undefined;
        }
        throw error;
    }
}

function areNumbers<T extends string>(counters: Record<T, unknown>): counters is Record<T, number> {
    return Object.values(counters).every((counter) => typeof counter === "number");
}
