import type { V1Pod } from "@kubernetes/client-node";
import { randomInt } from "node:crypto";
import { formatCidr, parseCidr } from "../../components/cidr";
import { isUsable } from "./api";
import { type InstanceType, instanceType, sells, zoneOf } from "./catalogue";
import type { Clock } from "./clock";
import { type Fault, concerns, isOutOfStock } from "./faults";
import { numberIn, objectIn, objectsIn, textIn, textsIn } from "./inputs";
import type { KubernetesBackend } from "./kubernetes-backend";
import { hasGpus, isScaled, leastNodes } from "./refusals";
import { AUTOSCALING_CONFIG, CLUSTER, NODE_POOL, VSWITCH } from "./resource-tokens";
import { type Action, type Offer, type PoolView, type Scaling, decide, labelsOf } from "./scaler";
import type { CloudNode, CloudResource, Store } from "./store";

/** The nodes of all pools. */
export interface Nodes {
    /** Gives a pool the nodes it always has, and resolves when all are Ready. */
    readonly settle: (pool: CloudResource, report: (what: string) => void) => Promise<void>;
    /** Removes the nodes of a pool. */
    readonly removeAll: (pool: CloudResource) => Promise<void>;
    /** Goes on with what an earlier process had begun. */
    readonly resume: () => void;
    /** Lets pods decide, until all work ends. */
    readonly scale: () => Promise<void>;
}

/** What the nodes are made with. */
export interface NodesOptions {
    readonly store: Store;
    readonly backend: KubernetesBackend;
    readonly clock: Clock;
    /** Real seconds that a GPU instance takes to boot. */
    readonly gpuBootSeconds: number;
    /** Milliseconds between two looks at the pods at least, to spare the machine. */
    readonly leastScanPause: number;
    /** vCPUs that all GPU instances together may have. */
    readonly gpuVcpus: number;
    readonly event: (kind: string, subject: string, message: string) => void;
    /** Counts a stroke of each of the faults. */
    readonly strike: (faults: readonly Fault[]) => void;
    /** Ends all work, as if the process were killed. */
    readonly signal: AbortSignal;
}

/** Real seconds between two looks at the pods, unless the autoscaling configuration says otherwise. */
const SCAN_INTERVAL = 30;

/** Real seconds after a node failed to join in which its pool gets no other. */
const RETRY_PAUSE = 60;

/** Makes the nodes of a cloud; nothing joins or leaves before it is asked to. */
export function createNodes(options: NodesOptions): Nodes {
    const { store, backend, clock, event, signal } = options;
    const { state } = store;
    /** The nodes that this process works on: each with what happens to it, and how to make it leave. */
    const lives = new Map<string, { joined: Promise<void>; leave: AbortController }>();
    /** The nodes that are leaving. */
    const departures = new Map<string, Promise<void>>();
    const grewAt = new Map<string, number>();
    const pausedUntil = new Map<string, number>();
    const blocked = new Map<string, string>();

    const isAborted = (): boolean => signal.aborted;
    const find = (type: string, id: string | undefined): CloudResource | undefined =>
        state.resources.find((each) => each.type === type && each.id === id);

    /** Rejects if the node does not become Ready; by then it is gone. */
    const join = (node: CloudNode, report: (what: string) => void): Promise<void> => {
        const leave = new AbortController();
        const life = async (): Promise<void> => {
            try {
                await clock.reach(node.bootsUntil, AbortSignal.any([leave.signal, signal]));
            } catch (error) {
                if (leave.signal.aborted) {
                    return;
                }
                throw error;
            }
            node.status = "joining";
            store.save();
            event("NodeJoining", node.name, `${node.instanceType} in ${node.zone} has booted`);
            await backend.joinNode(
                { name: node.name, labels: node.labels, taints: node.taints, gpus: node.gpus },
                report,
            );
            signal.throwIfAborted();
            if (!leave.signal.aborted) {
                node.status = "ready";
                store.save();
                grewAt.set(node.pool, clock.now());
                event("NodeJoined", node.name, `${node.instanceType} in ${node.zone} is Ready`);
            }
        };
        const joined = life();
        lives.set(node.name, { joined, leave });
        return joined.catch(async (error: unknown) => {
            signal.throwIfAborted();
            event("NodeFailed", node.name, messageOf(error));
            pausedUntil.set(node.pool, clock.now() + clock.scaled(RETRY_PAUSE));
            await remove(node, "it did not become Ready");
            throw new Error(`node ${node.name} did not become Ready: ${messageOf(error)}`, {
                cause: error,
            });
        });
    };

    /** Rejects if the node cannot be removed; it is tried again at a later look. */
    const remove = (node: CloudNode, reason: string): Promise<void> => {
        const under = departures.get(node.name);
        if (under !== undefined) {
            return under;
        }
        const depart = async (): Promise<void> => {
            node.status = "leaving";
            store.save();
            event("NodeLeaving", node.name, reason);
            const life = lives.get(node.name);
            life?.leave.abort();
            // A join that fails reports that itself.
            await life?.joined.catch(() => undefined);
            try {
                await backend.removeNode(node.name);
                signal.throwIfAborted();
            } catch (error) {
                signal.throwIfAborted();
                event("NodeFailed", node.name, `cannot be removed: ${messageOf(error)}`);
                pausedUntil.set(node.pool, clock.now() + clock.scaled(RETRY_PAUSE));
                throw error;
            } finally {
                lives.delete(node.name);
                departures.delete(node.name);
            }
            state.nodes = state.nodes.filter((each) => each !== node);
            store.save();
            event("NodeLeft", node.name, reason);
        };
        const departure = depart();
        departures.set(node.name, departure);
        return departure;
    };

    const buy = (
        pool: CloudResource,
        view: PoolView,
        offer: Offer,
        bootSeconds: number,
    ): CloudNode => {
        const node: CloudNode = {
            name: `${pool.region}.${freeAddress(pool, offer.zone)}`,
            instanceId: `i-${randomLetters(20)}`,
            pool: pool.id,
            instanceType: offer.instanceType,
            zone: offer.zone,
            spot: offer.spot,
            gpus: offer.gpus,
            labels: labelsOf(view, offer),
            taints: view.taints,
            status: "booting",
            bootsUntil: clock.now() + clock.scaled(bootSeconds),
            idleSince: undefined,
        };
        state.nodes.push(node);
        store.save();
        return node;
    };

    const freeAddress = (pool: CloudResource, zone: string): string => {
        const vswitch = textsIn(pool.inputs, "vswitchIds")
            .map((id) => find(VSWITCH, id))
            .find((each) => each?.inputs["zoneId"] === zone);
        const range = parseCidr(textIn(vswitch?.inputs ?? {}, "cidrBlock") ?? "");
        if (range === undefined) {
            throw new Error(`node pool ${pool.id} has no vSwitch in ${zone}`);
        }
        for (;;) {
            // The first and the last three addresses are the cloud's own.
            const first = range.first + randomInt(1, 2 ** (32 - range.prefix) - 3);
            const address = formatCidr({ first, prefix: 32 }).slice(0, -"/32".length);
            if (!state.nodes.some(({ name }) => name === `${pool.region}.${address}`)) {
                return address;
            }
        }
    };

    const viewOf = (pool: CloudResource): PoolView => {
        const { id, region, inputs } = pool;
        const gpus = hasGpus(inputs);
        const scaled = gpus && isScaled(inputs);
        const least = gpus ? leastNodes(inputs) : Math.min(1, leastNodes(inputs));
        const types = textsIn(inputs, "instanceTypes").map(instanceType);
        const zones = textsIn(inputs, "vswitchIds").map(
            (vswitch) => textIn(find(VSWITCH, vswitch)?.inputs ?? {}, "zoneId") ?? "",
        );
        const costOptimized = textIn(inputs, "multiAzPolicy") === "COST_OPTIMIZED";
        const spot = (textIn(inputs, "spotStrategy") ?? "NoSpot") !== "NoSpot";
        return {
            id,
            least,
            most: scaled ? (numberIn(objectIn(inputs, "scalingConfig"), "maxSize") ?? 0) : least,
            scaled,
            instanceTypes: types.filter((type): type is InstanceType => type !== undefined),
            zones: [...new Set(zones)],
            payment: {
                spot,
                // The mix of payments takes effect with this policy only.
                onDemandBase: costOptimized ? wholeIn(inputs, "onDemandBaseCapacity") : 0,
                onDemandShare: costOptimized
                    ? wholeIn(inputs, "onDemandPercentageAboveBaseCapacity") / 100
                    : 0,
                compensated: costOptimized && inputs["compensateWithOnDemand"] === true,
            },
            labels: {
                ...Object.fromEntries(
                    objectsIn(inputs, "labels").map((label) => [
                        textIn(label, "key") ?? "",
                        textIn(label, "value") ?? "",
                    ]),
                ),
                "alibabacloud.com/nodepool-id": id.split(":")[1] ?? "",
                "topology.kubernetes.io/region": region,
                // Keeps ACK's own add-ons off nodes that come and go.
                ...(isScaled(inputs) ? { "k8s.aliyun.com": "true" } : {}),
            },
            taints: objectsIn(inputs, "taints").map((taint) => ({
                key: textIn(taint, "key") ?? "",
                value: textIn(taint, "value") ?? "",
                effect: textIn(taint, "effect") ?? "NoSchedule",
            })),
            grewAt: grewAt.get(id),
        };
    };

    /** Why an offer cannot be taken; the faults that are the reason are added to `met`. */
    const refusalOf =
        (region: string, met: Set<Fault>) =>
        (offer: Offer): string | undefined => {
            const type = instanceType(offer.instanceType);
            const zone = zoneOf(region, offer.zone);
            if (type === undefined || zone === undefined || !sells(zone, type)) {
                return `${offer.zone} does not sell ${offer.instanceType}`;
            }
            const short = state.faults.find((fault) => isOutOfStock(fault, offer));
            if (short !== undefined) {
                met.add(short);
                const how = offer.spot ? " as a spot instance" : "";
                return `OperationDenied.NoStock: ${offer.instanceType}${how} is sold out in ${offer.zone}`;
            }
            const quota = state.faults.find(
                (fault) =>
                    fault.name === "quota" &&
                    concerns(fault, { action: "RunInstances", type: NODE_POOL }),
            );
            if (quota !== undefined) {
                met.add(quota);
            }
            const used = state.nodes
                .filter(({ gpus }) => gpus > 0)
                .reduce((sum, node) => sum + (instanceType(node.instanceType)?.vcpus ?? 0), 0);
            const isOver = offer.gpus > 0 && used + offer.vcpus > options.gpuVcpus;
            return quota !== undefined || isOver
                ? `QuotaExceed.ElasticQuota: ${offer.vcpus} vCPUs more for ${offer.instanceType}; allowed: ${options.gpuVcpus} vCPUs of GPU instances, of which ${used} are used`
                : undefined;
        };

    /** Once, and again when the reason is another one, not at each look. */
    const noteBlocked = (pool: string, reason: string): void => {
        if (blocked.get(pool) !== reason) {
            blocked.set(pool, reason);
            event("NodeBlocked", pool, reason);
        }
    };

    /** Does what was decided for a pool; the returned promises are those of nodes that join and leave. */
    const carryOut = (
        action: Action,
        views: ReadonlyMap<string, PoolView>,
        bootSeconds: number,
        report: (what: string) => void,
    ): Promise<void> => {
        switch (action.kind) {
            case "add": {
                const pool = find(NODE_POOL, action.pool);
                const view = views.get(action.pool);
                const reason = refusalOf(pool?.region ?? "", new Set())(action.offer);
                if (pool === undefined || view === undefined) {
                    throw new Error(`node pool ${action.pool} is not there to get a node`);
                }
                if (reason !== undefined) {
                    noteBlocked(action.pool, `${action.reason}, but ${reason}`);
                    return Promise.reject(new Error(reason));
                }
                blocked.delete(action.pool);
                const node = buy(pool, view, action.offer, bootSeconds);
                const how = action.offer.spot ? "spot" : "on-demand";
                event(
                    "NodeRequested",
                    node.name,
                    `${how} ${node.instanceType} in ${node.zone}: ${action.reason}${standsFor(pool)}`,
                );
                return join(node, report);
            }
            case "remove": {
                const node = state.nodes.find(({ name }) => name === action.node);
                return node === undefined ? Promise.resolve() : remove(node, action.reason);
            }
            case "mark": {
                const node = state.nodes.find(({ name }) => name === action.node);
                if (node !== undefined) {
                    node.idleSince = action.idleSince;
                    store.save();
                }
                return Promise.resolve();
            }
            case "blocked":
                noteBlocked(action.pool, action.reason);
                return Promise.resolve();
        }
    };

    const look = async (): Promise<void> => {
        const now = clock.now();
        for (const cluster of state.resources.filter(
            ({ type, status }) => type === CLUSTER && isUsable(status),
        )) {
            const pools = state.resources.filter(
                ({ type, status, id, inputs }) =>
                    type === NODE_POOL &&
                    status === "Available" &&
                    inputs["clusterId"] === cluster.id &&
                    now >= (pausedUntil.get(id) ?? 0),
            );
            const scaling = scalingOf(find(AUTOSCALING_CONFIG, cluster.id), clock);
            const views = new Map(pools.map((pool) => [pool.id, viewOf(pool)]));
            const byPods =
                scaling !== undefined && [...views.values()].some(({ scaled }) => scaled);
            const pods: readonly V1Pod[] = byPods ? await backend.pods() : [];
            signal.throwIfAborted();
            const met = new Set<Fault>();
            const actions = decide({
                now,
                pools: [...views.values()],
                nodes: state.nodes.filter(({ pool }) => views.has(pool)),
                pods,
                scaling,
                refusal: refusalOf(cluster.region, met),
            });
            options.strike([...met]);
            for (const action of actions) {
                // What fails is an event by then, and the next look sees what has become of it.
                carryOut(action, views, options.gpuBootSeconds, () => undefined).catch(
                    () => undefined,
                );
            }
        }
        for (const node of state.nodes) {
            const paused = now < (pausedUntil.get(node.pool) ?? 0);
            if (node.status === "leaving" && !departures.has(node.name) && !paused) {
                remove(node, "it could not be removed before").catch(() => undefined);
            }
        }
    };

    return {
        settle: async (pool, report) => {
            const view = viewOf(pool);
            const met = new Set<Fault>();
            const own = state.nodes.filter((node) => node.pool === pool.id);
            const actions = decide({
                now: clock.now(),
                pools: [view],
                nodes: own,
                pods: [],
                scaling: undefined,
                refusal: refusalOf(pool.region, met),
            });
            options.strike([...met]);
            const stuck = actions.find(({ kind }) => kind === "blocked");
            if (stuck?.kind === "blocked") {
                throw new Error(stuck.reason);
            }
            await Promise.all([
                // Those that an earlier process had begun to join.
                ...own.map((node) => lives.get(node.name)?.joined),
                // The time that the pool takes covers the boot of its first nodes.
                ...actions.map((action) => carryOut(action, new Map([[view.id, view]]), 0, report)),
            ]);
        },

        removeAll: async (pool) => {
            const own = state.nodes.filter((node) => node.pool === pool.id);
            await Promise.all(own.map((node) => remove(node, "its node pool is deleted")));
        },

        resume: () => {
            for (const node of state.nodes) {
                const going =
                    node.status === "leaving"
                        ? remove(node, "it was leaving when the cloud stopped")
                        : node.status === "ready"
                          ? Promise.resolve()
                          : join(node, () => undefined);
                // What fails is an event by then.
                going.catch(() => undefined);
            }
        },

        scale: async () => {
            let failure = "";
            for (;;) {
                try {
                    await look();
                    failure = "";
                } catch (error) {
                    // Once, and again when it is another one.
                    if (!isAborted() && messageOf(error) !== failure) {
                        event("ScalerFailed", "pods", messageOf(error));
                    }
                    failure = messageOf(error);
                }
                if (isAborted()) {
                    return;
                }
                const pause = Math.max(
                    options.leastScanPause,
                    clock.scaled(scanInterval(state.resources)),
                );
                // The next round sees an abort.
                await clock.reach(clock.now() + pause, signal).catch(() => undefined);
            }
        },
    };
}

/** A pool without GPUs has one real node, whatever its size. */
function standsFor({ inputs }: CloudResource): string {
    const count = leastNodes(inputs);
    return hasGpus(inputs) || count === 1 ? "" : ` (one real node stands in for all ${count})`;
}

function scalingOf(config: CloudResource | undefined, clock: Clock): Scaling | undefined {
    if (config?.status !== "Available") {
        return undefined;
    }
    const { inputs } = config;
    return {
        unneeded: clock.scaled(secondsIn(inputs, "unneededDuration") ?? 600),
        coolDown: clock.scaled(secondsIn(inputs, "coolDownDuration") ?? 600),
        scaleDown: inputs["scaleDownEnabled"] !== false,
        fromZero: inputs["scaleUpFromZero"] !== false,
    };
}

function scanInterval(resources: readonly CloudResource[]): number {
    const config = resources.find(({ type }) => type === AUTOSCALING_CONFIG);
    return secondsIn(config?.inputs ?? {}, "scanInterval") ?? SCAN_INTERVAL;
}

function secondsIn(inputs: CloudResource["inputs"], name: string): number | undefined {
    const value = textIn(inputs, name);
    const unit = { s: 1, m: 60, h: 3600 }[value?.at(-1) ?? ""];
    return value === undefined || unit === undefined ? undefined : parseInt(value, 10) * unit;
}

function wholeIn(inputs: CloudResource["inputs"], name: string): number {
    return Number(textIn(inputs, name) ?? 0);
}

function randomLetters(count: number): string {
    const letters = "abcdefghijklmnopqrstuvwxyz0123456789";
    return Array.from({ length: count }, () => letters.charAt(randomInt(letters.length))).join("");
}

function messageOf(error: unknown): string {
    return error instanceof Error ? error.message : String(error);
}
