import type { ResourceValidationPolicy } from "@pulumi/policy";
import { ANNOTATIONS } from "./annotations";
import {
    KNATIVE_CONFIGURATION,
    KNATIVE_SERVICE,
    revisionRule,
    templateAnnotations,
} from "./knative-service";
import type { Props } from "./props";

/**
 * `knative-annotation-spelling`: one spelling for each annotation. The only rule with a remediation, since here alone
 * the right value is beyond doubt; it is off unless the configuration sets the level to `remediate`.
 */
export const annotationSpelling: ResourceValidationPolicy = {
    ...revisionRule(
        {
            name: "knative-annotation-spelling",
            displayName: "Knative Service spells annotations as Knative prefers",
            description:
                "Annotations are spelt in kebab-case. Knative still reads the legacy camelCase, after the other.",
            enforcementLevel: "advisory",
            severity: "low",
            tags: ["knative", "style"],
            remediationSteps:
                "Rename the annotation as the message says, or set the rule's enforcement level to remediate, which does it.",
        },
        (service, { report }) => {
            const annotations = templateAnnotations(service);
            for (const [preferred, legacy] of LEGACY) {
                if (annotations[legacy] !== undefined) {
                    report(
                        `the annotation ${legacy} is in the legacy spelling; ${annotations[preferred] === undefined ? `rename it to ${preferred}` : `take it away, since ${preferred} is there`}.`,
                    );
                }
            }
        },
    ),
    remediateResource: ({ type, props }) => {
        if (type !== KNATIVE_SERVICE && type !== KNATIVE_CONFIGURATION) {
            return undefined;
        }
        const annotations = templateAnnotations(props as Props) as Record<string, unknown>;
        let isChanged = false;
        for (const [preferred, legacy] of LEGACY) {
            const value = annotations[legacy];
            if (value === undefined) {
                continue;
            }
            // Two values are a contradiction, which its author has to resolve.
            if (annotations[preferred] === undefined || annotations[preferred] === value) {
                annotations[preferred] = value;
                Reflect.deleteProperty(annotations, legacy);
                isChanged = true;
            }
        }
        return isChanged ? props : undefined;
    },
};

/** The annotations that have a legacy spelling. */
const LEGACY = Object.values(ANNOTATIONS).filter((spellings) => spellings.length === 2);
