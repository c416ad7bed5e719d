/**
 * Average of a value over a sliding window of seconds, as Knative's autoscaler takes it
 * (`TimedFloat64Buckets` of pkg/autoscaler/aggregation, with buckets of one second).
 *
 * Two things in it decide how a service scales. A window that is not yet full is averaged over what there is of it, so
 * that a burst after a pause counts at once. And when nothing is reported any more, what was is averaged over
 * fewer and fewer seconds, so that it counts fully until the window has passed, and then not at all; with
 * zeros reported instead, it would fade.
 */
export class WindowAverage {
    private readonly buckets: Float64Array;
    private total = 0;
    private first = 0;
    private last = Number.NEGATIVE_INFINITY;

    /** @param seconds length of the window, a whole number */
    constructor(private readonly seconds: number) {
        this.buckets = new Float64Array(seconds);
    }

    /** Adds to the value of the second in which `now` lies; times never go back. */
    record(now: number, value: number): void {
        const second = Math.floor(now);
        if (second - this.last >= this.seconds) {
            this.buckets.fill(0);
            this.total = 0;
            this.first = second;
        } else {
            for (let each = this.last + 1; each <= second; each++) {
                this.total -= this.bucket(each);
                this.buckets[each % this.seconds] = 0;
            }
        }
        this.last = second;
        this.buckets[second % this.seconds] = this.bucket(second) + value;
        this.total += value;
    }

    /** Whether nothing was recorded for longer than the window. */
    isEmpty(now: number): boolean {
        return Math.floor(now) - this.last > this.seconds;
    }

    /** The average at this moment; 0 if nothing was recorded within the window. */
    average(now: number): number {
        const second = Math.floor(now);
        const silent = Math.max(0, second - this.last);
        if (silent >= this.seconds) {
            return 0;
        }
        let sum = this.total;
        for (let each = this.last + 1; each <= second; each++) {
            sum -= this.bucket(each);
        }
        const known = Math.min(this.last - this.first + 1, this.seconds - silent);
        return Math.round((sum / known) * PRECISION) / PRECISION;
    }

    private bucket(second: number): number {
        return this.buckets[second % this.seconds] ?? 0;
    }
}

/** Knative rounds averages to six digits, without which a sum that should be 5 asks for 6 pods. */
const PRECISION = 1e6;
