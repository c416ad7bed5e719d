import { WindowMaximum } from "./window-maximum";

/** What the autoscaler is told of a revision; Knative's name for it is DeciderSpec. */
export interface DeciderSettings {
    /** Requests at a time, or of another metric, at which a pod has as much as it should: above 0. */
    readonly target: number;
    /** Requests at a time that a pod can hold. */
    readonly total: number;
    /** Annotation target-burst-capacity: requests that must be able to come at once; -1 is any number. */
    readonly targetBurstCapacity: number;
    /** Annotation window, in seconds. */
    readonly stableWindowSeconds: number;
    /** Load over capacity at which panic begins, such as 2. */
    readonly panicThreshold: number;
    /** Most pods for each ready one. */
    readonly maxScaleUpRate: number;
    /** Part of the ready pods that stays at least is 1 over this. */
    readonly maxScaleDownRate: number;
    /** Annotation scale-down-delay, in seconds; 0 is none. */
    readonly scaleDownDelaySeconds: number;
    /** Annotation activation-scale: fewest pods unless there are none. @default none */
    readonly activationScale?: number;
    /** Whether a route leads to the revision. @default true */
    readonly reachable?: boolean;
}

/** What the autoscaler sees. */
export interface Observation {
    /** Seconds. */
    readonly now: number;
    readonly readyPods: number;
    /** Average concurrency over the stable window. */
    readonly stable: number;
    /** Average concurrency over the panic window. */
    readonly panic: number;
}

/** What the autoscaler wants. */
export interface Decision {
    /** Pods, before minScale and maxScale. */
    readonly desired: number;
    /** Requests that the ready pods could take beyond the load and the burst; below 0 the activator is needed. */
    readonly excessBurstCapacity: number;
}

/** Seconds between two decisions. Source: tickInterval of pkg/autoscaler/scaling/multiscaler.go. */
export const TICK_SECONDS = 2;

/**
 * Decides how many pods a revision should have: a model of `autoscaler.Scale` of Knative Serving 1.23
 * (pkg/autoscaler/scaling/autoscaler.go), with concurrency as the metric.
 */
export class Autoscaler {
    private panicSince: number | undefined;
    private mostInPanic: number;
    private readonly delay: WindowMaximum | undefined;

    /** @param readyPods those there are at `now`: with more than one it begins in panic, since it knows nothing yet */
    constructor(
        private readonly settings: DeciderSettings,
        { now, readyPods }: Pick<Observation, "now" | "readyPods">,
    ) {
        this.panicSince = readyPods > 1 ? now : undefined;
        this.mostInPanic = readyPods;
        this.delay =
            settings.scaleDownDelaySeconds > 0
                ? new WindowMaximum(settings.scaleDownDelaySeconds, TICK_SECONDS)
                : undefined;
    }

    /** Whether it panics: then it never takes pods away. */
    get panicking(): boolean {
        return this.panicSince !== undefined;
    }

    /** Decides, and remembers what it saw. */
    decide(observation: Observation): Decision {
        const { now, readyPods, stable, panic } = observation;
        const { target, panicThreshold, stableWindowSeconds, reachable = true } = this.settings;
        const ready = Math.max(1, readyPods);
        const forStable = this.limited(Math.ceil(stable / target), ready);
        const forPanic = this.limited(Math.ceil(panic / target), ready);

        if (Math.ceil(panic / target) / ready >= panicThreshold) {
            this.panicSince = now;
        } else if (this.panicSince !== undefined && this.panicSince + stableWindowSeconds < now) {
            this.panicSince = undefined;
            this.mostInPanic = 0;
        }
        let desired = forStable;
        if (this.panicking) {
            desired = Math.max(forStable, forPanic, this.mostInPanic);
            this.mostInPanic = desired;
        }
        if (reachable && this.delay !== undefined) {
            desired = this.delay.record(now, desired);
        }
        return { desired, excessBurstCapacity: this.excessBurstCapacity(observation) };
    }

    /** Pods within what the rates allow from this number of ready ones, or the activation scale. */
    private limited(wanted: number, ready: number): number {
        const { maxScaleUpRate, maxScaleDownRate, activationScale = 1 } = this.settings;
        const { reachable = true } = this.settings;
        const least = reachable ? Math.floor(ready / maxScaleDownRate) : 0;
        const pods = Math.min(Math.max(wanted, least), Math.ceil(maxScaleUpRate * ready));
        return wanted > 0 ? Math.max(pods, activationScale) : pods;
    }

    private excessBurstCapacity({ readyPods, panic }: Observation): number {
        const { targetBurstCapacity, total } = this.settings;
        if (targetBurstCapacity <= 0) {
            return targetBurstCapacity;
        }
        return Math.floor(readyPods * total - targetBurstCapacity - panic);
    }
}
