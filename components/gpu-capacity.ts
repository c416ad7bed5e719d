/** How many GPUs a service may need at once, and how many its node pool can have. */
export interface GpuCapacityArgs {
    readonly minScale: number;
    readonly maxScale: number;
    /** At most `gpusPerNode`. */
    readonly gpusPerPod: number;
    /** Most nodes of the pool. */
    readonly gpuNodesMax: number;
    readonly gpusPerNode: number;
}

/** GPUs that pods of this service can use when the pool is full; what is left over on a node serves nobody. */
export function gpuCapacity({ gpusPerPod, gpuNodesMax, gpusPerNode }: GpuCapacityArgs): number {
    return gpuNodesMax * Math.floor(gpusPerNode / gpusPerPod) * gpusPerPod;
}

/**
 * What is wrong with a pool that leaves no room for rollouts: (maxScale + max(1, minScale)) × gpusPerPod GPUs may be
 * wanted at once, since a new revision starts its first pods beside the old ones, and none of these goes before
 * the new ones are ready.
 *
 * @returns what is allowed instead, and what happens otherwise; undefined if there is room
 */
export function capacityShortfall(
    args: GpuCapacityArgs,
): { readonly allowed: string; readonly consequence: string } | undefined {
    const { minScale, maxScale, gpusPerPod, gpuNodesMax, gpusPerNode } = args;
    const pods = maxScale + Math.max(1, minScale);
    const nodes = Math.ceil(pods / Math.floor(gpusPerNode / gpusPerPod));
    if (gpuNodesMax >= nodes) {
        return undefined;
    }
    const room = Math.floor(gpuCapacity(args) / gpusPerPod);
    return {
        allowed: `at least ${nodes}, since maxScale ${maxScale} and the first ${pods - maxScale} of a new revision are ${pods} pods with ${pods * gpusPerPod} GPUs`,
        consequence: `there is room for ${room} of the ${pods} pods that a rollout under full load has, so the new revision waits until pods of the old one are gone, and gives up after progressDeadlineSeconds`,
    };
}
