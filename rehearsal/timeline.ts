import { CoreV1Api, type KubeConfig, type V1Pod } from "@kubernetes/client-node";
import type { CloudEvent } from "./cloud/api";

/** One moment on the way to an image. */
export interface Moment {
    readonly at: Date;
    readonly what: string;
}

/**
 * How pods and nodes came to serve the first image: what the simulated cloud says of its nodes, and what
 * Kubernetes says of the service's pods, in the order of time. Kubernetes gives whole seconds.
 */
export async function timeline(
    kubeconfig: KubeConfig,
    namespace: string,
    events: readonly CloudEvent[],
): Promise<Moment[]> {
    const { items } = await kubeconfig.makeApiClient(CoreV1Api).listNamespacedPod({ namespace });
    return [...events.filter(isOfNodes).map(momentOf), ...items.flatMap(momentsOf)].sort(
        (one, other) => one.at.getTime() - other.at.getTime(),
    );
}

/** The moments as lines, with the seconds since `start`. */
export function written(moments: readonly Moment[], start: Date): string[] {
    return moments.map(({ at, what }) => {
        const seconds = (at.getTime() - start.getTime()) / 1000;
        return `${seconds.toFixed(1).padStart(7)} s  ${what}`;
    });
}

function isOfNodes({ kind }: CloudEvent): boolean {
    return kind.startsWith("Node") || kind.startsWith("Scale");
}

function momentOf({ at, kind, subject, message }: CloudEvent): Moment {
    return { at: new Date(at), what: `${kind} ${subject}: ${message}` };
}

/** What the conditions of a pod mean, in the order in which they come true. */
const CONDITIONS: Readonly<Record<string, string>> = {
    PodScheduled: "has a node",
    PodReadyToStartContainers: "has its network",
    Ready: "is ready",
};

function momentsOf({ metadata, spec, status }: V1Pod): Moment[] {
    const pod = `pod ${metadata?.name ?? ""}`;
    const created = metadata?.creationTimestamp;
    return [
        ...(created ? [{ at: new Date(created), what: `${pod} is created` }] : []),
        ...(status?.conditions ?? []).flatMap(({ type, status: value, lastTransitionTime }) => {
            const meaning = CONDITIONS[type];
            return meaning !== undefined && value === "True" && lastTransitionTime
                ? [
                      {
                          at: new Date(lastTransitionTime),
                          what: `${pod} ${meaning}${type === "PodScheduled" ? ` (${spec?.nodeName ?? ""})` : ""}`,
                      },
                  ]
                : [];
        }),
    ];
}
