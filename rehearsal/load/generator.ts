import { setMaxListeners } from "node:events";
import { poissonArrivals } from "./arrivals";
import { pause } from "./pause";
import type { Closed, Open, Profile } from "./profiles";
import { seededRandom } from "./random";
import { RECIPE_BODY } from "./recipe";
import type { Sample } from "./run-record";
import type { Clock, Sender, TimedRequest } from "./timed-request";

/** What a generator needs beside its profile. */
export interface Generation {
    readonly sender: Sender;
    readonly clock: Clock;
    /** Of the arrivals. */
    readonly seed: number;
    /** Gets each sample when its request is over. */
    readonly onSample: (sample: Sample) => void;
    /** Ends the load: requests that are under way fail, no further one is sent. */
    readonly signal: AbortSignal;
}

/** Sends the requests of a profile by this program and returns when all are over. Each reaches `onSample`. */
export async function generate(profile: Profile, generation: Generation): Promise<void> {
    const { arrivals } = profile;
    // Each request that is under way listens to it, and there is no limit to them.
    setMaxListeners(0, generation.signal);
    await (arrivals.kind === "open"
        ? generateOpen(profile, arrivals, generation)
        : generateClosed(profile, arrivals, generation));
}

/** Clients of equal shares, as those of `hey`. */
async function generateClosed(
    profile: Profile,
    { clients }: Closed,
    { sender, clock, onSample, signal }: Generation,
): Promise<void> {
    const begin = clock();
    let number = 0;
    const client = async (): Promise<void> => {
        for (let sent = 0; sent < profile.requests / clients; sent += 1) {
            const scheduled = clock();
            if (signal.aborted || scheduled - begin > profile.seconds) {
                return;
            }
            const request = requestOf(profile, number, signal);
            number += 1;
            onSample(await sender.send(request, scheduled));
        }
    };
    await Promise.all(Array.from({ length: clients }, client));
}

/** All moments are drawn first; nothing that an answer does moves one. */
async function generateOpen(
    profile: Profile,
    { rate }: Open,
    { sender, clock, seed, onSample, signal }: Generation,
): Promise<void> {
    const moments = poissonArrivals(
        { rate, seconds: profile.seconds, most: profile.requests },
        seededRandom(seed),
    );
    const begin = clock();
    const underWay: Promise<void>[] = [];
    for (const [number, moment] of moments.entries()) {
        // A timer may be a little early.
        while (clock() < begin + moment && !signal.aborted) {
            await pause(begin + moment - clock(), signal);
        }
        if (signal.aborted) {
            break;
        }
        const request = requestOf(profile, number, signal);
        underWay.push(sender.send(request, begin + moment).then(onSample));
    }
    await Promise.all(underWay);
}

function requestOf(
    { timeoutSeconds, cancel }: Profile,
    number: number,
    signal: AbortSignal,
): TimedRequest {
    const isGivenUp = cancel !== undefined && number % cancel.every === 0;
    return {
        body: RECIPE_BODY,
        timeoutSeconds,
        cancelAfterSeconds: isGivenUp ? cancel.afterSeconds : undefined,
        signal,
    };
}
