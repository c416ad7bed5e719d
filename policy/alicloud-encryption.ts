import type { ResourceValidationPolicy } from "@pulumi/policy";
import { listOf, type Props, propsOf, show } from "./props";
import { resourceRule } from "./rule";

/** What is wrong with the encryption of a resource, one line each. */
type Check = (props: Props) => readonly string[];

const isTrue =
    (key: string): Check =>
    (props) =>
        isOn(props[key]) ? [] : [`${key} is ${show(props[key])}; set it to true.`];

const disks =
    (listKey: string): Check =>
    (props) =>
        listOf(props[listKey]).flatMap((disk, place) => {
            const { encrypted } = propsOf(disk);
            return isOn(encrypted)
                ? []
                : [`${listKey}[${place}].encrypted is ${show(encrypted)}; set it to true.`];
        });

/** The provider takes some of these as booleans and some as texts. */
function isOn(value: unknown): boolean {
    return value === true || value === "true";
}

/** Keys as the provider spells them; each list is judged in its order. */
const CHECKS: Readonly<Record<string, readonly Check[]>> = {
    "alicloud:cs/managedKubernetes:ManagedKubernetes": [
        ({ encryptionProviderKey: key }) =>
            typeof key === "string" && key !== ""
                ? []
                : [
                      `encryptionProviderKey is ${show(key)}; set it to the id of a KMS key, with which the cluster's Secrets are encrypted.`,
                  ],
    ],
    "alicloud:cs/nodePool:NodePool": [isTrue("systemDiskEncrypted"), disks("dataDisks")],
    "alicloud:ecs/ecsDisk:EcsDisk": [isTrue("encrypted")],
    "alicloud:ecs/disk:Disk": [isTrue("encrypted")],
    "alicloud:ecs/ecsLaunchTemplate:EcsLaunchTemplate": [
        ({ systemDisk }) =>
            isTrue("encrypted")(propsOf(systemDisk)).map((each) => `systemDisk.${each}`),
        disks("dataDisks"),
    ],
    "alicloud:nas/fileSystem:FileSystem": [
        ({ encryptType: type }) =>
            type === 1 || type === 2
                ? []
                : [
                      `encryptType is ${show(type)}; set it to 1 (a key of NAS) or 2 (a key of KMS) when the file system is made.`,
                  ],
    ],
    "alicloud:oss/bucket:Bucket": [
        ({ serverSideEncryptionRule: rule }) => {
            const algorithm = propsOf(rule)["sseAlgorithm"];
            return algorithm === "AES256" || algorithm === "KMS"
                ? []
                : [
                      `serverSideEncryptionRule.sseAlgorithm is ${show(algorithm)}; set it to "AES256" or "KMS".`,
                  ];
        },
    ],
};

/** `alicloud-encryption`: what is written is encrypted. */
export const encryption: ResourceValidationPolicy = resourceRule(
    {
        name: "alicloud-encryption",
        displayName: "Disks, storage and the cluster's Secrets are encrypted",
        description:
            "Disks of nodes and launch templates, file systems and buckets are encrypted, and an ACK cluster encrypts its Secrets with a key of KMS.",
        enforcementLevel: "advisory",
        severity: "medium",
        tags: ["alicloud", "ack", "security"],
        remediationSteps:
            "Set what the message names. For most it counts only when the resource is made.",
    },
    Object.keys(CHECKS),
    (props, { args, report }) => {
        for (const message of (CHECKS[args.type] ?? []).flatMap((check) => check(props))) {
            report(message);
        }
    },
);
