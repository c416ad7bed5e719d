import type { DeciderSettings } from "./autoscaler";

/** How a Knative Service is set to scale and to queue. Names are those of its annotations and spec. */
export interface ServiceSettings {
    /** Pods that always run, 0 or more. */
    readonly minScale: number;
    /** Most pods; 0 is no limit. */
    readonly maxScale: number;
    /** Part of containerConcurrency, in percent, at which a pod is added: 1 to 100. @default 100 */
    readonly targetUtilizationPercentage: number;
    /** Length of the panic window, in percent of the stable one: 1 to 100. @default 10 */
    readonly panicWindowPercentage: number;
    /** Seconds for which a lower demand must last before pods are taken away: 0 to 3600. @default 0 */
    readonly scaleDownDelaySeconds: number;
    /** -1: all requests queue in the activators; 0: in the pods; above: Knative's choice. @default -1 */
    readonly targetBurstCapacity: number;
    /** Seconds of the stable window: 6 to 3600. @default 60 */
    readonly windowSeconds: number;
    /** Requests that a pod serves at a time, 1 or more. @default 1 */
    readonly containerConcurrency: number;
    /** Longest that a request may take, queueing and cold start included, in seconds. @default 300 */
    readonly timeoutSeconds: number;
    /** Replicas of the activator. @default 1 */
    readonly activators: number;
}

/** The settings that may be left out. */
export const SERVICE_DEFAULTS = {
    targetUtilizationPercentage: 100,
    panicWindowPercentage: 10,
    scaleDownDelaySeconds: 0,
    targetBurstCapacity: -1,
    windowSeconds: 60,
    containerConcurrency: 1,
    timeoutSeconds: 300,
    activators: 1,
} satisfies Partial<ServiceSettings>;

/** What Knative sets for all services. Source: config-autoscaler of Knative Serving 1.23. */
export const CLUSTER = {
    panicThresholdPercentage: 200,
    maxScaleUpRate: 1000,
    maxScaleDownRate: 2,
    scaleToZeroGracePeriodSeconds: 30,
    /** Requests at a time that one activator is good for. */
    activatorCapacity: 100,
} as const;

/** Fewest activators that Knative puts before a revision. Source: minActivators of pkg/reconciler/autoscaling/kpa. */
const FEWEST_ACTIVATORS = 2;

/** Lowest target. Source: pkg/reconciler/autoscaling/resources/target.go. */
const LOWEST_TARGET = 0.01;

/** What the autoscaler is told of a service. */
export function deciderSettings(settings: ServiceSettings): DeciderSettings {
    const { containerConcurrency, targetUtilizationPercentage } = settings;
    return {
        target: Math.max(LOWEST_TARGET, (containerConcurrency * targetUtilizationPercentage) / 100),
        total: containerConcurrency,
        targetBurstCapacity: settings.targetBurstCapacity,
        stableWindowSeconds: settings.windowSeconds,
        scaleDownDelaySeconds: settings.scaleDownDelaySeconds,
        panicThreshold: CLUSTER.panicThresholdPercentage / 100,
        maxScaleUpRate: CLUSTER.maxScaleUpRate,
        maxScaleDownRate: CLUSTER.maxScaleDownRate,
    };
}

/** Length of the panic window in seconds. */
export function panicWindowSeconds(settings: ServiceSettings): number {
    const { windowSeconds, panicWindowPercentage } = settings;
    return Math.max(1, Math.round((windowSeconds * panicWindowPercentage) / 100));
}

/** Number of activators that requests go through, of those that there are. */
export function activatorsInPath(settings: ServiceSettings, readyPods: number): number {
    const { targetBurstCapacity, containerConcurrency, activators } = settings;
    const load =
        targetBurstCapacity === 0
            ? 0
            : readyPods * containerConcurrency + Math.max(0, targetBurstCapacity);
    const wanted = Math.max(FEWEST_ACTIVATORS, Math.ceil(load / CLUSTER.activatorCapacity));
    return Math.min(activators, wanted);
}

/** How the service's pods, clients' requests and the machines below behave. */
export interface Behaviour {
    /** Shortest and longest time that a request takes once a pod works on it, in seconds. */
    readonly serviceSeconds: Range;
    /** Shortest and longest time from a pod being scheduled until it can work on a request, in seconds. */
    readonly coldStartSeconds: Range;
    /** Whether the container ends on SIGTERM. One that does not holds its GPU until timeoutSeconds. @default true */
    readonly endsOnSigterm: boolean;
    /** Whether a pod stops work that its client no longer waits for; the WebUI does not. @default false */
    readonly stopsAbandonedWork: boolean;
    /** Worker threads of the gateway, which balances the load in each of them alone. @default 2 */
    readonly gatewayThreads: number;
    /** The nodes that GPUs come from. @default - each pod brings its own, as elastic container instances do */
    readonly nodes?: NodeBehaviour | undefined;
}

/** The behaviours that may be left out. */
export const BEHAVIOUR_DEFAULTS = {
    endsOnSigterm: true,
    stopsAbandonedWork: false,
    gatewayThreads: 2,
} satisfies Partial<Behaviour>;

/** From the least to the most, each value as likely. */
export type Range = readonly [least: number, most: number];

/** Nodes with one GPU each that join when a pod finds no free one. */
export interface NodeBehaviour {
    /** Seconds from the demand for a node until a pod can be scheduled on it. */
    readonly startSeconds: number;
    /** Seconds for which a node is kept, and paid for, while no pod uses it. */
    readonly idleSeconds: number;
}
