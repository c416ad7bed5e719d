import * as pulumi from "@pulumi/pulumi";
import { clusterReader } from "./cluster-reader";
import { KUBE_STATE_NAMES } from "./metric-names";
import { MonitoringDeployment } from "./monitoring-deployment";
import { KUBE_STATE_METRICS, KUBE_STATE_METRICS_PORT } from "./scrape-config";

/** Arguments for {@link KubeStateMetrics}. */
export interface KubeStateMetricsArgs {
    /** Namespace of the monitoring. */
    readonly namespace: pulumi.Input<string>;
    /** Image, pinned by digest. */
    readonly image: string;
    /** Namespace of the service. */
    readonly serviceNamespace: string;
}

/**
 * kube-state-metrics, which turns objects of the API server into metrics: here the pods of the service, and of them what
 * a panel or a rule asks for. It may read pods and nothing else.
 */
export class KubeStateMetrics extends pulumi.ComponentResource {
    constructor(name: string, args: KubeStateMetricsArgs, opts?: pulumi.ComponentResourceOptions) {
        super("sd:monitoring:KubeStateMetrics", name, {}, opts);
        const self = { parent: this };
        const { namespace } = args;

        const { account, binding } = clusterReader(
            name,
            {
                accountName: KUBE_STATE_METRICS,
                namespace,
                rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["list", "watch"] }],
            },
            self,
        );

        new MonitoringDeployment(
            name,
            {
                namespace,
                appName: KUBE_STATE_METRICS,
                image: args.image,
                args: [
                    "--resources=pods",
                    `--namespaces=${args.serviceNamespace}`,
                    `--metric-allowlist=${Object.values(KUBE_STATE_NAMES).join(",")}`,
                    `--port=${KUBE_STATE_METRICS_PORT}`,
                ],
                port: KUBE_STATE_METRICS_PORT,
                readinessPath: "/healthz",
                user: 65534,
                requests: { cpu: "10m", memory: "32Mi" },
                memoryLimit: "128Mi",
                serviceAccount: account,
                volumes: [],
            },
            { ...self, dependsOn: binding },
        );
        this.registerOutputs({});
    }
}
