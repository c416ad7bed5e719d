import type { ResourceValidationPolicy } from "@pulumi/policy";
import { revisionRule, templateAnnotations } from "./knative-service";
import { show } from "./props";

/** Annotations of pods on elastic container instances (help page "Create an ECI pod"). */
const SPECS = "k8s.aliyun.com/eci-use-specs";
const SPOT_STRATEGY = "k8s.aliyun.com/eci-spot-strategy";
const SPOT_PRICE_LIMIT = "k8s.aliyun.com/eci-spot-price-limit";
const SPOT_FALLBACK = "k8s.aliyun.com/eci-spot-fallback";

/** Instance types that a pod can name at most. */
const MAX_SPECS = 5;

/** `knative-elastic-instances`: GPU instances with an alternative. */
export const elasticInstances: ResourceValidationPolicy = revisionRule<{
    families: string[];
    minAlternatives: number;
}>(
    {
        name: "knative-elastic-instances",
        displayName: "Knative Service names several GPU types of elastic container instances",
        description: `Pods on elastic container instances (${SPECS}) name GPU types of known families, and more than one, since any may be sold out; at most ${MAX_SPECS} are read.`,
        enforcementLevel: "mandatory",
        severity: "medium",
        tags: ["ack", "eci", "gpu", "reliability"],
        remediationSteps: `Set the annotation ${SPECS} of spec.template to a list such as "ecs.gn6i-c8g1.2xlarge,ecs.gn7i-c8g1.2xlarge".`,
        parameters: {
            families: {
                type: "array",
                items: { type: "string", pattern: "^[a-z0-9-]+$" },
                minItems: 1,
                uniqueItems: true,
                default: [
                    "gn5",
                    "gn5i",
                    "gn6e",
                    "gn6i",
                    "gn6v",
                    "gn7",
                    "gn7e",
                    "gn7i",
                    "gn7s",
                    "gn8is",
                ],
                description: "Instance families that may be used.",
            },
            minAlternatives: {
                type: "integer",
                minimum: 1,
                maximum: MAX_SPECS,
                default: 2,
                description: "Fewest types to name.",
            },
        },
    },
    (service, { config: { families, minAlternatives }, report }) => {
        const specs = templateAnnotations(service)[SPECS];
        if (specs === undefined) {
            return;
        }
        const types = typeof specs === "string" ? specs.split(",").map((each) => each.trim()) : [];
        if (types.length < minAlternatives || types.length > MAX_SPECS) {
            report(
                `the annotation ${SPECS} is ${show(specs)}; set it to a string of ${minAlternatives} to ${MAX_SPECS} types, separated by commas.`,
            );
        }
        for (const type of types) {
            const family = /^ecs\.([a-z0-9]+)-[a-z0-9]+\.[a-z0-9]+$/.exec(type)?.[1];
            if (family === undefined || !families.includes(family)) {
                report(
                    `the annotation ${SPECS} names ${show(type)}; name types of the families ${families.join(", ")}, such as ecs.${families[0] ?? ""}-….`,
                );
            }
        }
    },
);

const STRATEGIES = ["NoSpot", "SpotAsPriceGo", "SpotWithPriceLimit"];

/** `knative-elastic-instances-spot`: spot instances with a way out. */
export const elasticInstancesSpot: ResourceValidationPolicy = revisionRule<{ spot: boolean }>(
    {
        name: "knative-elastic-instances-spot",
        displayName: "Knative Service falls back from spot instances",
        description:
            "Pods on elastic container instances that are bought on the spot market fall back to the fixed price where there are none, and a price limit is given exactly where the strategy has one. Where spot instances are not allowed, since all pods can be taken back at once, the strategy is NoSpot.",
        enforcementLevel: "mandatory",
        severity: "medium",
        tags: ["ack", "eci", "cost", "reliability"],
        remediationSteps: `Set the annotation ${SPOT_FALLBACK} of spec.template to "true", and ${SPOT_PRICE_LIMIT} only with SpotWithPriceLimit.`,
        parameters: {
            spot: {
                type: "boolean",
                default: true,
                description: "Whether spot instances may be used.",
            },
        },
    },
    (service, { config: { spot }, report }) => {
        const annotations = templateAnnotations(service);
        const strategy = annotations[SPOT_STRATEGY];
        const limit = annotations[SPOT_PRICE_LIMIT];
        const fallback = annotations[SPOT_FALLBACK];
        const allowed = spot ? STRATEGIES : ["NoSpot"];
        const chosen = strategy ?? "NoSpot";
        if (typeof chosen !== "string" || !allowed.includes(chosen)) {
            report(
                `the annotation ${SPOT_STRATEGY} is ${show(strategy)}; set it to ${allowed.map((each) => `"${each}"`).join(" or ")}.`,
            );
            return;
        }
        const isLimited = chosen === "SpotWithPriceLimit";
        if (
            isLimited &&
            !(typeof limit === "string" && /^[0-9]+(\.[0-9]+)?$/.test(limit) && Number(limit) > 0)
        ) {
            report(
                `the annotation ${SPOT_PRICE_LIMIT} is ${show(limit)}; set it to a string such as "1.5", the highest price of an hour, since the strategy is SpotWithPriceLimit.`,
            );
        }
        if (!isLimited && limit !== undefined) {
            report(
                `the annotation ${SPOT_PRICE_LIMIT} is ${show(limit)} without effect, since the strategy is ${chosen}; take it away.`,
            );
        }
        if (chosen !== "NoSpot" && fallback !== "true") {
            report(
                `the annotation ${SPOT_FALLBACK} is ${show(fallback)}; set it to "true", since the strategy is ${chosen}.`,
            );
        }
    },
);
