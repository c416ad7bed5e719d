import { setTimeout } from "node:timers/promises";

/**
 * Asks for a condition ten times a second until it holds, and returns its value.
 *
 * @param what the awaited state, to end the sentence "Waited … for …"
 * @param condition undefined, or an error thrown, means not yet
 * @throws Error after `seconds`, with the last error of the condition; the abort reason when aborted
 */
export async function until<T>(
    what: string,
    seconds: number,
    condition: () => Promise<T | undefined>,
    signal?: AbortSignal,
): Promise<T> {
    const deadline = performance.now() + seconds * 1000;
    for (;;) {
        signal?.throwIfAborted();
        let cause: unknown;
        try {
            const value = await condition();
            if (value !== undefined) {
                return value;
            }
        } catch (error) {
            cause = error;
        }
        if (performance.now() > deadline) {
            const last = cause instanceof Error ? ` (${cause.message})` : "";
            throw new Error(`Waited ${seconds} s in vain for ${what}${last}.`, { cause });
        }
        // An abort is reported by the next round.
        await setTimeout(100, undefined, signal ? { signal } : {}).catch(() => undefined);
    }
}

/**
 * Waits for work that somebody else does, and that goes on when the signal aborts.
 *
 * @throws whatever the work throws; the abort reason when aborted
 */
export async function untilAborted<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
        const stop = (): void => {
            // Whatever the caller gave as its reason.
            reject(signal?.reason as Error);
        };
        signal?.addEventListener("abort", stop, { once: true });
        void work.then(resolve, reject).finally(() => {
            signal?.removeEventListener("abort", stop);
        });
    });
}
