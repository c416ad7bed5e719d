import type { ResourceValidationPolicy } from "@pulumi/policy";
import { parseInt32 } from "./go-values";
import { listOf, type Props, propsOf, show, textsOf } from "./props";
import { resourceRule } from "./rule";

/** Pulumi's type token of an ACK node pool. */
export const NODE_POOL = "alicloud:cs/nodePool:NodePool";

/** `alicloud-node-pool`: a pool mends itself, within bounds, and does not hang on the spot market. */
export const nodePool: ResourceValidationPolicy = resourceRule<{
    maxNodes: number;
    minOnDemand: number;
}>(
    {
        name: "alicloud-node-pool",
        displayName: "Node pool is bounded and mends itself",
        description:
            "An ACK node pool repairs its nodes, has a fixed size or one that is bounded, and buys nodes at the fixed price where there are no spot instances.",
        enforcementLevel: "mandatory",
        severity: "high",
        tags: ["alicloud", "ack", "cost", "reliability"],
        remediationSteps:
            "Set management.autoRepair, scalingConfig.maxSize, and with a spotStrategy compensateWithOnDemand and onDemandBaseCapacity.",
        parameters: {
            maxNodes: {
                type: "integer",
                minimum: 1,
                maximum: 1000,
                default: 20,
                description: "Most nodes of one pool.",
            },
            minOnDemand: {
                type: "integer",
                minimum: 0,
                maximum: 1000,
                default: 0,
                description:
                    "Fewest nodes of a spot pool that are bought at the fixed price first.",
            },
        },
    },
    [NODE_POOL],
    (pool, { config: { maxNodes, minOnDemand }, report }) => {
        const { autoRepair } = propsOf(pool["management"]);
        if (autoRepair !== true) {
            report(`management.autoRepair is ${show(autoRepair)}; set it to true.`);
        }
        const size = poolSize(pool);
        if (size.max === undefined || size.max > maxNodes) {
            report(
                `${size.maxPath} is ${show(size.maxGiven)}; set it to a whole number of at most ${maxNodes}.`,
            );
        } else if (size.min === undefined || size.min > size.max) {
            report(
                `scalingConfig.minSize is ${show(size.minGiven)}; set it to a whole number from 0 to maxSize (${size.max}).`,
            );
        }
        const strategy = pool["spotStrategy"];
        if (strategy === undefined || strategy === "NoSpot") {
            return;
        }
        const { compensateWithOnDemand } = pool;
        if (compensateWithOnDemand !== true) {
            report(
                `compensateWithOnDemand is ${show(compensateWithOnDemand)}; set it to true, since spotStrategy is ${show(strategy)}.`,
            );
        }
        const base = pool["onDemandBaseCapacity"];
        if ((countOf(base) ?? 0) < minOnDemand) {
            report(
                `onDemandBaseCapacity is ${show(base)}; set it to at least "${minOnDemand}", since spotStrategy is ${show(strategy)}.`,
            );
        }
    },
);

/** Sizes of a node pool, and where they are given. */
export interface PoolSize {
    /** Nodes that always run; undefined if it is no whole number. */
    readonly min: number | undefined;
    readonly minGiven: unknown;
    /** Most nodes; undefined if it is no whole number, or not given. */
    readonly max: number | undefined;
    readonly maxGiven: unknown;
    readonly maxPath: string;
}

/** The size of a pool: that of its autoscaling, or the fixed one. */
export function poolSize(pool: Props): PoolSize {
    const scaling = propsOf(pool["scalingConfig"]);
    if (scaling["enable"] === true) {
        const { minSize, maxSize } = scaling;
        return {
            min: countOf(minSize ?? 0),
            minGiven: minSize,
            max: countOf(maxSize),
            maxGiven: maxSize,
            maxPath: "scalingConfig.maxSize",
        };
    }
    const { desiredSize } = pool;
    const size = countOf(desiredSize);
    return {
        min: size,
        minGiven: desiredSize,
        max: size,
        maxGiven: desiredSize,
        maxPath: "desiredSize",
    };
}

/** The provider takes some counts as numbers and some as texts. */
function countOf(value: unknown): number | undefined {
    const count = typeof value === "string" ? parseInt32(value) : value;
    return typeof count === "number" && Number.isInteger(count) && count >= 0 ? count : undefined;
}

/** Names of instance types with GPUs: whole ones, shares of one, and bare metal. */
const GPU_TYPE = /^ecs\.(gn|vgn|sgn|ebmgn|ebmgi)/;

/** Whether some of the pool's instance types have GPUs. */
export function hasGpus(pool: Props): boolean {
    return textsOf(pool["instanceTypes"]).some((type) => GPU_TYPE.test(type));
}

/** Key of the taint of GPU nodes. */
const TAINT = "nvidia.com/gpu";

/** `alicloud-gpu-taint`: pods without need of a GPU stay off the nodes that have one. */
export const gpuTaint: ResourceValidationPolicy = resourceRule(
    {
        name: "alicloud-gpu-taint",
        displayName: "GPU nodes keep other pods away",
        description: `A node pool with GPUs has a taint ${TAINT}, NoSchedule: otherwise other pods hold a GPU node that could be given back. Knative needs kubernetes.podspec-tolerations for its pods to run there.`,
        enforcementLevel: "advisory",
        severity: "medium",
        tags: ["alicloud", "ack", "gpu", "cost"],
        remediationSteps: `Add { key: "${TAINT}", effect: "NoSchedule" } to taints, and the toleration to the Services.`,
    },
    [NODE_POOL],
    (pool, { report }) => {
        if (!hasGpus(pool)) {
            return;
        }
        const taints = listOf(pool["taints"]).map(propsOf);
        const found = taints.find(({ key }) => key === TAINT);
        if (found?.["effect"] !== "NoSchedule" && found?.["effect"] !== "NoExecute") {
            report(
                `taints has ${found === undefined ? `no ${TAINT}` : `${TAINT} with the effect ${show(found["effect"])}`}; add it with the effect "NoSchedule".`,
            );
        }
    },
);
