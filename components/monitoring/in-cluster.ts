import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { PART_OF } from "../knative-config";
import { type AlertReceivers, hasReceiver } from "./alert-receivers";
import { Alertmanager } from "./alertmanager";
import { dcgmExporter } from "./dcgm-exporter";
import { Grafana } from "./grafana";
import { KubeStateMetrics } from "./kube-state-metrics";
import { type MetricsStorage, PrometheusServer } from "./prometheus-server";
import { scrapeConfigs } from "./scrape-config";

/** Arguments for {@link InClusterMonitoring}. */
export interface InClusterMonitoringArgs {
    /** Namespace of the service, of at most {@link MAX_NAMESPACE_LENGTH} characters. */
    readonly serviceNamespace: string;
    /** Namespace of Knative's gateway. */
    readonly gatewayNamespace: string;
    /** Whether an exporter runs on each GPU node. */
    readonly gpuMetrics: boolean;
    /** Days for which Prometheus keeps its samples. */
    readonly metricsRetentionDays: number;
    readonly metricsStorage: MetricsStorage;
    /** Whether there is a Grafana. */
    readonly grafana: boolean;
    /** Who is told of alerts. */
    readonly receivers: AlertReceivers;
    readonly images: MonitoringImages;
    /** A rule file: alerts and recorded series. */
    readonly rules: pulumi.Input<object>;
    /** Dashboards as Grafana's JSON, by file name. */
    readonly dashboards: Readonly<Record<string, pulumi.Input<string>>>;
}

/** Images of the monitoring, each pinned by digest. */
export interface MonitoringImages {
    readonly prometheus: string;
    readonly kubeStateMetrics: string;
    readonly alertmanager: string;
    readonly dcgmExporter: string;
    readonly grafana: string;
}

/** Follows the namespace of the service in that of its monitoring. */
const SUFFIX = "-monitoring";

/** Longest namespace of a service: that of its monitoring is a DNS label as well. */
export const MAX_NAMESPACE_LENGTH = 63 - SUFFIX.length;

/**
 * Monitoring by what runs in the cluster, in a namespace of its own: Prometheus, kube-state-metrics, an exporter on each
 * GPU node, an Alertmanager where somebody is to be told, and a Grafana. It needs no operator and none of its custom
 * resources, and is reached from within the cluster only.
 */
export class InClusterMonitoring extends pulumi.ComponentResource {
    /** URL of Prometheus' HTTP API, within the cluster. */
    public readonly prometheusUrl: pulumi.Output<string>;
    /** Undefined where there is none. */
    public readonly grafana: Pick<Grafana, "url" | "username" | "password"> | undefined;

    constructor(
        name: string,
        args: InClusterMonitoringArgs,
        opts?: pulumi.ComponentResourceOptions,
    ) {
        super("sd:monitoring:InClusterMonitoring", name, {}, opts);
        const self = { parent: this };
        const { images, serviceNamespace } = args;
        const monitoringNamespace = `${serviceNamespace}${SUFFIX}`;

        const namespace = new k8s.core.v1.Namespace(
            `${name}-namespace`,
            { metadata: { name: monitoringNamespace, labels: PART_OF } },
            self,
        ).metadata.name;

        new KubeStateMetrics(
            `${name}-kube-state-metrics`,
            { namespace, image: images.kubeStateMetrics, serviceNamespace },
            self,
        );
        if (args.gpuMetrics) {
            dcgmExporter(`${name}-dcgm-exporter`, { namespace, image: images.dcgmExporter }, self);
        }
        const alertmanager = hasReceiver(args.receivers)
            ? new Alertmanager(
                  `${name}-alertmanager`,
                  { namespace, image: images.alertmanager, receivers: args.receivers },
                  self,
              )
            : undefined;
        this.prometheusUrl = new PrometheusServer(
            `${name}-prometheus`,
            {
                namespace,
                image: images.prometheus,
                retentionDays: args.metricsRetentionDays,
                storage: args.metricsStorage,
                scrapeConfigs: scrapeConfigs({ ...args, monitoringNamespace }),
                rules: args.rules,
                alertmanagerUrl: alertmanager?.url,
            },
            self,
        ).url;
        this.grafana = args.grafana
            ? new Grafana(
                  `${name}-grafana`,
                  {
                      namespace,
                      image: images.grafana,
                      prometheusUrl: this.prometheusUrl,
                      dashboards: args.dashboards,
                  },
                  self,
              )
            : undefined;
        this.registerOutputs({ prometheusUrl: this.prometheusUrl });
    }
}
