import * as pulumi from "@pulumi/pulumi";
import { loadKubeconfig, reason } from "./cluster-facts";
import { KNATIVE_NAMESPACE, OBSERVABILITY } from "./knative-config";
import { KNATIVE_VERSION, metricNames } from "./knative-observability";
import type { MetricNames } from "./monitoring/monitored-service";
import { userError } from "./user-error";

/** What {@link installedMetricNames} goes by. */
export interface InstalledKnativeArgs {
    /** Contents of the cluster's kubeconfig. */
    readonly kubeconfig: pulumi.Output<string>;
    /** Version of Knative Serving. @default - the one that the cluster's objects carry */
    readonly knativeVersion?: string | undefined;
}

/**
 * Which names the metrics of the installed Knative have. To be asked when Knative answers.
 *
 * @returns undefined in a preview of a cluster, or of a Knative, that is not there yet
 * @throws pulumi.RunError when nothing in the cluster tells the version
 */
export async function installedMetricNames({
    kubeconfig,
    knativeVersion,
}: InstalledKnativeArgs): Promise<MetricNames | undefined> {
    if (knativeVersion !== undefined) {
        return metricNames(knativeVersion);
    }
    const isPreview = pulumi.runtime.isDryRun();
    const contents = pulumi.unsecret(kubeconfig);
    if (isPreview && !(await isKnown(contents))) {
        return undefined;
    }
    const version = await installedVersion(
        await new Promise<string>((resolve) => {
            contents.apply(resolve);
        }),
    );
    if (version === undefined) {
        if (isPreview) {
            return undefined;
        }
        throw userError(
            `no object of Knative in the cluster has a label ${VERSION_LABEL} with a version; say which Knative Serving it is, since the names of its metrics depend on it: pulumi config set knativeVersion 1.23`,
        );
    }
    return metricNames(version);
}

/** The label that Knative's releases put on all their objects. */
const VERSION_LABEL = "app.kubernetes.io/version";

/**
 * The version of Knative Serving, as its objects say: the controller's, which runs; else, where the control plane is
 * hosted elsewhere, those that are in the cluster all the same.
 *
 * @param kubeconfig contents of a kubeconfig
 * @returns undefined where none has one; one that is built from source says `devel`, which is none
 * @throws Error when the cluster does not answer
 */
export async function installedVersion(kubeconfig: string): Promise<string | undefined> {
    const { ApiException, ApiextensionsV1Api, AppsV1Api, CoreV1Api } =
        await import("@kubernetes/client-node");
    const cluster = await loadKubeconfig(kubeconfig);
    const core = cluster.makeApiClient(CoreV1Api);
    const inNamespace = { namespace: KNATIVE_NAMESPACE };
    const objects = await Promise.all(
        [
            cluster
                .makeApiClient(AppsV1Api)
                .readNamespacedDeployment({ ...inNamespace, name: "controller" }),
            cluster
                .makeApiClient(ApiextensionsV1Api)
                .readCustomResourceDefinition({ name: "services.serving.knative.dev" }),
            core.readNamespacedConfigMap({ ...inNamespace, name: OBSERVABILITY }),
            core.readNamespace({ name: KNATIVE_NAMESPACE }),
        ].map(async (read) => {
            try {
                return await read;
            } catch (error) {
                if (error instanceof ApiException && error.code === 404) {
                    return undefined;
                }
                throw new Error(`the version of Knative cannot be read: ${reason(error)}`, {
                    cause: error,
                });
            }
        }),
    );
    return objects
        .map((object) => object?.metadata?.labels?.[VERSION_LABEL])
        .find((label) => label !== undefined && KNATIVE_VERSION.test(label));
}

/** Whether a value is known in a preview: the SDK keeps this at an output, and does not declare it. */
function isKnown(output: pulumi.Output<unknown>): Promise<boolean> {
    return (output as unknown as { readonly isKnown: Promise<boolean> }).isKnown;
}
