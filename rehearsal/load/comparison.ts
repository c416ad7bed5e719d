import type { Estimate } from "./statistics";
import { type Figure, FIGURES, type Summary } from "./summary";

/** A figure now and in the baseline. */
export interface Comparison {
    readonly figure: Figure;
    readonly baseline: Estimate;
    readonly now: Estimate;
    /**
     * Whether the confidence intervals are apart. Of one run they are too narrow, and of a single value they have no
     * width, so that with fewer than two runs on each side nothing is said. @default - nothing can be said
     */
    readonly differs?: boolean | undefined;
}

/**
 * Compares the figures that both have.
 *
 * @throws Error when they are of different profiles
 */
export function compare(now: Summary, baseline: Summary): Comparison[] {
    if (now.profile !== baseline.profile) {
        throw new Error(
            `the baseline is of the profile ${baseline.profile}; allowed: ${now.profile}`,
        );
    }
    return (Object.keys(FIGURES) as Figure[]).flatMap((figure) => {
        const one = baseline.figures[figure];
        const other = now.figures[figure];
        if (one === undefined || other === undefined) {
            return [];
        }
        const differs =
            now.runs < 2 || baseline.runs < 2
                ? undefined
                : one.high < other.low || other.high < one.low;
        return [{ figure, baseline: one, now: other, differs }];
    });
}
