import { CoreV1Api } from "@kubernetes/client-node";
import { KNATIVE_NAMESPACE } from "../../components/knative-config";
import { rollOut } from "./experiment-service";
import { pause } from "./pause";
import type { DisturbanceRecord } from "./run-record";
import type { Target } from "./target";
import type { Clock } from "./timed-request";

/** Something that happens while a load goes on. */
export interface Disturbance {
    /**
     * `rollout`: the Service gets a new revision. `activator-loss`: an activator and its requests are gone at once, as
     * with its node.
     */
    readonly kind: DisturbanceRecord["kind"];
    /** From the first request. */
    readonly afterSeconds: number;
}

/**
 * Lets it happen, unless the load ends before.
 *
 * @returns when it happened
 * @throws Error when the API server refuses it
 */
export async function disturb(
    { kind, afterSeconds }: Disturbance,
    target: Target,
    clock: Clock,
    signal: AbortSignal,
): Promise<DisturbanceRecord | undefined> {
    await pause(afterSeconds - clock(), signal);
    if (signal.aborted) {
        return undefined;
    }
    const at = clock();
    await (kind === "rollout" ? rollOut(target) : loseActivator(target));
    return { kind, at };
}

async function loseActivator({ cluster }: Target): Promise<void> {
    const core = cluster.makeApiClient(CoreV1Api);
    const namespace = KNATIVE_NAMESPACE;
    const { items } = await core.listNamespacedPod({ namespace, labelSelector: "app=activator" });
    // One that is told to go drains for minutes, and has no requests to lose.
    const serving = items.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
    const [name] = serving.flatMap(({ metadata }) => metadata?.name ?? []);
    if (name === undefined) {
        throw new Error(`no pod of the activator serves in the namespace ${namespace}`);
    }
    await core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 0 });
}
