import { createHash, X509Certificate } from "node:crypto";
import { parse } from "yaml";
import type { Json, JsonObject } from "../plugins/property-values";
import { ApiError, isUsable } from "./api";
import {
    CONTAINERD_VERSION,
    INSTANCE_TYPES,
    KUBERNETES_VERSIONS,
    REGIONS,
    sells,
} from "./catalogue";
import type { Clock } from "./clock";
import { isOutOfStock } from "./faults";
import { numberIn, textIn, textsIn } from "./inputs";
import type { KubernetesBackend } from "./kubernetes-backend";
import { ARMS_PROMETHEUS, CLUSTER, VSWITCH } from "./resource-tokens";
import type { PropertySchemas } from "./schema";
import type { CloudState } from "./store";

/** What a function is answered from. */
export interface FunctionContext {
    readonly region: string;
    readonly state: CloudState;
    readonly backend: KubernetesBackend;
    readonly clock: Clock;
}

/** One function of the provider (an invoke): everything that the cloud and the plugin know of it. */
export interface CloudFunction {
    /** Token, as the SDK names it. */
    readonly token: string;
    /** API action that it stands for. */
    readonly action: string;
    readonly inputs: PropertySchemas;
    /** Its result, without the arguments, which the plugin adds. */
    readonly run: (args: JsonObject, context: FunctionContext) => Json | Promise<Json>;
}

const TEXT = { kind: "text" } as const;

/** It would put what the function returns, credentials too, into a file; at preview already. */
const OUTPUT_FILE = {
    kind: "text",
    deprecated: "leave it out: it writes the result into a file, at preview already",
} as const;

/** All functions, each once. */
export const FUNCTIONS: readonly CloudFunction[] = [
    {
        token: "alicloud:cs/getClusterCredential:getClusterCredential",
        action: "DescribeClusterUserKubeconfig",
        inputs: {
            clusterId: { kind: "text", required: true },
            temporaryDurationMinutes: { kind: "number", previewRange: [15, 4320] },
            outputFile: OUTPUT_FILE,
        },
        run: clusterCredential,
    },
    {
        token: "alicloud:index/getZones:getZones",
        action: "DescribeZones",
        inputs: {
            availableInstanceType: TEXT,
            availableResourceCreation: {
                kind: "text",
                previewValues: ["Instance", "Disk", "VSwitch"],
            },
            availableDiskCategory: TEXT,
            instanceChargeType: { kind: "text", previewValues: ["PostPaid"] },
            networkType: { kind: "text", previewValues: ["Vpc"] },
            spotStrategy: {
                kind: "text",
                previewValues: ["NoSpot", "SpotWithPriceLimit", "SpotAsPriceGo"],
            },
            outputFile: OUTPUT_FILE,
        },
        run: zones,
    },
    {
        token: "alicloud:vpc/getSwitches:getSwitches",
        action: "DescribeVSwitches",
        inputs: {
            ids: { kind: "list", items: TEXT },
            vpcId: TEXT,
            zoneId: TEXT,
            outputFile: OUTPUT_FILE,
        },
        run: vswitches,
    },
    {
        token: "alicloud:vpc/getEnhancedNatAvailableZones:getEnhancedNatAvailableZones",
        // Spelt like this by the real API.
        action: "ListEnhanhcedNatGatewayAvailableZones",
        inputs: { outputFile: OUTPUT_FILE },
        run: (_args, { region }) => {
            const found = (REGIONS[region] ?? []).filter(({ enhancedNat }) => enhancedNat);
            return {
                id: region,
                ids: found.map(({ id }) => id),
                zones: found.map(({ id, localName }) => ({ zoneId: id, localName })),
            };
        },
    },
    {
        token: "alicloud:cs/getKubernetesVersion:getKubernetesVersion",
        action: "DescribeKubernetesVersionMetadata",
        inputs: {
            clusterType: { kind: "text", required: true, previewValues: ["ManagedKubernetes"] },
            kubernetesVersion: TEXT,
            profile: { kind: "text", previewValues: ["Default"] },
        },
        run: ({ clusterType = null, kubernetesVersion }) => ({
            id: clusterType,
            metadatas: [...KUBERNETES_VERSIONS]
                .reverse()
                .filter((version) => (kubernetesVersion ?? version) === version)
                .map((version) => ({
                    version,
                    runtimes: [{ name: "containerd", version: CONTAINERD_VERSION }],
                })),
        }),
    },
    {
        token: "alicloud:arms/getPrometheis:getPrometheis",
        action: "ListPrometheusInstances",
        inputs: {
            ids: { kind: "list", items: TEXT },
            enableDetails: { kind: "boolean" },
            outputFile: OUTPUT_FILE,
        },
        run: prometheis,
    },
];

/** The Prometheus instances. Nothing answers at their URLs: what they would hold is not simulated. */
function prometheis(args: JsonObject, { region, state, clock }: FunctionContext): Json {
    const ids = Array.isArray(args["ids"]) ? textsIn(args, "ids") : undefined;
    const found = state.resources.filter(
        ({ type, id, region: place, visibleAt }) =>
            type === ARMS_PROMETHEUS &&
            place === region &&
            visibleAt <= clock.now() &&
            (ids?.includes(id) ?? true),
    );
    return {
        id: region,
        ids: found.map(({ id }) => id),
        names: found.map(({ outputs }) => textIn(outputs, "clusterName") ?? ""),
        prometheis: found.map(({ id, inputs, outputs }) => {
            // With a token in its path, as the real one.
            const url = (host: string, api: string): string =>
                `https://${host}.invalid/${api}/${createHash("sha256").update(id).digest("hex").slice(0, 16)}/${id}`;
            const urls = Object.fromEntries(
                [
                    ["httpApi", "api/v1/prometheus"],
                    ["pushGateWay", "pushgateway"],
                    ["remoteRead", "prometheus/read"],
                    ["remoteWrite", "prometheus/write"],
                ].flatMap(([key = "", api = ""]) => [
                    [`${key}InterUrl`, url(`${region}.arms`, api)],
                    [`${key}IntraUrl`, url(`${region}-intranet.arms`, api)],
                ]),
            );
            return {
                id,
                clusterId: id,
                clusterName: textIn(outputs, "clusterName") ?? "",
                clusterType: textIn(inputs, "clusterType") ?? "",
                grafanaInstanceId: textIn(inputs, "grafanaInstanceId") ?? "",
                authToken: "",
                resourceGroupId: "",
                securityGroupId: "",
                subClustersJson: "",
                vpcId: "",
                vswitchId: "",
                tags: inputs["tags"] ?? {},
                ...urls,
            };
        }),
    };
}

async function clusterCredential(
    args: JsonObject,
    { state, backend, clock }: FunctionContext,
): Promise<Json> {
    const id = textIn(args, "clusterId") ?? "";
    const cluster = state.resources.find((each) => each.type === CLUSTER && each.id === id);
    if (cluster === undefined) {
        throw new ApiError(
            404,
            "ErrorClusterNotFound",
            `clusterId is ${id}; there is no such cluster`,
        );
    }
    if (!isUsable(cluster.status)) {
        throw new ApiError(
            400,
            "ErrorClusterState",
            `clusterId is ${id}, which is ${cluster.status}; allowed: a cluster that is Available`,
        );
    }
    const minutes = numberIn(args, "temporaryDurationMinutes");
    // Whole seconds, as tools that make certificates take them.
    const seconds =
        minutes === undefined
            ? undefined
            : Math.max(1, Math.round(clock.scaled(minutes * 60) / 1000));
    const kubeConfig = await backend.kubeconfig(seconds);
    const authority = certificatesOf(kubeConfig);
    const { validTo } = new X509Certificate(Buffer.from(authority.clientCert, "base64"));
    return {
        id,
        clusterId: id,
        clusterName: textIn(cluster.inputs, "name") ?? "",
        kubeConfig,
        certificateAuthority: authority,
        // validToDate would need Node 22.10.
        expiration: new Date(validTo).toISOString(),
    };
}

/** Certificates and key of a kubeconfig, in Base64 as they are in it. */
function certificatesOf(kubeConfig: string): {
    clusterCert: string;
    clientCert: string;
    clientKey: string;
} {
    const { clusters, users } = parse(kubeConfig) as {
        clusters: { cluster: { "certificate-authority-data": string } }[];
        users: { user: { "client-certificate-data": string; "client-key-data": string } }[];
    };
    return {
        clusterCert: clusters[0]?.cluster["certificate-authority-data"] ?? "",
        clientCert: users[0]?.user["client-certificate-data"] ?? "",
        clientKey: users[0]?.user["client-key-data"] ?? "",
    };
}

function zones(args: JsonObject, { region, state }: FunctionContext): Json {
    const wanted = textIn(args, "availableInstanceType");
    const spot = (textIn(args, "spotStrategy") ?? "NoSpot") !== "NoSpot";
    const found = (REGIONS[region] ?? []).map((zone) => ({
        zone,
        // What is sold out is not listed.
        types: INSTANCE_TYPES.filter(
            (type) =>
                sells(zone, type) &&
                !state.faults.some((fault) =>
                    isOutOfStock(fault, { zone: zone.id, instanceType: type.id, spot }),
                ),
        ).map(({ id }) => id),
    }));
    const matching = found.filter(({ types }) => wanted === undefined || types.includes(wanted));
    return {
        id: region,
        ids: matching.map(({ zone }) => zone.id),
        zones: matching.map(({ zone, types }) => ({
            id: zone.id,
            localName: zone.localName,
            availableInstanceTypes: types,
            availableResourceCreations: ["Disk", "Instance", "VSwitch"],
            availableDiskCategories: [
                "cloud_auto",
                "cloud_efficiency",
                "cloud_essd",
                "cloud_essd_entry",
            ],
            multiZoneIds: [],
            slbSlaveZoneIds: [],
        })),
    };
}

function vswitches(args: JsonObject, { region, state, clock }: FunctionContext): Json {
    const ids = Array.isArray(args["ids"]) ? textsIn(args, "ids") : undefined;
    const found = state.resources.filter(
        ({ type, id, inputs, region: place, visibleAt }) =>
            type === VSWITCH &&
            place === region &&
            visibleAt <= clock.now() &&
            (ids?.includes(id) ?? true) &&
            (args["vpcId"] ?? inputs["vpcId"]) === inputs["vpcId"] &&
            (args["zoneId"] ?? inputs["zoneId"]) === inputs["zoneId"],
    );
    return {
        id: region,
        ids: found.map(({ id }) => id),
        names: found.map(({ inputs }) => textIn(inputs, "vswitchName") ?? ""),
        vswitches: found.map(({ id, inputs, outputs, status }) => {
            const cidrBlock = textIn(inputs, "cidrBlock") ?? "";
            const name = textIn(inputs, "vswitchName") ?? "";
            const nodes = state.nodes.filter(({ zone }) => zone === inputs["zoneId"]).length;
            // Of each vSwitch the cloud keeps four addresses for itself.
            const size = 2 ** (32 - Number(cidrBlock.split("/")[1])) - 4;
            return {
                id,
                vswitchId: id,
                vswitchName: name,
                name,
                vpcId: textIn(inputs, "vpcId") ?? "",
                zoneId: textIn(inputs, "zoneId") ?? "",
                cidrBlock,
                ipv6CidrBlock: "",
                enableIpv6: false,
                availableIpAddressCount: size - nodes,
                creationTime: textIn(outputs, "createTime") ?? "",
                description: textIn(inputs, "description") ?? "",
                isDefault: false,
                resourceGroupId: "",
                routeTableId: "",
                status,
                tags: inputs["tags"] ?? {},
            };
        }),
    };
}
