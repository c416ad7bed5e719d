import type { ReportViolation, ResourceValidation, ResourceValidationArgs } from "@pulumi/policy";

/** Pulumi's type token of a Knative Service, whichever SDK class or YAML it was declared with. */
export const KNATIVE_SERVICE = "kubernetes:serving.knative.dev/v1:Service";

/** What the policies read of a Knative Service; nothing is taken for granted about its types. */
export interface KnativeServiceProps {
    readonly spec?: {
        readonly template?: {
            readonly metadata?: { readonly annotations?: Readonly<Record<string, unknown>> };
            readonly spec?: { readonly containerConcurrency?: unknown };
        };
    };
}

/**
 * A validation that looks at Knative Services only. (`validateResourceOfType` never matches a custom
 * resource: the SDK's class carries no type token.)
 */
export function validateKnativeService(
    validate: (
        service: KnativeServiceProps,
        args: ResourceValidationArgs,
        report: ReportViolation,
    ) => void,
): ResourceValidation {
    return (args, report) => {
        if (args.type !== KNATIVE_SERVICE) {
            args.notApplicable(`applies to ${KNATIVE_SERVICE}`);
        }
        validate(args.props as KnativeServiceProps, args, report);
    };
}

/** An annotation as Knative reads it. */
export type Annotation =
    | { readonly state: "unset" }
    | { readonly state: "set"; readonly key: string; readonly value: unknown }
    | { readonly state: "contradictory"; readonly message: string };

/**
 * Reads an annotation of the pod template in either spelling. Knative takes kebab-case before the legacy
 * camelCase (`KeyPriority` in knative.dev/serving `pkg/apis/autoscaling/register.go`); where both are there
 * and differ, the author meant two things at once, so that is reported instead of guessed.
 *
 * @param spellings the keys, the one that Knative prefers first
 */
export function templateAnnotation(
    service: KnativeServiceProps,
    spellings: readonly [kebab: string, camel: string],
): Annotation {
    const annotations = service.spec?.template?.metadata?.annotations ?? {};
    const set = spellings.filter((key) => annotations[key] !== undefined);
    const [first, second] = set;
    if (first === undefined) {
        return { state: "unset" };
    }
    if (second !== undefined && annotations[first] !== annotations[second]) {
        return {
            state: "contradictory",
            message: `${first} is ${show(annotations[first])} and ${second} is ${show(annotations[second])}; keep only ${first}.`,
        };
    }
    return { state: "set", key: first, value: annotations[first] };
}

/** A value as its author wrote it, for messages: strings in quotes. */
export function show(value: unknown): string {
    return value === undefined ? "unset" : JSON.stringify(value);
}
