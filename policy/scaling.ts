import type { ResourceValidationPolicy } from "@pulumi/policy";
import { ANNOTATIONS, annotationValue, judgeAnnotation, keysOf } from "./annotations";
import { parseInt32 } from "./go-values";
import { podSpec, revisionRule, templateAnnotations } from "./knative-service";
import { LIMITS } from "./limits";
import { type Props, show } from "./props";

/** `knative-container-concurrency`: every Knative Service limits the requests one pod serves at a time. */
export const containerConcurrency: ResourceValidationPolicy = revisionRule<{ max: number }>(
    {
        name: "knative-container-concurrency",
        displayName: "Knative Service limits concurrent requests per pod",
        description:
            "A Knative Service limits the requests one pod serves at a time. Unset and 0 mean unlimited.",
        enforcementLevel: "mandatory",
        severity: "high",
        tags: ["knative", "gpu", "reliability"],
        remediationSteps: `Set spec.template.spec.containerConcurrency to ${LIMITS.containerConcurrency.max}.`,
        parameters: {
            max: {
                type: "integer",
                minimum: 1,
                maximum: 1000,
                default: LIMITS.containerConcurrency.max,
                description: "Most requests one pod may serve at a time.",
            },
        },
    },
    (service, { config: { max }, report }) => {
        const { min } = LIMITS.containerConcurrency;
        const value = podSpec(service)["containerConcurrency"];
        if (!(
            typeof value === "number" &&
            Number.isInteger(value) &&
            value >= min &&
            value <= max
        )) {
            const meaning = value === undefined || value === 0 ? " (unlimited)" : "";
            report(
                `spec.template.spec.containerConcurrency is ${show(value)}${meaning}; set it to a whole number from ${min} to ${max}.`,
            );
        }
    },
);

/** `knative-max-scale`: every Knative Service bounds its number of pods. */
export const maxScale: ResourceValidationPolicy = revisionRule<{ max: number }>(
    {
        name: "knative-max-scale",
        displayName: "Knative Service bounds its pods",
        description:
            "A Knative Service bounds the pods it may start, each of which holds a GPU. Unset and 0 mean unlimited.",
        enforcementLevel: "mandatory",
        severity: "critical",
        tags: ["knative", "gpu", "cost"],
        remediationSteps: `Set the annotation ${ANNOTATIONS.maxScale[0]} of spec.template to a string such as "2".`,
        parameters: {
            max: {
                type: "integer",
                minimum: 1,
                maximum: 1000,
                default: LIMITS.maxScale.max,
                description: "Most pods one Knative Service may start.",
            },
        },
    },
    (service, { config: { max }, report }) => {
        const { min } = LIMITS.maxScale;
        judgeAnnotation(
            service,
            {
                spellings: ANNOTATIONS.maxScale,
                parse: parseInt32,
                accept: (pods) => pods >= min && pods <= max,
                allowed: `a string from "${min}" to "${max}"`,
                unlimited: 0,
            },
            report,
        );
    },
);

/** `knative-min-scale`: no more pods always run than may, and than the environment allows. */
export const minScale: ResourceValidationPolicy = revisionRule<{ max: number }>(
    {
        name: "knative-min-scale",
        displayName: "Knative Service bounds the pods that always run",
        description:
            "Pods that always run hold their GPUs day and night: there are no more of them than max-scale and than the environment allows.",
        enforcementLevel: "mandatory",
        severity: "high",
        tags: ["knative", "gpu", "cost"],
        remediationSteps: `Set the annotation ${ANNOTATIONS.minScale[0]} of spec.template to a string such as "0", or take it away.`,
        parameters: {
            max: {
                type: "integer",
                minimum: 0,
                maximum: 1000,
                default: LIMITS.maxScale.max,
                description: "Most pods of one Knative Service that may always run.",
            },
        },
    },
    (service, { config: { max }, report }) => {
        const most = mostPods(service, max);
        judgeAnnotation(
            service,
            {
                spellings: ANNOTATIONS.minScale,
                parse: parseInt32,
                accept: (pods) => pods >= 0 && pods <= most,
                allowed: `a string from "0" to "${most}"`,
                unset: 0,
            },
            report,
        );
    },
);

/** `knative-warm-pods`: where an answer is always wanted at once, pods always run. */
export const warmPods: ResourceValidationPolicy = revisionRule<{ min: number }>(
    {
        name: "knative-warm-pods",
        displayName: "Knative Service keeps pods for the first request",
        description:
            "A Service whose users must not wait for a cold start keeps pods that always run. It costs their GPUs.",
        enforcementLevel: "advisory",
        severity: "low",
        tags: ["knative", "reliability"],
        remediationSteps: `Set the annotation ${ANNOTATIONS.minScale[0]} of spec.template to "1".`,
        parameters: {
            min: {
                type: "integer",
                minimum: 0,
                maximum: 1000,
                default: 0,
                description: "Fewest pods of one Knative Service that should always run.",
            },
        },
    },
    (service, { config: { min }, report }) => {
        judgeAnnotation(
            service,
            {
                spellings: ANNOTATIONS.minScale,
                parse: parseInt32,
                accept: (pods) => pods >= min,
                allowed: `a string of at least "${min}"`,
                unset: 0,
            },
            report,
        );
    },
);

/** `knative-activation-scale`: the pods of a start from zero are within the other bounds. */
export const activationScale: ResourceValidationPolicy = revisionRule(
    {
        name: "knative-activation-scale",
        displayName: "Knative Service starts from zero within its bounds",
        description:
            "The pods that Knative starts from zero at once are at least 2 and lie between min-scale and max-scale.",
        enforcementLevel: "mandatory",
        severity: "medium",
        tags: ["knative", "gpu", "cost"],
        remediationSteps: `Take the annotation ${ANNOTATIONS.activationScale[0]} of spec.template away: one pod is started.`,
    },
    (service, { report }) => {
        if (keysOf(templateAnnotations(service), ANNOTATIONS.activationScale).length === 0) {
            return;
        }
        const least = Math.max(2, annotationValue(service, ANNOTATIONS.minScale, parseInt32) ?? 0);
        const most = mostPods(service, Number.POSITIVE_INFINITY);
        judgeAnnotation(
            service,
            {
                spellings: ANNOTATIONS.activationScale,
                parse: parseInt32,
                accept: (pods) => pods >= least && pods <= most,
                allowed: allowedPods(least, most),
            },
            report,
        );
    },
);

/** `knative-initial-scale`: a new revision starts no more pods than may run. */
export const initialScale: ResourceValidationPolicy = revisionRule<{ allowZero: boolean }>(
    {
        name: "knative-initial-scale",
        displayName: "Knative Service starts new revisions within its bounds",
        description:
            "The pods that a new revision starts, beside those of the old one, are no more than max-scale. 0 needs allow-zero-initial-scale in config-autoscaler.",
        enforcementLevel: "mandatory",
        severity: "medium",
        tags: ["knative", "gpu", "cost"],
        remediationSteps: `Take the annotation ${ANNOTATIONS.initialScale[0]} of spec.template away: one pod is started.`,
        parameters: {
            allowZero: {
                type: "boolean",
                default: false,
                description: "Whether the cluster allows a new revision to start none.",
            },
        },
    },
    (service, { config: { allowZero }, report }) => {
        const least = allowZero ? 0 : 1;
        const most = mostPods(service, Number.POSITIVE_INFINITY);
        judgeAnnotation(
            service,
            {
                spellings: ANNOTATIONS.initialScale,
                parse: parseInt32,
                accept: (pods) => pods >= least && pods <= most,
                allowed: allowedPods(least, most),
                unset: 1,
            },
            report,
        );
    },
);

/** Most pods that the Service may start, if it says so, and `otherwise` at most. */
function mostPods(service: Props, otherwise: number): number {
    const most = annotationValue(service, ANNOTATIONS.maxScale, parseInt32) ?? 0;
    return most >= 1 ? Math.min(most, otherwise) : otherwise;
}

/** What to set an annotation to that counts pods; `most` is infinite where max-scale does not bound it. */
function allowedPods(least: number, most: number): string {
    if (most === Number.POSITIVE_INFINITY) {
        return `a string of at least "${least}"`;
    }
    return least <= most
        ? `a string from "${least}" to "${most}"`
        : `nothing: with max-scale ${most} there is no room for it, take it away`;
}
