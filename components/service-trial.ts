import type { KubeConfig } from "@kubernetes/client-node";
import { userError } from "./user-error";

/** A namespace that every cluster has; nothing is made in it. */
const NAMESPACE = "default";

/** Why the API server would not create a Service. */
export interface Refusal {
    /** HTTP status; 0 where there was no answer. */
    readonly code: number;
    readonly error: unknown;
}

/**
 * Asks the API server to create a Knative Service in the namespace `default` without carrying it out (`dryRun`):
 * webhooks and admission policies judge it as they would a real one.
 *
 * @returns undefined if it would be created
 * @throws pulumi.RunError if the kubeconfig may not create Services there
 */
export async function tryService(cluster: KubeConfig, body: object): Promise<Refusal | undefined> {
    const { ApiException, CustomObjectsApi } = await import("@kubernetes/client-node");
    try {
        await cluster.makeApiClient(CustomObjectsApi).createNamespacedCustomObject({
            group: "serving.knative.dev",
            version: "v1",
            namespace: NAMESPACE,
            plural: "services",
            dryRun: "All",
            body,
        });
        return undefined;
    } catch (error) {
        const code = error instanceof ApiException ? error.code : 0;
        if (code === 401 || code === 403) {
            throw userError(
                `the kubeconfig may not create Knative Services in the namespace ${NAMESPACE} (HTTP ${code}); use one of an administrator`,
            );
        }
        return { code, error };
    }
}

/** A Service to try: within Knative's limits (knative.ts), so that only its container can be refused. */
export function trialService(name: string, container: object): object {
    return {
        apiVersion: "serving.knative.dev/v1",
        kind: "Service",
        metadata: { name },
        spec: {
            template: {
                metadata: { annotations: { "autoscaling.knative.dev/max-scale": "1" } },
                // Knative asks no registry for images below dev.local.
                spec: { containerConcurrency: 1, containers: [container] },
            },
        },
    };
}
