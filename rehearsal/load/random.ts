/** Numbers from 0 up to, not including, 1. */
export type Random = () => number;

/**
 * Random numbers that a seed repeats: mulberry32, which passes gjrand's tests and has a period of 2³².
 *
 * @param seed whole number from 0 to 2³² − 1
 * @throws Error when it is not
 */
export function seededRandom(seed: number): Random {
    if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
        throw new Error(`the seed is ${seed}; allowed: a whole number from 0 to 4294967295`);
    }
    let state = seed;
    return () => {
        state = (state + 0x6d2b79f5) | 0;
        let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
        mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
}
