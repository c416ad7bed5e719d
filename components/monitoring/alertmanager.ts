import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { PART_OF } from "../knative-config";
import type { AlertReceivers } from "./alert-receivers";
import { MonitoringDeployment } from "./monitoring-deployment";

/** Arguments for {@link Alertmanager}. */
export interface AlertmanagerArgs {
    /** Namespace of the monitoring. */
    readonly namespace: pulumi.Input<string>;
    /** Image, pinned by digest. */
    readonly image: string;
    /** At least one. */
    readonly receivers: AlertReceivers;
}

/** Port of Alertmanager. */
const PORT = 9093;

const CONFIG_FOLDER = "/etc/alertmanager";

/**
 * The Alertmanager, which takes alerts of Prometheus to people. Its configuration holds the webhook's URL and the mail
 * server's password, so it is a Secret. What it remembers (silences, what was sent) goes with its pod.
 */
export class Alertmanager extends pulumi.ComponentResource {
    /** URL within the cluster. */
    public readonly url: pulumi.Output<string>;

    constructor(name: string, args: AlertmanagerArgs, opts?: pulumi.ComponentResourceOptions) {
        super("sd:monitoring:Alertmanager", name, {}, opts);
        const self = { parent: this };
        const { namespace } = args;

        // No name of its own: a change of it makes a new pod.
        const config = new k8s.core.v1.Secret(
            `${name}-config`,
            {
                metadata: { namespace, labels: PART_OF },
                stringData: {
                    // JSON, which is YAML as well.
                    "alertmanager.yml": pulumi.jsonStringify(
                        configOf(args.receivers),
                        undefined,
                        2,
                    ),
                },
            },
            self,
        );

        this.url = new MonitoringDeployment(
            name,
            {
                namespace,
                appName: "alertmanager",
                image: args.image,
                args: [
                    `--config.file=${CONFIG_FOLDER}/alertmanager.yml`,
                    "--storage.path=/alertmanager",
                    // One alone; otherwise it would listen for others.
                    "--cluster.listen-address=",
                ],
                port: PORT,
                readinessPath: "/-/ready",
                // nobody, as in the official image.
                user: 65534,
                requests: { cpu: "10m", memory: "32Mi" },
                memoryLimit: "128Mi",
                volumes: [
                    {
                        name: "config",
                        mountPath: CONFIG_FOLDER,
                        readOnly: true,
                        source: { secret: { secretName: config.metadata.name } },
                    },
                    {
                        name: "data",
                        mountPath: "/alertmanager",
                        source: { emptyDir: { sizeLimit: "64Mi" } },
                    },
                ],
            },
            self,
        ).url;
        this.registerOutputs({ url: this.url });
    }
}

function configOf({ webhookUrl, email }: AlertReceivers): object {
    return {
        route: {
            receiver: "team",
            group_by: ["alertname", "namespace", "service"],
            group_wait: "30s",
            group_interval: "5m",
            repeat_interval: "4h",
        },
        receivers: [
            {
                name: "team",
                ...(webhookUrl === undefined ? {} : { webhook_configs: [{ url: webhookUrl }] }),
                ...(email === undefined
                    ? {}
                    : { email_configs: [{ ...emailConfig(email), send_resolved: true }] }),
            },
        ],
        // Who is told that a service is down need not be told as well that it is slow.
        inhibit_rules: [
            {
                source_matchers: ['severity="critical"'],
                target_matchers: ['severity="info"'],
                equal: ["namespace", "service"],
            },
        ],
    };
}

function emailConfig({ to, smtp }: NonNullable<AlertReceivers["email"]>): object {
    return {
        to,
        from: smtp.from,
        smarthost: smtp.server,
        ...(smtp.credentials === undefined
            ? {}
            : {
                  auth_username: smtp.credentials.username,
                  auth_password: smtp.credentials.password,
              }),
    };
}
