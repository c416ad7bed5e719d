import { createHash } from "node:crypto";
import { type Random, seededRandom } from "../load/random";
import type { Range } from "./service";

/**
 * Random numbers of a seed for one purpose. Those for different purposes do not depend on each other, so that a setting
 * which needs more of one leaves the others as they are: all settings are tried on the same arrivals.
 *
 * @param seed a whole number
 */
export function randomStream(seed: number, purpose: string): Random {
    const digest = createHash("sha256").update(`${seed} ${purpose}`).digest();
    return seededRandom(digest.readUInt32BE());
}

/** A number of the range, each as likely. */
export function between([least, most]: Range, random: Random): number {
    return least + (most - least) * random();
}

/** A whole number from 0 to below `count`, each as likely. */
export function below(count: number, random: Random): number {
    return Math.floor(count * random());
}
