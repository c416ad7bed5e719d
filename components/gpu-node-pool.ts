import * as alicloud from "@pulumi/alicloud";
import * as pulumi from "@pulumi/pulumi";
import { GPU_POOL_LABEL, GPU_TAINT } from "./gpu";

/** Arguments for {@link GpuNodePool}. */
export interface GpuNodePoolArgs {
    /** Cluster that the nodes join. */
    readonly clusterId: pulumi.Input<string>;
    /** vSwitches of the nodes, in the order in which their zones are tried. */
    readonly vswitchIds: readonly pulumi.Input<string>[];
    /** Instance types in the order in which they are tried. */
    readonly gpuInstanceTypes: readonly string[];
    /** Nodes that always run. */
    readonly gpuNodesMin: number;
    /** Most nodes. */
    readonly gpuNodesMax: number;
    /** `NoSpot`, or `SpotAsPriceGo`: at the market's price, with on-demand nodes where there are none. */
    readonly gpuSpotStrategy: SpotStrategy;
    /** Spot only: nodes that are bought on demand first. */
    readonly onDemandNodes: number;
    /** Size of the disk, which holds the image, in GiB. */
    readonly gpuDiskGib: number;
    /** Operating system of the nodes. */
    readonly nodeImageType: string;
    /** Version of the NVIDIA driver. */
    readonly gpuDriverVersion: string;
    /** Whether the taint keeps away pods that do not tolerate it, instead of only discouraging them. */
    readonly gpuToleration: boolean;
    /** Minutes for which a node must be idle before it is given back. */
    readonly gpuIdleMinutes: number;
}

/** How the nodes are paid for. */
export type SpotStrategy = (typeof SPOT_STRATEGIES)[number];

/** The strategies there are; a price limit would need one for each type and is left to the market. */
export const SPOT_STRATEGIES = ["NoSpot", "SpotAsPriceGo"] as const;

/**
 * The GPU nodes: none while nothing asks for a GPU, one more for each pod that waits for one, and gone when idle.
 */
export class GpuNodePool extends pulumi.ComponentResource {
    constructor(name: string, args: GpuNodePoolArgs, opts?: pulumi.ComponentResourceOptions) {
        super("sd:cluster:GpuNodePool", name, {}, opts);
        const self = { parent: this };
        const isSpot = args.gpuSpotStrategy !== "NoSpot";

        const pool = new alicloud.cs.NodePool(
            `${name}-nodes`,
            {
                clusterId: args.clusterId,
                nodePoolName: "gpu",
                vswitchIds: [...args.vswitchIds],
                instanceTypes: [...args.gpuInstanceTypes],
                // No desiredSize: the number of nodes is the autoscaler's, and each `up` would fight it.
                scalingConfig: {
                    enable: true,
                    minSize: args.gpuNodesMin,
                    maxSize: args.gpuNodesMax,
                    type: isSpot ? "spot" : "gpu",
                },
                // A node that was given back is not billed; a recycled one keeps its disk.
                scalingPolicy: "release",
                spotStrategy: args.gpuSpotStrategy,
                ...(isSpot
                    ? {
                          // The only policy under which compensateWithOnDemand takes effect.
                          multiAzPolicy: "COST_OPTIMIZED",
                          compensateWithOnDemand: true,
                          spotInstanceRemedy: true,
                          onDemandBaseCapacity: String(args.onDemandNodes),
                          onDemandPercentageAboveBaseCapacity: "0",
                      }
                    : { multiAzPolicy: "PRIORITY" }),
                imageType: args.nodeImageType,
                systemDiskCategory: "cloud_essd",
                // A cold start reads the image from this disk; PL0 would take more than twice as long.
                systemDiskPerformanceLevel: "PL1",
                systemDiskSize: args.gpuDiskGib,
                labels: [
                    { key: DRIVER_VERSION_LABEL, value: args.gpuDriverVersion },
                    { ...GPU_POOL_LABEL },
                ],
                taints: [
                    {
                        key: GPU_TAINT.key,
                        value: GPU_TAINT_VALUE,
                        // Knative refuses tolerations unless its feature flag is set, and managed Knative may
                        // ignore the flag: by default the taint must not keep the service's own pods away.
                        effect: args.gpuToleration ? GPU_TAINT.effect : "PreferNoSchedule",
                    },
                ],
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

        const idle = `${args.gpuIdleMinutes}m`;
        new alicloud.cs.AutoscalingConfig(
            `${name}-autoscaling`,
            {
                clusterId: args.clusterId,
                scalerType: "cluster-autoscaler",
                expander: "least-waste",
                scaleUpFromZero: true,
                scaleDownEnabled: true,
                coolDownDuration: idle,
                unneededDuration: idle,
                scanInterval: "15s",
                gpuUtilizationThreshold: "0.5",
                // The service keeps nothing on a node, and its queue-proxy has an emptyDir.
                skipNodesWithLocalStorage: false,
            },
            { ...self, dependsOn: pool },
        );
        this.registerOutputs({});
    }
}

/** Node label by which ACK chooses the driver that a new node gets. */
const DRIVER_VERSION_LABEL = "ack.aliyun.com/nvidia-driver-version";

/** Value of the taint; tolerations do not look at it. */
const GPU_TAINT_VALUE = "present";
