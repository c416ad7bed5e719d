import type { PolicyResource, StackValidationPolicy } from "@pulumi/policy";
import { ANNOTATIONS, annotationValue } from "./annotations";
import { parseInt32 } from "./go-values";
import { gpusPerPod } from "./gpu";
import { gpuInstanceType } from "./gpu-instance-type";
import { KNATIVE_SERVICE, namespacedName, templateLabels } from "./knative-service";
import { hasGpus, NODE_POOL, poolSize } from "./node-pool";
import { type Props, show, textsOf } from "./props";
import { stackRule } from "./rule";

/** Label of pods that run on elastic container instances, outside all node pools. */
const ELASTIC = "alibabacloud.com/eci";

interface CapacityConfig {
    readonly gpus: number;
    readonly gpusOfInstanceTypes: Readonly<Record<string, number>>;
}

const gpusOfInstanceTypes = {
    type: "object",
    additionalProperties: { type: "integer", minimum: 1, maximum: 16 },
    default: {},
    description: "GPUs of a node, by instance type, for types whose names do not say it.",
} as const;

const capacityParameters = {
    gpus: {
        type: "integer",
        minimum: 0,
        maximum: 10_000,
        default: 0,
        description:
            "GPUs that the Services may claim together beside those of the stack's node pools: those of a cluster that the stack does not make. 0: not known.",
    },
    gpusOfInstanceTypes,
} as const;

/** `knative-gpu-capacity`: all Services together can have the GPUs that each may claim. */
export const gpuCapacity: StackValidationPolicy = stackRule<CapacityConfig>(
    {
        name: "knative-gpu-capacity",
        displayName: "GPUs that Services may claim are there",
        description: `The GPUs that all Knative Services of the stack may claim together (max-scale × GPUs of a pod) are no more than its node pools can have. Pods on elastic container instances (label ${ELASTIC}) claim none of these. A stack without any node pool is judged only if the configuration gives the GPUs of its cluster.`,
        enforcementLevel: "mandatory",
        severity: "high",
        tags: ["knative", "ack", "gpu", "reliability"],
        remediationSteps: "Lower max-scale, or raise scalingConfig.maxSize of a GPU node pool.",
        parameters: capacityParameters,
    },
    (resources, config, report) => {
        const services = servicesOnNodes(resources);
        if (services.length === 0 || isCapacityUnknown(resources, config)) {
            return;
        }
        const capacity = capacityOf(resources, config, report);
        const claims = services.map(({ props, urn }) => {
            const pods = mostPods(props);
            if (pods === Number.POSITIVE_INFINITY) {
                report(
                    `${namespacedName(props)} may claim any number of GPUs, since ${ANNOTATIONS.maxScale[0]} does not bound its pods; set it to a string such as "2".`,
                    urn,
                );
            }
            return { name: namespacedName(props), gpus: pods * gpusPerPod(props) };
        });
        compare(
            claims,
            capacity,
            "lower max-scale, or raise scalingConfig.maxSize of a GPU node pool",
            report,
        );
    },
);

/** `knative-gpu-rollout-capacity`: a new revision finds GPUs beside the old one. */
export const gpuRolloutCapacity: StackValidationPolicy = stackRule<CapacityConfig>(
    {
        name: "knative-gpu-rollout-capacity",
        displayName: "GPUs for a rollout under full load are there",
        description:
            "Beside the GPUs that a Service may claim there are those of the pods that a new revision starts (initial-scale, min-scale, or one): until these are ready, none of the old ones goes.",
        enforcementLevel: "advisory",
        severity: "medium",
        tags: ["knative", "ack", "gpu", "reliability"],
        remediationSteps:
            "Raise scalingConfig.maxSize of a GPU node pool by the pods that a new revision starts.",
        parameters: capacityParameters,
    },
    (resources, config, report) => {
        const services = servicesOnNodes(resources);
        if (services.length === 0 || isCapacityUnknown(resources, config)) {
            return;
        }
        // What is wrong with a pool, and a Service without a bound, is the other rule's to say.
        const capacity = capacityOf(resources, config, () => undefined);
        const claims = services.map(({ props }) => {
            const first = Math.max(
                annotationValue(props, ANNOTATIONS.initialScale, parseInt32) ?? 1,
                alwaysPods(props),
            );
            return {
                name: namespacedName(props),
                gpus: (mostPods(props) + first) * gpusPerPod(props),
            };
        });
        compare(claims, capacity, "raise scalingConfig.maxSize of a GPU node pool", report);
    },
);

interface CostConfig {
    readonly gpusOfInstanceTypes: Readonly<Record<string, number>>;
    readonly ceiling: number;
    readonly gpuHour: number;
    readonly nodeHour: number;
}

/** Hours of a month, a twelfth of a year. */
const HOURS = 730;

/** `knative-monthly-cost`: what never scales to zero costs no more than is meant. */
export const monthlyCost: StackValidationPolicy = stackRule<CostConfig>(
    {
        name: "knative-monthly-cost",
        displayName: "What never scales to zero is within the budget",
        description: `GPUs that pods (min-scale) or node pools always hold, and nodes without a GPU that always run, cost no more in a month of ${HOURS} hours than the ceiling. Network, storage and what comes with load are not in it.`,
        enforcementLevel: "mandatory",
        severity: "high",
        tags: ["knative", "ack", "gpu", "cost"],
        remediationSteps:
            "Lower min-scale or the sizes of the pools, or raise ceiling in the rule's configuration.",
        parameters: {
            gpusOfInstanceTypes,
            ceiling: {
                type: "number",
                minimum: 0,
                default: 1000,
                description: "Most that a month may cost, in the currency of the prices.",
            },
            gpuHour: {
                type: "number",
                minimum: 0,
                default: 2,
                description:
                    "Price of a node for one hour and one GPU. An assumption: put in that of your region and instance types.",
            },
            nodeHour: {
                type: "number",
                minimum: 0,
                default: 0.2,
                description: "Price of a node without a GPU for one hour. An assumption, too.",
            },
        },
    },
    (resources, { ceiling, gpuHour, nodeHour, gpusOfInstanceTypes }, report) => {
        const pools = resources.filter(({ type }) => type === NODE_POOL);
        const services = servicesOf(resources).map(({ props }) => props as Props);
        const held = (those: readonly Props[]): number =>
            sum(those.map((service) => alwaysPods(service) * gpusPerPod(service)));
        const inPools = sum(
            pools
                .filter(({ props }) => hasGpus(props))
                .map((pool) => {
                    const least = poolSize(pool.props).min ?? 0;
                    return least === 0 ? 0 : least * gpusPerNode(pool, gpusOfInstanceTypes, report);
                }),
        );
        const onNodes = Math.max(inPools, held(services.filter((each) => !isElastic(each))));
        const gpus = onNodes + held(services.filter(isElastic));
        const nodes = sum(
            pools
                .filter(({ props }) => !hasGpus(props))
                .map(({ props }) => poolSize(props).min ?? 0),
        );
        // To the hundredth, as money is: sums of fractions are not exact.
        const cost = Math.round((gpus * gpuHour + nodes * nodeHour) * HOURS * 100) / 100;
        if (cost > ceiling) {
            report(
                `what never scales to zero costs ${cost} a month (${gpus} GPUs at ${gpuHour} and ${nodes} other nodes at ${nodeHour} an hour, ${HOURS} hours), more than ${ceiling}; lower min-scale or the sizes of the pools, or raise ceiling.`,
            );
        }
    },
);

function servicesOf(resources: readonly PolicyResource[]): PolicyResource[] {
    return resources.filter(({ type }) => type === KNATIVE_SERVICE);
}

/** The Services whose pods need a GPU of a node. */
function servicesOnNodes(resources: readonly PolicyResource[]): PolicyResource[] {
    return servicesOf(resources).filter(({ props }) => !isElastic(props) && gpusPerPod(props) > 0);
}

function isElastic(service: Props): boolean {
    return templateLabels(service)[ELASTIC] === "true";
}

/** Most pods of a Service; infinite where it does not bound them. */
function mostPods(service: Props): number {
    const pods = annotationValue(service, ANNOTATIONS.maxScale, parseInt32) ?? 0;
    return pods >= 1 ? pods : Number.POSITIVE_INFINITY;
}

/** Pods of a Service that always run. */
function alwaysPods(service: Props): number {
    return Math.max(0, annotationValue(service, ANNOTATIONS.minScale, parseInt32) ?? 0);
}

/** Whether the cluster is made elsewhere and nobody said how many GPUs it has. */
function isCapacityUnknown(
    resources: readonly PolicyResource[],
    { gpus }: CapacityConfig,
): boolean {
    return gpus === 0 && !resources.some(({ type }) => type === NODE_POOL);
}

/** GPUs of the stack's pools at their largest, and those that the configuration adds. */
function capacityOf(
    resources: readonly PolicyResource[],
    { gpus, gpusOfInstanceTypes }: CapacityConfig,
    report: Report,
): number {
    const pools = resources.filter(({ type, props }) => type === NODE_POOL && hasGpus(props));
    return (
        gpus +
        sum(
            pools.map(
                (pool) =>
                    (poolSize(pool.props).max ?? 0) *
                    gpusPerNode(pool, gpusOfInstanceTypes, report),
            ),
        )
    );
}

type Report = (message: string, urn: string) => void;

/** GPUs of the smallest of a pool's types, which any node may be; none, and a report, if one does not say. */
function gpusPerNode(
    { props, urn }: PolicyResource,
    given: Readonly<Record<string, number>>,
    report: Report,
): number {
    const { instanceTypes } = props as Props;
    const known = textsOf(instanceTypes).map((type) => given[type] ?? gpuInstanceType(type)?.gpus);
    if (known.includes(undefined)) {
        report(
            `instanceTypes is ${show(instanceTypes)}, of which not all say how many GPUs they have; give them in gpusOfInstanceTypes.`,
            urn,
        );
        return 0;
    }
    return Math.min(...(known as number[]));
}

function compare(
    claims: readonly { readonly name: string; readonly gpus: number }[],
    capacity: number,
    remedy: string,
    report: (message: string) => void,
): void {
    const bounded = claims.filter(({ gpus }) => gpus !== Number.POSITIVE_INFINITY);
    const claimed = sum(bounded.map(({ gpus }) => gpus));
    if (claimed > capacity) {
        report(
            `${claimed} GPUs may be claimed (${bounded.map(({ name, gpus }) => `${name} ${gpus}`).join(", ")}), and there are at most ${capacity}; ${remedy}.`,
        );
    }
}

function sum(values: readonly number[]): number {
    return values.reduce((total, value) => total + value, 0);
}
