import { setMaxListeners } from "node:events";

/**
 * For work that is done in parts at once: what fails first, a daemon that ends included, ends everything else
 * that is under way.
 *
 * @returns `signal`, which aborts with the first error given to `fail` or with the user's signal
 */
export function sharedFailure(userSignal?: AbortSignal): {
    readonly signal: AbortSignal;
    readonly fail: (error: unknown) => void;
} {
    const failure = new AbortController();
    const signal = userSignal ? AbortSignal.any([userSignal, failure.signal]) : failure.signal;
    // Dozens of conditions are awaited at once, each with a listener of its own.
    setMaxListeners(0, signal);
    return {
        signal,
        fail: (error) => {
            failure.abort(error);
        },
    };
}
