import type { ResourceValidationPolicy } from "@pulumi/policy";
import { show } from "./props";
import { resourceRule } from "./rule";

const MANAGED_KUBERNETES = "alicloud:cs/managedKubernetes:ManagedKubernetes";

/** Types whose deletion takes with it what cannot be made again. */
const PRECIOUS = [
    MANAGED_KUBERNETES,
    "alicloud:nas/fileSystem:FileSystem",
    "alicloud:oss/bucket:Bucket",
];

/** `alicloud-deletion-protection`: what holds a service and its data is not deleted by a slip. */
export const deletionProtection: ResourceValidationPolicy = resourceRule(
    {
        name: "alicloud-deletion-protection",
        displayName: "Cluster and storage are protected from deletion",
        description:
            "An ACK cluster has deletionProtection, and it, file systems and buckets are protected in Pulumi as well.",
        enforcementLevel: "mandatory",
        severity: "critical",
        tags: ["alicloud", "ack", "reliability"],
        remediationSteps:
            "Set deletionProtection of the cluster, and the resource option protect, to true. In an environment that comes and goes, disable the rule.",
    },
    PRECIOUS,
    (props, { args, report }) => {
        if (args.type === MANAGED_KUBERNETES && props["deletionProtection"] !== true) {
            report(`deletionProtection is ${show(props["deletionProtection"])}; set it to true.`);
        }
        if (!args.opts.protect) {
            report("the resource option protect is false; set it to true.");
        }
    },
);
