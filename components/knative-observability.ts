import type { MetricNames } from "./monitoring/monitored-service";

/** First Knative Serving whose metrics are OpenTelemetry's. Source: release-1.18 and release-1.19 of knative/serving. */
const FIRST_OPENTELEMETRY = [1, 19] as const;

/**
 * Which names the metrics of a Knative Serving have.
 *
 * @param version such as `1.23.0`, `v1.8.2-aliyun.1` or `1.19`
 * @throws Error when it is no version
 */
export function metricNames(version: string): MetricNames {
    const [, major, minor] = KNATIVE_VERSION.exec(version)?.map(Number) ?? [];
    if (major === undefined || minor === undefined) {
        throw new Error(`${JSON.stringify(version)} is no version of Knative such as 1.23.0`);
    }
    const [firstMajor, firstMinor] = FIRST_OPENTELEMETRY;
    const isNew = major > firstMajor || (major === firstMajor && minor >= firstMinor);
    return isNew ? "opentelemetry" : "opencensus";
}

/** A version of Knative: two numbers, and whatever follows them. */
export const KNATIVE_VERSION = /^v?([0-9]{1,4})\.([0-9]{1,4})(?:[.+-][-.+0-9A-Za-z]*)?$/;

const METRICS_KEYS: Readonly<Record<MetricNames, Readonly<Record<string, string>>>> = {
    opentelemetry: { "metrics-protocol": "prometheus", "request-metrics-protocol": "prometheus" },
    opencensus: {
        "metrics.backend-destination": "prometheus",
        "metrics.request-metrics-backend-destination": "prometheus",
    },
};

/**
 * The keys that have to be set in Knative's ConfigMap so that its metrics can be scraped; empty where they can. Since 1.19
 * they are off unless switched on, before they were on.
 */
export function metricsSwitchedOff(
    data: Readonly<Record<string, string>>,
    names: MetricNames,
): Record<string, string> {
    const unset = names === "opentelemetry" ? "none" : "prometheus";
    return Object.fromEntries(
        Object.entries(METRICS_KEYS[names]).filter(
            ([key, wanted]) => (data[key] ?? unset) !== wanted,
        ),
    );
}

/**
 * The keys of Knative's ConfigMap of metrics and logs: metrics of control plane and requests to be scraped, and a line
 * in the log of each queue-proxy for each request. Keys of the other world are not set: Knative refuses some of them.
 */
export function observabilityConfig(names: MetricNames): Record<string, string> {
    return {
        ...METRICS_KEYS[names],
        "logging.enable-request-log": "true",
        "logging.request-log-template": REQUEST_LOG,
    };
}

/**
 * One request as a line of JSON. Latency is in seconds and contains the wait in the queue-proxy. Of the URL the path
 * only, since a query may hold what somebody wants drawn; no header, since they hold credentials.
 */
const REQUEST_LOG = `{${[
    '"log":"request"',
    '"method":"{{.Request.Method}}"',
    '"path":"{{js .Request.URL.Path}}"',
    '"status":{{.Response.Code}}',
    '"latencySeconds":{{.Response.Latency}}',
    '"responseBytes":{{.Response.Size}}',
    '"namespace":"{{.Revision.Namespace}}"',
    '"service":"{{.Revision.Service}}"',
    '"revision":"{{.Revision.Name}}"',
    '"pod":"{{.Revision.PodName}}"',
].join(",")}}`;
