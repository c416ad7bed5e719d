import { CoreV1Api, KubeConfig, type V1Pod } from "@kubernetes/client-node";
import type { CloudEvent } from "./cloud/api";

/** One moment on the way to an image. */
interface Moment {
    readonly at: Date;
    readonly what: string;
}

/**
 * How pods and nodes came to serve the first image: what the simulated cloud says of its nodes, and what
 * Kubernetes says of the service's pods, in the order of time. Kubernetes gives whole seconds.
 *
 * @param outputs those of the stack, secrets in clear
 * @param start when `up` began
 * @returns a line for each moment, with the seconds since then
 */
export async function timeline(
    { kubeconfig, namespace }: Readonly<Record<string, unknown>>,
    events: readonly CloudEvent[],
    start: Date,
): Promise<string[]> {
    const config = new KubeConfig();
    config.loadFromString(String(kubeconfig));
    const core = config.makeApiClient(CoreV1Api);
    const { items } = await core.listNamespacedPod({ namespace: String(namespace) });
    return [
        ...events.filter(isOfNodes).map(momentOf),
        ...items.flatMap(momentsOf),
        { at: new Date(), what: "images were drawn and credentials tried" },
    ]
        .filter(({ at }) => at >= start)
        .sort((one, other) => one.at.getTime() - other.at.getTime())
        .map(({ at, what }) => {
            const seconds = (at.getTime() - start.getTime()) / 1000;
            return `${seconds.toFixed(1).padStart(7)} s  ${what}`;
        });
}

function isOfNodes({ kind }: CloudEvent): boolean {
    return kind.startsWith("Node");
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
