import type { ResourceValidationPolicy } from "@pulumi/policy";
import { revisionRule, servingContainers } from "./knative-service";
import { propsOf, show } from "./props";
import { parseQuantity } from "./quantity";

/** `knative-guaranteed-resources`: a pod has what it asks for. */
export const guaranteedResources: ResourceValidationPolicy = revisionRule(
    {
        name: "knative-guaranteed-resources",
        displayName: "Knative Service is guaranteed its CPU and memory",
        description:
            "Each container that serves requests as much CPU and memory as it is limited to. A pod that borrows memory is the first to be killed, with the image that it draws.",
        enforcementLevel: "mandatory",
        severity: "medium",
        tags: ["knative", "reliability"],
        remediationSteps:
            "Set resources.requests and resources.limits of cpu and memory to the same quantities.",
    },
    (service, { report }) => {
        for (const { path, props } of servingContainers(service)) {
            const resources = propsOf(props["resources"]);
            for (const resource of ["cpu", "memory"]) {
                const limit = propsOf(resources["limits"])[resource];
                const request = propsOf(resources["requests"])[resource];
                const quantity = parseQuantity(limit);
                if (quantity === undefined || quantity === 0n) {
                    report(
                        `${path}.resources.limits.${resource} is ${show(limit)}; set it to a quantity such as ${resource === "cpu" ? '"3"' : '"12Gi"'}.`,
                    );
                } else if (parseQuantity(request) !== quantity) {
                    report(
                        `${path}.resources.requests.${resource} is ${show(request)}; set it to ${show(limit)}, as its limit.`,
                    );
                }
            }
        }
    },
);
