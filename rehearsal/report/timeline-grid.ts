import type { Range, Series } from "../prometheus";

/** A value of a plot; NaN where there is none. */
export interface GridPoint {
    /** Seconds since the range's start. */
    readonly second: number;
    readonly value: number;
}

/**
 * The points of a series at every moment of the range, so that a line has a gap where the series has none. What is
 * not finite counts as missing.
 */
export function onGrid({ points }: Series, { start, end, stepSeconds }: Range): GridPoint[] {
    const known = new Map(
        points.map(({ at, value }) => [
            Math.round((at.getTime() - start.getTime()) / (stepSeconds * 1000)),
            value,
        ]),
    );
    const steps = Math.floor((end.getTime() - start.getTime()) / (stepSeconds * 1000));
    return Array.from({ length: steps + 1 }, (_, index) => {
        const value = known.get(index) ?? NaN;
        return { second: index * stepSeconds, value: Number.isFinite(value) ? value : NaN };
    });
}
