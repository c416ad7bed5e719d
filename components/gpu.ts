/** Extended resource of a GPU: what a pod asks for and a node offers. */
export const GPU_RESOURCE = "nvidia.com/gpu";

/** The taint of a GPU node and its toleration. */
export const GPU_TAINT = { key: GPU_RESOURCE, effect: "NoSchedule" } as const;
