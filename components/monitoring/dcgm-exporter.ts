import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { GPU_NODE_LABELS, GPU_RESOURCE } from "../gpu";
import { PART_OF } from "../knative-config";
import { DCGM_EXPORTER, NAME_LABEL } from "./scrape-config";

/** Arguments for {@link dcgmExporter}. */
export interface DcgmExporterArgs {
    /** Namespace of the monitoring. */
    readonly namespace: pulumi.Input<string>;
    /** Image, pinned by digest. */
    readonly image: string;
}

/** Port of the exporter. */
const PORT = 9400;

/** Where the kubelet says which pod holds which GPU. */
const POD_RESOURCES = "/var/lib/kubelet/pod-resources";

/**
 * NVIDIA's DCGM exporter on each GPU node: what each GPU does, and for which pod. It asks for no GPU itself; the
 * node's container runtime shows it all of them, which it does where NVIDIA's runtime is the default one.
 *
 * The only part of the monitoring with rights on its node: the kubelet's socket belongs to root, and DCGM reads
 * counters that need SYS_ADMIN. So a namespace that enforces the Pod Security Standards must let it.
 */
export function dcgmExporter(
    name: string,
    { namespace, image }: DcgmExporterArgs,
    opts?: pulumi.CustomResourceOptions,
): k8s.apps.v1.DaemonSet {
    const selected = { [NAME_LABEL]: DCGM_EXPORTER };
    const labels = { ...PART_OF, ...selected };
    return new k8s.apps.v1.DaemonSet(
        name,
        {
            metadata: {
                name: DCGM_EXPORTER,
                namespace,
                labels,
                // GPU nodes come and go, also while this is waited for.
                annotations: { "pulumi.com/skipAwait": "true" },
            },
            spec: {
                selector: { matchLabels: selected },
                template: {
                    metadata: { labels },
                    spec: {
                        automountServiceAccountToken: false,
                        affinity: ON_GPU_NODES,
                        tolerations: [{ key: GPU_RESOURCE, operator: "Exists" }],
                        containers: [
                            {
                                name: DCGM_EXPORTER,
                                image,
                                imagePullPolicy: "IfNotPresent",
                                env: [
                                    { name: "DCGM_EXPORTER_LISTEN", value: `:${PORT}` },
                                    { name: "DCGM_EXPORTER_KUBERNETES", value: "true" },
                                    { name: "NVIDIA_VISIBLE_DEVICES", value: "all" },
                                ],
                                ports: [{ name: "http", containerPort: PORT, protocol: "TCP" }],
                                resources: {
                                    requests: { cpu: "50m", memory: "256Mi" },
                                    limits: { memory: "512Mi" },
                                },
                                securityContext: {
                                    runAsUser: 0,
                                    allowPrivilegeEscalation: false,
                                    capabilities: { drop: ["ALL"], add: ["SYS_ADMIN"] },
                                    seccompProfile: { type: "RuntimeDefault" },
                                },
                                volumeMounts: [
                                    {
                                        name: "pod-resources",
                                        mountPath: POD_RESOURCES,
                                        readOnly: true,
                                    },
                                ],
                            },
                        ],
                        volumes: [
                            {
                                name: "pod-resources",
                                hostPath: { path: POD_RESOURCES, type: "Directory" },
                            },
                        ],
                    },
                },
            },
        },
        opts,
    );
}

/** Terms are alternatives. */
const ON_GPU_NODES: k8s.types.input.core.v1.Affinity = {
    nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: GPU_NODE_LABELS.map((key) => ({
                matchExpressions: [{ key, operator: "Exists" }],
            })),
        },
    },
};
