import type { ResourceValidationPolicy } from "@pulumi/policy";
import { podSpec, revisionRule } from "./knative-service";
import { LIMITS } from "./limits";
import { show } from "./props";

/** `knative-timeout`: a request may take long enough, and not for ever. */
export const timeout: ResourceValidationPolicy = revisionRule<{
    minSeconds: number;
    maxSeconds: number;
}>(
    {
        name: "knative-timeout",
        displayName: "Knative Service gives a request the time of a cold start",
        description:
            "timeoutSeconds is given and covers waiting, a cold start and the work together; it is also how long a pod that ignores SIGTERM holds its GPU. The response's start and idle timeouts, where they are set, do not end a request earlier: a diffusion model says nothing until its image is done.",
        enforcementLevel: "mandatory",
        severity: "high",
        tags: ["knative", "reliability", "cost"],
        remediationSteps:
            "Set spec.template.spec.timeoutSeconds to a number such as 300, and take responseStartTimeoutSeconds and idleTimeoutSeconds away.",
        parameters: {
            minSeconds: {
                type: "integer",
                minimum: 1,
                maximum: LIMITS.timeoutSeconds.max,
                default: LIMITS.timeoutSeconds.min,
                description: "Fewest seconds: a slow cold start (99th percentile) and one request.",
            },
            maxSeconds: {
                type: "integer",
                minimum: 1,
                maximum: 86_400,
                default: LIMITS.timeoutSeconds.max,
                description:
                    "Most seconds; more than 600 needs max-revision-timeout-seconds in config-defaults.",
            },
        },
    },
    (service, { config: { minSeconds, maxSeconds }, report }) => {
        const { timeoutSeconds, responseStartTimeoutSeconds, idleTimeoutSeconds } =
            podSpec(service);
        if (
            !isWhole(timeoutSeconds) ||
            timeoutSeconds < minSeconds ||
            timeoutSeconds > maxSeconds
        ) {
            // Knative takes 0 as unset.
            const meaning =
                timeoutSeconds === undefined || timeoutSeconds === 0
                    ? " (the cluster's default)"
                    : "";
            report(
                `spec.template.spec.timeoutSeconds is ${show(timeoutSeconds)}${meaning}; set it to a whole number from ${minSeconds} to ${maxSeconds}.`,
            );
            return;
        }
        for (const [key, value] of Object.entries({
            responseStartTimeoutSeconds,
            idleTimeoutSeconds,
        })) {
            if (value !== undefined && value !== 0 && (!isWhole(value) || value < timeoutSeconds)) {
                report(
                    `spec.template.spec.${key} is ${show(value)}, less than timeoutSeconds (${timeoutSeconds}); take it away.`,
                );
            }
        }
    },
);

function isWhole(value: unknown): value is number {
    return typeof value === "number" && Number.isInteger(value);
}
