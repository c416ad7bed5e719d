import { setTimeout } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";
import { userError } from "./user-error";

/** What a look at a cluster found, or what is missing until there is something to find. */
export type Look<T> = { readonly found: T } | { readonly missing: string };

/** How long to look, and what to say. */
export interface UntilArgs {
    /** What is waited for, such as `Knative`. */
    readonly subject: string;
    /** What is wrong when the time is over, such as `Knative does not answer`. */
    readonly failure: string;
    /** What that means for the user, a sentence without full stop. */
    readonly consequence: string;
    /** Seconds for which to look. */
    readonly waitSeconds: number;
    /** Is told every 15 s what is waited for. @default - the engine's log */
    readonly report?: ((message: string) => Promise<void>) | undefined;
}

/** Pause between two looks, in milliseconds. */
const PAUSE = 1000;

/** How often a wait says what it waits for, in seconds. */
const REPORT_EVERY = 15;

/**
 * Looks at a cluster until what is looked for is there; at least once.
 *
 * @returns what was found
 * @throws pulumi.RunError when the time is over, saying what is missing
 */
export async function until<T>(look: () => Promise<Look<T>>, args: UntilArgs): Promise<T> {
    const { subject, failure, consequence, waitSeconds, report = pulumi.log.info } = args;
    const started = performance.now();
    const elapsed = (): number => Math.round((performance.now() - started) / 1000);
    let reported = 0;
    for (;;) {
        const seen = await look();
        if ("found" in seen) {
            return seen.found;
        }
        const { missing } = seen;
        if (elapsed() >= waitSeconds) {
            throw userError(`${failure} after ${waitSeconds} s: ${missing}. ${consequence}`);
        }
        if (elapsed() >= reported + REPORT_EVERY) {
            reported = elapsed();
            await report(
                `waiting for ${subject}, ${reported} s of at most ${waitSeconds}: ${missing}`,
            );
        }
        await setTimeout(PAUSE);
    }
}
