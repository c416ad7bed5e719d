import type { Alert, Severity } from "./alert";
import { alerts } from "./alerts";
import type { MonitoredService } from "./monitored-service";

/** A file of alerting rules, as Prometheus reads it. */
export interface RuleFile {
    readonly groups: readonly {
        readonly name: string;
        readonly rules: readonly AlertingRule[];
    }[];
}

/** One alerting rule of Prometheus. */
export interface AlertingRule {
    readonly alert: string;
    readonly expr: string;
    readonly for: string;
    readonly labels: {
        readonly severity: Severity;
        readonly namespace: string;
        readonly service: string;
    };
    readonly annotations: {
        readonly summary: string;
        readonly description: string;
        readonly action: string;
        readonly runbook: string;
    };
}

/**
 * The alerts of a service as a rule file. There are no recording rules: managed Prometheus takes none from a stack, so
 * neither a panel nor an alert could rely on them, and the series are few enough to be added up when they are asked for.
 */
export function prometheusRules(service: MonitoredService): RuleFile {
    const { namespace, serviceName } = service;
    return {
        groups: [
            {
                name: `${namespace}/${serviceName}`,
                rules: alerts(service).map((alert) => ({
                    alert: alert.name,
                    expr: alert.expression,
                    for: `${alert.forSeconds}s`,
                    labels: { severity: alert.severity, namespace, service: serviceName },
                    annotations: {
                        summary: `${namespace}/${serviceName}: ${alert.summary}`,
                        description: `Fires when ${alert.condition}.`,
                        action: alert.action,
                        runbook: runbookOf(alert),
                    },
                })),
            },
        ],
    };
}

/** Where the repository says what to do about an alert. */
export function runbookOf({ name }: Alert): string {
    return `docs/runbook.md#${name.toLowerCase()}`;
}
