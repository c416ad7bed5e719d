/** How soon somebody has to look: now, today, or when there is time. */
export type Severity = "critical" | "warning" | "info";

/** An alert, before it is written as a rule of Prometheus or of ARMS. */
export interface Alert {
    /** Name in UpperCamelCase, stable: receivers and the runbook refer to it. */
    readonly name: string;
    /** PromQL that has a result while something is wrong. */
    readonly expression: string;
    /** Seconds for which it has to be wrong before the alert fires. */
    readonly forSeconds: number;
    readonly severity: Severity;
    /** When {@link expression} has a result, in words and with its numbers. */
    readonly condition: string;
    /** What is wrong, in one line; may name labels as `{{ $labels.pod }}` and the value as `{{ $value }}`. */
    readonly summary: string;
    /** What to do first, in one or two sentences; docs/runbook.md has the rest. */
    readonly action: string;
}
