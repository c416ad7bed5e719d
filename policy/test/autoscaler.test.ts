import {
    annotationPlacement,
    autoscalerClass,
    metricAggregation,
    panic,
    podRetention,
    scaleDownDelay,
    stableWindow,
    target,
    targetBurstCapacity,
    targetUtilization,
} from "../autoscaler";
import { serviceWith } from "./support/candidates";
import { describeRule } from "./support/cases";
import { type Candidate, UNKNOWN } from "./support/verdict";

const knative = (key: string): string => `autoscaling.knative.dev/${key}`;
const annotated = (key: string, value: unknown): Candidate =>
    serviceWith({ annotations: { [knative(key)]: value } });
const rejected = (key: string, shown: string, allowed: string, preferred = key): string =>
    `the annotation ${knative(key)} is ${shown}; set ${knative(preferred)} to ${allowed}.`;

const WINDOW = 'a string of whole seconds from "6s" to "3600s"';

describeRule(stableWindow, {
    passes: {
        "an unset annotation": serviceWith(),
        "Knative's least": annotated("window", "6s"),
        "Knative's most, in hours": annotated("window", "1h"),
        "parts of a duration": annotated("window", "1m30.5s500ms"),
        "the configuration's bounds": [
            annotated("window", "60s"),
            { minSeconds: 60, maxSeconds: 60 },
        ],
    },
    fails: {
        "a second less": [annotated("window", "5s"), [rejected("window", '"5s"', WINDOW)]],
        "a second more": [annotated("window", "3601s"), [rejected("window", '"3601s"', WINDOW)]],
        "a part of a second": [
            annotated("window", "6500ms"),
            [rejected("window", '"6500ms"', WINDOW)],
        ],
        "a number without a unit": [
            annotated("window", "60"),
            [rejected("window", '"60"', WINDOW)],
        ],
        "a second less than the configuration's bound": [
            annotated("window", "59s"),
            [rejected("window", '"59s"', 'a string of whole seconds from "60s" to "3600s"')],
            { minSeconds: 60 },
        ],
        "an unset annotation where the default is too short": [
            serviceWith(),
            [rejected("window", "unset", 'a string of whole seconds from "61s" to "3600s"')],
            { minSeconds: 61 },
        ],
        "an unset annotation where the default is too long": [
            serviceWith(),
            [rejected("window", "unset", 'a string of whole seconds from "6s" to "59s"')],
            { maxSeconds: 59 },
        ],
    },
    unknown: { "an annotation": annotated("window", UNKNOWN) },
});

const DELAY = 'a string of whole seconds from "60s" to "600s"';
const PROD = { minSeconds: 60, maxSeconds: 600 };

describeRule(scaleDownDelay, {
    passes: {
        "an unset annotation by default": annotated("scale-down-delay", undefined),
        "none by default": annotated("scale-down-delay", "0"),
        "an hour by default": annotated("scale-down-delay", "1h"),
        "the least of the configuration": [annotated("scale-down-delay", "1m"), PROD],
        "the most of the configuration": [annotated("scale-down-delay", "10m"), PROD],
    },
    fails: {
        "an unset annotation where a delay is wanted": [
            annotated("scale-down-delay", undefined),
            [rejected("scale-down-delay", "unset", DELAY)],
            PROD,
        ],
        "a second less": [
            annotated("scale-down-delay", "59s"),
            [rejected("scale-down-delay", '"59s"', DELAY)],
            PROD,
        ],
        "a second more": [
            annotated("scale-down-delay", "10m1s"),
            [rejected("scale-down-delay", '"10m1s"', DELAY)],
            PROD,
        ],
        "the legacy spelling as well": [
            serviceWith({
                annotations: {
                    [knative("scale-down-delay")]: undefined,
                    [knative("scaleDownDelay")]: "-1s",
                },
            }),
            [
                rejected(
                    "scaleDownDelay",
                    '"-1s"',
                    'a string of whole seconds from "0s" to "3600s"',
                    "scale-down-delay",
                ),
            ],
        ],
    },
    unknown: { "an annotation": annotated("scale-down-delay", UNKNOWN) },
});

const RETENTION = "scale-to-zero-pod-retention-period";

describeRule(podRetention, {
    passes: {
        "an unset annotation": [serviceWith(), { maxSeconds: 0 }],
        "the bound": [annotated(RETENTION, "5m"), { maxSeconds: 300 }],
        "an hour by default": annotated(RETENTION, "3600s"),
    },
    fails: {
        "a second more": [
            annotated(RETENTION, "301s"),
            [rejected(RETENTION, '"301s"', 'a string of whole seconds from "0s" to "300s"')],
            { maxSeconds: 300 },
        ],
        "a negative one": [
            annotated(RETENTION, "-1s"),
            [rejected(RETENTION, '"-1s"', 'a string of whole seconds from "0s" to "3600s"')],
        ],
    },
    unknown: { "an annotation": annotated(RETENTION, UNKNOWN) },
});

describeRule(panic, {
    passes: {
        "unset annotations": serviceWith(),
        "the least window": annotated("panic-window-percentage", "1"),
        "the most window": annotated("panicWindowPercentage", "100.0"),
        "the least threshold": annotated("panic-threshold-percentage", "110"),
        "the most threshold": annotated("panicThresholdPercentage", "1e3"),
    },
    fails: {
        "less than the least window": [
            annotated("panic-window-percentage", "0.99"),
            [rejected("panic-window-percentage", '"0.99"', 'a string from "1" to "100"')],
        ],
        "more than the most window": [
            annotated("panicWindowPercentage", "100.1"),
            [
                rejected(
                    "panicWindowPercentage",
                    '"100.1"',
                    'a string from "1" to "100"',
                    "panic-window-percentage",
                ),
            ],
        ],
        "less than the least threshold, and more than the most": [
            serviceWith({
                annotations: {
                    [knative("panic-window-percentage")]: "ten",
                    [knative("panic-threshold-percentage")]: "109",
                },
            }),
            [
                rejected("panic-window-percentage", '"ten"', 'a string from "1" to "100"'),
                rejected("panic-threshold-percentage", '"109"', 'a string from "110" to "1000"'),
            ],
        ],
        "more than the most threshold": [
            annotated("panic-threshold-percentage", "1001"),
            [rejected("panic-threshold-percentage", '"1001"', 'a string from "110" to "1000"')],
        ],
    },
    unknown: {
        "a window": annotated("panic-window-percentage", UNKNOWN),
        "a threshold": annotated("panic-threshold-percentage", UNKNOWN),
    },
});

const UTILIZATION = "target-utilization-percentage";
const TARGET = 'a string from "0.01" to "1" (containerConcurrency), or take it away';

describeRule(target, {
    passes: {
        "an unset utilization": annotated(UTILIZATION, undefined),
        "the least utilization": annotated(UTILIZATION, "1"),
        "the recipe's utilization": annotated(UTILIZATION, "100"),
        "the least target": annotated("target", "0.01"),
        "a target as high as containerConcurrency": annotated("target", "1"),
        "any target where concurrency is unlimited": serviceWith({
            annotations: { [knative("target")]: "500" },
            spec: { containerConcurrency: 0 },
        }),
        "any target where concurrency is not given": serviceWith({
            annotations: { [knative("target")]: "500" },
            spec: { containerConcurrency: undefined },
        }),
        "any target where concurrency is no number": serviceWith({
            annotations: { [knative("target")]: "1.5" },
            spec: { containerConcurrency: "1" },
        }),
        "the metric concurrency": annotated("metric", "concurrency"),
    },
    fails: {
        "no utilization": [
            annotated(UTILIZATION, "0"),
            [rejected(UTILIZATION, '"0"', 'a string from "1" to "100"')],
        ],
        "more utilization than there is": [
            annotated(UTILIZATION, "101"),
            [rejected(UTILIZATION, '"101"', 'a string from "1" to "100"')],
        ],
        "a number that Go reads and nobody writes": [
            annotated(UTILIZATION, "NaN"),
            [rejected(UTILIZATION, '"NaN"', 'a string from "1" to "100"')],
        ],
        "less than the least target": [
            annotated("target", "0.009"),
            [rejected("target", '"0.009"', TARGET)],
        ],
        "a target without effect": [
            annotated("target", "1.5"),
            [rejected("target", '"1.5"', TARGET)],
        ],
        "less than the least target where concurrency is unlimited": [
            serviceWith({
                annotations: { [knative("target")]: "0" },
                spec: { containerConcurrency: 0 },
            }),
            [rejected("target", '"0"', 'a string of at least "0.01"')],
        ],
        "the metric rps": [
            annotated("metric", "rps"),
            [rejected("metric", '"rps"', '"concurrency", or take it away')],
        ],
    },
    unknown: {
        "a utilization": annotated(UTILIZATION, UNKNOWN),
        "a target": annotated("target", UNKNOWN),
        "a metric": annotated("metric", UNKNOWN),
    },
});

describeRule(targetUtilization, {
    passes: {
        "the bound": annotated(UTILIZATION, "90"),
        "an unset annotation": annotated(UTILIZATION, undefined),
        "a large fleet": serviceWith({
            annotations: { [knative(UTILIZATION)]: "100", [knative("max-scale")]: "20" },
        }),
        "a fleet of unknown size": serviceWith({
            annotations: { [knative(UTILIZATION)]: "100", [knative("max-scale")]: "0" },
        }),
        "a fleet without a size": serviceWith({
            annotations: { [knative(UTILIZATION)]: "100", [knative("max-scale")]: undefined },
        }),
        "the configuration's bound": [annotated(UTILIZATION, "100"), { max: 100 }],
        "what the configuration calls a large fleet": [
            annotated(UTILIZATION, "100"),
            { smallFleet: 2 },
        ],
    },
    fails: {
        "more in a small fleet": [
            annotated(UTILIZATION, "90.5"),
            [rejected(UTILIZATION, '"90.5"', 'a string of at most "90", since max-scale is 2')],
        ],
        "more in the largest small fleet": [
            serviceWith({
                annotations: { [knative(UTILIZATION)]: "100", [knative("max-scale")]: "19" },
            }),
            [rejected(UTILIZATION, '"100"', 'a string of at most "90", since max-scale is 19')],
        ],
        "more in the smallest fleet": [
            serviceWith({
                annotations: { [knative(UTILIZATION)]: "100", [knative("max-scale")]: "1" },
            }),
            [rejected(UTILIZATION, '"100"', 'a string of at most "90", since max-scale is 1')],
        ],
    },
    unknown: { "a utilization": annotated(UTILIZATION, UNKNOWN) },
});

const BURST = "target-burst-capacity";
const burst = (value: unknown, containerConcurrency: unknown): Candidate =>
    serviceWith({ annotations: { [knative(BURST)]: value }, spec: { containerConcurrency } });

describeRule(targetBurstCapacity, {
    passes: {
        "one queue": burst("-1", 3),
        "Knative's default with a higher concurrency": burst(undefined, 4),
        "none with a higher concurrency": burst("0", 4),
        "one queue with a higher concurrency": burst("-1.0", 4),
        "a part without a limit of concurrency": burst("0.5", 0),
        "Knative's default where concurrency is no number": burst(undefined, "1"),
        "Knative's default where concurrency is unlimited": burst("211", undefined),
    },
    fails: {
        "Knative's default": [
            burst(undefined, 1),
            [rejected(BURST, "unset", '"-1", since containerConcurrency is 1')],
        ],
        "queues in the pods": [
            burst("0", 3),
            [rejected(BURST, '"0"', '"-1", since containerConcurrency is 3')],
        ],
        "another negative number": [
            burst("-0.5", 4),
            [rejected(BURST, '"-0.5"', '"-1" or a string of at least "0"')],
        ],
        "a word": [
            burst("unlimited", 4),
            [rejected(BURST, '"unlimited"', '"-1" or a string of at least "0"')],
        ],
    },
    unknown: { "an annotation": burst(UNKNOWN, 1), "a concurrency": burst("-1", UNKNOWN) },
});

describeRule(metricAggregation, {
    passes: {
        "an unset annotation": serviceWith(),
        linear: annotated("metric-aggregation-algorithm", "linear"),
        weighted: annotated("metricAggregationAlgorithm", "weighted-exponential"),
    },
    fails: {
        another: [
            annotated("metric-aggregation-algorithm", "median"),
            [
                rejected(
                    "metric-aggregation-algorithm",
                    '"median"',
                    '"linear" or "weighted-exponential"',
                ),
            ],
        ],
    },
    unknown: { "an annotation": annotated("metric-aggregation-algorithm", UNKNOWN) },
});

const KPA = "kpa.autoscaling.knative.dev";
const HPA = "hpa.autoscaling.knative.dev";
const MPA = "mpa.autoscaling.knative.dev";
const classed = (value: unknown, minScale: unknown = "0"): Candidate =>
    serviceWith({ annotations: { [knative("class")]: value, [knative("min-scale")]: minScale } });

describeRule(autoscalerClass, {
    passes: {
        "Knative's own": classed(KPA),
        "an unset annotation": classed(undefined),
        "another that the cluster has": [classed(MPA), { classes: [KPA, MPA] }],
        "the Kubernetes one with a pod that always runs": [classed(HPA, "1"), { classes: [HPA] }],
    },
    fails: {
        "one that the cluster does not have": [
            classed(MPA),
            [rejected("class", `"${MPA}"`, `"${KPA}"`)],
        ],
        "an unset annotation where the cluster does not have the default": [
            classed(undefined),
            [rejected("class", "unset", `"${MPA}" or "${HPA}"`)],
            { classes: [MPA, HPA] },
        ],
        "the Kubernetes one from zero": [
            classed(HPA),
            [
                `the annotation ${knative("class")} is "${HPA}", which never scales to zero, and ${knative("min-scale")} is 0; set ${knative("min-scale")} to a string of at least "1", or the class to "${KPA}".`,
            ],
            { classes: [HPA] },
        ],
        "the Kubernetes one without min-scale": [
            classed(HPA, undefined),
            [
                `the annotation ${knative("class")} is "${HPA}", which never scales to zero, and ${knative("min-scale")} is 0; set ${knative("min-scale")} to a string of at least "1", or the class to "${KPA}".`,
            ],
            { classes: [HPA] },
        ],
    },
    unknown: { "an annotation": classed(UNKNOWN) },
});

const onService = (annotations: unknown): Candidate => serviceWith({ metadata: { annotations } });

describeRule(annotationPlacement, {
    passes: {
        "none on the Service": serviceWith(),
        "others on the Service": onService({ "serving.knative.dev/rollout-duration": "60s" }),
    },
    fails: {
        "each of them on the Service": [
            onService({ [knative("max-scale")]: "2", [knative("minScale")]: "0" }),
            [
                `metadata.annotations has ${knative("max-scale")} ("2"); move it to spec.template.metadata.annotations.`,
                `metadata.annotations has ${knative("minScale")} ("0"); move it to spec.template.metadata.annotations.`,
            ],
        ],
    },
    unknown: {
        "an annotation": onService({ [knative("max-scale")]: UNKNOWN }),
        "a map of annotations": onService(UNKNOWN),
    },
});
