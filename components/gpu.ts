/** Extended resource of a GPU: what a pod asks for and a node offers. */
export const GPU_RESOURCE = "nvidia.com/gpu";

/** Extended resource of a part of a GPU's memory in GiB, with ACK's shared GPU scheduling. */
export const GPU_MEMORY_RESOURCE = "aliyun.com/gpu-mem";

/** The taint of a GPU node and its toleration. */
export const GPU_TAINT = { key: GPU_RESOURCE, effect: "NoSchedule" } as const;

/** Node label of the GPU pool that this program makes, for those who look for its nodes. */
export const GPU_POOL_LABEL = { key: "stable-diffusion-knative/pool", value: "gpu" } as const;

/**
 * Node labels of which a GPU node has one: of our pool, of NVIDIA's GPU feature discovery, of ACK. No single one is
 * on every cluster's GPU nodes.
 */
export const GPU_NODE_LABELS = [
    GPU_POOL_LABEL.key,
    "nvidia.com/gpu.present",
    "aliyun.accelerator/nvidia_name",
] as const;
