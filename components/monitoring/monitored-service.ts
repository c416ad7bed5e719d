/** Which names Knative's metrics have: OpenTelemetry's since 1.19, OpenCensus's before; they share none. */
export type MetricNames = "opentelemetry" | "opencensus";

/**
 * Whose gateway the requests come through: only Kourier's Envoy is known to have a histogram of the response times
 * that goes beyond 10 s, and to count what never reached a pod.
 */
export type Gateway = "kourier" | "other";

/** The service that dashboards and alerts are about, as far as they depend on it. */
export interface MonitoredService {
    /** Namespace of the service. */
    readonly namespace: string;
    /** Name of the Knative Service; its revisions are called `<serviceName>-<5 digits>`. */
    readonly serviceName: string;
    /** Pods that always run; idle ones among them are meant to be. */
    readonly minScale: number;
    /** Most pods that it may start. */
    readonly maxScale: number;
    /** Requests that a pod serves at a time. */
    readonly containerConcurrency: number;
    /** GPUs of one pod. */
    readonly gpusPerPod: number;
    /** Seconds that a request may take, its waiting included. */
    readonly timeoutSeconds: number;
    /** Seconds that pods outlive the demand for them. */
    readonly scaleDownDelaySeconds: number;
    /** Price of one GPU for an hour, in {@link currency}. */
    readonly gpuHourPrice: number;
    /** ISO 4217 code of the currency of {@link gpuHourPrice}. */
    readonly currency: string;
    /** Names of the metrics of the Knative that is installed. */
    readonly metricNames: MetricNames;
    readonly gateway: Gateway;
    /** Whether the series of a DCGM exporter are collected; without them nothing is said about what a GPU does. */
    readonly gpuMetrics: boolean;
}
