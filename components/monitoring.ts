import * as pulumi from "@pulumi/pulumi";
import { alerts } from "./monitoring/alerts";
import { ArmsMonitoring, type ArmsMonitoringArgs } from "./monitoring/arms";
import type { Dashboard } from "./monitoring/dashboard";
import { dashboards } from "./monitoring/dashboards";
import { grafanaDashboard } from "./monitoring/grafana-dashboard";
import { InClusterMonitoring, type InClusterMonitoringArgs } from "./monitoring/in-cluster";
import type { MetricNames, MonitoredService } from "./monitoring/monitored-service";
import { prometheusRules } from "./monitoring/prometheus-rules";

/** Arguments for {@link Monitoring}. */
export interface MonitoringArgs {
    /** The service that is watched. */
    readonly service: Omit<MonitoredService, "metricNames">;
    /** Names of the metrics of the installed Knative; undefined in a preview that does not know. */
    readonly metricNames: MetricNames | undefined;
    /** Namespace of Knative's gateway. */
    readonly gatewayNamespace: string;
    /** Who watches. */
    readonly by:
        | ({ readonly mode: "in-cluster" } & Omit<InClusterMonitoringArgs, Shared>)
        | ({ readonly mode: "arms" } & Omit<ArmsMonitoringArgs, Shared>);
}

/** What comes from the service, whoever watches it. */
type Shared =
    | "serviceNamespace"
    | "gatewayNamespace"
    | "gpuMetrics"
    | "rules"
    | "dashboards"
    | "alerts"
    | "labels";

/** A dashboard, as the outputs name it. */
export interface DashboardName {
    readonly uid: string;
    readonly title: string;
}

/** The service's dashboards and alerts, and the Prometheus that they ask: one in the cluster, or that of ARMS. */
export class Monitoring extends pulumi.ComponentResource {
    /** URL of Prometheus' HTTP API: within the cluster; or, a secret, that of ARMS. */
    public readonly prometheusUrl: pulumi.Output<string>;
    /** Undefined where there is none. */
    public readonly grafana: InClusterMonitoring["grafana"];
    public readonly dashboards: readonly DashboardName[];

    constructor(name: string, args: MonitoringArgs, opts?: pulumi.ComponentResourceOptions) {
        super("sd:monitoring:Monitoring", name, {}, opts);
        const self = { parent: this };
        const { by, gatewayNamespace } = args;
        // A preview that does not know the names plans as for a new Knative, and leaves the queries open.
        const service = { ...args.service, metricNames: args.metricNames ?? "opentelemetry" };
        const open = args.metricNames === undefined;
        const settled = <T>(value: T): T => (open ? (pulumi.unknown as unknown as T) : value);
        const shared = { serviceNamespace: service.namespace, gatewayNamespace };
        const all = dashboards(service);
        this.dashboards = all.map(({ uid, title }) => ({ uid, title }));

        if (by.mode === "in-cluster") {
            const inCluster = new InClusterMonitoring(
                name,
                {
                    ...by,
                    ...shared,
                    gpuMetrics: service.gpuMetrics,
                    rules: settled(prometheusRules(service)),
                    dashboards: filesOf(all, settled),
                },
                self,
            );
            this.prometheusUrl = inCluster.prometheusUrl;
            this.grafana = inCluster.grafana;
        } else {
            this.prometheusUrl = new ArmsMonitoring(
                name,
                {
                    ...by,
                    ...shared,
                    labels: { namespace: service.namespace, service: service.serviceName },
                    alerts: alerts(service).map((alert) => ({
                        ...alert,
                        expression: settled(alert.expression),
                    })),
                },
                self,
            ).prometheusUrl;
        }
        this.registerOutputs({ prometheusUrl: this.prometheusUrl });
    }
}

/** Dashboards as files of Grafana's JSON. */
function filesOf(
    all: readonly Dashboard[],
    settled: (content: string) => string,
): Record<string, string> {
    return Object.fromEntries(
        all.map((dashboard) => [
            `${dashboard.uid}.json`,
            settled(JSON.stringify(grafanaDashboard(dashboard), undefined, 2)),
        ]),
    );
}
