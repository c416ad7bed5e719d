import { setTimeout } from "node:timers/promises";
import { loadKubeconfig } from "./cluster-facts";
import { unlessMissing } from "./unless-missing";

interface KnativeObject {
    readonly metadata?: { readonly uid?: string; readonly resourceVersion?: string };
    readonly status?: {
        readonly conditions?: readonly { readonly type: string; readonly status: string }[];
        readonly latestCreatedRevisionName?: string;
        readonly latestReadyRevisionName?: string;
    };
}

/** Pause between two looks, in milliseconds. */
const PAUSE = 500;

/** Looks at most, until Knative has made the revision anew. */
const LOOKS = 60;

/**
 * Deletes the latest revision of a Knative Service if it has failed and never was ready; Knative then makes it anew.
 *
 * When a revision's progress deadline is over, Knative gives it up for good: GPU nodes that come later do not
 * help, and an update that changes nothing of the template makes no new revision. So an `up` after, say, a
 * shortage of GPUs would wait in vain.
 *
 * It returns when the Service has come to rest, since who changes it while Knative does gets a conflict.
 *
 * @param kubeconfig contents of a kubeconfig
 * @returns the name of the revision that was deleted, if one was
 */
export async function retryFailedRevision(
    kubeconfig: string,
    namespace: string,
    serviceName: string,
): Promise<string | undefined> {
    const { CustomObjectsApi } = await import("@kubernetes/client-node");
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

    let last: string | undefined;
    for (let look = 0; look < LOOKS; look += 1) {
        const { metadata } = await read("services", serviceName);
        const made = (await read("revisions", name)).metadata?.uid;
        const isMade = made !== undefined && made !== revision.metadata?.uid;
        if (isMade && metadata?.resourceVersion === last) {
            break;
        }
        last = metadata?.resourceVersion;
        await setTimeout(PAUSE);
    }
    return name;

    async function read(plural: string, wanted: string): Promise<KnativeObject> {
        const found = await unlessMissing(
            objects.getNamespacedCustomObject({
                ...knative,
                plural,
                name: wanted,
            }) as Promise<KnativeObject>,
        );
        return found ?? {};
    }
}
