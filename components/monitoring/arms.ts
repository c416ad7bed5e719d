import * as alicloud from "@pulumi/alicloud";
import * as pulumi from "@pulumi/pulumi";
import { userError } from "../user-error";
import type { Alert } from "./alert";
import { type AlertReceivers, hasReceiver } from "./alert-receivers";
import { scrapeConfigs } from "./scrape-config";

/** Arguments for {@link ArmsMonitoring}. */
export interface ArmsMonitoringArgs {
    /** Id of the ACK cluster. */
    readonly clusterId: pulumi.Input<string>;
    /** Display name of the cluster, by which contacts and rules are named: ARMS has one list of them for an account. */
    readonly clusterName: string;
    /** Namespace of the service. */
    readonly serviceNamespace: string;
    /** Namespace of Knative's gateway. */
    readonly gatewayNamespace: string;
    /** Who is told of alerts. */
    readonly receivers: AlertReceivers;
    /** The alerts; their expressions may be unknown in a preview. */
    readonly alerts: readonly (Omit<Alert, "expression"> & {
        readonly expression: pulumi.Input<string>;
    })[];
    /** Labels of all alerts. */
    readonly labels: Readonly<Record<string, string>>;
}

/**
 * Monitoring by Alibaba Cloud's managed Prometheus (ARMS). Its agent in the cluster scrapes what ACK's own jobs do
 * (kubelet, cAdvisor, kube-state-metrics, GPUs) and, by a job of ours, queue-proxies, Knative and the gateway.
 * Everything is an API call to ARMS: no custom resource is put into the cluster.
 */
export class ArmsMonitoring extends pulumi.ComponentResource {
    /** URL of Prometheus' HTTP API, a secret: it has a token in its path. */
    public readonly prometheusUrl: pulumi.Output<string>;

    constructor(name: string, args: ArmsMonitoringArgs, opts?: pulumi.ComponentResourceOptions) {
        super("sd:monitoring:ArmsMonitoring", name, {}, opts);
        const self = { parent: this };
        const { clusterId } = args;

        const prometheus = new alicloud.arms.Prometheus(
            `${name}-prometheus`,
            {
                clusterType: "aliyun-cs",
                clusterId,
                // The Grafana that all instances of an account share; one of its own is a subscription.
                grafanaInstanceId: "free",
            },
            self,
        );

        new alicloud.arms.PrometheusMonitoring(
            `${name}-scraping`,
            {
                clusterId: prometheus.clusterId,
                // Not a PodMonitor: it cannot choose by field selectors, nor drop what nobody asks for.
                type: "customJob",
                // JSON, which is YAML as well.
                configYaml: JSON.stringify({ scrape_configs: ourJobs(args) }, undefined, 2),
                status: "run",
            },
            self,
        );

        const dispatchRule = hasReceiver(args.receivers)
            ? notification(name, args, self)
            : undefined;
        for (const alert of args.alerts) {
            new alicloud.arms.PrometheusAlertRule(
                `${name}-alert-${kebab(alert.name)}`,
                {
                    clusterId: prometheus.clusterId,
                    prometheusAlertRuleName: alert.name,
                    expression: alert.expression,
                    // Whole minutes, at least one.
                    duration: String(Math.max(1, Math.ceil(alert.forSeconds / 60))),
                    message: `${alert.summary} ${alert.action}`,
                    labels: Object.entries({ ...args.labels, severity: alert.severity }).map(
                        ([label, value]) => ({ name: label, value }),
                    ),
                    ...(dispatchRule === undefined
                        ? { notifyType: "ALERT_MANAGER" }
                        : { notifyType: "DISPATCH_RULE", dispatchRuleId: dispatchRule.id }),
                },
                // Most of its arguments replace it, and two of one name would both tell.
                { ...self, deleteBeforeReplace: true },
            );
        }

        const { prometheis } = alicloud.arms.getPrometheisOutput(
            { ids: [prometheus.id], enableDetails: true },
            self,
        );
        this.prometheusUrl = pulumi.secret(prometheis.apply(urlOf));
        this.registerOutputs({});
    }
}

/** @throws pulumi.RunError when ARMS does not list the instance */
function urlOf([instance]: readonly { readonly httpApiInterUrl: string }[]): string {
    if (instance === undefined) {
        throw userError(
            "ARMS does not list the Prometheus instance that was just made; the next up goes on from here",
        );
    }
    return instance.httpApiInterUrl;
}

/** What ACK's own jobs do not scrape. */
function ourJobs({ serviceNamespace, gatewayNamespace }: ArmsMonitoringArgs) {
    return scrapeConfigs({
        serviceNamespace,
        gatewayNamespace,
        monitoringNamespace: "",
        gpuMetrics: false,
    }).filter(({ job_name }) => ["queue-proxy", "knative", "envoy"].includes(job_name));
}

/** The contact, and the rule that takes our alerts to it. */
function notification(
    name: string,
    { clusterName, receivers: { webhookUrl, email }, alerts }: ArmsMonitoringArgs,
    self: pulumi.CustomResourceOptions,
): alicloud.arms.DispatchRule {
    const contact = new alicloud.arms.AlertContact(
        `${name}-contact`,
        {
            alertContactName: clusterName,
            ...(email === undefined ? {} : { email: email.to }),
            ...(webhookUrl === undefined ? {} : { dingRobotWebhookUrl: webhookUrl }),
        },
        // The SDK does not know that it is one.
        { ...self, additionalSecretOutputs: ["dingRobotWebhookUrl"] },
    );
    return new alicloud.arms.DispatchRule(
        `${name}-dispatch`,
        {
            dispatchRuleName: clusterName,
            dispatchType: "CREATE_ALERT",
            isRecover: true,
            // Seconds, as in the Alertmanager of the cluster.
            groupRules: [
                {
                    groupingFields: ["alertname"],
                    groupWaitTime: 30,
                    groupInterval: 300,
                    repeatInterval: 14_400,
                },
            ],
            labelMatchExpressionGrids: [
                {
                    labelMatchExpressionGroups: [
                        {
                            labelMatchExpressions: [
                                {
                                    key: "_aliyun_arms_alert_name",
                                    operator: "re",
                                    value: alerts.map((alert) => alert.name).join("|"),
                                },
                            ],
                        },
                    ],
                },
            ],
            notifyRules: [
                {
                    notifyObjects: [
                        {
                            notifyObjectId: contact.id,
                            notifyType: "ARMS_CONTACT",
                            name: clusterName,
                        },
                    ],
                    notifyChannels: [
                        ...(email === undefined ? [] : ["email"]),
                        ...(webhookUrl === undefined ? [] : ["dingTalk"]),
                    ],
                    notifyStartTime: "00:00",
                    notifyEndTime: "23:59",
                },
            ],
        },
        self,
    );
}

/** SdQueueStuck as sd-queue-stuck. */
function kebab(name: string): string {
    return name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, "-").toLowerCase();
}
