import type { ResourceValidationPolicy } from "@pulumi/policy";
import { metadataOf, revisionRule } from "./knative-service";
import { type Props, propsOf, show } from "./props";
import { type Parameter, resourceRule } from "./rule";

const keys: Parameter = {
    type: "array",
    items: { type: "string", minLength: 1 },
    uniqueItems: true,
    default: ["owner", "env", "cost-center"],
    description: "The names that are wanted.",
};

/** `knative-required-labels`: it is known whose a Service is. */
export const requiredLabels: ResourceValidationPolicy = revisionRule<{ keys: string[] }>(
    {
        name: "knative-required-labels",
        displayName: "Knative Service says whose it is",
        description: "A Knative Service has the labels by which its owner and its cost are found.",
        enforcementLevel: "advisory",
        severity: "low",
        tags: ["knative", "style"],
        remediationSteps: "Set the missing labels in metadata.labels.",
        parameters: { keys },
    },
    (service, { config, report }) => {
        reportMissing("metadata.labels", metadataOf(service)["labels"], config.keys, report);
    },
);

/** Types whose tags show on Alibaba Cloud's bill, among those that such a stack has. */
const TAGGED = [
    "alicloud:cs/managedKubernetes:ManagedKubernetes",
    "alicloud:cs/nodePool:NodePool",
    "alicloud:ecs/eipAddress:EipAddress",
    "alicloud:log/project:Project",
    "alicloud:nas/fileSystem:FileSystem",
    "alicloud:oss/bucket:Bucket",
    "alicloud:vpc/natGateway:NatGateway",
    "alicloud:vpc/network:Network",
    "alicloud:vpc/switch:Switch",
];

/** `alicloud-required-tags`: it is known whose a resource is. */
export const requiredTags: ResourceValidationPolicy = resourceRule<{ keys: string[] }>(
    {
        name: "alicloud-required-tags",
        displayName: "Alibaba Cloud resource says whose it is",
        description:
            "A resource that shows on the bill has the tags by which its owner and its cost are found.",
        enforcementLevel: "advisory",
        severity: "low",
        tags: ["alicloud", "cost", "style"],
        remediationSteps: "Set the missing tags in tags.",
        parameters: { keys },
    },
    TAGGED,
    (props, { config, report }) => {
        reportMissing("tags", props["tags"], config.keys, report);
    },
);

function reportMissing(
    path: string,
    found: unknown,
    wanted: readonly string[],
    report: (message: string) => void,
): void {
    const given: Props = propsOf(found);
    const missing = wanted.filter((key) => given[key] === undefined || given[key] === "");
    if (missing.length > 0) {
        report(
            `${path} has ${show(Object.keys(given))} and not ${missing.join(", ")}; set ${missing.length === 1 ? "it" : "them"}.`,
        );
    }
}
