/**
 * What the simulated cloud sells: a list of its own, modelled on Alibaba Cloud's documentation as of 2026-11
 * and much shorter. That something is listed here proves nothing about a real region, its stock or a real
 * account's quotas.
 */

/** An ECS instance type. */
export interface InstanceType {
    /** Such as `ecs.gn6i-c8g1.2xlarge`. */
    readonly id: string;
    readonly vcpus: number;
    /** GiB. */
    readonly memory: number;
    /** 0 for a type without GPUs. */
    readonly gpus: number;
    /** Model of the GPUs; empty without. */
    readonly gpuModel: string;
}

/** A zone of a region. */
export interface Zone {
    /** Such as `ap-southeast-1a`. */
    readonly id: string;
    readonly localName: string;
    /** Whether enhanced NAT gateways are to be had. */
    readonly enhancedNat: boolean;
    /** Families of instance types that it sells. */
    readonly families: readonly string[];
}

/** An add-on of ACK. */
export interface AddonEntry {
    readonly name: string;
    /** Oldest first; the last one is installed when none is asked for. */
    readonly versions: readonly string[];
    /** Whether every cluster has it and nobody can uninstall it. */
    readonly required: boolean;
}

/** Most of each that an account can have in a region. */
export interface Quotas {
    readonly vpcs: number;
    readonly vswitches: number;
    readonly natGateways: number;
    readonly eips: number;
    /** One by default, where a real account has more: the cluster runs on this machine. */
    readonly clusters: number;
    readonly nodePools: number;
    /** vCPUs of all GPU instances together. */
    readonly gpuVcpus: number;
}

/** What an account starts with. */
export const QUOTAS: Quotas = {
    vpcs: 10,
    vswitches: 150,
    natGateways: 5,
    eips: 20,
    clusters: 1,
    nodePools: 20,
    gpuVcpus: 384,
};

const CPU_FAMILIES = ["c7", "g7", "u1", "c8i", "g8i"];

/** Regions with their zones. */
export const REGIONS: Readonly<Record<string, readonly Zone[]>> = {
    "ap-southeast-1": [
        zone("ap-southeast-1a", "Singapore Zone A", ["gn5", "gn5i"]),
        zone("ap-southeast-1b", "Singapore Zone B", ["gn6i", "gn7i", "gn6v"]),
        zone("ap-southeast-1c", "Singapore Zone C", ["gn6i", "gn7i"]),
    ],
    "cn-shanghai": [
        zone("cn-shanghai-b", "Shanghai Zone B", ["gn5", "gn5i", "gn6i"]),
        zone("cn-shanghai-g", "Shanghai Zone G", ["gn6i", "gn6v"], { enhancedNat: false }),
        zone("cn-shanghai-l", "Shanghai Zone L", ["gn6i", "gn7i"]),
    ],
    "eu-central-1": [
        zone("eu-central-1a", "Frankfurt Zone A", ["gn6i", "gn6v"]),
        zone("eu-central-1b", "Frankfurt Zone B", ["gn6i", "gn7i"]),
        zone("eu-central-1c", "Frankfurt Zone C", []),
    ],
};

function zone(
    id: string,
    localName: string,
    gpuFamilies: readonly string[],
    { enhancedNat = true } = {},
): Zone {
    return { id, localName, enhancedNat, families: [...CPU_FAMILIES, ...gpuFamilies] };
}

/** Instance types of all regions. */
export const INSTANCE_TYPES: readonly InstanceType[] = [
    cpu("ecs.c7.large", 2, 4),
    cpu("ecs.c7.xlarge", 4, 8),
    cpu("ecs.c7.2xlarge", 8, 16),
    cpu("ecs.g7.large", 2, 8),
    cpu("ecs.g7.xlarge", 4, 16),
    cpu("ecs.g7.2xlarge", 8, 32),
    cpu("ecs.c8i.xlarge", 4, 8),
    cpu("ecs.g8i.xlarge", 4, 16),
    cpu("ecs.u1-c1m2.large", 2, 4),
    cpu("ecs.u1-c1m2.xlarge", 4, 8),
    cpu("ecs.u1-c1m4.xlarge", 4, 16),
    gpu("ecs.gn5-c4g1.xlarge", 4, 30, 1, "P100"),
    gpu("ecs.gn5-c8g1.2xlarge", 8, 60, 1, "P100"),
    gpu("ecs.gn5i-c4g1.xlarge", 4, 16, 1, "P4"),
    gpu("ecs.gn5i-c8g1.2xlarge", 8, 32, 1, "P4"),
    gpu("ecs.gn6i-c4g1.xlarge", 4, 15, 1, "T4"),
    gpu("ecs.gn6i-c8g1.2xlarge", 8, 31, 1, "T4"),
    gpu("ecs.gn6i-c16g1.4xlarge", 16, 62, 1, "T4"),
    gpu("ecs.gn6i-c24g1.12xlarge", 48, 186, 2, "T4"),
    gpu("ecs.gn6v-c8g1.2xlarge", 8, 32, 1, "V100"),
    gpu("ecs.gn6v-c8g1.16xlarge", 64, 256, 8, "V100"),
    gpu("ecs.gn7i-c8g1.2xlarge", 8, 30, 1, "A10"),
    gpu("ecs.gn7i-c16g1.4xlarge", 16, 60, 1, "A10"),
];

function cpu(id: string, vcpus: number, memory: number): InstanceType {
    return { id, vcpus, memory, gpus: 0, gpuModel: "" };
}

function gpu(
    id: string,
    vcpus: number,
    memory: number,
    gpus: number,
    gpuModel: string,
): InstanceType {
    return { id, vcpus, memory, gpus, gpuModel };
}

/** The instance type of this id, if there is one. */
export function instanceType(id: string): InstanceType | undefined {
    return INSTANCE_TYPES.find((type) => type.id === id);
}

/** The zone of this id in the region, if there is one. */
export function zoneOf(region: string, id: string): Zone | undefined {
    return REGIONS[region]?.find((each) => each.id === id);
}

/** Whether the zone sells the instance type, stock aside. */
export function sells({ families }: Zone, type: InstanceType): boolean {
    const family = /^ecs\.([a-z0-9]+)[.-]/.exec(type.id)?.[1] ?? "";
    return families.includes(family);
}

/** Kubernetes versions that a new cluster can have, oldest first. */
export const KUBERNETES_VERSIONS = [
    "1.34.8-aliyun.1",
    "1.35.7-aliyun.1",
    "1.36.2-aliyun.1",
] as const;

/** Version of containerd on every node. */
export const CONTAINERD_VERSION = "2.1.5";

/** Add-ons; the names are those of official examples. */
export const ADDONS: readonly AddonEntry[] = [
    addon("managed-coredns", ["v1.11.3.5-5321daf49-aliyun"], true),
    addon("flannel", ["v0.15.1.23-3b8da492-aliyun"]),
    addon("terway-eniip", ["v1.15.4"]),
    addon("terway-controlplane", ["v1.15.4"]),
    addon("csi-plugin", ["v1.34.2-aliyun.1"]),
    addon("csi-provisioner", ["v1.34.2-aliyun.1"]),
    addon("managed-csiprovisioner", ["v1.34.2-aliyun.1"]),
    addon("storage-operator", ["v1.34.1-aliyun.1"]),
    addon("metrics-server", ["v0.3.9.9-5f5ab6a-aliyun"]),
    addon("logtail-ds", ["v1.8.8.0-aliyun"]),
    addon("loongcollector", ["v3.1.4.0-aliyun"]),
    addon("nginx-ingress-controller", ["v1.12.6-aliyun.1"]),
    addon("alb-ingress-controller", ["v2.19.0-aliyun.1"]),
    addon("arms-prometheus", ["1.1.30"]),
    addon("ack-node-problem-detector", ["1.2.29"]),
    addon("ack-cost-exporter", ["1.0.32"]),
    addon("alicloud-monitor-controller", ["v1.9.0"]),
    addon("managed-aliyun-acr-credential-helper", ["v24.09.10"]),
    addon("managed-security-inspector", ["v0.11.0"]),
    addon("ack-virtual-node", ["v2.15.0"]),
    addon("knative", ["v1.20.1-aliyun.1", "v1.21.0-aliyun.1"]),
];

function addon(name: string, versions: readonly string[], required = false): AddonEntry {
    return { name, versions, required };
}
