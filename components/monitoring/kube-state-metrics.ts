import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { PART_OF } from "../knative-config";
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

        const account = new k8s.core.v1.ServiceAccount(
            `${name}-account`,
            { metadata: { name: KUBE_STATE_METRICS, namespace, labels: PART_OF } },
            self,
        ).metadata.name;
        const role = new k8s.rbac.v1.ClusterRole(
            `${name}-role`,
            {
                metadata: { labels: PART_OF },
                rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["list", "watch"] }],
            },
            self,
        );
        const binding = new k8s.rbac.v1.ClusterRoleBinding(
            `${name}-binding`,
            {
                metadata: { labels: PART_OF },
                roleRef: {
                    apiGroup: "rbac.authorization.k8s.io",
                    kind: "ClusterRole",
                    name: role.metadata.name,
                },
                subjects: [{ kind: "ServiceAccount", name: account, namespace }],
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
