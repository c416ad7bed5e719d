import { encryption } from "../alicloud-encryption";
import { deletionProtection } from "../alicloud-protection";
import { gpuTaint, nodePool } from "../node-pool";
import { securityGroup } from "../security-group";
import { poolWith, serviceWith } from "./support/candidates";
import { describeRule } from "./support/cases";
import { type Candidate, UNKNOWN } from "./support/verdict";

const OTHERS = { "a Knative Service": serviceWith() };
const of = (token: string, props: Record<string, unknown>, protect = false): Candidate => ({
    type: `alicloud:${token}`,
    props,
    protect,
});
const CLUSTER = "cs/managedKubernetes:ManagedKubernetes";
const UNPROTECTED = "the resource option protect is false; set it to true.";

describeRule(deletionProtection, {
    others: { ...OTHERS, "a node pool": poolWith() },
    passes: {
        "a protected cluster": of(CLUSTER, { deletionProtection: true }, true),
        "a protected file system": of("nas/fileSystem:FileSystem", {}, true),
        "a protected bucket": of("oss/bucket:Bucket", {}, true),
    },
    fails: {
        "a cluster that is protected in Pulumi only": [
            of(CLUSTER, {}, true),
            ["deletionProtection is unset; set it to true."],
        ],
        "a cluster that is protected in ACK only": [
            of(CLUSTER, { deletionProtection: true }),
            [UNPROTECTED],
        ],
        "a cluster that is not protected": [
            of(CLUSTER, { deletionProtection: false }),
            ["deletionProtection is false; set it to true.", UNPROTECTED],
        ],
        "a file system": [of("nas/fileSystem:FileSystem", {}), [UNPROTECTED]],
        "a bucket": [of("oss/bucket:Bucket", {}), [UNPROTECTED]],
    },
    unknown: { "a flag": of(CLUSTER, { deletionProtection: UNKNOWN }) },
});

const off = (path: string, shown = "unset"): string => `${path} is ${shown}; set it to true.`;
const KEY = (shown: string): string =>
    `encryptionProviderKey is ${shown}; set it to the id of a KMS key, with which the cluster's Secrets are encrypted.`;
const NAS = (shown: string): string =>
    `encryptType is ${shown}; set it to 1 (a key of NAS) or 2 (a key of KMS) when the file system is made.`;
const OSS = (shown: string): string =>
    `serverSideEncryptionRule.sseAlgorithm is ${shown}; set it to "AES256" or "KMS".`;

describeRule(encryption, {
    others: OTHERS,
    passes: {
        "a cluster with a key": of(CLUSTER, { encryptionProviderKey: "key-1" }),
        "a node pool": poolWith({ dataDisks: [{ encrypted: "true" }] }),
        "a disk": of("ecs/ecsDisk:EcsDisk", { encrypted: true }),
        "a disk of the older type": of("ecs/disk:Disk", { encrypted: true }),
        "a launch template": of("ecs/ecsLaunchTemplate:EcsLaunchTemplate", {
            systemDisk: { encrypted: true },
            dataDisks: [{ encrypted: true }],
        }),
        "a file system with a key of NAS": of("nas/fileSystem:FileSystem", { encryptType: 1 }),
        "a file system with a key of KMS": of("nas/fileSystem:FileSystem", { encryptType: 2 }),
        "a bucket with a key of OSS": of("oss/bucket:Bucket", {
            serverSideEncryptionRule: { sseAlgorithm: "AES256" },
        }),
        "a bucket with a key of KMS": of("oss/bucket:Bucket", {
            serverSideEncryptionRule: { sseAlgorithm: "KMS" },
        }),
    },
    fails: {
        "a cluster": [of(CLUSTER, {}), [KEY("unset")]],
        "a cluster with an empty key": [of(CLUSTER, { encryptionProviderKey: "" }), [KEY('""')]],
        "a cluster with a key that is no text": [
            of(CLUSTER, { encryptionProviderKey: true }),
            [KEY("true")],
        ],
        "a node pool": [
            poolWith({
                systemDiskEncrypted: false,
                dataDisks: [{ encrypted: "true" }, { encrypted: "false" }],
            }),
            [off("systemDiskEncrypted", "false"), off("dataDisks[1].encrypted", '"false"')],
        ],
        "a disk": [of("ecs/ecsDisk:EcsDisk", {}), [off("encrypted")]],
        "a disk of the older type": [of("ecs/disk:Disk", {}), [off("encrypted")]],
        "a launch template": [
            of("ecs/ecsLaunchTemplate:EcsLaunchTemplate", { dataDisks: [{}] }),
            [off("systemDisk.encrypted"), off("dataDisks[0].encrypted")],
        ],
        "a file system": [of("nas/fileSystem:FileSystem", { encryptType: 0 }), [NAS("0")]],
        "a bucket": [of("oss/bucket:Bucket", {}), [OSS("unset")]],
    },
    unknown: { "a flag": poolWith({ systemDiskEncrypted: UNKNOWN }) },
});

const scaled = (scalingConfig: Record<string, unknown>): Candidate =>
    poolWith({ scalingConfig: { enable: true, ...scalingConfig } });
const fixed = (desiredSize: unknown): Candidate =>
    poolWith({ scalingConfig: undefined, desiredSize });
const tooMany = (path: string, shown: string, max = 20): string =>
    `${path} is ${shown}; set it to a whole number of at most ${max}.`;
const least = (shown: string, max: number): string =>
    `scalingConfig.minSize is ${shown}; set it to a whole number from 0 to maxSize (${max}).`;
const SPOT = {
    spotStrategy: "SpotAsPriceGo",
    compensateWithOnDemand: true,
    onDemandBaseCapacity: "1",
};
const base = (shown: string): string =>
    `onDemandBaseCapacity is ${shown}; set it to at least "1", since spotStrategy is "SpotAsPriceGo".`;

describeRule(nodePool, {
    others: OTHERS,
    passes: {
        "a pool that scales": poolWith(),
        "the largest that is allowed": scaled({ minSize: 20, maxSize: 20 }),
        "the configuration's bound": [scaled({ minSize: 0, maxSize: 3 }), { maxNodes: 3 }],
        "a pool without a least size": scaled({ maxSize: 1 }),
        "a pool of fixed size": fixed("3"),
        "an empty pool": fixed(0),
        "a pool that does not scale after all": poolWith({
            scalingConfig: { enable: false, maxSize: 100 },
            desiredSize: 20,
        }),
        "a pool without a strategy": poolWith({ spotStrategy: undefined }),
        "spot instances": [poolWith(SPOT), { minOnDemand: 1 }],
        "spot instances alone": poolWith({ ...SPOT, onDemandBaseCapacity: undefined }),
        "fixed prices where some are demanded": [poolWith(), { minOnDemand: 1 }],
    },
    fails: {
        "a pool that does not repair": [
            poolWith({ management: { enable: true, autoRepair: false } }),
            ["management.autoRepair is false; set it to true."],
        ],
        "a pool that is not managed": [
            poolWith({ management: undefined }),
            ["management.autoRepair is unset; set it to true."],
        ],
        "one node more": [scaled({ maxSize: 21 }), [tooMany("scalingConfig.maxSize", "21")]],
        "one node more than the configuration's bound": [
            fixed("4"),
            [tooMany("desiredSize", '"4"', 3)],
            { maxNodes: 3 },
        ],
        "a pool without a bound": [scaled({}), [tooMany("scalingConfig.maxSize", "unset")]],
        "a pool without a size": [fixed(undefined), [tooMany("desiredSize", "unset")]],
        "a size that is no number": [fixed("three"), [tooMany("desiredSize", '"three"')]],
        "a part of a node": [fixed(2.5), [tooMany("desiredSize", "2.5")]],
        "fewer than no nodes": [fixed("-1"), [tooMany("desiredSize", '"-1"')]],
        "a least size above the most": [scaled({ minSize: 4, maxSize: 3 }), [least("4", 3)]],
        "a least size that is no number": [scaled({ minSize: "x", maxSize: 3 }), [least('"x"', 3)]],
        "spot instances without a way out": [
            poolWith({ ...SPOT, compensateWithOnDemand: undefined }),
            [
                'compensateWithOnDemand is unset; set it to true, since spotStrategy is "SpotAsPriceGo".',
            ],
        ],
        "fewer at the fixed price than demanded": [
            poolWith({ ...SPOT, onDemandBaseCapacity: "0" }),
            [base('"0"')],
            { minOnDemand: 1 },
        ],
        "none at the fixed price": [
            poolWith({ ...SPOT, onDemandBaseCapacity: undefined }),
            [base("unset")],
            { minOnDemand: 1 },
        ],
    },
    unknown: {
        "a size": scaled({ maxSize: UNKNOWN }),
        "a strategy": poolWith({ spotStrategy: UNKNOWN }),
    },
});

describeRule(gpuTaint, {
    others: OTHERS,
    passes: {
        "a taint": poolWith(),
        "a stronger taint": poolWith({ taints: [{ key: "nvidia.com/gpu", effect: "NoExecute" }] }),
        "a pool without GPUs": poolWith({ taints: undefined, instanceTypes: ["ecs.c7.xlarge"] }),
        "a type that only ends so": poolWith({ taints: undefined, instanceTypes: ["x.ecs.gn7"] }),
    },
    fails: {
        "no taint": [
            poolWith({ taints: undefined }),
            ['taints has no nvidia.com/gpu; add it with the effect "NoSchedule".'],
        ],
        "another taint": [
            poolWith({ taints: [{ key: "other", effect: "NoSchedule" }] }),
            ['taints has no nvidia.com/gpu; add it with the effect "NoSchedule".'],
        ],
        "one that only discourages": [
            poolWith({
                instanceTypes: ["ecs.c7.xlarge", "ecs.vgn6i-m4.xlarge"],
                taints: [{ key: "nvidia.com/gpu", effect: "PreferNoSchedule" }],
            }),
            [
                'taints has nvidia.com/gpu with the effect "PreferNoSchedule"; add it with the effect "NoSchedule".',
            ],
        ],
    },
    unknown: { "a taint": poolWith({ taints: UNKNOWN }) },
});

const rule = (changes: Record<string, unknown> = {}): Candidate =>
    of("ecs/securityGroupRule:SecurityGroupRule", {
        type: "ingress",
        ipProtocol: "tcp",
        portRange: "22/22",
        cidrIp: "0.0.0.0/0",
        ...changes,
    });
const open = (ports: string, range = '"22/22"', source = "0.0.0.0/0", those = "it"): string =>
    `everybody ("${source}") may reach ${ports} by portRange ${range}; set cidrIp to the addresses of those who need ${those}.`;

describeRule(securityGroup, {
    others: OTHERS,
    passes: {
        "some who may come": rule({ cidrIp: "10.0.0.0/8" }),
        "a way out": rule({ type: "egress" }),
        "a rule that keeps off": rule({ policy: "drop" }),
        "a port for everybody": rule({ portRange: "443/443" }),
        "a port below": rule({ portRange: "1/21" }),
        "ports between": rule({ portRange: "23/3388" }),
        "another protocol": rule({ ipProtocol: "udp" }),
        "a range that is no range": rule({ portRange: "22" }),
        "a range that is no text": rule({ portRange: 22 }),
        "other ports than the configuration's": [rule(), { ports: [23] }],
    },
    fails: {
        "everybody at a port": [rule(), [open("22")]],
        "everybody by a rule that accepts": [rule({ policy: "accept" }), [open("22")]],
        "everybody of IPv6": [
            rule({ cidrIp: undefined, ipv6CidrIp: "::/0" }),
            [open("22", undefined, "::/0")],
        ],
        "everybody from a port on": [
            rule({ portRange: "3389/7860" }),
            [open("3389, 7860", '"3389/7860"', undefined, "them")],
        ],
        "everybody at all ports": [
            rule({ ipProtocol: "all", portRange: "-1/-1" }),
            [open("22, 3389, 7860", '"-1/-1"', undefined, "them")],
        ],
        "everybody where no range is given": [
            rule({ portRange: undefined }),
            [open("22, 3389, 7860", "unset", undefined, "them")],
        ],
        "everybody at the configuration's port": [
            rule({ portRange: "23/23" }),
            [open("23", '"23/23"')],
            { ports: [22, 23] },
        ],
    },
    unknown: { "a range": rule({ cidrIp: UNKNOWN }) },
});
