import { type Cidr, contains, overlaps, parseCidr } from "../../components/cidr";
import type { Json, JsonObject } from "../plugins/property-values";
import { ApiError } from "./api";
import {
    ADDONS,
    INSTANCE_TYPES,
    KUBERNETES_VERSIONS,
    REGIONS,
    instanceType,
    sells,
    zoneOf,
} from "./catalogue";
import { isObject, numberIn, objectIn, objectsIn, textIn, textsIn } from "./inputs";
import {
    CLUSTER,
    EIP,
    EIP_ASSOCIATION,
    LOG_PROJECT,
    NAT_GATEWAY,
    NODE_POOL,
    SNAT_ENTRY,
    VPC,
    VSWITCH,
} from "./resource-tokens";
import type { CloudResource } from "./store";

/** A resource that is to be created or changed. */
export interface Wanted {
    readonly region: string;
    readonly inputs: JsonObject;
    /** The resource as it is; undefined when it is to be created. */
    readonly existing: CloudResource | undefined;
    /** The resource of this type that the text names, by its id or the output that names it. */
    readonly find: (type: string, name: string | undefined) => CloudResource | undefined;
    /** All resources of a type but this one. */
    readonly others: (type: string) => readonly CloudResource[];
}

/** Throws an {@link ApiError} if the cloud does not take it. */
export type Refusal = (wanted: Wanted) => void;

/** Service addresses of a cluster that names none. */
export const DEFAULT_SERVICE_CIDR = "172.21.0.0/20";

/** Addresses that networks are made of. */
const PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

/** Addresses of a VPC: private ones that hold all its vSwitches. */
export const refuseVpc: Refusal = ({ inputs, existing, others }) => {
    const range = privateRange(inputs, "cidrBlock", [8, 28]);
    for (const vswitch of others(VSWITCH)) {
        if (existing !== undefined && textIn(vswitch.inputs, "vpcId") === existing.id) {
            const inner = cidrIn(vswitch.inputs, "cidrBlock");
            if (!contains(range, inner)) {
                refuse(
                    "InvalidCidrBlock",
                    `cidrBlock is ${text(inputs, "cidrBlock")}; allowed: one that holds the vSwitch ${vswitch.id} (${text(vswitch.inputs, "cidrBlock")})`,
                );
            }
        }
    }
};

/** Place and addresses of a vSwitch: a zone of the region, a part of its VPC that no other vSwitch has. */
export const refuseVswitch: Refusal = ({ region, inputs, find, others }) => {
    const zone = required(inputs, "zoneId");
    if (zoneOf(region, zone) === undefined) {
        refuse(
            "InvalidZoneId.NotFound",
            `zoneId is ${zone}; allowed in ${region}: ${zonesOf(region).join(", ")}`,
        );
    }
    const cidr = required(inputs, "cidrBlock");
    const range = privateRange(inputs, "cidrBlock", [16, 29]);
    const vpc = find(VPC, required(inputs, "vpcId"));
    const whole = text(vpc?.inputs ?? {}, "cidrBlock");
    const vpcRange = parseCidr(whole);
    if (vpcRange === undefined || !contains(vpcRange, range)) {
        refuse(
            "InvalidCidrBlock.Malformed",
            `cidrBlock is ${cidr}; allowed: a part of ${whole}, the addresses of the VPC ${text(inputs, "vpcId")}`,
        );
    }
    for (const other of others(VSWITCH)) {
        const taken = text(other.inputs, "cidrBlock");
        if (
            other.inputs["vpcId"] === inputs["vpcId"] &&
            overlaps(cidrIn(other.inputs, "cidrBlock"), range)
        ) {
            refuse(
                "InvalidCidrBlock.Overlapped",
                `cidrBlock is ${cidr}; allowed: addresses that the vSwitch ${other.id} (${taken}) does not have`,
            );
        }
    }
};

/** Place of an enhanced NAT gateway: a vSwitch of its VPC, in a zone that has such gateways. */
export const refuseNatGateway: Refusal = ({ region, inputs, find }) => {
    const id = required(inputs, "vswitchId");
    const vswitch = find(VSWITCH, id);
    if (vswitch?.inputs["vpcId"] !== inputs["vpcId"]) {
        refuse(
            "InvalidVSwitch.NotFound",
            `vswitchId is ${id}; allowed: a vSwitch of the VPC ${text(inputs, "vpcId")}`,
        );
    }
    const zone = text(vswitch?.inputs ?? {}, "zoneId");
    if (zoneOf(region, zone)?.enhancedNat !== true) {
        const zones = REGIONS[region]?.filter(({ enhancedNat }) => enhancedNat) ?? [];
        refuse(
            "OperationUnsupported.EnhancedNat",
            `vswitchId is ${id} in ${zone}; allowed: a vSwitch in ${zones.map((each) => each.id).join(", ")}`,
        );
    }
};

/** Bandwidth of an elastic IP address, in Mbit/s. */
export const refuseEip: Refusal = ({ inputs }) => {
    const most = textIn(inputs, "internetChargeType") === "PayByTraffic" ? 200 : 500;
    const bandwidth = textIn(inputs, "bandwidth");
    if (bandwidth !== undefined && !isWhole(bandwidth, 1, most)) {
        refuse("InvalidBandwidth", `bandwidth is ${bandwidth}; allowed: "1" to "${most}"`);
    }
};

/** An address belongs to one gateway at most. */
export const refuseEipAssociation: Refusal = ({ inputs, others }) => {
    const taken = others(EIP_ASSOCIATION).find(
        (other) => other.inputs["allocationId"] === inputs["allocationId"],
    );
    if (taken !== undefined) {
        refuse(
            "IncorrectEipStatus",
            `allocationId is ${text(inputs, "allocationId")}; allowed: an address that is not associated with ${text(taken.inputs, "instanceId")}`,
        );
    }
};

/** A way out for the vSwitch of a gateway's VPC, through an address of that gateway. */
export const refuseSnatEntry: Refusal = ({ inputs, find, others }) => {
    const source = required(inputs, "sourceVswitchId");
    const table = text(inputs, "snatTableId");
    const ip = text(inputs, "snatIp");
    const nat = find(NAT_GATEWAY, table);
    const vswitch = find(VSWITCH, source);
    if (vswitch?.inputs["vpcId"] !== nat?.inputs["vpcId"]) {
        refuse(
            "InvalidVSwitchId.NotFound",
            `sourceVswitchId is ${source}; allowed: a vSwitch of ${text(nat?.inputs ?? {}, "vpcId")}, the VPC of the NAT gateway`,
        );
    }
    const addresses = others(EIP_ASSOCIATION)
        .filter((each) => each.inputs["instanceId"] === nat?.id && each.status === "Available")
        .map((each) => find(EIP, text(each.inputs, "allocationId")))
        .map((eip) => text(eip?.outputs ?? {}, "ipAddress"));
    if (!addresses.includes(ip)) {
        refuse(
            "InvalidIp.NotInNatgw",
            `snatIp is ${ip}; allowed: an address associated with the NAT gateway ${nat?.id ?? ""} (${addresses.join(", ") || "it has none"})`,
        );
    }
    const taken = others(SNAT_ENTRY).find(
        (other) =>
            other.inputs["snatTableId"] === table && other.inputs["sourceVswitchId"] === source,
    );
    if (taken !== undefined) {
        refuse(
            "InvalidSourceVSwitch.AlreadyExist",
            `sourceVswitchId is ${source}; allowed: a vSwitch without an entry in ${table} (${taken.id})`,
        );
    }
};

/** The name of a log project is its id. */
export const refuseProject: Refusal = ({ inputs, existing, others }) => {
    const name = required(inputs, "projectName");
    if (existing === undefined && others(LOG_PROJECT).some(({ id }) => id === name)) {
        refuse(
            "ProjectAlreadyExist",
            `projectName is ${name}; allowed: a name that no project has yet`,
        );
    }
};

/** Network, version and add-ons of a cluster. */
export const refuseCluster: Refusal = (wanted) => {
    const { inputs, others } = wanted;
    const name = required(inputs, "name");
    if (others(CLUSTER).some((other) => other.inputs["name"] === name)) {
        refuse(
            "ErrorClusterNameAlreadyExist",
            `name is ${name}; allowed: a name that no cluster has yet`,
        );
    }
    refuseClusterNetwork(wanted);
    refuseClusterVersion(wanted);
    for (const [index, addon] of objectsIn(inputs, "addons").entries()) {
        refuseAddonOf(addon, `addons[${index}].`);
    }
    if (inputs["skipSetCertificateAuthority"] !== true) {
        refuse(
            "InvalidParameter",
            `skipSetCertificateAuthority is ${JSON.stringify(inputs["skipSetCertificateAuthority"] ?? false)}; allowed: true, since the simulated cloud gives certificates only with the kubeconfig`,
        );
    }
    const upgrade = objectIn(objectIn(inputs, "operationPolicy"), "clusterAutoUpgrade");
    if (upgrade["enabled"] === true && objectIn(inputs, "maintenanceWindow")["enable"] !== true) {
        refuse(
            "InvalidParameter",
            "operationPolicy.clusterAutoUpgrade.enabled is true; allowed: false, unless maintenanceWindow.enable is true",
        );
    }
};

function refuseClusterNetwork({ inputs, find }: Wanted): void {
    const ids = textsIn(inputs, "vswitchIds");
    if (ids.length < 1 || ids.length > 5 || new Set(ids).size < ids.length) {
        refuse(
            "InvalidVSwitchId",
            `vswitchIds is ${JSON.stringify(ids)}; allowed: 1 to 5 different vSwitches`,
        );
    }
    const vpcs = [...new Set(ids.map((id) => text(find(VSWITCH, id)?.inputs ?? {}, "vpcId")))];
    const [vpcId] = vpcs;
    if (vpcs.length > 1) {
        refuse(
            "InvalidVSwitchId.VpcMismatch",
            `vswitchIds is ${JSON.stringify(ids)}, of ${vpcs.join(" and ")}; allowed: vSwitches of one VPC`,
        );
    }
    required(inputs, "podCidr");
    const services = { serviceCidr: DEFAULT_SERVICE_CIDR, ...inputs };
    const pods = privateRange(inputs, "podCidr", [8, 24]);
    const mask = numberIn(inputs, "nodeCidrMask") ?? 24;
    if (pods.prefix >= mask) {
        refuse(
            "InvalidPodCidr",
            `podCidr is ${text(inputs, "podCidr")}; allowed: a prefix shorter than nodeCidrMask (${mask}), that of each node`,
        );
    }
    const ranges = [
        ["podCidr", text(inputs, "podCidr"), pods],
        [
            "serviceCidr",
            text(services, "serviceCidr"),
            privateRange(services, "serviceCidr", [12, 24]),
        ],
    ] as const;
    const vpc = find(VPC, vpcId);
    const whole = text(vpc?.inputs ?? {}, "cidrBlock");
    for (const [property, cidr, range] of ranges) {
        const vpcRange = parseCidr(whole);
        if (vpcRange !== undefined && overlaps(vpcRange, range)) {
            refuse(
                property === "podCidr" ? "InvalidPodCidr" : "InvalidServiceCidr",
                `${property} is ${cidr}; allowed: addresses that do not overlap those of the VPC (${whole})`,
            );
        }
    }
    if (overlaps(ranges[0][2], ranges[1][2])) {
        refuse(
            "InvalidServiceCidr",
            `serviceCidr is ${ranges[1][1]}; allowed: addresses that do not overlap podCidr (${ranges[0][1]})`,
        );
    }
}

function refuseClusterVersion({ inputs, existing }: Wanted): void {
    const allowed: readonly string[] = KUBERNETES_VERSIONS;
    const version = textIn(inputs, "version");
    if (version !== undefined && !allowed.includes(version)) {
        refuse("InvalidKubernetesVersion", `version is ${version}; allowed: ${allowed.join(", ")}`);
    }
    const running = existing && runningVersion(existing);
    if (version !== undefined && running && allowed.indexOf(version) < allowed.indexOf(running)) {
        refuse(
            "InvalidKubernetesVersion",
            `version is ${version}; allowed: ${running}, which runs, or a later one`,
        );
    }
    const minor = minorVersion(version ?? running ?? allowed.at(-1) ?? "");
    if (textIn(inputs, "proxyMode") === "nftables" && minor < 35) {
        refuse(
            "InvalidProxyMode",
            `proxyMode is nftables; allowed with Kubernetes 1.${minor}: iptables, ipvs`,
        );
    }
}

/** The Kubernetes version of a cluster. */
export function runningVersion({ inputs, outputs }: CloudResource): string {
    return textIn(inputs, "version") ?? text(outputs, "version");
}

function minorVersion(version: string): number {
    return Number(version.split(".")[1]);
}

/** Places, instance types and sizes of a node pool. */
export const refuseNodePool: Refusal = (wanted) => {
    const { inputs } = wanted;
    refuseInstances(wanted);
    refuseSizes(inputs);
    const level = textIn(inputs, "systemDiskPerformanceLevel");
    if (level !== undefined && textIn(inputs, "systemDiskCategory") !== "cloud_essd") {
        refuse(
            "InvalidSystemDiskCategory",
            `systemDiskPerformanceLevel is ${level}; allowed: none, unless systemDiskCategory is cloud_essd`,
        );
    }
    const limits = objectsIn(inputs, "spotPriceLimits");
    if (textIn(inputs, "spotStrategy") === "SpotWithPriceLimit" && limits.length === 0) {
        refuse(
            "MissingParameter",
            "spotPriceLimits is missing; allowed: a limit for each instance type, as spotStrategy is SpotWithPriceLimit",
        );
    }
    const key = textIn(inputs, "keyName");
    if (key !== undefined) {
        refuse(
            "InvalidKeyPair.NotFound",
            `keyName is ${key}; allowed: none, since the simulated cloud has no key pairs`,
        );
    }
    if (inputs["updateNodes"] === true) {
        refuse(
            "InvalidParameter",
            "updateNodes is true; allowed: false, since the simulated cloud does not change nodes that run",
        );
    }
};

function refuseInstances({ region, inputs, find }: Wanted): void {
    const cluster = find(CLUSTER, textIn(inputs, "clusterId"));
    const vswitches = textsIn(inputs, "vswitchIds");
    const types = textsIn(inputs, "instanceTypes");
    if (vswitches.length === 0 || types.length === 0) {
        const name = vswitches.length === 0 ? "vswitchIds" : "instanceTypes";
        refuse("MissingParameter", `${name} is missing; allowed: at least one`);
    }
    const vpcId = text(cluster?.outputs ?? {}, "vpcId");
    for (const id of vswitches) {
        if (textIn(find(VSWITCH, id)?.inputs ?? {}, "vpcId") !== vpcId) {
            refuse(
                "InvalidVSwitchId.VpcMismatch",
                `vswitchIds has ${id}; allowed: vSwitches of ${vpcId}, the VPC of the cluster`,
            );
        }
    }
    const found = types.map((id) => {
        const type = instanceType(id);
        if (type === undefined) {
            refuse(
                "InvalidInstanceType.NotSupported",
                `instanceTypes has ${id}; allowed: ${INSTANCE_TYPES.map((each) => each.id).join(", ")}`,
            );
        }
        return type;
    });
    if (new Set(found.map(({ gpus }) => gpus > 0)).size > 1) {
        refuse(
            "InvalidInstanceType.NotSupported",
            `instanceTypes is ${JSON.stringify(types)}; allowed: types with GPUs or types without, since the simulated cloud does not mix them`,
        );
    }
    const zones = vswitches.map((id) => text(find(VSWITCH, id)?.inputs ?? {}, "zoneId"));
    const sellsOne = zones.some((id) => {
        const zone = zoneOf(region, id);
        return zone !== undefined && found.some((type) => sells(zone, type));
    });
    if (!sellsOne) {
        const offers = found.map((type) => {
            const sellers = REGIONS[region]?.filter((zone) => sells(zone, type)) ?? [];
            return `${type.id} in ${sellers.map(({ id }) => id).join(", ") || "no zone"}`;
        });
        refuse(
            "InvalidResourceType.NotSupported",
            `instanceTypes is ${JSON.stringify(types)} with vswitchIds in ${zones.join(", ")}; allowed: ${offers.join("; ")}`,
        );
    }
}

function refuseSizes(inputs: JsonObject): void {
    const scaling = objectIn(inputs, "scalingConfig");
    const desired = textIn(inputs, "desiredSize");
    if (desired !== undefined && !isWhole(desired, 0, 1000)) {
        refuse("InvalidDesiredSize", `desiredSize is ${desired}; allowed: "0" to "1000"`);
    }
    if (!isScaled(inputs)) {
        if (desired === undefined) {
            refuse(
                "MissingParameter",
                "desiredSize is missing; allowed: a number of nodes, or scalingConfig with enable: true",
            );
        }
        return;
    }
    const least = numberIn(scaling, "minSize");
    const most = numberIn(scaling, "maxSize");
    if (least === undefined || most === undefined || least > most) {
        refuse(
            "InvalidScalingConfig",
            `scalingConfig.minSize is ${least ?? "missing"} and maxSize is ${most ?? "missing"}; allowed: minSize from 0 to maxSize`,
        );
    }
    if (desired !== undefined) {
        refuse(
            "InvalidDesiredSize",
            `desiredSize is ${desired}; allowed: none with scalingConfig.enable, since the simulated cloud leaves the size to the autoscaler`,
        );
    }
}

/** Whether the autoscaler decides how many nodes a pool has: the provider's default where the block is there. */
export function isScaled(pool: JsonObject): boolean {
    return isObject(pool["scalingConfig"]) && pool["scalingConfig"]["enable"] !== false;
}

/** Durations and strategy of the cluster's autoscaler. */
export const refuseAutoscalingConfig: Refusal = ({ inputs }) => {
    required(inputs, "clusterId");
    const expander = textIn(inputs, "expander");
    if (
        textIn(inputs, "scalerType") === "goatscaler" &&
        expander !== undefined &&
        expander !== "least-waste"
    ) {
        refuse("InvalidExpander", `expander is ${expander}; allowed with goatscaler: least-waste`);
    }
};

/** Name, version and configuration of an add-on, and what Knative needs. */
export const refuseAddon: Refusal = ({ inputs, find, others }) => {
    refuseAddonOf(inputs, "");
    const version = textIn(inputs, "version");
    const entry = ADDONS.find(({ name }) => name === inputs["name"]);
    if (version !== undefined && !entry?.versions.includes(version)) {
        refuse(
            "InvalidAddonVersion",
            `version of ${text(inputs, "name")} is ${version}; allowed: ${entry?.versions.join(", ") ?? ""}`,
        );
    }
    const cluster = find(CLUSTER, textIn(inputs, "clusterId"));
    if (inputs["name"] === "knative" && cluster !== undefined) {
        refuseKnative(runningVersion(cluster), cpuNodes(cluster.id, others(NODE_POOL)));
    }
};

/** Nodes without which ACK does not deploy Knative, and the oldest Kubernetes that it takes. */
const KNATIVE_NEEDS = { nodes: 3, minor: 28 };

/** Refuses Knative on a cluster of this Kubernetes version with this many CPU nodes. */
export function refuseKnative(version: string, nodes: number): void {
    if (minorVersion(version) < KNATIVE_NEEDS.minor) {
        refuse(
            "AddonPrecheckFailed",
            `name is knative with Kubernetes ${version}; allowed: Kubernetes 1.${KNATIVE_NEEDS.minor} or later`,
        );
    }
    if (nodes < KNATIVE_NEEDS.nodes) {
        refuse(
            "AddonPrecheckFailed",
            `name is knative with ${nodes} CPU nodes; allowed: at least ${KNATIVE_NEEDS.nodes} nodes without GPUs`,
        );
    }
}

function cpuNodes(clusterId: string, pools: readonly CloudResource[]): number {
    return pools
        .filter(
            ({ inputs, status }) =>
                inputs["clusterId"] === clusterId && status === "Available" && !hasGpus(inputs),
        )
        .reduce((sum, { inputs }) => sum + leastNodes(inputs), 0);
}

/** Whether the nodes of a pool have GPUs. */
export function hasGpus(pool: JsonObject): boolean {
    return textsIn(pool, "instanceTypes").some((id) => (instanceType(id)?.gpus ?? 0) > 0);
}

/** Nodes that a pool always has. */
export function leastNodes(pool: JsonObject): number {
    return isScaled(pool)
        ? (numberIn(objectIn(pool, "scalingConfig"), "minSize") ?? 0)
        : Number(textIn(pool, "desiredSize") ?? 0);
}

function refuseAddonOf(addon: JsonObject, at: string): void {
    const name = textIn(addon, "name") ?? "";
    if (!ADDONS.some((entry) => entry.name === name)) {
        refuse(
            "AddonNotFound",
            `${at}name is ${JSON.stringify(name)}; allowed: ${ADDONS.map((entry) => entry.name).join(", ")}`,
        );
    }
    if (
        at !== "" &&
        addon["disabled"] !== true &&
        (name === "knative" || name.startsWith("terway"))
    ) {
        refuse(
            "AddonNotSupported",
            name === "knative"
                ? `${at}name is knative; allowed: other add-ons, since Knative needs nodes: install it with a KubernetesAddon`
                : `${at}name is ${name}; allowed: flannel, since the simulated cloud has no Terway`,
        );
    }
    const config = textIn(addon, "config");
    if (config !== undefined) {
        refuseAddonConfig(config, `${at}config`);
    }
}

function refuseAddonConfig(config: string, at: string): void {
    let parsed: Json;
    try {
        parsed = JSON.parse(config) as Json;
    } catch {
        parsed = null;
    }
    if (!isObject(parsed)) {
        refuse("InvalidAddonConfig", `${at} is ${config}; allowed: a JSON object`);
    }
    for (const [path, value] of leaves(parsed, at)) {
        if (typeof value !== "string") {
            refuse(
                "InvalidAddonConfig",
                `${path} is ${JSON.stringify(value)}; allowed: strings, such as "true"`,
            );
        }
    }
}

function leaves(value: Json, path: string): [string, Json][] {
    if (Array.isArray(value)) {
        return value.flatMap((item, index) => leaves(item, `${path}[${index}]`));
    }
    return isObject(value)
        ? Object.entries(value).flatMap(([key, item]) => leaves(item ?? null, `${path}.${key}`))
        : [[path, value]];
}

function privateRange(
    inputs: JsonObject,
    property: string,
    prefixes: readonly [number, number],
): Cidr {
    const [shortest, longest] = prefixes;
    const value = required(inputs, property);
    const range = parseCidr(value);
    if (
        range === undefined ||
        range.prefix < shortest ||
        range.prefix > longest ||
        !PRIVATE.some((each) => {
            const outer = parseCidr(each);
            return outer !== undefined && contains(outer, range);
        })
    ) {
        refuse(
            "InvalidCidrBlock.Malformed",
            `${property} is ${value}; allowed: a part of ${PRIVATE.join(", ")} with a prefix from /${shortest} to /${longest} and no host bits set`,
        );
    }
    return range;
}

function cidrIn(inputs: JsonObject, property: string): Cidr {
    const range = parseCidr(text(inputs, property));
    if (range === undefined) {
        throw new Error(`${property} in the store is ${text(inputs, property)}, which is no range`);
    }
    return range;
}

function required(inputs: JsonObject, property: string): string {
    const value = textIn(inputs, property);
    if (value === undefined || value === "") {
        refuse("MissingParameter", `${property} is missing; allowed: a text`);
    }
    return value;
}

function text(object: JsonObject, property: string): string {
    return textIn(object, property) ?? "";
}

function zonesOf(region: string): string[] {
    return REGIONS[region]?.map(({ id }) => id) ?? [];
}

function isWhole(value: string, least: number, most: number): boolean {
    return /^\d+$/.test(value) && Number(value) >= least && Number(value) <= most;
}

function refuse(code: string, message: string): never {
    throw new ApiError(400, code, message);
}
