import { loadKubeconfig } from "./cluster-facts";
import { unlessMissing } from "./unless-missing";

/** A condition in the `status` of a Knative object. */
interface Condition {
    readonly type: string;
    readonly status: string;
    readonly reason?: string;
    readonly message?: string;
}

interface WithConditions {
    readonly metadata?: { readonly name?: string };
    readonly status?: {
        readonly conditions?: readonly Condition[];
        readonly latestCreatedRevisionName?: string;
    };
}

/** What went wrong in a pod, in Kubernetes' own words. */
interface PodTrouble {
    readonly pod: string;
    readonly reason: string;
    readonly message: string;
}

/** Warnings about pods that are gone that a message repeats. */
const MOST_WARNINGS = 5;

/**
 * Why the latest revision of a Knative Service does not start: its own conditions and those of its pods.
 *
 * @param kubeconfig contents of a kubeconfig
 * @returns undefined when there is no such Service, or nothing is wrong with it
 */
export async function revisionFailure(
    kubeconfig: string,
    namespace: string,
    serviceName: string,
): Promise<string | undefined> {
    const { CoreV1Api, CustomObjectsApi } = await import("@kubernetes/client-node");
    const cluster = await loadKubeconfig(kubeconfig);
    const objects = cluster.makeApiClient(CustomObjectsApi);
    const knative = { group: "serving.knative.dev", version: "v1", namespace };

    const service = await read("services", serviceName);
    const revisionName = service?.status?.latestCreatedRevisionName;
    const revision = revisionName === undefined ? undefined : await read("revisions", revisionName);
    if (!revision || revisionName === undefined) {
        return undefined;
    }
    const core = cluster.makeApiClient(CoreV1Api);
    const [pods, warnings] = await Promise.all([
        core.listNamespacedPod({
            namespace,
            labelSelector: `serving.knative.dev/revision=${revisionName}`,
        }),
        // Knative takes the pods of a revision away that it has given up, and what kept them from running is
        // only known by its events: no GPU, or an image that cannot be pulled.
        core.listNamespacedEvent({ namespace, fieldSelector: "type=Warning" }),
    ]);
    const gone = warnings.items
        .filter(
            ({ involvedObject: { kind, name = "" } }) =>
                kind === "Pod" &&
                name.startsWith(`${revisionName}-`) &&
                pods.items.every(({ metadata }) => metadata?.name !== name),
        )
        .map(({ involvedObject, reason, message }) => ({
            pod: involvedObject.name ?? "",
            reason: reason ?? "",
            message: message ?? "",
        }))
        .slice(-MOST_WARNINGS);
    const troubles = pods.items.flatMap((pod): PodTrouble[] => {
        const name = pod.metadata?.name ?? "";
        const scheduled = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
        return [
            ...(scheduled?.status === "False" ? [scheduled] : []),
            ...(pod.status?.containerStatuses ?? []).flatMap(({ state, lastState }) => [
                ...(state?.waiting ? [state.waiting] : []),
                ...(lastState?.terminated ? [lastState.terminated] : []),
            ]),
        ].map(({ reason, message }) => ({
            pod: name,
            reason: reason ?? "",
            message: message ?? "",
        }));
    });
    return describeFailure(revisionName, revision.status?.conditions ?? [], [...troubles, ...gone]);

    async function read(plural: string, name: string): Promise<WithConditions | undefined> {
        return unlessMissing(
            objects.getNamespacedCustomObject({
                ...knative,
                plural,
                name,
            }) as Promise<WithConditions>,
        );
    }
}

/** The message for a revision that did not become ready; undefined when all is well with it. */
export function describeFailure(
    revision: string,
    conditions: readonly Condition[],
    pods: readonly PodTrouble[],
): string | undefined {
    const ready = conditions.find(({ type }) => type === "Ready");
    if (ready?.status === "True") {
        return undefined;
    }
    const lines = [
        ...conditions
            .filter(({ status }) => status !== "True")
            .map(({ type, status, reason, message }) =>
                `  ${type} is ${status}: ${reason ?? ""} ${message ?? ""}`.trimEnd(),
            ),
        ...pods.map(({ pod, reason, message }) => `  pod ${pod}: ${reason} ${message}`.trimEnd()),
    ];
    return `revision ${revision} did not become ready:\n${[...new Set(lines)].join("\n")}`;
}
