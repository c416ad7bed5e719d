import { setTimeout } from "node:timers/promises";
import { loadKubeconfig } from "./cluster-facts";
import type { KnativeServiceStatus } from "./knative-service";
import { userError } from "./user-error";

/** Whether a URL is at this host. */
export function isAt(host: string, url: string): boolean {
    return new URL(url).host === host;
}

/** Pause between two looks, in milliseconds. */
const PAUSE = 500;

/**
 * Waits until Knative serves a Service at its host. When the domain changes, the Service itself does not, so its
 * state knows the old URL; Knative gives it the new one a moment after its configuration.
 *
 * @param kubeconfig contents of a kubeconfig
 * @returns the URL
 * @throws pulumi.RunError when the time is over, with the URL that it has
 */
export async function untilServedAt(
    host: string,
    service: { readonly namespace: string; readonly name: string },
    kubeconfig: string,
    waitSeconds = 60,
): Promise<string> {
    const { CustomObjectsApi } = await import("@kubernetes/client-node");
    const objects = (await loadKubeconfig(kubeconfig)).makeApiClient(CustomObjectsApi);
    const deadline = performance.now() + waitSeconds * 1000;
    for (;;) {
        const found: unknown = await objects.getNamespacedCustomObject({
            group: "serving.knative.dev",
            version: "v1",
            plural: "services",
            ...service,
        });
        const url = (found as { status?: KnativeServiceStatus }).status?.url;
        if (url !== undefined && isAt(host, url)) {
            return url;
        }
        if (performance.now() > deadline) {
            throw userError(
                `Knative serves the service at ${url ?? "no URL"}, not at the host ${host}; check the domain against Knative's config-domain and domain-template`,
            );
        }
        await setTimeout(PAUSE);
    }
}
