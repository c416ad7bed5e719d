/** Which names Knative's metrics have: OpenTelemetry's since 1.19, OpenCensus's before; they share none. */
export type MetricNames = "opentelemetry" | "opencensus";

/** The service that dashboards and alerts are about, as far as they depend on it. */
export interface MonitoredService {
    /** Namespace of the service. */
    readonly namespace: string;
    /** Name of the Knative Service; its revisions are called `<serviceName>-<5 digits>`. */
    readonly serviceName: string;
    /** Most pods that it may start. */
    readonly maxScale: number;
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
}
