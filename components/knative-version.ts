import * as pulumi from "@pulumi/pulumi";
import { loadKubeconfig, reason } from "./cluster-facts";
import { KNATIVE_NAMESPACE, OBSERVABILITY } from "./knative-config";
import { KNATIVE_VERSION, metricNames, metricsSwitchedOff } from "./knative-observability";
import { known } from "./known";
import type { MetricNames } from "./monitoring/monitored-service";
import { unlessMissing } from "./unless-missing";
import { userError } from "./user-error";

/** What {@link installedMetricNames} goes by. */
export interface InstalledKnativeArgs {
    /** Contents of the cluster's kubeconfig. */
    readonly kubeconfig: pulumi.Output<string>;
    /** Version of Knative Serving. @default - the one that the cluster's objects carry */
    readonly knativeVersion?: string | undefined;
    /** Whether the program switches the metrics on; if not, they have to be. */
    readonly manageKnativeConfig: boolean;
}

/**
 * Which names the metrics of the installed Knative have. To be asked when Knative answers.
 *
 * @returns undefined in a preview of a cluster, or of a Knative, that is not there yet
 * @throws pulumi.RunError when nothing in the cluster tells the version, or when the metrics are switched off and the
 * program may not switch them on
 */
export async function installedMetricNames({
    kubeconfig,
    knativeVersion,
    manageKnativeConfig,
}: InstalledKnativeArgs): Promise<MetricNames | undefined> {
    const contents = await known(kubeconfig);
    if (contents === undefined) {
        return knativeVersion === undefined ? undefined : metricNames(knativeVersion);
    }
    const version = knativeVersion ?? (await installedVersion(contents));
    if (version === undefined) {
        if (pulumi.runtime.isDryRun()) {
            return undefined;
        }
        throw userError(
            `no object of Knative in the cluster has a label ${VERSION_LABEL} with a version; say which Knative Serving it is, since the names of its metrics depend on it: pulumi config set knativeVersion 1.23`,
        );
    }
    const names = metricNames(version);
    if (!manageKnativeConfig) {
        await requireMetrics(contents, names);
    }
    return names;
}

async function requireMetrics(kubeconfig: string, names: MetricNames): Promise<void> {
    const { CoreV1Api } = await import("@kubernetes/client-node");
    const core = (await loadKubeconfig(kubeconfig)).makeApiClient(CoreV1Api);
    const configMap = await read(
        core.readNamespacedConfigMap({ name: OBSERVABILITY, namespace: KNATIVE_NAMESPACE }),
    );
    const wanted = metricsSwitchedOff(configMap?.data ?? {}, names);
    if (Object.keys(wanted).length > 0) {
        throw userError(
            `Knative's metrics are switched off, so the monitoring would show nothing; switch them on (kubectl -n ${KNATIVE_NAMESPACE} patch configmap ${OBSERVABILITY} --type merge -p '${JSON.stringify({ data: wanted })}'; pods of all Knative Services are made anew), let the program do it: pulumi config set manageKnativeConfig true, or do without: pulumi config set monitoring none`,
        );
    }
}

/** The label that Knative's releases put on all their objects. */
const VERSION_LABEL = "app.kubernetes.io/version";

/**
 * The version of Knative Serving, as its objects say: the controller's, which runs; else, where the control plane is
 * hosted elsewhere, those that are in the cluster all the same.
 *
 * @param kubeconfig contents of a kubeconfig
 * @returns undefined where none has one; one that is built from source says `devel`, which is none
 * @throws pulumi.RunError when the cluster does not answer, or refuses
 */
export async function installedVersion(kubeconfig: string): Promise<string | undefined> {
    const { ApiextensionsV1Api, AppsV1Api, CoreV1Api } = await import("@kubernetes/client-node");
    const cluster = await loadKubeconfig(kubeconfig);
    const core = cluster.makeApiClient(CoreV1Api);
    const inNamespace = { namespace: KNATIVE_NAMESPACE };
    const objects = await Promise.all([
        read(
            cluster
                .makeApiClient(AppsV1Api)
                .readNamespacedDeployment({ ...inNamespace, name: "controller" }),
        ),
        read(
            cluster
                .makeApiClient(ApiextensionsV1Api)
                .readCustomResourceDefinition({ name: "services.serving.knative.dev" }),
        ),
        read(core.readNamespacedConfigMap({ ...inNamespace, name: OBSERVABILITY })),
        read(core.readNamespace({ name: KNATIVE_NAMESPACE })),
    ]);
    return objects
        .map((object) => object?.metadata?.labels?.[VERSION_LABEL])
        .find((label) => label !== undefined && KNATIVE_VERSION.test(label));
}

/** What Knative's objects say; undefined where there is no such object. */
async function read<T>(asked: Promise<T>): Promise<T | undefined> {
    try {
        return await unlessMissing(asked);
    } catch (error) {
        throw userError(`Knative's version and metrics cannot be read: ${reason(error)}`);
    }
}
