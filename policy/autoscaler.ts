import type { ResourceValidationPolicy } from "@pulumi/policy";
import { ANNOTATIONS, annotationValue, judgeAnnotation } from "./annotations";
import { parseFloat64, parseInt32, parseWholeSeconds } from "./go-values";
import { metadataOf, podSpec, revisionRule } from "./knative-service";
import { LIMITS } from "./limits";
import { propsOf, show } from "./props";

/** Bounds of Knative's windows in seconds (`WindowMin`, `WindowMax`). */
const WINDOW = { min: 6, max: 3600 } as const;

/** `knative-stable-window`: the window over which demand is averaged. */
export const stableWindow: ResourceValidationPolicy = revisionRule<Range>(
    {
        name: "knative-stable-window",
        displayName: "Knative Service averages demand over a sensible window",
        description:
            "The stable window is a duration of whole seconds that Knative accepts and that is long against one request.",
        enforcementLevel: "mandatory",
        severity: "medium",
        tags: ["knative", "cost"],
        remediationSteps: `Set the annotation ${ANNOTATIONS.window[0]} of spec.template to a string such as "60s", or take it away: 60s is Knative's default.`,
        parameters: rangeParameters(WINDOW, "of the stable window"),
    },
    (service, { config, report }) => {
        judgeAnnotation(
            service,
            {
                spellings: ANNOTATIONS.window,
                ...wholeSeconds(config),
                // Knative's own default, unless config-autoscaler sets another.
                unset: 60,
            },
            report,
        );
    },
);

/** `knative-scale-down-delay`: how long pods outlive the demand for them. */
export const scaleDownDelay: ResourceValidationPolicy = revisionRule<Range>(
    {
        name: "knative-scale-down-delay",
        displayName: "Knative Service keeps pods for the next request, but not for long",
        description:
            "Pods outlive the demand for them by a duration of whole seconds: long enough to spare the next request a cold start, short enough to give the GPUs back.",
        enforcementLevel: "mandatory",
        severity: "medium",
        tags: ["knative", "gpu", "cost"],
        remediationSteps: `Set the annotation ${ANNOTATIONS.scaleDownDelay[0]} of spec.template to a string such as "180s".`,
        parameters: rangeParameters(
            LIMITS.scaleDownDelaySeconds,
            "that pods outlive the demand for them",
        ),
    },
    (service, { config, report }) => {
        judgeAnnotation(
            service,
            { spellings: ANNOTATIONS.scaleDownDelay, ...wholeSeconds(config), unset: 0 },
            report,
        );
    },
);

/** `knative-pod-retention`: how long the last pod outlives the demand for it. */
export const podRetention: ResourceValidationPolicy = revisionRule<{ maxSeconds: number }>(
    {
        name: "knative-pod-retention",
        displayName: "Knative Service gives its last pod back",
        description:
            "The last pod outlives the demand for it by a duration that Knative accepts and that gives the GPU back.",
        enforcementLevel: "mandatory",
        severity: "medium",
        tags: ["knative", "gpu", "cost"],
        remediationSteps: `Set the annotation ${ANNOTATIONS.podRetention[0]} of spec.template to a string such as "0s", or take it away.`,
        parameters: {
            maxSeconds: {
                type: "integer",
                minimum: 0,
                maximum: WINDOW.max,
                default: WINDOW.max,
                description: "Most seconds that the last pod may outlive the demand for it.",
            },
        },
    },
    (service, { config: { maxSeconds }, report }) => {
        judgeAnnotation(
            service,
            {
                spellings: ANNOTATIONS.podRetention,
                ...wholeSeconds({ minSeconds: 0, maxSeconds }),
                unset: 0,
            },
            report,
        );
    },
);

/** `knative-panic`: when the autoscaler hurries. */
export const panic: ResourceValidationPolicy = revisionRule(
    {
        name: "knative-panic",
        displayName: "Knative Service panics within Knative's bounds",
        description:
            "The panic window is from 1 to 100 percent of the stable one, the panic threshold from 110 to 1000 percent of the target.",
        enforcementLevel: "mandatory",
        severity: "low",
        tags: ["knative"],
        remediationSteps: `Take ${ANNOTATIONS.panicWindow[0]} and ${ANNOTATIONS.panicThreshold[0]} away: 10 and 200 are Knative's defaults.`,
    },
    (service, { report }) => {
        for (const [spellings, min, max, unset] of [
            [ANNOTATIONS.panicWindow, 1, 100, 10],
            [ANNOTATIONS.panicThreshold, 110, 1000, 200],
        ] as const) {
            judgeAnnotation(service, { spellings, ...percentage(min, max), unset }, report);
        }
    },
);

/** `knative-target`: the autoscaler's target can be reached and means requests in a pod. */
export const target: ResourceValidationPolicy = revisionRule(
    {
        name: "knative-target",
        displayName: "Knative Service is scaled by requests in its pods",
        description:
            "The autoscaler's target is one that Knative accepts: a utilization from 1 to 100 percent, and a target, where there is one, from 0.01 to containerConcurrency, above which it has no effect. The metric is concurrency: requests per second are far below 1 where a request takes seconds.",
        enforcementLevel: "mandatory",
        severity: "medium",
        tags: ["knative", "cost"],
        remediationSteps: `Take ${ANNOTATIONS.target[0]} and ${ANNOTATIONS.metric[0]} away, and set ${ANNOTATIONS.targetUtilization[0]} to a string such as "85".`,
    },
    (service, { report }) => {
        const { min, max } = LIMITS.targetUtilizationPercentage;
        judgeAnnotation(
            service,
            { spellings: ANNOTATIONS.targetUtilization, ...percentage(min, max), unset: 70 },
            report,
        );
        const concurrency = podSpec(service)["containerConcurrency"];
        // Without a limit of concurrency any target has an effect.
        const most =
            typeof concurrency === "number" && concurrency > 0
                ? concurrency
                : Number.POSITIVE_INFINITY;
        judgeAnnotation(
            service,
            {
                spellings: ANNOTATIONS.target,
                parse: parseFloat64,
                accept: (requests) => requests >= LEAST_TARGET && requests <= most,
                allowed:
                    most === Number.POSITIVE_INFINITY
                        ? `a string of at least "${LEAST_TARGET}"`
                        : `a string from "${LEAST_TARGET}" to "${most}" (containerConcurrency), or take it away`,
                unset: LEAST_TARGET,
            },
            report,
        );
        judgeAnnotation(
            service,
            {
                spellings: ANNOTATIONS.metric,
                parse: (text) => text,
                accept: (metric) => metric === "concurrency",
                allowed: '"concurrency", or take it away',
                unset: "concurrency",
            },
            report,
        );
    },
);

/** Least target that Knative accepts (`TargetMin`). */
const LEAST_TARGET = 0.01;

/** `knative-target-utilization`: a small fleet keeps some room. */
export const targetUtilization: ResourceValidationPolicy = revisionRule<{
    max: number;
    smallFleet: number;
}>(
    {
        name: "knative-target-utilization",
        displayName: "Knative Service leaves room in a small fleet",
        description:
            "A Service of few pods does not fill each of them before it starts another: at 100 percent it costs least, and requests wait longest.",
        enforcementLevel: "advisory",
        severity: "low",
        tags: ["knative", "reliability"],
        remediationSteps: `Set the annotation ${ANNOTATIONS.targetUtilization[0]} of spec.template to a string such as "85".`,
        parameters: {
            max: {
                type: "integer",
                minimum: LIMITS.targetUtilizationPercentage.min,
                maximum: LIMITS.targetUtilizationPercentage.max,
                default: 90,
                description: "Highest utilization target of a small fleet, in percent.",
            },
            smallFleet: {
                type: "integer",
                minimum: 1,
                maximum: 1000,
                default: 20,
                description: "A Service with a lower max-scale is a small fleet.",
            },
        },
    },
    (service, { config: { max, smallFleet }, report }) => {
        const most = annotationValue(service, ANNOTATIONS.maxScale, parseInt32) ?? 0;
        if (most < 1 || most >= smallFleet) {
            return;
        }
        judgeAnnotation(
            service,
            {
                spellings: ANNOTATIONS.targetUtilization,
                parse: parseFloat64,
                accept: (percent) => percent <= max,
                allowed: `a string of at most "${max}", since max-scale is ${most}`,
                unset: 0,
            },
            report,
        );
    },
);

/** Highest containerConcurrency at which Knative's activator takes the first free pod (`firstAvailable`). */
const SHARED_QUEUE_CONCURRENCY = 3;

/** `knative-target-burst-capacity`: one queue for all pods that serve few requests at a time. */
export const targetBurstCapacity: ResourceValidationPolicy = revisionRule(
    {
        name: "knative-target-burst-capacity",
        displayName: "Knative Service queues requests for all its pods together",
        description: `With a containerConcurrency of at most ${SHARED_QUEUE_CONCURRENCY} the activator stays in the path and keeps one queue: otherwise a request waits behind a busy pod while another idles. With a higher one the value is -1 or not negative.`,
        enforcementLevel: "mandatory",
        severity: "high",
        tags: ["knative", "gpu", "reliability"],
        remediationSteps: `Set the annotation ${ANNOTATIONS.targetBurstCapacity[0]} of spec.template to "-1".`,
    },
    (service, { report }) => {
        const concurrency = podSpec(service)["containerConcurrency"];
        const isShared =
            typeof concurrency === "number" &&
            concurrency >= 1 &&
            concurrency <= SHARED_QUEUE_CONCURRENCY;
        judgeAnnotation(
            service,
            {
                spellings: ANNOTATIONS.targetBurstCapacity,
                parse: parseFloat64,
                accept: (requests) => requests === -1 || (!isShared && requests >= 0),
                allowed: isShared
                    ? `"-1", since containerConcurrency is ${concurrency}`
                    : '"-1" or a string of at least "0"',
                // Knative's own default is 211.
                ...(isShared ? {} : { unset: 211 }),
            },
            report,
        );
    },
);

/** `knative-metric-aggregation`: an algorithm that Knative's own autoscaler has. */
export const metricAggregation: ResourceValidationPolicy = revisionRule(
    {
        name: "knative-metric-aggregation",
        displayName: "Knative Service averages by an algorithm that Knative has",
        description:
            "The metric's aggregation is linear or weighted-exponential; anything else is refused by Knative.",
        enforcementLevel: "mandatory",
        severity: "low",
        tags: ["knative"],
        remediationSteps: `Take the annotation ${ANNOTATIONS.metricAggregation[0]} of spec.template away: linear is Knative's default.`,
    },
    (service, { report }) => {
        judgeAnnotation(
            service,
            {
                spellings: ANNOTATIONS.metricAggregation,
                parse: (text) => text,
                accept: (algorithm) => ["linear", "weighted-exponential"].includes(algorithm),
                allowed: '"linear" or "weighted-exponential"',
                unset: "linear",
            },
            report,
        );
    },
);

/** Classes of autoscalers: Knative's own, the Kubernetes one, and ACK's for its MSE gateway. */
const CLASSES = {
    kpa: "kpa.autoscaling.knative.dev",
    hpa: "hpa.autoscaling.knative.dev",
    mpa: "mpa.autoscaling.knative.dev",
} as const;

/** `knative-autoscaler-class`: an autoscaler that the cluster has and that fits the Service. */
export const autoscalerClass: ResourceValidationPolicy = revisionRule<{ classes: string[] }>(
    {
        name: "knative-autoscaler-class",
        displayName: "Knative Service is scaled by an autoscaler that fits",
        description: `The autoscaler's class is one that the cluster has (upstream Knative refuses ${CLASSES.mpa}), and ${CLASSES.hpa}, which never scales to zero, is not asked to.`,
        enforcementLevel: "mandatory",
        severity: "high",
        tags: ["knative", "cost"],
        remediationSteps: `Set the annotation ${ANNOTATIONS.class[0]} of spec.template to "${CLASSES.kpa}".`,
        parameters: {
            classes: {
                type: "array",
                items: { type: "string", enum: Object.values(CLASSES) },
                minItems: 1,
                uniqueItems: true,
                default: [CLASSES.kpa],
                description: `Classes that the cluster has; on ACK also ${CLASSES.mpa}.`,
            },
        },
    },
    (service, { config: { classes }, report }) => {
        const chosen = judgeAnnotation(
            service,
            {
                spellings: ANNOTATIONS.class,
                parse: (text) => text,
                accept: (value) => classes.includes(value),
                allowed: classes.map((each) => `"${each}"`).join(" or "),
                // Knative's own default.
                unset: CLASSES.kpa,
            },
            report,
        );
        const pods = annotationValue(service, ANNOTATIONS.minScale, parseInt32) ?? 0;
        if (chosen === CLASSES.hpa && pods < 1) {
            report(
                `the annotation ${ANNOTATIONS.class[0]} is "${CLASSES.hpa}", which never scales to zero, and ${ANNOTATIONS.minScale[0]} is ${pods}; set ${ANNOTATIONS.minScale[0]} to a string of at least "1", or the class to "${CLASSES.kpa}".`,
            );
        }
    },
);

/** `knative-annotation-placement`: the autoscaler's annotations stand where Knative reads them. */
export const annotationPlacement: ResourceValidationPolicy = revisionRule(
    {
        name: "knative-annotation-placement",
        displayName: "Knative Service has the autoscaler's annotations on its template",
        description:
            "Annotations of autoscaling.knative.dev stand on spec.template: on the Service itself Knative refuses them.",
        enforcementLevel: "mandatory",
        severity: "high",
        tags: ["knative"],
        remediationSteps:
            "Move the annotations from metadata.annotations to spec.template.metadata.annotations.",
    },
    (service, { report }) => {
        const annotations = propsOf(metadataOf(service)["annotations"]);
        for (const key of Object.keys(annotations)) {
            if (key.startsWith("autoscaling.knative.dev")) {
                report(
                    `metadata.annotations has ${key} (${show(annotations[key])}); move it to spec.template.metadata.annotations.`,
                );
            }
        }
    },
);

interface Range {
    readonly minSeconds: number;
    readonly maxSeconds: number;
}

interface Bounds {
    readonly min: number;
    readonly max: number;
}

function rangeParameters({ min, max }: Bounds, what: string) {
    const parameter = { type: "integer", minimum: min, maximum: max } as const;
    return {
        minSeconds: {
            ...parameter,
            default: min,
            description: `Fewest seconds ${what}.`,
        },
        maxSeconds: { ...parameter, default: max, description: `Most seconds ${what}.` },
    };
}

function wholeSeconds({ minSeconds, maxSeconds }: Range) {
    return {
        parse: parseWholeSeconds,
        accept: (seconds: number) => seconds >= minSeconds && seconds <= maxSeconds,
        allowed: `a string of whole seconds from "${minSeconds}s" to "${maxSeconds}s"`,
    };
}

function percentage(min: number, max: number) {
    return {
        parse: parseFloat64,
        accept: (percent: number) => percent >= min && percent <= max,
        allowed: `a string from "${min}" to "${max}"`,
    };
}
