/**
 * The limits that keep a GPU bill and a pod within bounds, written once: the policies take their defaults
 * from here, the program its configuration's bounds and Knative's own limits. No side effects on import.
 */
export const LIMITS = {
    /** Requests one pod may serve at a time. A diffusion model draws one image at a time per GPU. */
    containerConcurrency: { min: 1, max: 1 },
    /** Pods one Knative Service may start. Each holds its GPUs; the recipe's service may start 10. */
    maxScale: { min: 1, max: 10 },
} as const;
