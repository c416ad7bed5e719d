/** What a GPU instance type offers, as its name says. */
export interface GpuInstanceType {
    readonly vcpus: number;
    readonly gpus: number;
}

/**
 * Reads the name of a GPU instance type: its size says how many vCPUs it has, and `c8g1` that there is one GPU for every
 * eight of them. So `ecs.gn6i-c8g1.2xlarge` has 8 vCPUs and 1 GPU, `ecs.gn6i-c24g1.24xlarge` 96 and 4. Undefined for
 * shares of a GPU (vgn, sgn) and for families whose names do not say it.
 */
export function gpuInstanceType(name: string): GpuInstanceType | undefined {
    const match =
        /^ecs\.(?:ebm)?gn[0-9a-z]+-c([1-9][0-9]*)g([1-9][0-9]*)\.([1-9][0-9]*)?xlarge$/.exec(name);
    if (match === null) {
        return undefined;
    }
    const [share = 0, gpusOfShare = 0, size = 1] = match
        .slice(1)
        .map((each: string | undefined) => (each === undefined ? undefined : Number(each)));
    const vcpus = 4 * size;
    const gpus = Math.floor(vcpus / share) * gpusOfShare;
    return gpus === 0 ? undefined : { vcpus, gpus };
}
