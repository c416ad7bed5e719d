import type { AppsV1Api, V1Deployment } from "@kubernetes/client-node";
import * as pulumi from "@pulumi/pulumi";
import { loadKubeconfig, reason } from "./cluster-facts";
import type { Knative } from "./knative";
import { KNATIVE_NAMESPACE } from "./knative-config";
import { known } from "./known";
import { GATEWAY_APP, METRICS_PORT } from "./monitoring/scrape-config";
import { until } from "./until";
import { userError } from "./user-error";
import { valueOf } from "./value-of";

/** Seconds for which to wait; images are on the nodes already. */
const WAIT_SECONDS = 300;

/**
 * The Deployments of Knative's control plane that can be scraped, by name; none where it is hosted elsewhere, or in a
 * preview of a cluster to come.
 *
 * @throws pulumi.RunError when the cluster does not answer, or refuses
 */
export async function controlPlane(kubeconfig: pulumi.Output<string>): Promise<string[]> {
    const contents = await known(kubeconfig);
    if (contents === undefined) {
        return [];
    }
    const deployments = await read(await appsOf(contents));
    return deployments
        .filter(({ spec }) => {
            const { metadata, spec: pod } = spec?.template ?? {};
            const ports = (pod?.containers ?? []).flatMap(({ ports = [] }) => ports);
            const canBeScraped = ports.some(({ name }) => name === METRICS_PORT);
            return canBeScraped && metadata?.labels?.["app"] !== GATEWAY_APP;
        })
        .map(({ metadata }) => metadata?.name ?? "");
}

/**
 * Waits until the parts of the control plane that the program restarts have done so, the webhook among them: the
 * provider waits for no patch (pulumi-kubernetes#2455). A preview waits for nothing.
 *
 * @throws pulumi.RunError when they have not after five minutes
 */
export async function controlPlaneRestarted(
    kubeconfig: pulumi.Output<string>,
    { restarted }: Pick<Knative, "restarted">,
): Promise<void> {
    if (pulumi.runtime.isDryRun()) {
        return;
    }
    const [contents, names] = await valueOf(pulumi.all([kubeconfig, restarted]));
    if (names.length > 0) {
        await untilRolledOut(contents, names);
    }
}

/**
 * The waiting of {@link controlPlaneRestarted}.
 *
 * @param kubeconfig contents of a kubeconfig
 * @param names names of the Deployments
 * @param waitSeconds seconds for which to wait
 * @throws pulumi.RunError when the time is over
 */
export async function untilRolledOut(
    kubeconfig: string,
    names: readonly string[],
    waitSeconds = WAIT_SECONDS,
): Promise<void> {
    const apps = await appsOf(kubeconfig);
    await until(
        async () => {
            const deployments = await read(apps);
            const pending = deployments
                .filter(({ metadata }) => names.includes(metadata?.name ?? ""))
                .filter((deployment) => !isRolledOut(deployment))
                .map(({ metadata }) => metadata?.name ?? "");
            return pending.length === 0
                ? { found: undefined }
                : { missing: `${pending.join(", ")} not restarted yet` };
        },
        {
            subject: "Knative's control plane, which restarts to be scraped",
            failure: "Knative's control plane has not restarted",
            consequence: "The service was not touched; the next up goes on from here",
            waitSeconds,
        },
    );
}

function isRolledOut({ metadata, spec, status }: V1Deployment): boolean {
    const replicas = spec?.replicas ?? 1;
    return (
        (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 0) &&
        status?.updatedReplicas === replicas &&
        status.replicas === replicas &&
        status.availableReplicas === replicas
    );
}

async function appsOf(kubeconfig: string): Promise<AppsV1Api> {
    const { AppsV1Api: Api } = await import("@kubernetes/client-node");
    return (await loadKubeconfig(kubeconfig)).makeApiClient(Api);
}

async function read(apps: AppsV1Api): Promise<V1Deployment[]> {
    try {
        return (await apps.listNamespacedDeployment({ namespace: KNATIVE_NAMESPACE })).items;
    } catch (error) {
        throw userError(`Knative's control plane cannot be read: ${reason(error)}`);
    }
}
