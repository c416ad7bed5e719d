/**
 * Highest of the values of a sliding window, as Knative's autoscaler takes it for `scale-down-delay`
 * (`TimeWindow` of pkg/autoscaler/aggregation/max).
 */
export class WindowMaximum {
    private readonly slots: number;
    /** Values that may yet be the highest, from the oldest and highest on. */
    private readonly candidates: { slot: number; value: number }[] = [];

    /**
     * @param seconds length of the window, above 0
     * @param granularity seconds of a slot, of which the highest value is kept
     */
    constructor(
        seconds: number,
        private readonly granularity: number,
    ) {
        this.slots = Math.ceil(seconds / granularity);
    }

    /** Adds a value; times never go back. @returns the highest of the window, this one included */
    record(now: number, value: number): number {
        const slot = Math.floor(Math.floor(now) / this.granularity);
        const { candidates } = this;
        while ((candidates.at(-1)?.value ?? Number.POSITIVE_INFINITY) <= value) {
            candidates.pop();
        }
        if (candidates.at(-1)?.slot !== slot) {
            candidates.push({ slot, value });
        }
        while (slot - (candidates[0]?.slot ?? slot) >= this.slots) {
            candidates.shift();
        }
        return candidates[0]?.value ?? value;
    }
}
