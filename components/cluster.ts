import * as alicloud from "@pulumi/alicloud";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

/** Arguments for {@link Cluster}. */
export interface ClusterArgs {
    /** Display name of the cluster and its parts. */
    readonly clusterName: string;
    /** Text that makes the name of the log project unique in the region. */
    readonly suffix: pulumi.Input<string>;
    /** Edition and size of the control plane, such as `ack.pro.small`. */
    readonly clusterSpec: string;
    /** Kubernetes version, such as `1.35.7-aliyun.1`. @default - the newest when the cluster is made */
    readonly kubernetesVersion?: string | undefined;
    /** vSwitches of the control plane and the nodes, in at least two zones. */
    readonly vswitchIds: readonly pulumi.Input<string>[];
    /** Addresses of pods; fixed at creation. */
    readonly podCidr: string;
    /** Addresses of Services; fixed at creation. */
    readonly serviceCidr: string;
    /** Whether the API server has a public address; without one Pulumi must run inside the VPC. */
    readonly apiServerPublic: boolean;
    /** Minutes for which a kubeconfig is valid. @default - as long as the cloud decides, for years */
    readonly kubeconfigMinutes?: number | undefined;
    /** Operating system of the nodes. */
    readonly nodeImageType: string;
    /** Instance types of the CPU nodes, the preferred one first. */
    readonly cpuInstanceTypes: readonly string[];
    /** Number of CPU nodes, at least {@link MIN_CPU_NODES}. */
    readonly cpuNodes: number;
    /** Whether cluster and logs are kept from deletion. */
    readonly protect: boolean;
    /** Days for which logs are kept. */
    readonly logRetentionDays: number;
}

/** Worker nodes without which ACK does not deploy Knative (help page "Deploy Knative", 121509). */
export const MIN_CPU_NODES = 3;

/**
 * An ACK managed Pro cluster with the CPU nodes that its add-ons and Knative run on, and the access to it.
 *
 * What is fixed when the cluster is made (pod and Service addresses, kube-proxy's mode, the kind of security
 * group) would replace it, and all in it; fixed-settings.ts refuses a change of the configuration behind these.
 */
export class Cluster extends pulumi.ComponentResource {
    /** Id of the cluster. */
    public readonly clusterId: pulumi.Output<string>;
    /** Contents of the kubeconfig of its administrators, a secret. */
    public readonly kubeconfig: pulumi.Output<string>;
    /** Kubernetes provider of the cluster. */
    public readonly provider: k8s.Provider;
    /** Name of the log project. */
    public readonly logProject: pulumi.Output<string>;

    constructor(name: string, args: ClusterArgs, opts?: pulumi.ComponentResourceOptions) {
        super("sd:cluster:Cluster", name, {}, opts);
        const self = { parent: this };

        const logs = new alicloud.log.Project(
            `${name}-logs`,
            {
                projectName: pulumi.interpolate`stable-diffusion-${args.suffix}`,
                description: `Control plane of the ACK cluster ${args.clusterName}`,
            },
            { ...self, retainOnDelete: args.protect },
        );

        const cluster = new alicloud.cs.ManagedKubernetes(
            `${name}-control-plane`,
            {
                name: args.clusterName,
                clusterSpec: args.clusterSpec,
                ...(args.kubernetesVersion ? { version: args.kubernetesVersion } : {}),
                vswitchIds: [...args.vswitchIds],
                podCidr: args.podCidr,
                serviceCidr: args.serviceCidr,
                // ipvs, which the provider takes by default, is deprecated since Kubernetes 1.35, and
                // nftables is refused before it.
                proxyMode: "iptables",
                isEnterpriseSecurityGroup: true,
                // The network has its own way out; true, the default, would make a second one.
                newNatGateway: false,
                slbInternetEnabled: args.apiServerPublic,
                // Without it certificates and keys would stand in the state.
                skipSetCertificateAuthority: true,
                deletionProtection: args.protect,
                addons: ADDONS.map((addon) => ({ ...addon })),
                controlPlaneLogProject: logs.projectName,
                controlPlaneLogComponents: ["apiserver", "kcm", "scheduler", "ccm"],
                controlPlaneLogTtl: String(args.logRetentionDays),
                deleteOptions: deleteOptions(args.protect),
            },
            {
                ...self,
                // They take effect at creation only, so a later difference means nothing.
                ignoreChanges: ["addons"],
                customTimeouts: { create: "90m", update: "60m", delete: "60m" },
            },
        );

        const cpuPool = new alicloud.cs.NodePool(
            `${name}-cpu-pool`,
            {
                clusterId: cluster.id,
                nodePoolName: "cpu",
                vswitchIds: [...args.vswitchIds],
                instanceTypes: [...args.cpuInstanceTypes],
                desiredSize: String(args.cpuNodes),
                multiAzPolicy: "BALANCE",
                imageType: args.nodeImageType,
                systemDiskCategory: "cloud_essd",
                systemDiskPerformanceLevel: "PL0",
                systemDiskSize: 80,
                installCloudMonitor: true,
                instanceMetadataOptions: { httpTokens: "required" },
                management: {
                    enable: true,
                    autoRepair: true,
                    autoRepairPolicy: { restartNode: true },
                },
            },
            self,
        );

        this.clusterId = cluster.id;
        this.logProject = logs.projectName;
        const credential = alicloud.cs.getClusterCredentialOutput(
            {
                clusterId: cluster.id,
                ...(args.kubeconfigMinutes
                    ? { temporaryDurationMinutes: args.kubeconfigMinutes }
                    : {}),
            },
            self,
        );
        this.kubeconfig = pulumi.secret(credential.kubeConfig);
        this.provider = new k8s.Provider(
            name,
            // By the identifier a new kubeconfig of the same cluster is an update of the provider; without
            // one, it would replace everything in the cluster.
            { kubeconfig: this.kubeconfig, clusterIdentifier: cluster.id },
            // Nothing runs in the cluster before it has nodes, and all of it goes before they do.
            { ...self, dependsOn: cpuPool },
        );
        this.registerOutputs({ clusterId: this.clusterId });
    }
}

/** What is installed with the cluster; anything later is a KubernetesAddon of its own. */
const ADDONS = [
    // Pods get addresses of their own range, so a GPU node is not limited by its network interfaces
    // (docs/decisions/0006).
    { name: "flannel" },
    { name: "csi-plugin" },
    { name: "managed-csiprovisioner" },
    { name: "metrics-server" },
    // Otherwise ACK installs it, with a load balancer that nothing uses.
    { name: "nginx-ingress-controller", disabled: true },
] as const;

/** What ACK makes beside the cluster goes with it; logs stay where they are protected. */
function deleteOptions(protect: boolean): { resourceType: string; deleteMode: string }[] {
    const logs = protect ? "retain" : "delete";
    return [
        { resourceType: "SLB", deleteMode: "delete" },
        { resourceType: "ALB", deleteMode: "delete" },
        { resourceType: "SLS_Data", deleteMode: logs },
        { resourceType: "SLS_ControlPlane", deleteMode: logs },
        { resourceType: "PrivateZone", deleteMode: "delete" },
    ];
}
