import { contains, overlaps, parseCidr } from "./components/cidr";
import { type ClusterArgs, MIN_CPU_NODES } from "./components/cluster";
import { capacityShortfall, gpuCapacity } from "./components/gpu-capacity";
import { type GpuNodePoolArgs, SPOT_STRATEGIES } from "./components/gpu-node-pool";
import type { KnativeAddonArgs } from "./components/knative-addon";
import { ADMISSION_SINCE } from "./components/kubernetes-version";
import { MAX_ZONES } from "./components/network";
import { MAX_ECI_SPECS } from "./components/virtual-node";
import type { ConfigReader } from "./config-reader";
import { gpuInstanceType } from "./policy/gpu-instance-type";

/** What is chosen for an ACK cluster. */
export interface AckSettings
    extends
        Omit<ClusterArgs, "suffix" | "vswitchIds">,
        Omit<GpuNodePoolArgs, "clusterId" | "vswitchIds"> {
    /** Region of the cluster: `alicloud:region`. */
    readonly region: string;
    /** Zones of the vSwitches; empty where these exist already. */
    readonly zones: readonly string[];
    /** Address range of the VPC. */
    readonly vpcCidr: string;
    /** vSwitches that exist already; empty to make a network. */
    readonly vswitchIds: readonly string[];
    /** Where GPUs come from: a pool of nodes, or elastic container instances. */
    readonly gpuSupply: "node-pool" | "eci";
    /** GPUs that the service can have at most. */
    readonly gpuCapacity: number;
    /** What will wait, where the GPUs leave no room for rollouts and that is accepted. */
    readonly warning: string | undefined;
    /** Whether the logs of the service's pods are collected. */
    readonly collectLogs: boolean;
    /** The add-on that brings Knative, or undefined where something else installs it. */
    readonly knative: Omit<KnativeAddonArgs, "clusterId"> | undefined;
}

/** What the service needs of the GPUs. */
export interface GpuNeeds {
    readonly minScale: number;
    readonly maxScale: number;
    readonly gpusPerPod: number;
    readonly gpuToleration: boolean;
    /** CPU of one pod, a Kubernetes quantity. */
    readonly cpu: string;
}

/** Editions of an ACK managed Pro cluster (`clusterSpec`; 4xlarge is for accounts that asked for it). */
const CLUSTER_SPECS = ["ack.pro.small", "ack.pro.xlarge", "ack.pro.2xlarge", "ack.pro.4xlarge"];

/** Operating systems of nodes that can have GPUs and that ACK still offers (`imageType` of NodePool). */
const NODE_IMAGE_TYPES = [
    "AliyunLinux3",
    "AliyunLinux3ContainerOptimized",
    "AliyunLinux4",
    "AliyunLinux4ContainerOptimized",
    "ContainerOS",
    "Ubuntu",
];

/** Names of regions and zones. */
const PLACE = /^[a-z]{2,}(-[a-z0-9]+)+$/;

/** Private address ranges (RFC 1918), which a VPC may have. */
const PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

/**
 * Reads and checks the keys for `target: ack`, in the order in which the parts come up.
 *
 * @param isTarget whether it is the target; if not, each key is checked by itself only
 */
export function readAckSettings(
    reader: ConfigReader,
    needs: GpuNeeds,
    isTarget: boolean,
): AckSettings {
    return {
        ...readNetwork(reader, isTarget),
        ...readCluster(reader, isTarget),
        ...readGpus(reader, needs, isTarget),
        collectLogs: reader.flag("collectLogs"),
        knative: readKnative(reader),
    };
}

type NetworkSettings = Pick<
    AckSettings,
    "region" | "zones" | "vswitchIds" | "vpcCidr" | "podCidr" | "serviceCidr"
>;

function readNetwork(reader: ConfigReader, isTarget: boolean): NetworkSettings {
    const region = isTarget
        ? reader.foreign("alicloud:region", PLACE, "a region such as ap-southeast-1")
        : "";
    const some = { min: 0, max: MAX_ZONES };
    const zones = reader.list("zones", some, (zone) => PLACE.test(zone), "zones of the region");
    const isVswitch = (id: string): boolean => /^vsw-[a-z0-9]+$/.test(id);
    const vswitchIds = reader.list("vswitchIds", some, isVswitch, "ids of vSwitches");
    if (isTarget) {
        if (zones.length > 0 === vswitchIds.length > 0) {
            reader.problem(
                "zones",
                zones,
                "zones for a network that is made, or else vswitchIds of one that exists",
            );
        }
        if (zones.length === 1) {
            reader.problem("zones", zones, "at least two: one may fail, or be out of GPUs");
        }
        if (vswitchIds.length === 1) {
            reader.problem("vswitchIds", vswitchIds, "at least two, in different zones");
        }
        const foreign = zones.filter((zone) => !zone.startsWith(region));
        if (foreign.length > 0) {
            reader.problem("zones", foreign, `zones of the region ${region}`);
        }
    }

    const ranges = {
        vpcCidr: readRange(reader, "vpcCidr", {
            among: PRIVATE,
            prefix: [8, 24],
            example: "10.0.0.0/16",
        }),
        podCidr: readRange(reader, "podCidr", { prefix: [8, 20], example: "172.20.0.0/16" }),
        serviceCidr: readRange(reader, "serviceCidr", {
            prefix: [12, 24],
            example: "172.21.0.0/20",
        }),
    };
    for (const [one, other] of [
        ["podCidr", "vpcCidr"],
        ["serviceCidr", "vpcCidr"],
        ["serviceCidr", "podCidr"],
    ] as const) {
        const [first, second] = [parseCidr(ranges[one]), parseCidr(ranges[other])];
        if (isTarget && first && second && overlaps(first, second)) {
            reader.problem(one, ranges[one], `a range apart from ${other} (${ranges[other]})`);
        }
    }
    return { region, zones, vswitchIds, ...ranges };
}

function readRange(
    reader: ConfigReader,
    key: string,
    rule: {
        readonly among?: readonly string[];
        readonly prefix: readonly [shortest: number, longest: number];
        readonly example: string;
    },
): string {
    const [shortest, longest] = rule.prefix;
    const within = rule.among ? ` within ${rule.among.join(", ")}` : "";
    return reader.checked(
        key,
        (text) => {
            const range = parseCidr(text);
            const isWithin = (outer: string): boolean => {
                const parsed = parseCidr(outer);
                return !!range && !!parsed && contains(parsed, range);
            };
            return (
                !!range &&
                range.prefix >= shortest &&
                range.prefix <= longest &&
                (rule.among?.some(isWithin) ?? true)
            );
        },
        `an address range${within} with a prefix length from ${shortest} to ${longest}, such as ${rule.example}`,
    );
}

type ClusterSettings = Omit<ClusterArgs, "suffix" | "vswitchIds" | "podCidr" | "serviceCidr">;

function isKubernetesVersion(value: string): boolean {
    const version = /^1\.([0-9]+)\.[0-9]+-aliyun\.[0-9]+$/.exec(value);
    return value === "" || Number(version?.[1]) >= ADMISSION_SINCE;
}

function readCluster(reader: ConfigReader, isTarget: boolean): ClusterSettings {
    const kubeconfigMinutes = reader.integer("kubeconfigMinutes", 0, 4320);
    if (kubeconfigMinutes > 0 && kubeconfigMinutes < 15) {
        reader.problem(
            "kubeconfigMinutes",
            kubeconfigMinutes,
            "0 for no end, or a whole number from 15 to 4320",
        );
    }
    return {
        clusterName: reader.text(
            "clusterName",
            /^[A-Za-z0-9][-A-Za-z0-9_]{0,62}$/,
            "letters, digits, - and _, at most 63 characters",
        ),
        clusterSpec: reader.oneOf("clusterSpec", CLUSTER_SPECS),
        kubernetesVersion:
            reader.checked(
                "kubernetesVersion",
                isKubernetesVersion,
                `a version of ACK from 1.${ADMISSION_SINCE} on, such as 1.35.7-aliyun.1, or empty for the newest`,
            ) || undefined,
        apiServerPublic: reader.flag("apiServerPublic"),
        kubeconfigMinutes: kubeconfigMinutes || undefined,
        nodeImageType: reader.oneOf("nodeImageType", NODE_IMAGE_TYPES),
        cpuInstanceTypes: reader.list(
            "cpuInstanceTypes",
            { min: isTarget ? 1 : 0, max: 10 },
            (type) => /^ecs\.[-.a-z0-9]+$/.test(type),
            "instance types",
        ),
        cpuNodes: reader.integer("cpuNodes", MIN_CPU_NODES, 100),
        protect: reader.flag("protect"),
        logRetentionDays: reader.integer("logRetentionDays", 1, 3000),
    };
}

type GpuSettings = Pick<AckSettings, "gpuSupply" | "gpuCapacity" | "warning"> &
    Omit<GpuNodePoolArgs, "clusterId" | "vswitchIds" | "nodeImageType">;

function readGpus(reader: ConfigReader, needs: GpuNeeds, isTarget: boolean): GpuSettings {
    const gpuSupply = reader.oneOf("gpuSupply", ["node-pool", "eci"]);
    const gpuInstanceTypes = reader.list(
        "gpuInstanceTypes",
        { min: isTarget ? 1 : 0, max: isTarget && gpuSupply === "eci" ? MAX_ECI_SPECS : 10 },
        (type) => gpuInstanceType(type) !== undefined,
        "GPU instance types whose names say how many GPUs they have, such as ecs.gn6i-c8g1.2xlarge",
    );
    const gpuNodesMin = reader.integer("gpuNodesMin", 0, 100);
    const gpuNodesMax = reader.integer("gpuNodesMax", 1, 100);
    if (isTarget && gpuNodesMin > gpuNodesMax) {
        reader.problem("gpuNodesMin", gpuNodesMin, `at most gpuNodesMax (${gpuNodesMax})`);
    }
    const isShortfallAccepted = reader.oneOf("gpuCapacityShortfall", ["error", "warn"]) === "warn";

    const gpusPerNode = isTarget ? gpusOfTypes(reader, gpuInstanceTypes, needs) : undefined;
    const isPool = gpuSupply === "node-pool" && gpusPerNode !== undefined;
    const capacity = { ...needs, gpuNodesMax, gpusPerNode: gpusPerNode ?? 0 };
    const isRead = [needs.minScale, needs.maxScale, needs.gpusPerPod, gpuNodesMax].every(
        Number.isInteger,
    );
    const shortfall = isPool && isRead ? capacityShortfall(capacity) : undefined;
    if (shortfall !== undefined && !isShortfallAccepted) {
        reader.problem(
            "gpuNodesMax",
            gpuNodesMax,
            `${shortfall.allowed}; or gpuCapacityShortfall: warn, with which ${shortfall.consequence}`,
        );
    }
    return {
        gpuSupply,
        gpuInstanceTypes,
        gpuNodesMin,
        gpuNodesMax,
        gpuSpotStrategy: reader.oneOf("gpuSpotStrategy", SPOT_STRATEGIES),
        // A spot node that is taken back must not take the pods with it that always run.
        onDemandNodes: isPool
            ? Math.ceil(needs.minScale / Math.floor(gpusPerNode / needs.gpusPerPod))
            : 0,
        gpuDiskGib: reader.integer("gpuDiskGib", 60, 2048),
        gpuDriverVersion: reader.text(
            "gpuDriverVersion",
            /^[0-9]+(\.[0-9]+)+$/,
            "a version of the NVIDIA driver such as 550.144.03",
        ),
        gpuToleration: needs.gpuToleration,
        gpuIdleMinutes: reader.integer("gpuIdleMinutes", 1, 1440),
        gpuCapacity: isPool ? gpuCapacity(capacity) : needs.maxScale * needs.gpusPerPod,
        warning: shortfall && `gpuNodesMax is ${gpuNodesMax}: ${shortfall.consequence}`,
    };
}

/** GPUs of each of these types; undefined where they differ, or are too small for a pod. */
function gpusOfTypes(
    reader: ConfigReader,
    types: readonly string[],
    { gpusPerPod, cpu }: GpuNeeds,
): number | undefined {
    const parsed = types.map(gpuInstanceType).filter((each) => each !== undefined);
    const [gpus, ...others] = new Set(parsed.map((each) => each.gpus));
    if (gpus === undefined) {
        return undefined;
    }
    if (others.length > 0) {
        reader.problem(
            "gpuInstanceTypes",
            types,
            "types with the same number of GPUs, so that the GPUs of the pool are known",
        );
        return undefined;
    }
    if (gpus < gpusPerPod) {
        reader.problem("gpusPerPod", gpusPerPod, `at most ${gpus}, as gpuInstanceTypes have`);
        return undefined;
    }
    const share = Math.min(...parsed.map(({ vcpus }) => vcpus)) / Math.floor(gpus / gpusPerPod);
    const wanted = cpu.endsWith("m") ? Number(cpu.slice(0, -1)) / 1000 : Number(cpu);
    if (wanted >= share) {
        reader.problem(
            "cpu",
            cpu,
            `less than ${share}, a pod's share of the smallest of gpuInstanceTypes, of which the node itself needs a part`,
        );
    }
    return gpus;
}

function readKnative(reader: ConfigReader): AckSettings["knative"] {
    const install = reader.oneOf("knativeInstall", ["ack-addon", "existing"]);
    const addon = {
        name: reader.text(
            "knativeAddonName",
            /^[a-z][-a-z0-9]{0,62}$/,
            "the name of an ACK add-on, of a-z, 0-9 and -",
        ),
        version:
            reader.text(
                "knativeAddonVersion",
                /^(v?[0-9][-.0-9A-Za-z]*)?$/,
                "a version such as v1.8.2-aliyun.1, or empty for the newest",
            ) || undefined,
        config: reader.map("knativeAddonConfig", /./, "a map of the add-on's keys to strings"),
    };
    return install === "ack-addon" ? addon : undefined;
}
