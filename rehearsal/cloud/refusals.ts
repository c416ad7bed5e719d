import { parseDocument } from "yaml";
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
    ARMS_ALERT_RULE,
    ARMS_CONTACT,
    ARMS_PROMETHEUS,
    CLUSTER,
    EIP,
    EIP_ASSOCIATION,
    LOG_PROJECT,
    LOG_STORE,
    LOG_STORE_INDEX,
    LOGTAIL_CONFIG,
    MACHINE_GROUP,
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

/** Takes everything that the schema does. */
export const refuseNothing: Refusal = () => undefined;

/** Name of a Logstore, which its project has once, and what goes together in it. */
export const refuseLogStore: Refusal = ({ inputs, existing, others }) => {
    const project = required(inputs, "projectName");
    const name = required(inputs, "logstoreName");
    const isTaken = others(LOG_STORE).some(
        (other) => other.inputs["projectName"] === project && other.inputs["logstoreName"] === name,
    );
    if (existing === undefined && isTaken) {
        refuse(
            "LogStoreAlreadyExist",
            `logstoreName is ${name}; allowed: a name that no Logstore of ${project} has yet`,
        );
    }
    if (inputs["autoSplit"] === true && numberIn(inputs, "maxSplitShardCount") === undefined) {
        refuse("ParameterInvalid", "autoSplit is true; allowed: false, or with maxSplitShardCount");
    }
    const [hot, all] = [numberIn(inputs, "hotTtl"), numberIn(inputs, "retentionPeriod") ?? 30];
    if (hot !== undefined && hot >= all) {
        refuse("ParameterInvalid", `hotTtl is ${hot}; allowed: less than retentionPeriod (${all})`);
    }
};

/** An index of something, for a Logstore of its project that has none. */
export const refuseLogStoreIndex: Refusal = (wanted) => {
    const { inputs, existing, others } = wanted;
    logStoreOfProject(wanted);
    if (Object.keys(objectIn(inputs, "fullText")).length === 0) {
        refuse(
            "ParameterInvalid",
            "fullText is not set; allowed: a full text index, since the simulated cloud has no indexes of fields",
        );
    }
    const logstore = text(inputs, "logstore");
    const isTaken = others(LOG_STORE_INDEX).some(
        (other) =>
            other.inputs["project"] === inputs["project"] && other.inputs["logstore"] === logstore,
    );
    if (existing === undefined && isTaken) {
        refuse("IndexAlreadyExist", `logstore is ${logstore}; allowed: one that has no index yet`);
    }
};

/** A name that the project has once, and at least one machine. */
export const refuseMachineGroup: Refusal = (wanted) => {
    onceInProject(wanted, MACHINE_GROUP, "GroupAlreadyExist");
    if (textsIn(wanted.inputs, "identifyLists").length === 0) {
        refuse("ParameterInvalid", "identifyLists is []; allowed: at least one");
    }
};

/** A name that the project has once, a Logstore of the project, and a plugin that the agent can read. */
export const refuseLogtailConfig: Refusal = (wanted) => {
    const { inputs } = wanted;
    onceInProject(wanted, LOGTAIL_CONFIG, "ConfigAlreadyExist");
    logStoreOfProject(wanted);
    if (text(inputs, "inputType") !== "plugin") {
        refuse(
            "ParameterInvalid",
            `inputType is ${text(inputs, "inputType")}; allowed: plugin, the only one of the simulated cloud`,
        );
    }
    const detail = parsedYaml(inputs, "inputDetail");
    const plugins = objectsIn(objectIn(detail, "plugin"), "inputs");
    if (!plugins.some((plugin) => textIn(plugin, "type") !== undefined)) {
        refuse(
            "ParameterInvalid",
            "inputDetail names no plugin; allowed: {plugin: {inputs: [{type, detail}]}}",
        );
    }
};

function onceInProject({ inputs, existing, others }: Wanted, type: string, code: string): void {
    const [project, name] = [text(inputs, "project"), required(inputs, "name")];
    const isTaken = others(type).some(
        (other) => other.inputs["project"] === project && other.inputs["name"] === name,
    );
    if (existing === undefined && isTaken) {
        refuse(
            code,
            `name is ${name}; allowed: a name that the project ${project} does not have yet`,
        );
    }
}

/** A Logstore of another project does not count. */
function logStoreOfProject({ inputs, others }: Wanted): void {
    const [project, name] = [text(inputs, "project"), text(inputs, "logstore")];
    const isThere = others(LOG_STORE).some(
        (other) => other.inputs["projectName"] === project && other.inputs["logstoreName"] === name,
    );
    if (!isThere) {
        refuse("LogStoreNotExist", `logstore is ${name}; allowed: a Logstore of ${project}`);
    }
}

/** One Prometheus for a cluster, which has nodes that its agent can run on. */
export const refuseArmsPrometheus: Refusal = ({ inputs, existing, find, others }) => {
    const id = required(inputs, "clusterId");
    if (text(inputs, "grafanaInstanceId") !== "free") {
        refuse(
            "ParameterInvalid",
            `grafanaInstanceId is ${text(inputs, "grafanaInstanceId")}; allowed: free, since the simulated cloud has no Grafana of its own`,
        );
    }
    if (existing !== undefined) {
        return;
    }
    if (others(ARMS_PROMETHEUS).some((other) => other.inputs["clusterId"] === id)) {
        refuse("ClusterExist", `clusterId is ${id}; allowed: a cluster that has no Prometheus yet`);
    }
    const cluster = find(CLUSTER, id);
    if (cluster !== undefined && cpuNodes(cluster.id, others(NODE_POOL)) === 0) {
        refuse(
            "InstallPrometheusAgentFailed",
            `clusterId is ${id}, which has no CPU nodes; allowed: a cluster that the agent can run in`,
        );
    }
};

/** Scrape jobs, each with a name of its own and a way to its targets. */
export const refuseCustomJob: Refusal = ({ inputs }) => {
    const jobs = objectsIn(parsedYaml(inputs, "configYaml"), "scrape_configs");
    if (jobs.length === 0) {
        refuse("InvalidConfigYaml", "configYaml has no scrape_configs; allowed: at least one");
    }
    const names = jobs.map((job) => textIn(job, "job_name"));
    if (names.includes(undefined) || new Set(names).size < names.length) {
        refuse(
            "InvalidConfigYaml",
            `configYaml has the jobs ${JSON.stringify(names)}; allowed: a job_name for each, and no two alike`,
        );
    }
    for (const job of jobs) {
        if (!Object.keys(job).some((key) => /_(sd_)?configs$/.test(key) && !/relabel/.test(key))) {
            refuse(
                "InvalidConfigYaml",
                `configYaml has the job ${textIn(job, "job_name") ?? ""} without targets; allowed: static_configs or a service discovery`,
            );
        }
    }
};

/** A name that the instance has once; a dispatch rule where it is told to use one. */
export const refuseAlertRule: Refusal = ({ inputs, existing, others }) => {
    const [id, name] = [text(inputs, "clusterId"), text(inputs, "prometheusAlertRuleName")];
    const isTaken = others(ARMS_ALERT_RULE).some(
        (other) =>
            other.inputs["clusterId"] === id && other.inputs["prometheusAlertRuleName"] === name,
    );
    if (existing === undefined && isTaken) {
        refuse(
            "AlertRuleNameExist",
            `prometheusAlertRuleName is ${name}; allowed: a name that no alert rule of ${id} has yet`,
        );
    }
    if (text(inputs, "expression").trim() === "") {
        refuse("InvalidExpression", "expression is empty; allowed: PromQL");
    }
    const wantsRule = inputs["notifyType"] === "DISPATCH_RULE";
    if (wantsRule && textIn(inputs, "dispatchRuleId") === undefined) {
        refuse("ParameterInvalid", "notifyType is DISPATCH_RULE; allowed: with dispatchRuleId");
    }
};

/** Somebody who can be reached. */
export const refuseAlertContact: Refusal = ({ inputs }) => {
    const ways = ["phoneNum", "email", "dingRobotWebhookUrl"];
    if (ways.every((way) => (textIn(inputs, way) ?? "") === "")) {
        refuse("ParameterInvalid", `none of ${ways.join(", ")} is set; allowed: at least one`);
    }
};

/** Everything at least once; a channel by which each contact can be reached. */
export const refuseDispatchRule: Refusal = ({ inputs, find }) => {
    for (const key of ["groupRules", "labelMatchExpressionGrids", "notifyRules"]) {
        if (objectsIn(inputs, key).length === 0) {
            refuse("ParameterInvalid", `${key} is []; allowed: at least one`);
        }
    }
    for (const rule of objectsIn(inputs, "notifyRules")) {
        const channels = textsIn(rule, "notifyChannels");
        for (const object of objectsIn(rule, "notifyObjects")) {
            const id = textIn(object, "notifyObjectId");
            const contact = find(ARMS_CONTACT, id)?.inputs ?? {};
            for (const channel of channels) {
                const way = CHANNELS[channel];
                if (way !== undefined && (textIn(contact, way) ?? "") === "") {
                    refuse(
                        "ParameterInvalid",
                        `notifyChannels has ${channel}, and the contact ${id ?? ""} no ${way}; allowed: channels by which it can be reached`,
                    );
                }
            }
        }
    }
};

/** What a contact needs for a channel. */
const CHANNELS: Readonly<Record<string, string>> = {
    email: "email",
    dingTalk: "dingRobotWebhookUrl",
    sms: "phoneNum",
};

/** A property that holds YAML, or JSON, of an object. */
function parsedYaml(inputs: JsonObject, name: string): JsonObject {
    const document = parseDocument(text(inputs, name));
    const value = document.errors.length === 0 ? (document.toJS() as Json) : undefined;
    return isObject(value)
        ? value
        : refuse("ParameterInvalid", `${name} is no YAML of an object; allowed: one`);
}

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
