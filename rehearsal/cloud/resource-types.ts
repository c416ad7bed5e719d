import type * as alicloud from "@pulumi/alicloud";
import type * as pulumi from "@pulumi/pulumi";
import { createHash, randomBytes, randomInt } from "node:crypto";
import type { Json, JsonObject } from "../plugins/property-values";
import { ADDONS, KUBERNETES_VERSIONS, type Quotas } from "./catalogue";
import { objectIn, objectsIn, textIn, textsIn } from "./inputs";
import {
    DEFAULT_SERVICE_CIDR,
    type Refusal,
    refuseAddon,
    refuseAlertContact,
    refuseAlertRule,
    refuseArmsPrometheus,
    refuseAutoscalingConfig,
    refuseCluster,
    refuseCustomJob,
    refuseDispatchRule,
    refuseEip,
    refuseEipAssociation,
    refuseLogStore,
    refuseLogStoreIndex,
    refuseLogtailConfig,
    refuseMachineGroup,
    refuseNatGateway,
    refuseNodePool,
    refuseNothing,
    refuseProject,
    refuseSnatEntry,
    refuseVpc,
    refuseVswitch,
} from "./refusals";
import {
    ADDON,
    ARMS_ALERT_RULE,
    ARMS_CONTACT,
    ARMS_DISPATCH_RULE,
    ARMS_MONITORING,
    ARMS_PROMETHEUS,
    AUTOSCALING_CONFIG,
    CLUSTER,
    EIP,
    EIP_ASSOCIATION,
    LOG_PROJECT,
    LOG_STORE,
    LOG_STORE_INDEX,
    LOGTAIL_ATTACHMENT,
    LOGTAIL_CONFIG,
    MACHINE_GROUP,
    NAT_GATEWAY,
    NODE_POOL,
    SNAT_ENTRY,
    VPC,
    VSWITCH,
} from "./resource-tokens";
import type { PropertySchemas, Reference, SchemasFor, TextSchema } from "./schema";
import type { CloudResource, ImplicitResource } from "./store";

/** A resource whose outputs are computed. */
export interface Made {
    readonly id: string;
    readonly region: string;
    readonly inputs: JsonObject;
    /** When it was created, ISO 8601. */
    readonly createdAt: string;
    /** The resource of this type and id. */
    readonly find: (type: string, id: string | undefined) => CloudResource | undefined;
}

/** One type of resource: everything that the simulated cloud and the plugin know of it. */
export interface ResourceType {
    /** Type token. */
    readonly token: string;
    /** Name in the official plugin's messages. */
    readonly terraform: string;
    /** Name for people. */
    readonly label: string;
    /** The API actions that it is managed by. */
    readonly actions: {
        readonly create: string;
        readonly describe: string;
        readonly update: string;
        /** Undefined where the API has none, and the resource goes with the one it refers to. */
        readonly delete: string | undefined;
    };
    readonly inputs: PropertySchemas;
    /** Of these inputs one must be given, and one only. */
    readonly exactlyOneOf: readonly string[];
    /** The input that Pulumi makes a name up for. */
    readonly autonamed: string | undefined;
    /** Values that the cloud computes; where an input has the same name and a value, that one counts. */
    readonly outputs: Readonly<Record<string, (made: Made) => Json>>;
    /** Outputs that a change leaves as they are, since the inputs they come from act at creation only. */
    readonly fixedOutputs: readonly string[];
    readonly newId: (inputs: JsonObject) => string;
    /** How long the real cloud takes, in seconds. */
    readonly seconds: { readonly create: number; readonly update: number; readonly delete: number };
    /** How long the official plugin waits unless `customTimeouts` says otherwise, in seconds. */
    readonly timeouts: {
        readonly create: number;
        readonly update: number;
        readonly delete: number;
    };
    /** Error code when there is none of an id. */
    readonly notFound: string;
    /** The quota that its number counts against. */
    readonly quota: keyof Quotas | undefined;
    /** Whether the input `deletionProtection` keeps it from being deleted. */
    readonly deletionProtection: boolean;
    /** Whether creating what exists already changes that one. */
    readonly adopts: boolean;
    /** Refuses what the schema does not. */
    readonly refuse: Refusal;
    /** What the cloud makes beside it. */
    readonly implicit: (made: Made) => ImplicitResource[];
    /** Whether another resource, which does not refer to it, needs it none the less. */
    readonly isNeededBy: (resource: CloudResource, other: CloudResource) => boolean;
}

/** A row of the table as it is written: what the SDK has neither as argument nor as output cannot be in it. */
interface Row<Args, Resource> {
    readonly terraform: string;
    readonly label: string;
    readonly actions: ResourceType["actions"];
    readonly inputs: SchemasFor<Args>;
    /** Arguments that are refused, and what to do in their place. */
    readonly deprecated?: readonly (readonly [keyof Args & string, string])[];
    readonly exactlyOneOf?: readonly (keyof Args & string)[];
    readonly autonamed?: keyof Args & string;
    readonly outputs: {
        readonly [Key in Exclude<keyof Resource, keyof Args | keyof pulumi.CustomResource>]: (
            made: Made,
        ) => Json;
    } & { readonly [Key in keyof Resource & keyof Args]?: (made: Made) => Json };
    readonly fixedOutputs?: readonly (keyof Resource & string)[];
    readonly newId: (inputs: JsonObject) => string;
    readonly seconds: ResourceType["seconds"];
    readonly timeouts: ResourceType["timeouts"];
    readonly notFound: string;
    readonly quota?: keyof Quotas;
    readonly deletionProtection?: true;
    readonly adopts?: true;
    readonly refuse: Refusal;
    readonly implicit?: (made: Made) => ImplicitResource[];
    readonly isNeededBy?: ResourceType["isNeededBy"];
}

function type<Args, Resource>(token: string, row: Row<Args, Resource>): ResourceType {
    return {
        exactlyOneOf: [],
        autonamed: undefined,
        fixedOutputs: [],
        quota: undefined,
        deletionProtection: false,
        adopts: false,
        implicit: () => [],
        isNeededBy: () => false,
        ...row,
        token,
        inputs: {
            ...(row.inputs as PropertySchemas),
            ...Object.fromEntries(
                (row.deprecated ?? []).map(([key, instead]) => [
                    key,
                    { kind: "text", deprecated: instead },
                ]),
            ),
        },
        outputs: row.outputs,
    };
}

const TEXT = { kind: "text" } as const;
const NUMBER = { kind: "number" } as const;
const BOOLEAN = { kind: "boolean" } as const;
const TEXTS = { kind: "list", items: TEXT } as const;
const TAGS = { kind: "textMap" } as const;
const FIXED = { kind: "text", replaces: true } as const;

const TO_VPC: Reference = { type: VPC, notFound: "InvalidVpcId.NotFound" };
const TO_VSWITCH: Reference = { type: VSWITCH, notFound: "InvalidVSwitchId.NotFound" };
const TO_CLUSTER: Reference = { type: CLUSTER, notFound: "ErrorClusterNotFound" };
const TO_PROJECT: Reference = { type: LOG_PROJECT, notFound: "ProjectNotExist" };

const TO_LOG_STORE: Reference = {
    type: LOG_STORE,
    output: "logstoreName",
    notFound: "LogStoreNotExist",
};
const TO_LOGTAIL_CONFIG: Reference = {
    type: LOGTAIL_CONFIG,
    output: "name",
    notFound: "ConfigNotExist",
};
const TO_MACHINE_GROUP: Reference = {
    type: MACHINE_GROUP,
    output: "name",
    notFound: "GroupNotExist",
};
const TO_ARMS_PROMETHEUS: Reference = {
    type: ARMS_PROMETHEUS,
    output: "clusterId",
    notFound: "PrometheusInstanceNotFound",
};
const TO_ARMS_CONTACT: Reference = { type: ARMS_CONTACT, notFound: "ContactNotFound" };
const TO_ARMS_DISPATCH_RULE: Reference = {
    type: ARMS_DISPATCH_RULE,
    notFound: "DispatchRuleNotFound",
};

/** What a log project is named by, in the types that call it `project`. */
const IN_PROJECT: TextSchema = {
    kind: "text",
    required: true,
    replaces: true,
    refersTo: TO_PROJECT,
};

/** Name of a part of a log project, unique in it. */
const LOG_NAME: TextSchema = {
    kind: "text",
    replaces: true,
    pattern: [
        /^[a-z0-9][a-z0-9_-]{0,126}[a-z0-9]$/,
        "2 to 128 lower-case letters, digits, hyphens and underscores, neither of these first or last",
    ],
};

const VSWITCH_ID: TextSchema = {
    kind: "text",
    previewPattern: [/^vsw-[a-z0-9]*$/, "should start with 'vsw-'."],
    refersTo: TO_VSWITCH,
};

/** `10m`, `30s`: how the autoscaler's times are given. */
const DURATION: TextSchema = {
    kind: "text",
    pattern: [/^\d+[smh]$/, 'a number with s, m or h, such as "10m"'],
};

const FRACTION: TextSchema = { kind: "text", pattern: [/^(0(\.\d+)?|1(\.0+)?)$/, '"0" to "1"'] };

const LABEL_KEY: TextSchema = {
    kind: "text",
    required: true,
    pattern: [/^([a-z0-9.-]+\/)?[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?$/, "a label key of Kubernetes"],
};

const LABEL_VALUE: TextSchema = {
    kind: "text",
    pattern: [/^([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?$/, "a label value of Kubernetes"],
};

/** What a dispatch rule can choose alerts by. */
const MATCH_KEYS = [
    "_aliyun_arms_userid",
    "_aliyun_arms_involvedObject_kind",
    "_aliyun_arms_involvedObject_id",
    "_aliyun_arms_involvedObject_name",
    "_aliyun_arms_alert_name",
    "_aliyun_arms_alert_rule_id",
    "_aliyun_arms_alert_type",
    "_aliyun_arms_alert_level",
] as const;

const TIME_OF_DAY: TextSchema = {
    kind: "text",
    required: true,
    pattern: [/^([01]\d|2[0-3]):[0-5]\d$/, 'a time such as "23:59"'],
};

const PAYMENT: TextSchema = {
    kind: "text",
    replaces: true,
    values: ["PayAsYouGo", "Subscription"],
};

const network = type<alicloud.vpc.NetworkArgs, alicloud.vpc.Network>(VPC, {
    terraform: "alicloud_vpc",
    label: "VPC",
    actions: {
        create: "CreateVpc",
        describe: "DescribeVpcAttribute",
        update: "ModifyVpcAttribute",
        delete: "DeleteVpc",
    },
    inputs: {
        vpcName: TEXT,
        cidrBlock: TEXT,
        description: TEXT,
        tags: TAGS,
    },
    deprecated: [
        ["name", "use vpcName"],
        ["classicLinkEnabled", "leave it out"],
        ["secondaryCidrBlocks", "leave it out"],
        ["secondaryCidrMask", "leave it out"],
        ["ipv6CidrBlock", "leave it out"],
        ["ipv6Isp", "leave it out"],
    ],
    outputs: {
        createTime: ({ createdAt }) => createdAt,
        ipv6CidrBlocks: () => [],
        regionId: ({ region }) => region,
        routeTableId: ({ id }) => related(id, "vtb"),
        routerId: ({ id }) => related(id, "vrt"),
        routerTableId: ({ id }) => related(id, "vtb"),
        status: () => "Available",
        isDefault: () => false,
        enableIpv6: () => false,
        vpcName: () => "",
    },
    newId: () => randomId("vpc"),
    seconds: { create: 5, update: 2, delete: 5 },
    timeouts: { create: 300, update: 300, delete: 300 },
    notFound: "InvalidVpcId.NotFound",
    quota: "vpcs",
    refuse: refuseVpc,
});

const vswitch = type<alicloud.vpc.SwitchArgs, alicloud.vpc.Switch>(VSWITCH, {
    terraform: "alicloud_vswitch",
    label: "vSwitch",
    actions: {
        create: "CreateVSwitch",
        describe: "DescribeVSwitchAttributes",
        update: "ModifyVSwitchAttribute",
        delete: "DeleteVSwitch",
    },
    inputs: {
        vswitchName: TEXT,
        vpcId: { kind: "text", replaces: true, refersTo: TO_VPC },
        zoneId: FIXED,
        cidrBlock: FIXED,
        description: TEXT,
        tags: TAGS,
    },
    deprecated: [
        ["name", "use vswitchName"],
        ["availabilityZone", "use zoneId"],
    ],
    outputs: {
        createTime: ({ createdAt }) => createdAt,
        ipv6CidrBlock: () => "",
        status: () => "Available",
        isDefault: () => false,
        vswitchName: () => "",
    },
    newId: () => randomId("vsw"),
    seconds: { create: 5, update: 2, delete: 5 },
    timeouts: { create: 300, update: 300, delete: 300 },
    notFound: "InvalidVSwitchId.NotFound",
    quota: "vswitches",
    refuse: refuseVswitch,
});

const natGateway = type<alicloud.vpc.NatGatewayArgs, alicloud.vpc.NatGateway>(NAT_GATEWAY, {
    terraform: "alicloud_nat_gateway",
    label: "NAT gateway",
    actions: {
        create: "CreateNatGateway",
        describe: "GetNatGatewayAttribute",
        update: "ModifyNatGatewayAttribute",
        delete: "DeleteNatGateway",
    },
    inputs: {
        natGatewayName: TEXT,
        vpcId: { kind: "text", required: true, replaces: true, refersTo: TO_VPC },
        vswitchId: { kind: "text", refersTo: TO_VSWITCH },
        natType: { kind: "text", values: ["Enhanced"] },
        paymentType: PAYMENT,
        networkType: { kind: "text", values: ["internet", "intranet"] },
        internetChargeType: { kind: "text", replaces: true, values: ["PayByLcu"] },
        eipBindMode: { kind: "text", values: ["MULTI_BINDED", "NAT"] },
        tags: TAGS,
    },
    deprecated: [
        ["name", "use natGatewayName"],
        ["instanceChargeType", "use paymentType"],
    ],
    outputs: {
        forwardTableIds: ({ id }) => related(id, "ftb"),
        snatTableIds: ({ id }) => related(id, "stb"),
        status: () => "Available",
        natType: () => "Enhanced",
        networkType: () => "internet",
        natGatewayName: () => "",
    },
    newId: () => randomId("ngw"),
    seconds: { create: 60, update: 5, delete: 60 },
    timeouts: { create: 600, update: 600, delete: 600 },
    notFound: "InvalidNatGatewayId.NotFound",
    quota: "natGateways",
    refuse: refuseNatGateway,
});

const eipAddress = type<alicloud.ecs.EipAddressArgs, alicloud.ecs.EipAddress>(EIP, {
    terraform: "alicloud_eip_address",
    label: "elastic IP address",
    actions: {
        create: "AllocateEipAddress",
        describe: "DescribeEipAddresses",
        update: "ModifyEipAddressAttribute",
        delete: "ReleaseEipAddress",
    },
    inputs: {
        addressName: TEXT,
        bandwidth: TEXT,
        internetChargeType: {
            kind: "text",
            replaces: true,
            values: ["PayByTraffic", "PayByBandwidth"],
        },
        paymentType: PAYMENT,
        isp: { kind: "text", replaces: true, values: ["BGP", "BGP_PRO"] },
        tags: TAGS,
    },
    deprecated: [
        ["name", "use addressName"],
        ["instanceChargeType", "use paymentType"],
    ],
    outputs: {
        createTime: ({ createdAt }) => createdAt,
        status: () => "Available",
        allocationId: ({ id }) => id,
        ipAddress: ({ id }) => publicAddress(id),
        addressName: () => "",
    },
    newId: () => randomId("eip"),
    seconds: { create: 3, update: 2, delete: 5 },
    timeouts: { create: 300, update: 300, delete: 540 },
    notFound: "InvalidAllocationId.NotFound",
    quota: "eips",
    refuse: refuseEip,
});

const eipAssociation = type<alicloud.ecs.EipAssociationArgs, alicloud.ecs.EipAssociation>(
    EIP_ASSOCIATION,
    {
        terraform: "alicloud_eip_association",
        label: "association of an elastic IP address",
        actions: {
            create: "AssociateEipAddress",
            describe: "DescribeEipAddressAssociation",
            update: "ModifyEipAddressAssociation",
            delete: "UnassociateEipAddress",
        },
        inputs: {
            allocationId: {
                kind: "text",
                required: true,
                replaces: true,
                refersTo: { type: EIP, notFound: "InvalidAllocationId.NotFound" },
            },
            instanceId: {
                kind: "text",
                required: true,
                replaces: true,
                refersTo: { type: NAT_GATEWAY, notFound: "InvalidInstanceId.NotFound" },
            },
            instanceType: { kind: "text", replaces: true, values: ["Nat"] },
        },
        outputs: { instanceType: () => "Nat" },
        newId: (inputs) =>
            `${textIn(inputs, "allocationId") ?? ""}:${textIn(inputs, "instanceId") ?? ""}`,
        seconds: { create: 5, update: 0, delete: 10 },
        timeouts: { create: 300, update: 300, delete: 300 },
        notFound: "InvalidAssociation.NotFound",
        refuse: refuseEipAssociation,
        isNeededBy: ({ inputs }, other) =>
            other.type === SNAT_ENTRY &&
            other.inputs["snatIp"] === publicAddress(textIn(inputs, "allocationId") ?? ""),
    },
);

const snatEntry = type<alicloud.vpc.SnatEntryArgs, alicloud.vpc.SnatEntry>(SNAT_ENTRY, {
    terraform: "alicloud_snat_entry",
    label: "SNAT entry",
    actions: {
        create: "CreateSnatEntry",
        describe: "DescribeSnatTableEntries",
        update: "ModifySnatEntry",
        delete: "DeleteSnatEntry",
    },
    inputs: {
        snatTableId: {
            kind: "text",
            required: true,
            replaces: true,
            refersTo: {
                type: NAT_GATEWAY,
                output: "snatTableIds",
                notFound: "InvalidSnatTableId.NotFound",
            },
        },
        sourceVswitchId: { kind: "text", replaces: true, refersTo: TO_VSWITCH },
        snatIp: {
            kind: "text",
            required: true,
            refersTo: { type: EIP, output: "ipAddress", notFound: "InvalidIp.NotFound" },
        },
        snatEntryName: TEXT,
    },
    outputs: {
        snatEntryId: ({ id }) => id.split(":")[1] ?? "",
        status: () => "Available",
        sourceCidr: ({ inputs, find }) =>
            textIn(find(VSWITCH, textIn(inputs, "sourceVswitchId"))?.inputs ?? {}, "cidrBlock") ??
            "",
    },
    newId: (inputs) => `${textIn(inputs, "snatTableId") ?? ""}:${randomId("snat")}`,
    seconds: { create: 5, update: 5, delete: 5 },
    timeouts: { create: 300, update: 300, delete: 300 },
    notFound: "InvalidSnatEntryId.NotFound",
    refuse: refuseSnatEntry,
});

const project = type<alicloud.log.ProjectArgs, alicloud.log.Project>(LOG_PROJECT, {
    terraform: "alicloud_log_project",
    label: "log project",
    actions: {
        create: "CreateProject",
        describe: "GetProject",
        update: "UpdateProject",
        delete: "DeleteProject",
    },
    inputs: {
        projectName: {
            kind: "text",
            replaces: true,
            pattern: [
                /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/,
                "3 to 63 lower-case letters, digits and hyphens, no hyphen first or last",
            ],
        },
        description: TEXT,
        tags: TAGS,
    },
    deprecated: [["name", "use projectName"]],
    outputs: {
        createTime: ({ createdAt }) => createdAt,
        status: () => "Normal",
    },
    newId: (inputs) => textIn(inputs, "projectName") ?? "",
    seconds: { create: 2, update: 2, delete: 2 },
    timeouts: { create: 300, update: 300, delete: 300 },
    notFound: "ProjectNotExist",
    refuse: refuseProject,
});

const managedKubernetes = type<alicloud.cs.ManagedKubernetesArgs, alicloud.cs.ManagedKubernetes>(
    CLUSTER,
    {
        terraform: "alicloud_cs_managed_kubernetes",
        label: "ACK cluster",
        actions: {
            create: "CreateCluster",
            describe: "DescribeClusterDetail",
            update: "ModifyCluster",
            delete: "DeleteCluster",
        },
        inputs: {
            name: {
                kind: "text",
                pattern: [
                    /^[\p{Letter}\p{Number}][\p{Letter}\p{Number}_-]{0,62}$/u,
                    "1 to 63 letters, digits, hyphens and underscores, a letter or digit first",
                ],
            },
            clusterSpec: {
                kind: "text",
                previewValues: [
                    "ack.standard",
                    "ack.pro.small",
                    "ack.pro.xlarge",
                    "ack.pro.2xlarge",
                    "ack.pro.4xlarge",
                ],
            },
            version: TEXT,
            vswitchIds: { kind: "list", items: VSWITCH_ID },
            podCidr: FIXED,
            serviceCidr: FIXED,
            nodeCidrMask: { kind: "number", replaces: true, range: [24, 28] },
            proxyMode: { kind: "text", replaces: true, values: ["iptables", "ipvs", "nftables"] },
            newNatGateway: BOOLEAN,
            slbInternetEnabled: BOOLEAN,
            deletionProtection: BOOLEAN,
            isEnterpriseSecurityGroup: { kind: "boolean", replaces: true },
            skipSetCertificateAuthority: BOOLEAN,
            addons: {
                kind: "list",
                items: {
                    kind: "object",
                    properties: { name: TEXT, config: TEXT, version: TEXT, disabled: BOOLEAN },
                },
            },
            controlPlaneLogProject: { kind: "text", refersTo: TO_PROJECT },
            controlPlaneLogTtl: { kind: "text", pattern: [/^[1-9]\d{0,3}$/, '"1" to "9999" days'] },
            controlPlaneLogComponents: {
                kind: "list",
                items: {
                    kind: "text",
                    values: ["apiserver", "kcm", "scheduler", "ccm", "controlplane-events", "alb"],
                },
            },
            auditLogConfig: {
                kind: "object",
                properties: {
                    enabled: BOOLEAN,
                    slsProjectName: { kind: "text", refersTo: TO_PROJECT },
                },
            },
            deleteOptions: {
                kind: "list",
                items: {
                    kind: "object",
                    properties: {
                        resourceType: {
                            kind: "text",
                            previewValues: [
                                "SLB",
                                "ALB",
                                "SLS_Data",
                                "SLS_ControlPlane",
                                "PrivateZone",
                            ],
                        },
                        deleteMode: { kind: "text", previewValues: ["delete", "retain"] },
                    },
                },
            },
            retainResources: TEXTS,
            maintenanceWindow: {
                kind: "object",
                properties: {
                    enable: BOOLEAN,
                    maintenanceTime: TEXT,
                    duration: { kind: "text", pattern: [/^\d+h$/, 'hours, such as "3h"'] },
                    weeklyPeriod: TEXT,
                },
            },
            operationPolicy: {
                kind: "object",
                properties: {
                    clusterAutoUpgrade: {
                        kind: "object",
                        properties: {
                            enabled: BOOLEAN,
                            channel: { kind: "text", values: ["patch", "stable", "rapid"] },
                        },
                    },
                },
            },
            enableRrsa: BOOLEAN,
            profile: { kind: "text", replaces: true, values: ["Default"] },
            clusterDomain: FIXED,
            timezone: TEXT,
            tags: TAGS,
            resourceGroupId: TEXT,
        },
        deprecated: [
            ["workerVswitchIds", "use vswitchIds"],
            ["loadBalancerSpec", "leave it out"],
            ["clientCert", "use getClusterCredential"],
            ["clientKey", "use getClusterCredential"],
            ["clusterCaCert", "use getClusterCredential"],
        ],
        autonamed: "name",
        outputs: {
            certificateAuthority: () => ({ clientCert: "", clientKey: "", clusterCert: "" }),
            connections: ({ id, inputs }) => {
                const address = isPublic(inputs) ? publicAddress(id) : "";
                return {
                    apiServerInternet: address && `https://${address}:6443`,
                    apiServerIntranet: `https://${privateAddress(id)}:6443`,
                    masterPublicIp: address,
                    serviceDomain: `*.${id}.${shortId(id)}.alicontainer.com`,
                };
            },
            natGatewayId: ({ id, inputs }) => (hasOwnNat(inputs) ? related(id, "ngw") : ""),
            rrsaMetadata: ({ id, region, inputs }) => ({
                enabled: inputs["enableRrsa"] === true,
                ramOidcProviderArn: "",
                ramOidcProviderName: inputs["enableRrsa"] === true ? `ack-rrsa-${id}` : "",
                rrsaOidcIssuerUrl:
                    inputs["enableRrsa"] === true
                        ? `https://oidc-ack-${region}.oss-${region}.aliyuncs.com/${id}`
                        : "",
            }),
            slbId: ({ id }) => related(id, "lb"),
            slbInternet: ({ id, inputs }) => (isPublic(inputs) ? publicAddress(id) : ""),
            slbIntranet: ({ id }) => privateAddress(id),
            vpcId: vpcOfCluster,
            workerRamRoleName: ({ id }) => `KubernetesWorkerRole-${shortId(id)}`,
            securityGroupId: ({ id }) => related(id, "sg"),
            version: () => KUBERNETES_VERSIONS.at(-1) ?? "",
            clusterSpec: () => "ack.standard",
            deletionProtection: () => false,
            proxyMode: () => "ipvs",
            serviceCidr: () => DEFAULT_SERVICE_CIDR,
            resourceGroupId: () => "rg-acfm3kd5q7w2xyz",
        },
        fixedOutputs: ["connections", "natGatewayId", "slbInternet"],
        newId: () => `c${randomBytes(16).toString("hex")}`,
        seconds: { create: 900, update: 60, delete: 420 },
        timeouts: { create: 5400, update: 3600, delete: 3600 },
        notFound: "ErrorClusterNotFound",
        quota: "clusters",
        deletionProtection: true,
        refuse: refuseCluster,
        implicit: (cluster) => {
            const { id, inputs } = cluster;
            const vpcId = vpcOfCluster(cluster);
            const [vswitchId = ""] = textsIn(inputs, "vswitchIds");
            const retained = (resourceType: string): boolean =>
                !objectsIn(inputs, "deleteOptions").some(
                    (option) =>
                        option["resourceType"] === resourceType &&
                        option["deleteMode"] === "delete",
                );
            const beside = (
                prefix: string,
                kind: string,
                uses: readonly string[],
                stays = false,
            ): ImplicitResource => ({
                id: related(id, prefix),
                kind,
                owner: { type: CLUSTER, id },
                uses,
                retained: stays,
            });
            const logs = (kind: string, name: string, resourceType: string): ImplicitResource => ({
                id: `${name}-${id}`,
                kind,
                owner: { type: CLUSTER, id },
                uses: [],
                retained: retained(resourceType),
            });
            const audit = objectIn(inputs, "auditLogConfig");
            return [
                beside("sg", "security group", [vpcId]),
                beside("lb", "load balancer of the API server", [vswitchId, vpcId]),
                ...(hasOwnNat(inputs) ? [beside("ngw", "NAT gateway", [vswitchId, vpcId])] : []),
                ...(textsIn(inputs, "controlPlaneLogComponents").length > 0 &&
                textIn(inputs, "controlPlaneLogProject") === undefined
                    ? [logs("log project of the control plane", "k8s-log", "SLS_ControlPlane")]
                    : []),
                ...(audit["enabled"] === true && textIn(audit, "slsProjectName") === undefined
                    ? [logs("log project of the audit log", "k8s-audit", "SLS_Data")]
                    : []),
            ];
        },
    },
);

const nodePool = type<alicloud.cs.NodePoolArgs, alicloud.cs.NodePool>(NODE_POOL, {
    terraform: "alicloud_cs_kubernetes_node_pool",
    label: "node pool",
    actions: {
        create: "CreateClusterNodePool",
        describe: "DescribeClusterNodePoolDetail",
        update: "ModifyClusterNodePool",
        delete: "DeleteClusterNodepool",
    },
    inputs: {
        clusterId: { kind: "text", required: true, replaces: true, refersTo: TO_CLUSTER },
        nodePoolName: TEXT,
        vswitchIds: { kind: "list", items: VSWITCH_ID },
        instanceTypes: TEXTS,
        imageType: {
            kind: "text",
            values: [
                "AliyunLinux3",
                "AliyunLinux3ContainerOptimized",
                "AliyunLinux4",
                "AliyunLinux4ContainerOptimized",
                "ContainerOS",
                "Ubuntu",
            ],
        },
        desiredSize: TEXT,
        systemDiskCategory: {
            kind: "text",
            previewValues: [
                "cloud_efficiency",
                "cloud_ssd",
                "cloud_essd",
                "cloud_auto",
                "cloud_essd_entry",
                "cloud",
            ],
        },
        systemDiskSize: { kind: "number", range: [20, 32768] },
        systemDiskPerformanceLevel: { kind: "text", values: ["PL0", "PL1", "PL2", "PL3"] },
        systemDiskEncrypted: BOOLEAN,
        scalingConfig: {
            kind: "object",
            properties: {
                enable: BOOLEAN,
                minSize: { kind: "number", range: [0, 1000] },
                maxSize: { kind: "number", range: [0, 1000] },
                type: { kind: "text", previewValues: ["cpu", "gpu", "gpushare", "spot"] },
                isBondEip: BOOLEAN,
                eipBandwidth: NUMBER,
                eipInternetChargeType: {
                    kind: "text",
                    values: ["PayByBandwidth", "PayByTraffic"],
                },
            },
        },
        scalingPolicy: { kind: "text", values: ["release", "recycle"] },
        multiAzPolicy: { kind: "text", previewValues: ["PRIORITY", "COST_OPTIMIZED", "BALANCE"] },
        spotStrategy: { kind: "text", values: ["NoSpot", "SpotWithPriceLimit", "SpotAsPriceGo"] },
        spotPriceLimits: {
            kind: "list",
            items: { kind: "object", properties: { instanceType: TEXT, priceLimit: TEXT } },
        },
        spotInstanceRemedy: BOOLEAN,
        compensateWithOnDemand: BOOLEAN,
        onDemandBaseCapacity: { kind: "text", pattern: [/^\d{1,4}$/, '"0" to "1000"'] },
        onDemandPercentageAboveBaseCapacity: {
            kind: "text",
            pattern: [/^(\d{1,2}|100)$/, '"0" to "100"'],
        },
        labels: {
            kind: "list",
            items: { kind: "object", properties: { key: LABEL_KEY, value: LABEL_VALUE } },
        },
        taints: {
            kind: "list",
            items: {
                kind: "object",
                properties: {
                    key: LABEL_KEY,
                    value: LABEL_VALUE,
                    effect: {
                        kind: "text",
                        values: ["NoSchedule", "NoExecute", "PreferNoSchedule"],
                    },
                },
            },
        },
        management: {
            kind: "object",
            properties: {
                enable: BOOLEAN,
                autoRepair: BOOLEAN,
                autoRepairPolicy: { kind: "object", properties: { restartNode: BOOLEAN } },
                autoUpgrade: BOOLEAN,
                autoUpgradePolicy: { kind: "object", properties: { autoUpgradeKubelet: BOOLEAN } },
                autoVulFix: BOOLEAN,
                autoVulFixPolicy: {
                    kind: "object",
                    properties: { restartNode: BOOLEAN, vulLevel: TEXT },
                },
                maxUnavailable: { kind: "number", range: [1, 1000] },
            },
        },
        installCloudMonitor: BOOLEAN,
        instanceMetadataOptions: {
            kind: "object",
            replaces: true,
            properties: {
                httpTokens: { kind: "text", replaces: true, values: ["optional", "required"] },
            },
        },
        containerdConfig: {
            kind: "object",
            properties: {
                ignoreImageDefinedVolume: TEXT,
                insecureRegistries: TEXTS,
                limitCore: TEXT,
                limitMemLock: TEXT,
                limitNoFile: TEXT,
                maxConcurrentDownloads: { kind: "number", range: [1, 20] },
                registryMirrors: TEXTS,
            },
        },
        keyName: TEXT,
        runtimeName: { kind: "text", values: ["containerd"] },
        runtimeVersion: TEXT,
        tags: TAGS,
        forceDelete: BOOLEAN,
        updateNodes: BOOLEAN,
    },
    deprecated: [
        ["name", "use nodePoolName"],
        ["nodeCount", "use desiredSize"],
        ["platform", "use imageType"],
        ["securityGroupId", "leave it out"],
        ["cisEnabled", "leave it out"],
    ],
    exactlyOneOf: ["nodePoolName", "name"],
    outputs: {
        nodePoolId: ({ id }) => id.split(":")[1] ?? "",
        scalingGroupId: ({ id }) => related(id, "asg"),
        imageType: () => "AliyunLinux3",
        scalingPolicy: () => "release",
        spotStrategy: () => "NoSpot",
        systemDiskCategory: () => "cloud_efficiency",
        runtimeName: () => "containerd",
    },
    newId: (inputs) => `${textIn(inputs, "clusterId") ?? ""}:np${randomBytes(16).toString("hex")}`,
    seconds: { create: 240, update: 60, delete: 180 },
    timeouts: { create: 3600, update: 3600, delete: 3600 },
    notFound: "ErrorNodePoolNotFound",
    quota: "nodePools",
    refuse: refuseNodePool,
});

const autoscalingConfig = type<alicloud.cs.AutoscalingConfigArgs, alicloud.cs.AutoscalingConfig>(
    AUTOSCALING_CONFIG,
    {
        terraform: "alicloud_cs_autoscaling_config",
        label: "autoscaling configuration",
        actions: {
            create: "CreateAutoscalingConfig",
            describe: "DescribeAutoscalingConfig",
            update: "ModifyAutoscalingConfig",
            delete: undefined,
        },
        inputs: {
            clusterId: { kind: "text", replaces: true, refersTo: TO_CLUSTER },
            scalerType: { kind: "text", values: ["cluster-autoscaler", "goatscaler"] },
            coolDownDuration: DURATION,
            unneededDuration: DURATION,
            utilizationThreshold: FRACTION,
            gpuUtilizationThreshold: FRACTION,
            scanInterval: DURATION,
            scaleDownEnabled: BOOLEAN,
            scaleUpFromZero: BOOLEAN,
            expander: { kind: "text", values: ["least-waste", "random", "priority", "most-pods"] },
            skipNodesWithLocalStorage: BOOLEAN,
            skipNodesWithSystemPods: BOOLEAN,
            daemonsetEvictionForNodes: BOOLEAN,
            maxGracefulTerminationSec: { kind: "number", range: [0, 86400] },
            minReplicaCount: { kind: "number", range: [0, 1000] },
            recycleNodeDeletionEnabled: BOOLEAN,
            priorities: TAGS,
        },
        outputs: {},
        newId: (inputs) => textIn(inputs, "clusterId") ?? "",
        seconds: { create: 2, update: 2, delete: 0 },
        timeouts: { create: 600, update: 600, delete: 600 },
        notFound: "ErrorAutoscalingConfigNotFound",
        adopts: true,
        refuse: refuseAutoscalingConfig,
    },
);

const kubernetesAddon = type<alicloud.cs.KubernetesAddonArgs, alicloud.cs.KubernetesAddon>(ADDON, {
    terraform: "alicloud_cs_kubernetes_addon",
    label: "add-on",
    actions: {
        create: "InstallClusterAddons",
        describe: "DescribeClusterAddonInstance",
        update: "ModifyClusterAddon",
        delete: "UnInstallClusterAddons",
    },
    inputs: {
        clusterId: { kind: "text", required: true, replaces: true, refersTo: TO_CLUSTER },
        name: { kind: "text", required: true, replaces: true },
        version: TEXT,
        config: TEXT,
        cleanupCloudResources: BOOLEAN,
    },
    autonamed: "name",
    outputs: {
        canUpgrade: ({ inputs }) => nextAddonVersion(inputs) !== "",
        nextVersion: ({ inputs }) => nextAddonVersion(inputs),
        required: ({ inputs }) => addonEntry(inputs)?.required ?? false,
        version: ({ inputs }) => addonEntry(inputs)?.versions.at(-1) ?? "",
        config: () => "",
    },
    newId: (inputs) => `${textIn(inputs, "clusterId") ?? ""}:${textIn(inputs, "name") ?? ""}`,
    seconds: { create: 120, update: 60, delete: 60 },
    timeouts: { create: 600, update: 600, delete: 600 },
    notFound: "ErrorAddonNotFound",
    adopts: true,
    refuse: refuseAddon,
    implicit: ({ id, inputs, find }) => {
        if (textIn(inputs, "name") !== "knative") {
            return [];
        }
        const cluster = find(CLUSTER, textIn(inputs, "clusterId"));
        const [vswitchId = ""] = textsIn(cluster?.inputs ?? {}, "vswitchIds");
        const uses = [vswitchId, textIn(cluster?.outputs ?? {}, "vpcId") ?? ""];
        const kind = "load balancer of the Knative gateway";
        const owner = { type: ADDON, id };
        return [{ id: related(id, "lb"), kind, owner, uses, retained: false }];
    },
});

const logStore = type<alicloud.log.StoreArgs, alicloud.log.Store>(LOG_STORE, {
    terraform: "alicloud_log_store",
    label: "Logstore",
    actions: {
        create: "CreateLogStore",
        describe: "GetLogStore",
        update: "UpdateLogStore",
        delete: "DeleteLogStore",
    },
    inputs: {
        projectName: { kind: "text", replaces: true, refersTo: TO_PROJECT },
        logstoreName: LOG_NAME,
        retentionPeriod: { kind: "number", range: [1, 3650] },
        shardCount: { kind: "number", replaces: true, range: [1, 100] },
        autoSplit: BOOLEAN,
        maxSplitShardCount: { kind: "number", range: [1, 256] },
        appendMeta: BOOLEAN,
        enableWebTracking: BOOLEAN,
        hotTtl: { kind: "number", range: [30, 3650] },
        mode: { kind: "text", previewValues: ["standard", "query", "lite"] },
        meteringMode: { kind: "text", previewValues: ["ChargeByFunction", "ChargeByDataIngest"] },
        telemetryType: { kind: "text", replaces: true, previewValues: ["None", "Metrics"] },
    },
    deprecated: [
        ["name", "use logstoreName"],
        ["project", "use projectName"],
    ],
    outputs: {
        createTime: ({ createdAt }) => Math.floor(Date.parse(createdAt) / 1000),
        shards: () => [],
        logstoreName: ({ inputs }) => textIn(inputs, "logstoreName") ?? "",
        meteringMode: () => "ChargeByFunction",
        mode: () => "standard",
    },
    newId: (inputs) =>
        `${textIn(inputs, "projectName") ?? ""}:${textIn(inputs, "logstoreName") ?? ""}`,
    seconds: { create: 60, update: 2, delete: 5 },
    timeouts: { create: 180, update: 180, delete: 180 },
    notFound: "LogStoreNotExist",
    refuse: refuseLogStore,
});

const logStoreIndex = type<alicloud.log.StoreIndexArgs, alicloud.log.StoreIndex>(LOG_STORE_INDEX, {
    terraform: "alicloud_log_store_index",
    label: "index of a Logstore",
    actions: {
        create: "CreateIndex",
        describe: "GetIndex",
        update: "UpdateIndex",
        delete: "DeleteIndex",
    },
    inputs: {
        project: IN_PROJECT,
        logstore: { kind: "text", required: true, replaces: true, refersTo: TO_LOG_STORE },
        fullText: {
            kind: "object",
            properties: { caseSensitive: BOOLEAN, includeChinese: BOOLEAN, token: TEXT },
        },
        maxTextLen: { kind: "number", range: [64, 16_384] },
    },
    outputs: {},
    newId: (inputs) => `${textIn(inputs, "project") ?? ""}:${textIn(inputs, "logstore") ?? ""}`,
    seconds: { create: 2, update: 2, delete: 2 },
    timeouts: { create: 120, update: 120, delete: 120 },
    notFound: "IndexConfigNotExist",
    refuse: refuseLogStoreIndex,
});

const machineGroup = type<alicloud.log.MachineGroupArgs, alicloud.log.MachineGroup>(MACHINE_GROUP, {
    terraform: "alicloud_log_machine_group",
    label: "machine group",
    actions: {
        create: "CreateMachineGroup",
        describe: "GetMachineGroup",
        update: "UpdateMachineGroup",
        delete: "DeleteMachineGroup",
    },
    inputs: {
        project: IN_PROJECT,
        name: { ...LOG_NAME, required: true },
        identifyType: { kind: "text", previewValues: ["ip", "userdefined"] },
        identifyLists: { ...TEXTS, required: true },
        topic: TEXT,
    },
    autonamed: "name",
    outputs: { name: ({ inputs }) => textIn(inputs, "name") ?? "" },
    newId: (inputs) => `${textIn(inputs, "project") ?? ""}:${textIn(inputs, "name") ?? ""}`,
    seconds: { create: 2, update: 2, delete: 2 },
    timeouts: { create: 120, update: 120, delete: 180 },
    notFound: "GroupNotExist",
    refuse: refuseMachineGroup,
});

const logtailConfig = type<alicloud.log.LogTailConfigArgs, alicloud.log.LogTailConfig>(
    LOGTAIL_CONFIG,
    {
        terraform: "alicloud_logtail_config",
        label: "Logtail configuration",
        actions: {
            create: "CreateConfig",
            describe: "GetConfig",
            update: "UpdateConfig",
            delete: "DeleteConfig",
        },
        inputs: {
            project: IN_PROJECT,
            logstore: { kind: "text", required: true, replaces: true, refersTo: TO_LOG_STORE },
            name: { ...LOG_NAME, required: true },
            inputType: { kind: "text", required: true, previewValues: ["file", "plugin"] },
            outputType: { kind: "text", required: true, previewValues: ["LogService"] },
            inputDetail: { kind: "text", required: true },
            logSample: TEXT,
        },
        autonamed: "name",
        outputs: {
            lastModifyTime: ({ createdAt }) => createdAt,
            name: ({ inputs }) => textIn(inputs, "name") ?? "",
        },
        newId: (inputs) =>
            ["project", "logstore", "name"].map((key) => textIn(inputs, key) ?? "").join(":"),
        seconds: { create: 2, update: 2, delete: 2 },
        timeouts: { create: 180, update: 180, delete: 180 },
        notFound: "ConfigNotExist",
        refuse: refuseLogtailConfig,
    },
);

const logtailAttachment = type<alicloud.log.LogTailAttachmentArgs, alicloud.log.LogTailAttachment>(
    LOGTAIL_ATTACHMENT,
    {
        terraform: "alicloud_logtail_attachment",
        label: "attachment of a Logtail configuration",
        actions: {
            create: "ApplyConfigToMachineGroup",
            describe: "GetAppliedConfigs",
            // All that it has replaces it.
            update: "UpdateAppliedConfigs",
            delete: "RemoveConfigFromMachineGroup",
        },
        inputs: {
            project: IN_PROJECT,
            logtailConfigName: {
                kind: "text",
                required: true,
                replaces: true,
                refersTo: TO_LOGTAIL_CONFIG,
            },
            machineGroupName: {
                kind: "text",
                required: true,
                replaces: true,
                refersTo: TO_MACHINE_GROUP,
            },
        },
        outputs: {},
        newId: (inputs) =>
            ["project", "logtailConfigName", "machineGroupName"]
                .map((key) => textIn(inputs, key) ?? "")
                .join(":"),
        seconds: { create: 2, update: 2, delete: 2 },
        timeouts: { create: 180, update: 180, delete: 180 },
        notFound: "ConfigNotApplied",
        refuse: refuseNothing,
    },
);

const armsPrometheus = type<alicloud.arms.PrometheusArgs, alicloud.arms.Prometheus>(
    ARMS_PROMETHEUS,
    {
        terraform: "alicloud_arms_prometheus",
        label: "Prometheus instance",
        actions: {
            create: "CreatePrometheusInstance",
            describe: "GetPrometheusInstance",
            update: "BindPrometheusGrafanaInstance",
            delete: "UninstallPromCluster",
        },
        inputs: {
            clusterType: {
                kind: "text",
                required: true,
                replaces: true,
                previewValues: ["remote-write", "ecs", "global-view", "aliyun-cs"],
                values: ["aliyun-cs"],
            },
            grafanaInstanceId: { kind: "text", required: true },
            clusterId: { kind: "text", replaces: true, refersTo: TO_CLUSTER },
            resourceGroupId: TEXT,
            tags: TAGS,
        },
        outputs: {
            clusterId: ({ inputs }) => textIn(inputs, "clusterId") ?? "",
            clusterName: ({ inputs, find }) =>
                textIn(find(CLUSTER, textIn(inputs, "clusterId"))?.inputs ?? {}, "name") ?? "",
            archiveDuration: () => 0,
            duration: () => 90,
            paymentType: () => "POSTPAY",
        },
        // That of the cluster.
        newId: (inputs) => textIn(inputs, "clusterId") ?? "",
        seconds: { create: 60, update: 5, delete: 30 },
        timeouts: { create: 300, update: 300, delete: 300 },
        notFound: "PrometheusInstanceNotFound",
        refuse: refuseArmsPrometheus,
    },
);

const armsMonitoring = type<
    alicloud.arms.PrometheusMonitoringArgs,
    alicloud.arms.PrometheusMonitoring
>(ARMS_MONITORING, {
    terraform: "alicloud_arms_prometheus_monitoring",
    label: "scraping of a Prometheus instance",
    actions: {
        create: "CreatePrometheusMonitoring",
        describe: "GetPrometheusMonitoring",
        update: "UpdatePrometheusMonitoring",
        delete: "DeletePrometheusMonitoring",
    },
    inputs: {
        clusterId: { kind: "text", required: true, replaces: true, refersTo: TO_ARMS_PROMETHEUS },
        type: {
            kind: "text",
            required: true,
            replaces: true,
            previewValues: ["serviceMonitor", "podMonitor", "customJob", "probe"],
            values: ["customJob"],
        },
        configYaml: { kind: "text", required: true },
        status: { kind: "text", previewValues: ["stop", "run"] },
    },
    outputs: {
        monitoringName: ({ id }) => id.split(":")[1] ?? "",
        status: () => "run",
    },
    newId: (inputs) =>
        [
            textIn(inputs, "clusterId") ?? "",
            `monitoring-${randomBytes(4).toString("hex")}`,
            textIn(inputs, "type") ?? "",
        ].join(":"),
    seconds: { create: 5, update: 5, delete: 5 },
    timeouts: { create: 300, update: 300, delete: 300 },
    notFound: "PrometheusMonitoringNotFound",
    refuse: refuseCustomJob,
});

const armsAlertRule = type<
    alicloud.arms.PrometheusAlertRuleArgs,
    alicloud.arms.PrometheusAlertRule
>(ARMS_ALERT_RULE, {
    terraform: "alicloud_arms_prometheus_alert_rule",
    label: "alert rule",
    actions: {
        create: "CreatePrometheusAlertRule",
        describe: "DescribePrometheusAlertRule",
        update: "UpdatePrometheusAlertRule",
        delete: "DeletePrometheusAlertRule",
    },
    inputs: {
        clusterId: { kind: "text", required: true, replaces: true, refersTo: TO_ARMS_PROMETHEUS },
        prometheusAlertRuleName: { kind: "text", required: true, replaces: true },
        expression: { kind: "text", required: true, replaces: true },
        duration: {
            kind: "text",
            required: true,
            replaces: true,
            pattern: [
                /^([1-9][0-9]{0,2}|1[0-3][0-9]{2}|14[0-3][0-9]|1440)$/,
                "minutes, from 1 to 1440",
            ],
        },
        message: { kind: "text", required: true, replaces: true },
        type: { kind: "text", replaces: true },
        labels: {
            kind: "list",
            items: { kind: "object", properties: { name: TEXT, value: TEXT } },
        },
        annotations: {
            kind: "list",
            items: { kind: "object", properties: { name: TEXT, value: TEXT } },
        },
        notifyType: { kind: "text", previewValues: ["ALERT_MANAGER", "DISPATCH_RULE"] },
        dispatchRuleId: { kind: "text", refersTo: TO_ARMS_DISPATCH_RULE },
    },
    outputs: {
        prometheusAlertRuleId: ({ id }) => Number(id.split(":")[1]),
        status: () => 1,
        type: () => "",
    },
    newId: (inputs) => `${textIn(inputs, "clusterId") ?? ""}:${randomInt(1_000_000, 10_000_000)}`,
    seconds: { create: 2, update: 2, delete: 2 },
    timeouts: { create: 300, update: 300, delete: 300 },
    notFound: "AlertRuleNotFound",
    refuse: refuseAlertRule,
});

const armsContact = type<alicloud.arms.AlertContactArgs, alicloud.arms.AlertContact>(ARMS_CONTACT, {
    terraform: "alicloud_arms_alert_contact",
    label: "alert contact",
    actions: {
        create: "CreateAlertContact",
        describe: "SearchAlertContact",
        update: "UpdateAlertContact",
        delete: "DeleteAlertContact",
    },
    inputs: {
        alertContactName: TEXT,
        email: TEXT,
        dingRobotWebhookUrl: TEXT,
        phoneNum: TEXT,
        systemNoc: BOOLEAN,
    },
    outputs: {},
    newId: () => String(randomInt(1_000_000, 10_000_000)),
    seconds: { create: 2, update: 2, delete: 2 },
    timeouts: { create: 300, update: 300, delete: 300 },
    notFound: "ContactNotFound",
    refuse: refuseAlertContact,
});

const armsDispatchRule = type<alicloud.arms.DispatchRuleArgs, alicloud.arms.DispatchRule>(
    ARMS_DISPATCH_RULE,
    {
        terraform: "alicloud_arms_dispatch_rule",
        label: "dispatch rule",
        actions: {
            create: "CreateDispatchRule",
            describe: "DescribeDispatchRule",
            update: "UpdateDispatchRule",
            delete: "DeleteDispatchRule",
        },
        inputs: {
            dispatchRuleName: { kind: "text", required: true },
            dispatchType: { kind: "text", previewValues: ["CREATE_ALERT", "DISCARD_ALERT"] },
            isRecover: BOOLEAN,
            groupRules: {
                kind: "list",
                required: true,
                items: {
                    kind: "object",
                    properties: {
                        groupingFields: { ...TEXTS, required: true },
                        groupWaitTime: { ...NUMBER, required: true },
                        groupInterval: { ...NUMBER, required: true },
                        repeatInterval: { kind: "number", range: [61, 1_000_000] },
                    },
                },
            },
            labelMatchExpressionGrids: {
                kind: "list",
                required: true,
                items: {
                    kind: "object",
                    properties: {
                        labelMatchExpressionGroups: {
                            kind: "list",
                            required: true,
                            items: {
                                kind: "object",
                                properties: {
                                    labelMatchExpressions: {
                                        kind: "list",
                                        required: true,
                                        items: {
                                            kind: "object",
                                            properties: {
                                                key: {
                                                    kind: "text",
                                                    required: true,
                                                    values: MATCH_KEYS,
                                                },
                                                operator: {
                                                    kind: "text",
                                                    required: true,
                                                    values: ["eq", "re"],
                                                },
                                                value: { kind: "text", required: true },
                                            },
                                        },
                                    },
                                },
                            },
                        },
                    },
                },
            },
            notifyRules: {
                kind: "list",
                required: true,
                items: {
                    kind: "object",
                    properties: {
                        notifyObjects: {
                            kind: "list",
                            required: true,
                            items: {
                                kind: "object",
                                properties: {
                                    notifyObjectId: {
                                        kind: "text",
                                        required: true,
                                        refersTo: TO_ARMS_CONTACT,
                                    },
                                    notifyType: {
                                        kind: "text",
                                        required: true,
                                        previewValues: ["ARMS_CONTACT"],
                                    },
                                    name: { kind: "text", required: true },
                                },
                            },
                        },
                        notifyChannels: {
                            kind: "list",
                            required: true,
                            items: {
                                kind: "text",
                                values: ["dingTalk", "sms", "webhook", "email", "wechat"],
                            },
                        },
                        notifyStartTime: TIME_OF_DAY,
                        notifyEndTime: TIME_OF_DAY,
                    },
                },
            },
        },
        outputs: { status: () => "ENABLE" },
        newId: () => String(randomInt(1_000_000, 10_000_000)),
        seconds: { create: 2, update: 2, delete: 2 },
        timeouts: { create: 300, update: 300, delete: 300 },
        notFound: "DispatchRuleNotFound",
        refuse: refuseDispatchRule,
    },
);

/** All types of resources, each once. */
export const RESOURCE_TYPES: readonly ResourceType[] = [
    network,
    vswitch,
    natGateway,
    eipAddress,
    eipAssociation,
    snatEntry,
    project,
    managedKubernetes,
    nodePool,
    autoscalingConfig,
    kubernetesAddon,
    logStore,
    logStoreIndex,
    machineGroup,
    logtailConfig,
    logtailAttachment,
    armsPrometheus,
    armsMonitoring,
    armsAlertRule,
    armsContact,
    armsDispatchRule,
];

/**
 * The type of this token.
 *
 * @throws Error naming the types there are
 */
export function resourceType(token: string): ResourceType {
    const found = RESOURCE_TYPES.find((each) => each.token === token);
    if (found === undefined) {
        throw new Error(
            `the stand-in for the alicloud plugin has no ${token}; it has ${RESOURCE_TYPES.map((each) => each.token).join(", ")}`,
        );
    }
    return found;
}

function vpcOfCluster({ inputs, find }: Made): string {
    const [first] = textsIn(inputs, "vswitchIds");
    return textIn(find(VSWITCH, first)?.inputs ?? {}, "vpcId") ?? "";
}

function isPublic(cluster: JsonObject): boolean {
    return cluster["slbInternetEnabled"] !== false;
}

/** Whether ACK makes a NAT gateway for the cluster, which it does unless told otherwise. */
function hasOwnNat(cluster: JsonObject): boolean {
    return cluster["newNatGateway"] !== false;
}

function addonEntry(addon: JsonObject) {
    return ADDONS.find(({ name }) => name === textIn(addon, "name"));
}

function nextAddonVersion(addon: JsonObject): string {
    const newest = addonEntry(addon)?.versions.at(-1) ?? "";
    return (textIn(addon, "version") ?? newest) === newest ? "" : newest;
}

const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";

function randomId(prefix: string): string {
    const letters = Array.from({ length: 21 }, () => ALPHABET.charAt(randomInt(ALPHABET.length)));
    return `${prefix}-${letters.join("")}`;
}

/** Id of something that belongs to the resource of this id: always the same, so that nobody has to keep it. */
function related(id: string, prefix: string): string {
    const bytes = [...createHash("sha256").update(`${prefix} of ${id}`).digest().subarray(0, 21)];
    return `${prefix}-${bytes.map((byte) => ALPHABET.charAt(byte % ALPHABET.length)).join("")}`;
}

/** A short text that belongs to the resource of this id. */
function shortId(id: string): string {
    return createHash("sha256").update(id).digest("hex").slice(0, 12);
}

/** From 198.18.0.0/15, which no network on the Internet has (RFC 2544): nothing answers there. */
function publicAddress(id: string): string {
    const [a = 0, b = 0, c = 0] = createHash("sha256").update(`public ${id}`).digest();
    return `198.${18 + (a % 2)}.${b}.${c}`;
}

function privateAddress(id: string): string {
    const [a = 0, b = 0] = createHash("sha256").update(`private ${id}`).digest();
    return `10.255.${a}.${b}`;
}
