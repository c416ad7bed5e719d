import type { ResourceValidationPolicy } from "@pulumi/policy";
import { show, templateAnnotation, validateKnativeService } from "./knative-service";
import { LIMITS } from "./limits";

const MAX_SCALE = [
    "autoscaling.knative.dev/max-scale",
    "autoscaling.knative.dev/maxScale",
] as const;

/** `knative-container-concurrency`: every Knative Service limits the requests one pod serves at a time. */
export const containerConcurrency: ResourceValidationPolicy = {
    name: "knative-container-concurrency",
    displayName: "Knative Service limits concurrent requests per pod",
    description:
        "A Knative Service limits the requests one pod serves at a time. Unset and 0 mean unlimited.",
    enforcementLevel: "mandatory",
    severity: "high",
    tags: ["knative", "gpu", "reliability"],
    remediationSteps: `Set spec.template.spec.containerConcurrency to ${LIMITS.containerConcurrency.max}.`,
    configSchema: {
        properties: {
            max: {
                type: "integer",
                minimum: 1,
                default: LIMITS.containerConcurrency.max,
                description: "Most requests one pod may serve at a time.",
            },
        },
    },
    validateResource: validateKnativeService((service, args, report) => {
        const { max } = args.getConfig<{ max: number }>();
        const { min } = LIMITS.containerConcurrency;
        const value = service.spec?.template?.spec?.containerConcurrency;
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
    }),
};

/** `knative-max-scale`: every Knative Service bounds its number of pods. */
export const maxScale: ResourceValidationPolicy = {
    name: "knative-max-scale",
    displayName: "Knative Service bounds its pods",
    description:
        "A Knative Service bounds the pods it may start, each of which holds a GPU. Unset and 0 mean unlimited.",
    enforcementLevel: "mandatory",
    severity: "critical",
    tags: ["knative", "gpu", "cost"],
    remediationSteps: `Set the annotation ${MAX_SCALE[0]} of spec.template to a string such as "2".`,
    configSchema: {
        properties: {
            max: {
                type: "integer",
                minimum: 1,
                default: LIMITS.maxScale.max,
                description: "Most pods one Knative Service may start.",
            },
        },
    },
    validateResource: validateKnativeService((service, args, report) => {
        const { max } = args.getConfig<{ max: number }>();
        const { min } = LIMITS.maxScale;
        const annotation = templateAnnotation(service, MAX_SCALE);
        if (annotation.state === "contradictory") {
            report(annotation.message);
            return;
        }
        const value = annotation.state === "set" ? annotation.value : undefined;
        // Knative parses with strconv.ParseInt: digits with an optional sign, nothing else.
        const pods =
            typeof value === "string" && /^[+-]?[0-9]+$/.test(value) ? Number(value) : Number.NaN;
        if (!(pods >= min && pods <= max)) {
            const meaning = value === undefined || pods === 0 ? " (unlimited)" : "";
            const key = annotation.state === "set" ? annotation.key : MAX_SCALE[0];
            report(
                `the annotation ${key} is ${show(value)}${meaning}; set ${MAX_SCALE[0]} to a string from "${min}" to "${max}".`,
            );
        }
    }),
};
