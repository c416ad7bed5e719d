import { CoreV1Api } from "@kubernetes/client-node";
import type { PodRecord } from "./run-record";
import type { Target } from "./target";

/** Port of the WebUI and its stand-in. */
const PORT = 7860;

/** Counters of one pod. */
export type StandInCounters = NonNullable<PodRecord["standIn"]>;

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
        const { max_in_flight: maxInFlight, total } = answer as Record<string, unknown>;
        return typeof maxInFlight === "number" && typeof total === "number"
            ? { maxInFlight, requests: total }
            : undefined;
    } catch (error) {
        const { code, body } = error as { code?: unknown; body?: unknown };
        // The API server's own 404 is of a pod that is gone.
        if (code === 404 && !JSON.stringify(body).includes("Status")) {
            return undefined;
        }
        throw error;
    }
}
