import { templateAnnotations } from "./knative-service";
import { type Props, show } from "./props";

/** The keys of one annotation: the one that Knative takes first, then a legacy one that it still reads. */
export type Spellings = readonly [preferred: string, legacy?: string];

/**
 * Knative's annotations of a revision template (`KeyPriority` in knative.dev/serving
 * `pkg/apis/autoscaling/register.go`).
 */
export const ANNOTATIONS = {
    class: ["autoscaling.knative.dev/class"],
    metric: ["autoscaling.knative.dev/metric"],
    target: ["autoscaling.knative.dev/target"],
    window: ["autoscaling.knative.dev/window"],
    activationScale: ["autoscaling.knative.dev/activation-scale"],
    minScale: ["autoscaling.knative.dev/min-scale", "autoscaling.knative.dev/minScale"],
    maxScale: ["autoscaling.knative.dev/max-scale", "autoscaling.knative.dev/maxScale"],
    initialScale: ["autoscaling.knative.dev/initial-scale", "autoscaling.knative.dev/initialScale"],
    scaleDownDelay: [
        "autoscaling.knative.dev/scale-down-delay",
        "autoscaling.knative.dev/scaleDownDelay",
    ],
    podRetention: [
        "autoscaling.knative.dev/scale-to-zero-pod-retention-period",
        "autoscaling.knative.dev/scaleToZeroPodRetentionPeriod",
    ],
    targetUtilization: [
        "autoscaling.knative.dev/target-utilization-percentage",
        "autoscaling.knative.dev/targetUtilizationPercentage",
    ],
    targetBurstCapacity: [
        "autoscaling.knative.dev/target-burst-capacity",
        "autoscaling.knative.dev/targetBurstCapacity",
    ],
    panicWindow: [
        "autoscaling.knative.dev/panic-window-percentage",
        "autoscaling.knative.dev/panicWindowPercentage",
    ],
    panicThreshold: [
        "autoscaling.knative.dev/panic-threshold-percentage",
        "autoscaling.knative.dev/panicThresholdPercentage",
    ],
    metricAggregation: [
        "autoscaling.knative.dev/metric-aggregation-algorithm",
        "autoscaling.knative.dev/metricAggregationAlgorithm",
    ],
} as const satisfies Record<string, Spellings>;

/** Which values of an annotation a rule accepts. */
export interface AnnotationRule<Value> {
    readonly spellings: Spellings;
    /** Reads the text as Knative does; undefined if Knative cannot. */
    readonly parse: (text: string) => Value | undefined;
    /** Whether the value is within the rule's bounds. */
    readonly accept: (value: Value) => boolean;
    /** What to set the annotation to instead. */
    readonly allowed: string;
    /** What Knative takes where the annotation is unset. @default - the annotation is demanded */
    readonly unset?: Value;
    /** The value that means no limit, as does an unset annotation. @default - there is none */
    readonly unlimited?: Value;
}

/**
 * Judges one annotation of the template and reports what is wrong with it. Knative takes the preferred key before
 * the legacy one; where both are there and differ, the author meant two things at once, so that is reported instead
 * of guessed. Values must be strings: Kubernetes refuses others.
 *
 * @returns the value in force, or undefined if it was reported
 */
export function judgeAnnotation<Value>(
    service: Props,
    rule: AnnotationRule<Value>,
    report: (message: string) => void,
): Value | undefined {
    const { spellings, accept, allowed, unlimited } = rule;
    const [preferred] = spellings;
    const annotations = templateAnnotations(service);
    const [first, second] = keysOf(annotations, spellings);
    if (first !== undefined && second !== undefined && annotations[first] !== annotations[second]) {
        report(
            `${first} is ${show(annotations[first])} and ${second} is ${show(annotations[second])}; keep only ${first}.`,
        );
        return undefined;
    }
    const given = first === undefined ? undefined : annotations[first];
    const read = typeof given === "string" ? rule.parse(given) : undefined;
    const value = first === undefined ? rule.unset : read;
    if (value === undefined || !accept(value)) {
        const isUnlimited = unlimited !== undefined && (given === undefined || read === unlimited);
        report(
            `the annotation ${first ?? preferred} is ${show(given)}${isUnlimited ? " (unlimited)" : ""}; set ${preferred} to ${allowed}.`,
        );
        return undefined;
    }
    return value;
}

/**
 * The value of an annotation as Knative reads it, for rules about something else: undefined where it is unset or
 * cannot be read, which is reported by the rule about it.
 */
export function annotationValue<Value>(
    service: Props,
    spellings: Spellings,
    parse: (text: string) => Value | undefined,
): Value | undefined {
    const annotations = templateAnnotations(service);
    const [first] = keysOf(annotations, spellings);
    const given = first === undefined ? undefined : annotations[first];
    return typeof given === "string" ? parse(given) : undefined;
}

/** Those of the keys that are there, the one that Knative prefers first. */
export function keysOf(annotations: Props, spellings: Spellings): string[] {
    return spellings.filter(
        (key) => key !== undefined && annotations[key] !== undefined,
    ) as string[];
}
