import type { ResourceValidationPolicy } from "@pulumi/policy";
import { metadataOf, revisionRule } from "./knative-service";
import { show } from "./props";

/** `knative-namespace`: a Service has a namespace that can be deleted with it. */
export const namespace: ResourceValidationPolicy = revisionRule<{ reserved: string[] }>(
    {
        name: "knative-namespace",
        displayName: "Knative Service has a namespace of its own kind",
        description:
            "A Knative Service is in none of the cluster's own namespaces, where quotas, exemptions and deletion mean something else. Unset is default.",
        enforcementLevel: "mandatory",
        severity: "medium",
        tags: ["knative", "kubernetes"],
        remediationSteps: "Set metadata.namespace to a namespace that was made for the service.",
        parameters: {
            reserved: {
                type: "array",
                items: { type: "string", pattern: "^[a-z0-9-]+[*]?$" },
                uniqueItems: true,
                default: ["default", "kube-*", "knative-*", "kourier-*", "arms-*", "istio-*"],
                description: "The cluster's own namespaces; a * at the end stands for any ending.",
            },
        },
    },
    (service, { config: { reserved }, report }) => {
        const given = metadataOf(service)["namespace"];
        const name = given ?? "default";
        const match = reserved.find((each) =>
            each.endsWith("*")
                ? typeof name === "string" && name.startsWith(each.slice(0, -1))
                : name === each,
        );
        if (match !== undefined) {
            report(
                `metadata.namespace is ${show(given)}${given === undefined ? " (default)" : ""}; set it to one that is not ${reserved.join(", ")}.`,
            );
        }
    },
);
