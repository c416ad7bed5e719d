import { loadKubeconfig } from "./cluster-facts";

interface KnativeObject {
    readonly status?: {
        readonly conditions?: readonly { readonly type: string; readonly status: string }[];
        readonly latestCreatedRevisionName?: string;
        readonly latestReadyRevisionName?: string;
    };
}

/**
 * Deletes the latest revision of a Knative Service if it has failed and never was ready; Knative then makes it anew.
 *
 * When a revision's progress deadline is over, Knative gives it up for good: GPU nodes that come later do not
 * help, and an update that changes nothing of the template makes no new revision. So an `up` after, say, a
 * shortage of GPUs would wait in vain.
 *
 * @param kubeconfig contents of a kubeconfig
 * @returns the name of the revision that was deleted, if one was
 */
export async function retryFailedRevision(
    kubeconfig: string,
    namespace: string,
    serviceName: string,
): Promise<string | undefined> {
    const { ApiException, CustomObjectsApi } = await import("@kubernetes/client-node");
    const objects = (await loadKubeconfig(kubeconfig)).makeApiClient(CustomObjectsApi);
    const knative = { group: "serving.knative.dev", version: "v1", namespace };

    const { status } = await read("services", serviceName);
    const name = status?.latestCreatedRevisionName;
    if (name === undefined || name === status?.latestReadyRevisionName) {
        return undefined;
    }
    const revision = await read("revisions", name);
    const ready = revision.status?.conditions?.find(({ type }) => type === "Ready");
    if (ready?.status !== "False") {
        return undefined;
    }
    await objects.deleteNamespacedCustomObject({ ...knative, plural: "revisions", name });
    return name;

    async function read(plural: string, wanted: string): Promise<KnativeObject> {
        try {
            const found: unknown = await objects.getNamespacedCustomObject({
                ...knative,
                plural,
                name: wanted,
            });
            return found as KnativeObject;
        } catch (error) {
            if (error instanceof ApiException && error.code === 404) {
                return {};
            }
            throw error;
        }
    }
}
