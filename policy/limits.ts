/**
 * The limits that keep a GPU bill and a pod within bounds, written once: the policies take their defaults
 * from here, the program its configuration's bounds and Knative's own limits. No side effects on import.
 */
export const LIMITS = {
    /** Requests one pod may serve at a time. A diffusion model draws one image at a time per GPU. */
    containerConcurrency: { min: 1, max: 1 },
    /** Pods one Knative Service may start. Each holds its GPUs; the recipe's service may start 10. */
    maxScale: { min: 1, max: 10 },
    /** GPUs of one pod; a GPU node has at most 8. */
    gpusPerPod: { min: 1, max: 8 },
    /**
     * Seconds that a request may take. Less than a cold start and a drawing together would end requests that
     * go well; more than 600 is refused by Knative (`max-revision-timeout-seconds`).
     */
    timeoutSeconds: { min: 60, max: 600 },
    /** Seconds that pods outlive the demand for them; Knative's own bounds. */
    scaleDownDelaySeconds: { min: 0, max: 3600 },
    /** Share of containerConcurrency, in percent, at which a pod is added; Knative's own bounds. */
    targetUtilizationPercentage: { min: 1, max: 100 },
    /**
     * Length of the panic window, in percent of the stable one, which is 60 s. Knative takes 1 percent as well, but averages
     * a window of one second over the requests of the second that has just begun: before they are reported there are none,
     * and it does not panic (`WindowAverage` of pkg/autoscaler/aggregation).
     */
    panicWindowPercentage: { min: 3, max: 100 },
} as const;

/** An image by digest; a tag that may stand before it is only a remark. */
export const PINNED_IMAGE = /^[^\s@]+@sha256:[0-9a-f]{64}$/;
