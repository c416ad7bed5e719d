import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { GPU_NODE_LABELS } from "../gpu";
import { PART_OF } from "../knative-config";
import { NAME_LABEL } from "./scrape-config";

/** A folder of the container, and what is in it. */
export interface MountedVolume {
    /** Name of the volume, a DNS label. */
    readonly name: string;
    readonly mountPath: string;
    /** @default false */
    readonly readOnly?: boolean;
    /** What it is, as a volume of a pod without its name. */
    readonly source: Omit<k8s.types.input.core.v1.Volume, "name">;
}

/** Arguments for {@link MonitoringDeployment}. */
export interface MonitoringDeploymentArgs {
    /** Namespace of the monitoring. */
    readonly namespace: pulumi.Input<string>;
    /** Name of Deployment and Service, a DNS label. */
    readonly appName: string;
    /** Image, pinned by digest. */
    readonly image: string;
    readonly args: readonly string[];
    /** @default - none */
    readonly env?: readonly k8s.types.input.core.v1.EnvVar[];
    /** TCP port of its HTTP server. */
    readonly port: number;
    /** Path that answers 200 when it is ready. */
    readonly readinessPath: string;
    /** Numeric user and group, not root, for whom the image is made. */
    readonly user: number;
    /** CPU and memory that it is promised, Kubernetes quantities. */
    readonly requests: { readonly cpu: string; readonly memory: string };
    /** Memory at which it is ended, a Kubernetes quantity. */
    readonly memoryLimit: string;
    /** @default - none; then the pod gets no token of the API server either */
    readonly serviceAccount?: pulumi.Input<string>;
    readonly volumes: readonly MountedVolume[];
}

/**
 * A program of the monitoring: one pod without privileges, kept away from GPU nodes, behind a Service that only the
 * cluster reaches. One pod: each keeps what it knows to itself, and none is in the path of a request.
 */
export class MonitoringDeployment extends pulumi.ComponentResource {
    /** URL of its server, within the cluster. */
    public readonly url: pulumi.Output<string>;

    constructor(
        name: string,
        args: MonitoringDeploymentArgs,
        opts?: pulumi.ComponentResourceOptions,
    ) {
        super("sd:monitoring:MonitoringDeployment", name, {}, opts);
        const self = { parent: this };
        const { appName, namespace, port } = args;
        const selected = { [NAME_LABEL]: appName };
        const labels = { ...PART_OF, ...selected };

        new k8s.apps.v1.Deployment(
            name,
            {
                metadata: { name: appName, namespace, labels },
                spec: {
                    replicas: 1,
                    // Two at a time would want the same volume.
                    strategy: { type: "Recreate" },
                    selector: { matchLabels: selected },
                    template: { metadata: { labels }, spec: podSpec(args) },
                },
            },
            self,
        );
        const service = new k8s.core.v1.Service(
            `${name}-service`,
            {
                metadata: { name: appName, namespace, labels },
                spec: { selector: selected, ports: [{ name: "http", port, targetPort: "http" }] },
            },
            self,
        );

        this.url = pulumi.interpolate`http://${service.metadata.name}.${service.metadata.namespace}.svc:${port}`;
        this.registerOutputs({ url: this.url });
    }
}

function podSpec(args: MonitoringDeploymentArgs): k8s.types.input.core.v1.PodSpec {
    const { appName, user, volumes } = args;
    return {
        automountServiceAccountToken: args.serviceAccount !== undefined,
        ...(args.serviceAccount === undefined ? {} : { serviceAccountName: args.serviceAccount }),
        affinity: AWAY_FROM_GPUS,
        securityContext: {
            runAsNonRoot: true,
            runAsUser: user,
            runAsGroup: user,
            // Volumes of a disk belong to root otherwise.
            fsGroup: user,
            seccompProfile: { type: "RuntimeDefault" },
        },
        containers: [
            {
                name: appName,
                image: args.image,
                imagePullPolicy: "IfNotPresent",
                args: [...args.args],
                ...(args.env === undefined ? {} : { env: [...args.env] }),
                ports: [{ name: "http", containerPort: args.port, protocol: "TCP" }],
                readinessProbe: {
                    httpGet: { path: args.readinessPath, port: "http" },
                    periodSeconds: 2,
                    failureThreshold: 3,
                },
                resources: { requests: args.requests, limits: { memory: args.memoryLimit } },
                securityContext: {
                    allowPrivilegeEscalation: false,
                    readOnlyRootFilesystem: true,
                    capabilities: { drop: ["ALL"] },
                },
                volumeMounts: volumes.map(({ name, mountPath, readOnly = false }) => ({
                    name,
                    mountPath,
                    ...(readOnly ? { readOnly } : {}),
                })),
            },
        ],
        volumes: volumes.map(({ name, source }) => ({ name, ...source })),
    };
}

/** A GPU node that holds something else is never idle, and so never given back. */
const AWAY_FROM_GPUS: k8s.types.input.core.v1.Affinity = {
    nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
            {
                weight: 100,
                preference: {
                    matchExpressions: GPU_NODE_LABELS.map((key) => ({
                        key,
                        operator: "DoesNotExist",
                    })),
                },
            },
        ],
    },
};
