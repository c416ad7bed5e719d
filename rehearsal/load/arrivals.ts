import type { Random } from "./random";

/**
 * Moments at which the requests of an open loop are sent: a Poisson process, as of many users who do not know of
 * each other. They are all fixed before the first is sent, so that a slow answer delays no later request, and the
 * wait of every request counts (no coordinated omission).
 *
 * @param rate requests per second, on average
 * @param seconds none is sent later
 * @param most none beyond this number
 * @returns seconds from the start, rising
 */
export function poissonArrivals(
    {
        rate,
        seconds,
        most,
    }: { readonly rate: number; readonly seconds: number; readonly most: number },
    random: Random,
): number[] {
    const moments: number[] = [];
    let moment = 0;
    for (;;) {
        // The logarithm of 0 would never come.
        moment -= Math.log(1 - random()) / rate;
        if (moment > seconds || moments.length === most) {
            return moments;
        }
        moments.push(moment);
    }
}
