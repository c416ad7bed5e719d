import { elasticInstances, elasticInstancesSpot } from "../elastic-instances";
import { serviceWith } from "./support/candidates";
import { describeRule } from "./support/cases";
import { type Candidate, UNKNOWN } from "./support/verdict";

const SPECS = "k8s.aliyun.com/eci-use-specs";
const STRATEGY = "k8s.aliyun.com/eci-spot-strategy";
const LIMIT = "k8s.aliyun.com/eci-spot-price-limit";
const FALLBACK = "k8s.aliyun.com/eci-spot-fallback";
const on = (specs: unknown): Candidate => serviceWith({ annotations: { [SPECS]: specs } });
const RECIPE = "ecs.gn5-c4g1.xlarge,ecs.gn5i-c8g1.2xlarge,ecs.gn5-c8g1.2xlarge";
const TYPE = "ecs.gn6i-c8g1.2xlarge";
const count = (shown: string, least = 2): string =>
    `the annotation ${SPECS} is ${shown}; set it to a string of ${least} to 5 types, separated by commas.`;
const family = (type: string, families: string, first: string): string =>
    `the annotation ${SPECS} names ${type}; name types of the families ${families}, such as ecs.${first}-….`;
const FAMILIES = "gn5, gn5i, gn6e, gn6i, gn6v, gn7, gn7e, gn7i, gn7s, gn8is";

describeRule(elasticInstances, {
    passes: {
        "pods on nodes": serviceWith(),
        "the recipe's types": on(RECIPE),
        "the fewest and a blank between": on(`${TYPE}, ecs.gn7i-c8g1.2xlarge`),
        "the most": on(Array(5).fill(TYPE).join(",")),
        "one where the configuration takes one": [on(TYPE), { minAlternatives: 1 }],
    },
    fails: {
        "one type": [on(TYPE), [count(`"${TYPE}"`)]],
        "six types": [
            on(Array(6).fill(TYPE).join(",")),
            [count(`"${Array(6).fill(TYPE).join(",")}"`)],
        ],
        "fewer than the configuration demands": [
            on(`${TYPE},${TYPE}`),
            [count(`"${TYPE},${TYPE}"`, 3)],
            { minAlternatives: 3 },
        ],
        "a list": [on([TYPE, TYPE]), [count(`["${TYPE}","${TYPE}"]`)]],
        "vCPUs and memory, which mean no GPU": [
            on(`2-4Gi,${TYPE}`),
            [family('"2-4Gi"', FAMILIES, "gn5")],
        ],
        "a family that is not allowed": [
            on(`${TYPE},ecs.gn7i-c8g1.2xlarge`),
            [family('"ecs.gn7i-c8g1.2xlarge"', "gn6i", "gn6i")],
            { families: ["gn6i"] },
        ],
        "something before and after the name": [
            on(`x${TYPE},${TYPE}.x`),
            [family(`"x${TYPE}"`, FAMILIES, "gn5"), family(`"${TYPE}.x"`, FAMILIES, "gn5")],
        ],
    },
    unknown: { "an annotation": on(UNKNOWN) },
});

const spot = (strategy: unknown, fallback?: unknown, limit?: unknown): Candidate =>
    serviceWith({ annotations: { [STRATEGY]: strategy, [FALLBACK]: fallback, [LIMIT]: limit } });
const noFallback = (shown: string, strategy: string): string =>
    `the annotation ${FALLBACK} is ${shown}; set it to "true", since the strategy is ${strategy}.`;
const badLimit = (shown: string): string =>
    `the annotation ${LIMIT} is ${shown}; set it to a string such as "1.5", the highest price of an hour, since the strategy is SpotWithPriceLimit.`;

describeRule(elasticInstancesSpot, {
    passes: {
        "the fixed price": serviceWith(),
        "the fixed price where spot is not allowed": [spot("NoSpot"), { spot: false }],
        "an unset strategy where spot is not allowed": [serviceWith(), { spot: false }],
        "the market's price": spot("SpotAsPriceGo", "true"),
        "a price limit": spot("SpotWithPriceLimit", "true", "1.5"),
        "a whole price limit": spot("SpotWithPriceLimit", "true", "12"),
        "a price limit in hundredths": spot("SpotWithPriceLimit", "true", "1.25"),
    },
    fails: {
        "a strategy that there is not": [
            spot("Spot", "true"),
            [
                `the annotation ${STRATEGY} is "Spot"; set it to "NoSpot" or "SpotAsPriceGo" or "SpotWithPriceLimit".`,
            ],
        ],
        "a strategy that is a list": [
            spot(["NoSpot"]),
            [
                `the annotation ${STRATEGY} is ["NoSpot"]; set it to "NoSpot" or "SpotAsPriceGo" or "SpotWithPriceLimit".`,
            ],
        ],
        "spot where it is not allowed": [
            spot("SpotAsPriceGo", "true"),
            [`the annotation ${STRATEGY} is "SpotAsPriceGo"; set it to "NoSpot".`],
            { spot: false },
        ],
        "no fallback": [spot("SpotAsPriceGo"), [noFallback("unset", "SpotAsPriceGo")]],
        "a fallback that is no string": [
            spot("SpotWithPriceLimit", true, "1"),
            [noFallback("true", "SpotWithPriceLimit")],
        ],
        "no limit": [spot("SpotWithPriceLimit", "true"), [badLimit("unset")]],
        "a limit of nothing": [spot("SpotWithPriceLimit", "true", "0"), [badLimit('"0"')]],
        "a limit that is a number": [spot("SpotWithPriceLimit", "true", 1.5), [badLimit("1.5")]],
        "a limit with something before it": [
            spot("SpotWithPriceLimit", "true", "$1"),
            [badLimit('"$1"')],
        ],
        "a limit with something after it": [
            spot("SpotWithPriceLimit", "true", "1."),
            [badLimit('"1."')],
        ],
        "a limit without effect": [
            spot("SpotAsPriceGo", "true", "1"),
            [
                `the annotation ${LIMIT} is "1" without effect, since the strategy is SpotAsPriceGo; take it away.`,
            ],
        ],
        "a limit without a strategy": [
            spot(undefined, undefined, "1"),
            [
                `the annotation ${LIMIT} is "1" without effect, since the strategy is NoSpot; take it away.`,
            ],
        ],
    },
    unknown: { "a strategy": spot(UNKNOWN), "a fallback": spot("SpotAsPriceGo", UNKNOWN) },
});
