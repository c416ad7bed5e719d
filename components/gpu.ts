/** Extended resource of a GPU: what a pod asks for and a node offers. */
export const GPU_RESOURCE = "nvidia.com/gpu";

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

/** What an ECS instance type offers, as its name says. */
export interface GpuInstanceType {
    readonly vcpus: number;
    readonly gpus: number;
}

/**
 * Reads the name of a GPU instance type: `ecs.gn6i-c8g1.2xlarge` has 8 vCPUs and 1 GPU. Fractions of a GPU
 * (vgn, sgn) and families whose names do not say the number of GPUs are undefined: the GPUs of a pool have to
 * be known before it is made.
 */
export function parseGpuInstanceType(name: string): GpuInstanceType | undefined {
    const match = /^ecs\.gn[0-9a-z]+-c([1-9][0-9]*)g([1-9][0-9]*)\.[0-9]*x?large$/.exec(name);
    return match ? { vcpus: Number(match[1]), gpus: Number(match[2]) } : undefined;
}
