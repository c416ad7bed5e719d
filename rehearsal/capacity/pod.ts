import type { GpuNode } from "./node-pool";
import type { Request } from "./request";

/** A pod: the queue-proxy before the container, and the container with its lock. */
export class Pod {
    /** When it was scheduled, and held its GPU from. */
    scheduledAt = Number.POSITIVE_INFINITY;
    /** When it could answer; undefined before that. */
    readyAt: number | undefined;
    deletedAt: number | undefined;
    /** When it was gone, and its GPU free. */
    goneAt: number | undefined;
    /** Requests that the queue-proxy has let through to the container. */
    readonly admitted = new Set<Request>();
    /** Requests that wait in the queue-proxy. */
    readonly waiting: Request[] = [];
    /** Requests that the container works on. */
    readonly working = new Set<Request>();
    /** Requests that wait for the container's lock, abandoned ones included. */
    readonly locked: Request[] = [];
    /** Most requests that the container had at a time, abandoned ones included. */
    mostInContainer = 0;
    /** Requests that came from the gateway itself, for the autoscaler. */
    readonly direct = new Concurrency();

    /**
     * @param address its place among the addresses, which have nothing to do with the order of creation
     * @param uid of Kubernetes, as random
     */
    constructor(
        readonly number: number,
        readonly createdAt: number,
        readonly node: GpuNode | undefined,
        readonly address: number,
        readonly uid: number,
    ) {}

    /** Whether it takes requests. */
    get isReady(): boolean {
        return this.readyAt !== undefined && this.deletedAt === undefined;
    }
}

/** Average number of requests at a time, as Knative counts it. */
export class Concurrency {
    private count = 0;
    private area = 0;
    private since = 0;
    private reportedAt = 0;

    /** Begins to count anew. */
    restart(now: number): void {
        this.area = 0;
        this.since = now;
        this.reportedAt = now;
    }

    add(now: number, change: 1 | -1): void {
        this.area += this.count * (now - this.since);
        this.since = now;
        this.count += change;
    }

    /** The average since the last report. */
    report(now: number): number {
        this.area += this.count * (now - this.since);
        const average = now > this.reportedAt ? this.area / (now - this.reportedAt) : this.count;
        this.restart(now);
        return average;
    }
}
