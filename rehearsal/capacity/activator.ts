import { Concurrency, type Pod } from "./pod";
import type { Request } from "./request";

/**
 * One replica of the activator: a queue, and the pods that are its own. Source: pkg/activator/net/throttler.go,
 * lb_policy.go and handler/concurrency_reporter.go, and pkg/queue/breaker.go of Knative Serving 1.23.
 */
export class Activator {
    /** Requests that wait here, the oldest first. */
    readonly waiting: Request[] = [];
    /** Requests here and in the pods they were sent to. */
    private readonly concurrency = new Concurrency();
    private reports = false;
    /** What it reported before its first report, to be left out of that. */
    private announced = 0;
    private pods: readonly Pod[] = [];
    private readonly reserved = new Map<Pod, number>();
    /** Requests that it has sent and that have not ended, in whichever pod: one that has left its share counts too. */
    private sent = 0;
    private place = 0;
    private of = 1;
    private turn = 0;

    constructor(private readonly containerConcurrency: number) {}

    /** Whether it reports; it ends when there was nothing to report, and begins with the next request. */
    get isReporting(): boolean {
        return this.reports;
    }

    /** Tells it its place among the activators that requests go through. */
    setPlace(place: number, of: number): void {
        this.place = place;
        this.of = of;
    }

    /** Tells it which pods are ready, in the order of their addresses; it takes its share. */
    setPods(ready: readonly Pod[]): void {
        this.pods = sliceOf(ready, this.place, this.of);
    }

    /** A request comes in. @returns whether the autoscaler is to be told at once, of one request */
    enter(now: number, request: Request): boolean {
        const isFirst = !this.reports;
        if (isFirst) {
            this.reports = true;
            this.announced = 1;
            this.concurrency.restart(now);
        }
        this.concurrency.add(now, 1);
        request.activator = this;
        this.waiting.push(request);
        return isFirst;
    }

    /** A request has ended, wherever it was; its slot is free. */
    leave(now: number, request: Request): void {
        this.concurrency.add(now, -1);
        if (request.pod === undefined) {
            this.waiting.splice(this.waiting.indexOf(request), 1);
            return;
        }
        this.sent -= 1;
        const reserved = this.reserved.get(request.pod);
        if (reserved !== undefined) {
            this.reserved.set(request.pod, reserved - 1);
        }
    }

    /**
     * Takes the oldest request if one of its pods has a free slot for it, and no more requests are under way than its
     * pods have slots: while a pod that is being deleted works, another one may idle beside a request that waits.
     *
     * @returns both; undefined if none
     */
    next(): { readonly request: Request; readonly pod: Pod } | undefined {
        const [request] = this.waiting;
        const hasCapacity = this.sent < this.containerConcurrency * this.pods.length;
        const pod = request !== undefined && hasCapacity ? this.reserve() : undefined;
        if (request === undefined || pod === undefined) {
            return undefined;
        }
        this.waiting.shift();
        this.sent += 1;
        return { request, pod };
    }

    /** What it tells the autoscaler each second; undefined if nothing. */
    report(now: number): number | undefined {
        if (!this.reports) {
            return undefined;
        }
        const average = this.concurrency.report(now);
        this.reports = average > 0;
        const rest = Math.max(0, average - this.announced);
        this.announced = 0;
        return rest;
    }

    /** A slot in the first of its pods that has one, or for more than three slots the next one in turn. */
    private reserve(): Pod | undefined {
        const from = this.containerConcurrency <= FIRST_AVAILABLE_UP_TO ? 0 : this.turn;
        for (let offset = 0; offset < this.pods.length; offset++) {
            const index = (from + offset) % this.pods.length;
            const pod = this.pods[index];
            const reserved = pod === undefined ? undefined : (this.reserved.get(pod) ?? 0);
            if (pod && reserved !== undefined && reserved < this.containerConcurrency) {
                this.reserved.set(pod, reserved + 1);
                this.turn = index + 1;
                return pod;
            }
        }
        return undefined;
    }
}

/** Containers with more slots get requests in turn. Source: newRevisionThrottler. */
const FIRST_AVAILABLE_UP_TO = 3;

/** The share of the activator at this place among so many: an equal number each, and of the rest one each. */
export function sliceOf<T>(ready: readonly T[], place: number, of: number): readonly T[] {
    if (ready.length <= 1 || of === 1) {
        return ready;
    }
    if (of > ready.length) {
        return ready.slice(place % ready.length, (place % ready.length) + 1);
    }
    const size = Math.floor(ready.length / of);
    const rest = ready.slice(ready.length - (ready.length % of));
    return [...ready.slice(place * size, (place + 1) * size), ...rest.slice(place, place + 1)];
}
