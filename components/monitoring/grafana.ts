import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { PART_OF } from "../knative-config";
import { MonitoringDeployment } from "./monitoring-deployment";

/** Arguments for {@link Grafana}. */
export interface GrafanaArgs {
    /** Namespace of the monitoring. */
    readonly namespace: pulumi.Input<string>;
    /** Image, pinned by digest. */
    readonly image: string;
    /** URL of Prometheus, within the cluster. */
    readonly prometheusUrl: pulumi.Input<string>;
    /** Dashboards as Grafana's JSON, by file name. */
    readonly dashboards: Readonly<Record<string, pulumi.Input<string>>>;
}

/** Port of Grafana. */
const PORT = 3000;

/** User and group of the official image. */
const USER = 472;

const PROVISIONING = "/etc/grafana/provisioning";
const DASHBOARDS = "/var/lib/grafana-dashboards";

/**
 * A Grafana whose data source and dashboards are files, so that nothing in it has to be kept: what is changed in its
 * pages goes with its pod. It is reached through the API server (docs/monitoring.md), never from outside.
 */
export class Grafana extends pulumi.ComponentResource {
    /** URL within the cluster. */
    public readonly url: pulumi.Output<string>;
    /** Its user, who may do everything in it. */
    public readonly username = "admin";
    /** Password of that user, a secret. */
    public readonly password: pulumi.Output<string>;

    constructor(name: string, args: GrafanaArgs, opts?: pulumi.ComponentResourceOptions) {
        super("sd:monitoring:Grafana", name, {}, opts);
        const self = { parent: this };
        const { namespace } = args;

        const password = new random.RandomPassword(
            `${name}-password`,
            { length: 32, special: false },
            self,
        );
        this.password = pulumi.secret(password.result);
        // No names of their own: a change of them makes a new pod.
        const credentials = new k8s.core.v1.Secret(
            `${name}-credentials`,
            { metadata: { namespace, labels: PART_OF }, stringData: { password: this.password } },
            self,
        );
        const files = (suffix: string, data: Record<string, pulumi.Input<string>>) =>
            new k8s.core.v1.ConfigMap(
                `${name}-${suffix}`,
                { metadata: { namespace, labels: PART_OF }, data },
                self,
            ).metadata.name;
        const datasource = files("datasource", {
            "prometheus.yaml": pulumi.jsonStringify(datasources(args.prometheusUrl), undefined, 2),
        });
        const provider = files("provider", {
            "dashboards.yaml": JSON.stringify(PROVIDERS, undefined, 2),
        });
        const dashboards = files("dashboards", { ...args.dashboards });

        this.url = new MonitoringDeployment(
            name,
            {
                namespace,
                appName: "grafana",
                image: args.image,
                args: [],
                env: [
                    { name: "GF_SECURITY_ADMIN_USER", value: this.username },
                    {
                        name: "GF_SECURITY_ADMIN_PASSWORD",
                        valueFrom: {
                            secretKeyRef: { name: credentials.metadata.name, key: "password" },
                        },
                    },
                    // It reports to nobody, and asks nobody.
                    { name: "GF_ANALYTICS_REPORTING_ENABLED", value: "false" },
                    { name: "GF_ANALYTICS_CHECK_FOR_UPDATES", value: "false" },
                    { name: "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES", value: "false" },
                    { name: "GF_PLUGINS_PREINSTALL_DISABLED", value: "true" },
                    { name: "GF_USERS_ALLOW_SIGN_UP", value: "false" },
                ],
                port: PORT,
                readinessPath: "/api/health",
                user: USER,
                requests: { cpu: "50m", memory: "128Mi" },
                memoryLimit: "512Mi",
                volumes: [
                    folder("datasource", `${PROVISIONING}/datasources`, datasource),
                    folder("provider", `${PROVISIONING}/dashboards`, provider),
                    folder("dashboards", DASHBOARDS, dashboards),
                    {
                        name: "data",
                        mountPath: "/var/lib/grafana",
                        source: { emptyDir: { sizeLimit: "256Mi" } },
                    },
                    {
                        name: "tmp",
                        mountPath: "/tmp",
                        source: { emptyDir: { sizeLimit: "64Mi" } },
                    },
                ],
            },
            self,
        ).url;
        this.registerOutputs({ url: this.url });
    }
}

function folder(name: string, mountPath: string, configMap: pulumi.Input<string>) {
    return { name, mountPath, readOnly: true, source: { configMap: { name: configMap } } };
}

function datasources(url: pulumi.Input<string>): object {
    return {
        apiVersion: 1,
        datasources: [
            {
                name: "Prometheus",
                type: "prometheus",
                uid: "prometheus",
                access: "proxy",
                url,
                isDefault: true,
                editable: false,
            },
        ],
    };
}

const PROVIDERS = {
    apiVersion: 1,
    providers: [
        {
            name: "stable-diffusion-knative",
            type: "file",
            allowUiUpdates: false,
            disableDeletion: true,
            options: { path: DASHBOARDS },
        },
    ],
};
