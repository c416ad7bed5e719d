import { setTimeout as delay } from "node:timers/promises";

/** The time of a cloud that is faster or slower than the real one. */
export interface Clock {
    /** Milliseconds that stand for these real seconds. */
    readonly scaled: (seconds: number) => number;
    /** Milliseconds since 1970; not scaled. */
    readonly now: () => number;
    /** Waits until this moment; rejects with an AbortError when aborted. */
    readonly reach: (moment: number, signal: AbortSignal) => Promise<void>;
}

/** A clock on which a real second takes `timeScale` seconds. */
export function createClock(timeScale: number): Clock {
    return {
        scaled: (seconds) => seconds * timeScale * 1000,
        now: Date.now,
        reach: async (moment, signal) => {
            await delay(Math.max(0, moment - Date.now()), undefined, { signal });
        },
    };
}
