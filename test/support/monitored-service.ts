import type {
    Gateway,
    MetricNames,
    MonitoredService,
} from "../../components/monitoring/monitored-service";

/** A service whose numbers all differ, so that none stands for another. */
export const SERVICE: MonitoredService = {
    namespace: "pictures",
    serviceName: "webui",
    minScale: 1,
    maxScale: 4,
    containerConcurrency: 1,
    gpusPerPod: 1,
    timeoutSeconds: 300,
    scaleDownDelaySeconds: 120,
    gpuHourPrice: 1.8,
    currency: "USD",
    metricNames: "opentelemetry",
    gateway: "kourier",
    gpuMetrics: true,
};

/** The service in every world of metrics. */
export const WORLDS: readonly (MonitoredService & { readonly title: string })[] = (
    ["opentelemetry", "opencensus"] satisfies MetricNames[]
).flatMap((metricNames) =>
    (["kourier", "other"] satisfies Gateway[]).flatMap((gateway) =>
        [true, false].map((gpuMetrics) => ({
            ...SERVICE,
            metricNames,
            gateway,
            gpuMetrics,
            title: `${metricNames}, gateway ${gateway}, ${gpuMetrics ? "with" : "without"} GPU metrics`,
        })),
    ),
);
