import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import * as pulumi from "@pulumi/pulumi";
import { metricNames } from "../components/knative-observability";
import { installedVersion } from "../components/knative-version";
import type { MonitoredService } from "../components/monitoring/monitored-service";
import { readSettings } from "../config";
import type { Deployment } from "./deployment";
import { parseServiceUrl, Prometheus } from "./prometheus";

/** What watches a stack that is deployed. */
export interface StackMonitoring {
    /** The service, as its dashboards and alerts know it. */
    readonly service: MonitoredService;
    readonly prometheus: Prometheus;
    /** URL of Prometheus by the address of its Service, which is routed to the local cluster on this machine. */
    readonly address: string;
}

/**
 * Finds the Prometheus that a stack has deployed into its cluster, and what it was told about the service. The settings
 * are read by the program's own code, so that nothing is said twice.
 *
 * @returns undefined where no Prometheus runs in the cluster
 * @throws Error when the cluster does not answer, or does not say which Knative it has
 */
export async function stackMonitoring(
    deployment: Pick<Deployment, "configuration" | "outputs">,
): Promise<StackMonitoring | undefined> {
    const { monitoring, ...settings } = settingsOf(await deployment.configuration());
    if (monitoring.mode !== "in-cluster") {
        return undefined;
    }
    const outputs = await deployment.outputs();
    const [kubeconfig, url] = [String(outputs["kubeconfig"]), String(outputs["prometheusUrl"])];
    const version = monitoring.knativeVersion ?? (await installedVersion(kubeconfig));
    if (version === undefined) {
        throw new Error("no object of Knative in the cluster says which version it is");
    }
    const config = new KubeConfig();
    config.loadFromString(kubeconfig);
    const { service: name, namespace, port } = parseServiceUrl(url);
    const { spec } = await config
        .makeApiClient(CoreV1Api)
        .readNamespacedService({ name, namespace });
    return {
        service: {
            ...settings,
            ...monitoring,
            metricNames: metricNames(version),
        },
        prometheus: new Prometheus(config, url),
        address: `http://${spec?.clusterIP ?? ""}:${port}`,
    };
}

function settingsOf(configuration: Readonly<Record<string, string>>) {
    pulumi.runtime.resetOptions(PROJECT, "", -1, "", "", false, "");
    pulumi.runtime.setAllConfig({ ...configuration });
    // As in a preview, which may do without secrets.
    return readSettings(true);
}

/** Name of the Pulumi project, the namespace of its configuration keys. */
const PROJECT = "stable-diffusion-knative";
