import { poissonArrivals } from "../load/arrivals";
import { between, randomStream } from "./random-stream";

/** Requests that come at their own times, whatever becomes of the others. */
export interface OpenTraffic {
    readonly kind: "open";
    /** Seconds after the beginning, in order. */
    readonly arrivals: readonly number[];
}

/** Clients that each send a request when they got the answer to the one before. */
export interface ClosedTraffic {
    readonly kind: "closed";
    readonly clients: number;
    /** Requests of all clients. */
    readonly requests: number;
    /**
     * own: each client sends its share on one connection, as `hey` does. shared: who is free sends the next one, each
     * on a connection of its own.
     */
    readonly queue: "own" | "shared";
    /** Of each so many requests the first is given up after a time. @default none */
    readonly abandoned?: { readonly every: number; readonly afterSeconds: number };
}

/** What clients do. */
export type Traffic = OpenTraffic | ClosedTraffic;

/** What comes in, on average. */
export interface Demand {
    /** Single requests in an hour, each at its own time. */
    readonly requestsPerHour: number;
    /** Requests that come at once, again and again. @default none */
    readonly bursts?: { readonly size: number; readonly everySeconds: number } | undefined;
}

/** Requests of some hours: a Poisson process, and bursts, the first of which is somewhere in the first period. */
export function openTraffic(
    { requestsPerHour, bursts }: Demand,
    { hours, seed }: { readonly hours: number; readonly seed: number },
): OpenTraffic {
    const seconds = hours * 3600;
    const arrivals = poissonArrivals(
        { rate: requestsPerHour / 3600, seconds, most: Number.POSITIVE_INFINITY },
        randomStream(seed, "arrivals"),
    );
    if (bursts !== undefined) {
        const first = between([0, bursts.everySeconds], randomStream(seed, "bursts"));
        for (let at = first; at < seconds; at += bursts.everySeconds) {
            arrivals.push(...new Array<number>(bursts.size).fill(at));
        }
    }
    return { kind: "open", arrivals: arrivals.sort((one, other) => one - other) };
}
