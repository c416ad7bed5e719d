import type { V1NodeSelectorRequirement, V1Pod, V1Toleration } from "@kubernetes/client-node";
import type { InstanceType } from "./catalogue";
import type { CloudNode } from "./store";

/** What the scaler knows of a node pool. */
export interface PoolView {
    /** Id of the pool. */
    readonly id: string;
    /** Nodes that it always has. */
    readonly least: number;
    /** Nodes that it has at most. */
    readonly most: number;
    /** Whether pods decide how many nodes it has between these. */
    readonly scaled: boolean;
    /** In the order in which they are tried; all with GPUs, or all without. */
    readonly instanceTypes: readonly InstanceType[];
    /** Zones in the order in which they are tried. */
    readonly zones: readonly string[];
    readonly payment: Payment;
    /** Labels of its nodes, those that the cloud adds included, but for instance type and zone. */
    readonly labels: Readonly<Record<string, string>>;
    readonly taints: CloudNode["taints"];
    /** When it last got a node, in milliseconds since 1970; undefined if never. */
    readonly grewAt: number | undefined;
}

/** How the nodes of a pool are paid for. */
export interface Payment {
    readonly spot: boolean;
    /** Nodes that are bought on demand before any spot instance. */
    readonly onDemandBase: number;
    /** Part of the nodes beyond these that are bought on demand, 0 to 1. */
    readonly onDemandShare: number;
    /** Whether an instance is bought on demand where no spot instance is to be had. */
    readonly compensated: boolean;
}

/** The cluster's autoscaling configuration. Times are milliseconds, scaled. */
export interface Scaling {
    /** Time for which a node must be idle before it leaves. */
    readonly unneeded: number;
    /** Time after a pool grew in which no node of it leaves. */
    readonly coolDown: number;
    readonly scaleDown: boolean;
    readonly fromZero: boolean;
}

/** What the scaler decides upon. */
export interface Situation {
    /** Milliseconds since 1970. */
    readonly now: number;
    readonly pools: readonly PoolView[];
    readonly nodes: readonly CloudNode[];
    readonly pods: readonly V1Pod[];
    /** Undefined if the cluster has none: then pods decide nothing. */
    readonly scaling: Scaling | undefined;
    /** Why no instance of this kind is to be had; undefined if one is. */
    readonly refusal: (offer: Offer) => string | undefined;
}

/** One kind of instance. */
export interface Offer {
    readonly instanceType: string;
    readonly zone: string;
    readonly spot: boolean;
    readonly vcpus: number;
    readonly gpus: number;
}

/** What is to be done. */
export type Action =
    | {
          readonly kind: "add";
          readonly pool: string;
          readonly offer: Offer;
          readonly reason: string;
      }
    | { readonly kind: "remove"; readonly node: string; readonly reason: string }
    /** A node is wanted and cannot be had. */
    | { readonly kind: "blocked"; readonly pool: string; readonly reason: string }
    /** A node is idle since now, or needed again. */
    | { readonly kind: "mark"; readonly node: string; readonly idleSince: number | undefined };

/**
 * Decides which nodes join and leave: each pool gets the nodes it always has; where pods decide, one for each
 * pending pod that asks for a GPU, would fit it and finds no free one, as long as there may be more; and a node
 * that no such pod has needed for a while leaves.
 *
 * GPUs are the only resource that is counted. A pod that waits for CPU or memory gets no node.
 */
export function decide(situation: Situation): Action[] {
    const plan = new Plan(situation);
    keepLeast(situation, plan);
    if (situation.scaling !== undefined) {
        growForPods(situation, situation.scaling, plan);
        shrinkIdle(situation, situation.scaling, plan);
    }
    return plan.actions;
}

/** GPUs that are free on a node, or will be. */
interface Room {
    free: number;
    readonly labels: Readonly<Record<string, string>>;
    readonly taints: CloudNode["taints"];
    /** Name of the node; undefined if it is only about to be bought. */
    readonly node: string | undefined;
}

/** What has been decided so far. */
class Plan {
    readonly actions: Action[] = [];
    /** Nodes that there will be, those to be bought included. */
    private readonly fleet: { pool: string; spot: boolean; name?: string }[];
    readonly rooms: Room[];

    constructor(private readonly situation: Situation) {
        const staying = situation.nodes.filter(({ status }) => status !== "leaving");
        this.fleet = staying.map(({ pool, spot, name }) => ({ pool, spot, name }));
        this.rooms = staying
            .filter(({ gpus }) => gpus > 0)
            .map((node) => roomOf(node, situation.pods));
    }

    /** Number of nodes that the pool will have. */
    size(pool: PoolView): number {
        return this.fleet.filter((each) => each.pool === pool.id).length;
    }

    /** Buys a node for the pool, if one is to be had; `accepts` says which would do. */
    add(pool: PoolView, reason: string, accepts: (offer: Offer) => boolean): Room | undefined {
        const own = this.fleet.filter((each) => each.pool === pool.id);
        const offer = firstOffer(pool, own, accepts, this.situation.refusal);
        if (typeof offer === "string") {
            this.actions.push({
                kind: "blocked",
                pool: pool.id,
                reason: `${reason}, but ${offer}`,
            });
            return undefined;
        }
        this.fleet.push({ pool: pool.id, spot: offer.spot });
        this.actions.push({ kind: "add", pool: pool.id, offer, reason });
        const room = {
            free: offer.gpus,
            labels: labelsOf(pool, offer),
            taints: pool.taints,
            node: undefined,
        };
        this.rooms.push(room);
        return room;
    }

    remove(node: CloudNode, reason: string): void {
        const index = this.fleet.findIndex(({ name }) => name === node.name);
        this.fleet.splice(index, 1);
        this.actions.push({ kind: "remove", node: node.name, reason });
    }
}

/** Each pool gets the nodes that it always has; one whose size is fixed gives back those beyond it. */
function keepLeast({ pools, nodes }: Situation, plan: Plan): void {
    for (const pool of pools) {
        while (plan.size(pool) < pool.least) {
            if (plan.add(pool, `the pool always has ${pool.least}`, () => true) === undefined) {
                break;
            }
        }
        if (!pool.scaled) {
            const own = nodes.filter((node) => node.pool === pool.id && node.status !== "leaving");
            for (const node of own.slice(pool.most)) {
                plan.remove(node, `the pool has ${pool.most} only`);
            }
        }
    }
}

/** Each pod that waits for a GPU gets a free one, or a node of the first pool whose nodes it fits. */
function growForPods({ pools, pods }: Situation, scaling: Scaling, plan: Plan): void {
    for (const pod of pods.filter(waitsForGpu)) {
        const gpus = gpusOf(pod);
        // Nodes on their way have room too, so that a pod does not ask for a second one.
        let room = plan.rooms.find(
            (each) => each.free >= gpus && fits(pod, each.labels, each.taints),
        );
        for (const pool of pools.filter(({ scaled }) => scaled)) {
            const size = plan.size(pool);
            const accepts = (offer: Offer): boolean =>
                offer.gpus >= gpus && fits(pod, labelsOf(pool, offer), pool.taints);
            if (room !== undefined || size >= pool.most || (size === 0 && !scaling.fromZero)) {
                continue;
            }
            if (offersOf(pool, false).some(accepts)) {
                const { namespace = "", name = "" } = pod.metadata ?? {};
                room = plan.add(pool, `pod ${namespace}/${name} waits for ${gpus} GPU`, accepts);
            }
        }
        if (room !== undefined) {
            room.free -= gpus;
        }
    }
}

/** A node that has been idle for long enough leaves, unless its pool always has it. */
function shrinkIdle({ now, pools, nodes }: Situation, scaling: Scaling, plan: Plan): void {
    for (const pool of pools.filter(({ scaled }) => scaled)) {
        const cooling = pool.grewAt !== undefined && now - pool.grewAt < scaling.coolDown;
        for (const node of nodes) {
            const room = plan.rooms.find((each) => each.node === node.name);
            if (node.pool !== pool.id || node.status !== "ready" || room === undefined) {
                continue;
            }
            const idle = room.free === node.gpus;
            if (idle !== (node.idleSince !== undefined)) {
                plan.actions.push({
                    kind: "mark",
                    node: node.name,
                    idleSince: idle ? now : undefined,
                });
            } else if (
                node.idleSince !== undefined &&
                now - node.idleSince >= scaling.unneeded &&
                scaling.scaleDown &&
                !cooling &&
                plan.size(pool) > pool.least
            ) {
                plan.remove(node, "no pod needs its GPU");
            }
        }
    }
}

function roomOf(node: CloudNode, pods: readonly V1Pod[]): Room {
    const used = podsOn(node.name, pods).reduce((sum, pod) => sum + gpusOf(pod), 0);
    return { free: node.gpus - used, labels: node.labels, taints: node.taints, node: node.name };
}

/** The pods with GPUs that run on the node. */
function podsOn(node: string, pods: readonly V1Pod[]): V1Pod[] {
    return pods.filter((pod) => pod.spec?.nodeName === node && !hasEnded(pod) && gpusOf(pod) > 0);
}

function hasEnded({ status }: V1Pod): boolean {
    return status?.phase === "Succeeded" || status?.phase === "Failed";
}

/** Whether the scheduler found no node for the pod, and it asks for a GPU. */
export function waitsForGpu(pod: V1Pod): boolean {
    const unschedulable = pod.status?.conditions?.some(
        ({ type, status, reason }) =>
            type === "PodScheduled" && status === "False" && reason === "Unschedulable",
    );
    return (
        pod.status?.phase === "Pending" &&
        pod.spec?.nodeName === undefined &&
        pod.metadata?.deletionTimestamp === undefined &&
        unschedulable === true &&
        gpusOf(pod) > 0
    );
}

/** GPUs that the pod asks for. */
export function gpusOf({ spec }: V1Pod): number {
    return (spec?.containers ?? []).reduce((sum, { resources }) => {
        const limit = resources?.limits?.["nvidia.com/gpu"];
        return sum + Number(limit ?? resources?.requests?.["nvidia.com/gpu"] ?? 0);
    }, 0);
}

/** Labels of a node of this pool. */
export function labelsOf(
    pool: PoolView,
    { instanceType, zone }: Pick<Offer, "instanceType" | "zone">,
): Record<string, string> {
    return {
        ...pool.labels,
        "node.kubernetes.io/instance-type": instanceType,
        "topology.kubernetes.io/zone": zone,
    };
}

/** Whether the scheduler could put the pod on a node with these labels and taints, GPUs aside. */
export function fits(
    { spec }: V1Pod,
    labels: Readonly<Record<string, string>>,
    taints: CloudNode["taints"],
): boolean {
    const tolerated = taints
        .filter(({ effect }) => effect !== "PreferNoSchedule")
        .every((taint) => spec?.tolerations?.some((each) => tolerates(each, taint)));
    const selected = Object.entries(spec?.nodeSelector ?? {}).every(
        ([key, value]) => labels[key] === value,
    );
    const affinity = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    const attracted =
        affinity === undefined ||
        affinity.nodeSelectorTerms.some(
            (term) =>
                term.matchFields === undefined &&
                (term.matchExpressions ?? []).every((each) => matches(each, labels)),
        );
    return tolerated && selected && attracted;
}

function tolerates(toleration: V1Toleration, taint: CloudNode["taints"][number]): boolean {
    const { key, operator = "Equal", value = "", effect } = toleration;
    return (
        (effect === undefined || effect === "" || effect === taint.effect) &&
        (key === undefined || key === "" ? operator === "Exists" : key === taint.key) &&
        (operator === "Exists" || value === taint.value)
    );
}

function matches(
    { key, operator, values = [] }: V1NodeSelectorRequirement,
    labels: Readonly<Record<string, string>>,
): boolean {
    const value = labels[key];
    switch (operator) {
        case "In":
            return value !== undefined && values.includes(value);
        case "NotIn":
            return value === undefined || !values.includes(value);
        case "Exists":
            return value !== undefined;
        case "DoesNotExist":
            return value === undefined;
        default:
            return false;
    }
}

/** The instance to buy for the pool, by the order of its types and then zones; or why there is none. */
function firstOffer(
    pool: PoolView,
    own: readonly { readonly spot: boolean }[],
    accepts: (offer: Offer) => boolean,
    refusal: Situation["refusal"],
): Offer | string {
    const { spot, onDemandBase, onDemandShare, compensated } = pool.payment;
    const size = own.length + 1;
    const onDemand =
        Math.min(onDemandBase, size) + Math.floor(Math.max(0, size - onDemandBase) * onDemandShare);
    const first = spot && own.filter((each) => !each.spot).length >= onDemand;
    const reasons: string[] = [];
    for (const isSpot of first && compensated ? [true, false] : [first]) {
        for (const offer of offersOf(pool, isSpot).filter(accepts)) {
            const reason = refusal(offer);
            if (reason === undefined) {
                return offer;
            }
            reasons.push(reason);
        }
    }
    return reasons.join("; ");
}

/** What the pool could buy, stock aside, in the order in which it is tried. */
function offersOf(pool: PoolView, spot: boolean): Offer[] {
    return pool.instanceTypes.flatMap(({ id, vcpus, gpus }) =>
        pool.zones.map((zone) => ({ instanceType: id, zone, spot, vcpus, gpus })),
    );
}
