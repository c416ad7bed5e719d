import * as pulumi from "@pulumi/pulumi";
import { admissionInForce } from "./components/admission-readiness";
import { Cluster } from "./components/cluster";
import { controlPlane, controlPlaneRestarted } from "./components/control-plane";
import { openExistingCluster } from "./components/existing-cluster";
import { requireFixedSettings } from "./components/fixed-settings";
import { GpuNodePool } from "./components/gpu-node-pool";
import { requireZones } from "./components/gpu-zones";
import { Knative } from "./components/knative";
import { knativeAddon } from "./components/knative-addon";
import { KnativeAdmission } from "./components/knative-admission";
import { knativeGateway } from "./components/knative-readiness";
import { installedMetricNames } from "./components/knative-version";
import { LogCollection } from "./components/log-collection";
import { Monitoring } from "./components/monitoring";
import type { MetricNames } from "./components/monitoring/monitored-service";
import { adoptNetwork, Network } from "./components/network";
import { StableDiffusion } from "./components/stable-diffusion";
import { virtualNode } from "./components/virtual-node";
import {
    type AckTarget,
    type KubeconfigTarget,
    readSettings,
    type ServiceSettings,
    type Settings,
} from "./config";

/** The program: Pulumi runs it and takes what it returns as the stack's outputs (docs/outputs.md). */
export = async () => {
    const settings = readSettings();

    const cluster =
        settings.target === "ack" ? await makeCluster(settings) : await openCluster(settings);
    const inCluster = { providers: [cluster.provider], dependsOn: cluster.parts };

    const gatewayAddress = await knativeGateway({
        ...settings,
        kubeconfig: cluster.kubeconfig,
        waitSeconds: cluster.knativeWaitSeconds,
    });
    const { monitoring: watcher } = settings;
    const metricNames =
        watcher.mode === "none"
            ? undefined
            : await installedMetricNames({
                  ...settings,
                  ...watcher,
                  kubeconfig: cluster.kubeconfig,
              });
    const mustRestart = settings.manageKnativeConfig && metricNames === "opentelemetry";
    const knative = new Knative(
        "knative",
        {
            manageConfig: settings.manageKnativeConfig,
            retainConfig: settings.target === "ack" && settings.ack.knative !== undefined,
            domain: settings.domain,
            metrics: watcher.mode === "none" ? "none" : metricNames,
            controlPlane: mustRestart ? await controlPlane(cluster.kubeconfig) : [],
        },
        inCluster,
    );
    await controlPlaneRestarted(cluster.kubeconfig, knative);
    const guards: pulumi.Resource[] = [knative];
    if (settings.manageKnativeConfig) {
        const admission = new KnativeAdmission("knative-admission", settings, inCluster);
        await admissionInForce(cluster.kubeconfig, admission);
        guards.push(admission);
    }
    const monitoring = monitor(settings, metricNames, cluster.ofAck?.clusterId, inCluster);

    const service = new StableDiffusion(
        "stable-diffusion",
        { ...settings, kubeconfig: cluster.kubeconfig },
        { ...inCluster, dependsOn: [...cluster.parts, ...guards] },
    );

    return {
        outputsVersion: OUTPUTS_VERSION,
        endpoint: service.url,
        txt2imgUrl: service.url.apply((url) => `${url}/sdapi/v1/txt2img`),
        gatewayAddress,
        host: service.host,
        apiUsername: service.username,
        apiPassword: service.password,
        namespace: settings.namespace,
        serviceName: settings.serviceName,
        limits: {
            containerConcurrency: settings.containerConcurrency,
            minScale: settings.minScale,
            maxScale: settings.maxScale,
            gpuCapacity: cluster.gpuCapacity,
        },
        kubeconfig: cluster.kubeconfig,
        // Pulumi warns of an output that is undefined, so one that a stack has not is left out.
        ...cluster.ofAck,
        ...(monitoring && {
            prometheusUrl: monitoring.prometheusUrl,
            dashboards: monitoring.dashboards,
        }),
        ...(monitoring?.grafana && {
            grafanaUrl: monitoring.grafana.url,
            grafanaUsername: monitoring.grafana.username,
            grafanaPassword: monitoring.grafana.password,
        }),
    };
};

/** Version of the outputs' contract (docs/outputs.md). */
const OUTPUTS_VERSION = 1;

/** Network, cluster, GPUs and Knative on ACK, in the order in which they come up. */
async function makeCluster({ ack, ...settings }: ServiceSettings & AckTarget) {
    const adopted = ack.vswitchIds.length > 0 ? await adoptNetwork(ack.vswitchIds) : undefined;
    await requireZones({
        zones: adopted?.zones ?? ack.zones,
        gpuInstanceTypes: ack.gpuInstanceTypes,
        makesNatGateway: !adopted,
    });
    const suffix = await requireFixedSettings("fixed-settings", {
        target: settings.target,
        "alicloud:region": ack.region,
        zones: ack.zones,
        vswitchIds: adopted ? `vSwitches of ${adopted.vpcId}` : "none",
        vpcCidr: adopted ? "of an existing VPC" : ack.vpcCidr,
        podCidr: ack.podCidr,
        serviceCidr: ack.serviceCidr,
        gpuSupply: ack.gpuSupply,
        knativeAddonName: ack.knative?.name ?? "none, since knativeInstall is existing",
    });
    if (ack.warning !== undefined) {
        await pulumi.log.warn(ack.warning);
    }
    const { protect } = ack;

    const network = adopted ?? new Network("network", ack, { protect });
    const cluster = new Cluster(
        "cluster",
        { ...ack, suffix, vswitchIds: network.vswitchIds },
        // Nodes need the way out that the network's last part opens.
        { protect, dependsOn: network instanceof Network ? network : [] },
    );
    const ofCluster = { protect, dependsOn: cluster };
    const { clusterId } = cluster;
    const gpus =
        ack.gpuSupply === "node-pool"
            ? new GpuNodePool(
                  "gpu",
                  { ...ack, clusterId, vswitchIds: network.vswitchIds },
                  ofCluster,
              )
            : virtualNode("virtual-node", clusterId, ofCluster);
    const addon = ack.knative
        ? knativeAddon("knative-addon", { ...ack.knative, clusterId }, ofCluster)
        : undefined;
    if (ack.collectLogs) {
        new LogCollection(
            "logs",
            {
                clusterId,
                project: cluster.logProject,
                namespace: settings.namespace,
                retentionDays: ack.logRetentionDays,
                protect,
            },
            // Of its parts only that is protected which holds what was collected.
            { dependsOn: cluster },
        );
    }

    return {
        provider: cluster.provider,
        // Before Knative is asked whether it answers, it has to be there.
        kubeconfig: pulumi.all([cluster.kubeconfig, addon?.id]).apply(([kubeconfig]) => kubeconfig),
        parts: [cluster, gpus, ...(addon ? [addon] : [])],
        knativeWaitSeconds: 900,
        gpuCapacity: pulumi.output(ack.gpuCapacity),
        ofAck: {
            clusterId,
            vpcId: pulumi.output(network.vpcId),
            vswitchIds: network.vswitchIds,
        },
    };
}

/** A cluster that exists, once it is known to fit. */
async function openCluster(settings: ServiceSettings & KubeconfigTarget) {
    const cluster = await openExistingCluster("cluster", settings.kubeconfig, settings);
    await requireFixedSettings("fixed-settings", { target: settings.target });
    return {
        ...cluster,
        parts: [],
        knativeWaitSeconds: 60,
        ofAck: undefined,
    };
}

/** Who watches the service, if anybody does. */
function monitor(
    { monitoring, ...settings }: Settings,
    metricNames: MetricNames | undefined,
    clusterId: pulumi.Output<string> | undefined,
    opts: pulumi.ComponentResourceOptions,
): Monitoring | undefined {
    if (monitoring.mode === "none") {
        return undefined;
    }
    return new Monitoring(
        "monitoring",
        {
            service: { ...settings, ...monitoring },
            metricNames,
            gatewayNamespace: settings.gatewayNamespace,
            by:
                monitoring.mode === "arms"
                    ? // There is one: config-monitoring.ts refuses arms elsewhere.
                      { ...monitoring, clusterId: clusterId as pulumi.Output<string> }
                    : monitoring,
        },
        opts,
    );
}
