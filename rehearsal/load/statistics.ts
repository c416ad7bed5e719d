import type { Random } from "./random";

/** An estimate with the bounds of its 95 % confidence interval. */
export interface Estimate {
    readonly value: number;
    readonly low: number;
    readonly high: number;
}

/**
 * The value below which a share of all values lies, interpolated between the two values next to it (Hyndman and
 * Fan's definition 7, that of numpy and R).
 *
 * @param values in any order; a request that got no image counts as Infinity
 * @param share from 0 to 1
 * @returns Infinity where the share reaches into the requests without an image
 * @throws Error when there are no values
 */
export function quantile(values: readonly number[], share: number): number {
    const sorted = values.toSorted((one, other) => one - other);
    const position = share * (sorted.length - 1);
    const below = sorted[Math.floor(position)];
    const above = sorted[Math.ceil(position)];
    if (below === undefined || above === undefined) {
        throw new Error(`no quantile ${share} of ${values.length} values`);
    }
    const weight = position - Math.floor(position);
    // Infinity times nothing is no number.
    return weight === 0 || below === above ? below : below + weight * (above - below);
}

/** Arithmetic mean. @throws Error when there are no values */
export function mean(values: readonly number[]): number {
    if (values.length === 0) {
        throw new Error("no mean of no values");
    }
    return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Samples that one interval is made of. */
const RESAMPLES = 1000;

/**
 * Figures over the values of several runs with their 95 % confidence intervals, by the percentile bootstrap. Whole
 * runs are drawn, since requests of one run wait for each other and are no independent samples. From one run only
 * its requests can be drawn: that interval says nothing about another run, and is too narrow for one.
 *
 * @param runs values of each run
 * @param statistics the figures, of the values of all runs together in rising order
 * @param random draws the samples, which all figures share
 */
export function bootstrap<Figure extends string>(
    runs: readonly (readonly number[])[],
    statistics: Readonly<Record<Figure, (values: readonly number[]) => number>>,
    random: Random,
): Record<Figure, Estimate> {
    const drawn = <T>(from: readonly T[]): T[] =>
        from.map(() => from[Math.floor(random() * from.length)] as T);
    // A sort without a function to compare by: of ten thousand values a thousand times, that is most of the work.
    const sorted = (values: readonly number[]): number[] => [...Float64Array.from(values).sort()];
    const [first = []] = runs;
    const all = sorted(runs.flat());
    const resampled = Array.from({ length: RESAMPLES }, () =>
        sorted(runs.length > 1 ? drawn(runs).flat() : drawn(first)),
    );
    const estimates = Object.entries<(values: readonly number[]) => number>(statistics).map(
        ([figure, statistic]) => {
            const figures = resampled.map(statistic);
            const [low, high] = [quantile(figures, 0.025), quantile(figures, 0.975)];
            return [figure, { value: statistic(all), low, high }] as const;
        },
    );
    return Object.fromEntries(estimates) as Record<Figure, Estimate>;
}

/** Bar of a histogram. */
export interface Bar {
    /** Upper bound, which belongs to the bar. */
    readonly mark: number;
    readonly count: number;
}

/** What `hey` prints, each figure computed as `hey` 0.1.4 does (requester/report.go). */
export interface HeyFigures {
    /** From the first request to the end of the last, in seconds. */
    readonly total: number;
    readonly slowest: number;
    readonly fastest: number;
    readonly average: number;
    readonly requestsPerSecond: number;
    readonly histogram: readonly Bar[];
    /** Percentage → seconds; 0 where `hey` prints "0% in 0.0000 secs" because it does not reach that percentage. */
    readonly distribution: Readonly<Record<HeyPercentage, number>>;
}

/** Percentages of `hey`'s latency distribution. */
export const HEY_PERCENTAGES = [10, 25, 50, 75, 90, 95, 99] as const;
export type HeyPercentage = (typeof HEY_PERCENTAGES)[number];

/**
 * Computes what `hey` would print.
 *
 * @param latencies seconds of each request that was answered, whatever its status; `hey` leaves out the others
 * @param total seconds of the run
 * @param requests answered or not. @default all were answered
 * @throws Error when no request was answered: `hey` prints nothing then
 */
export function heyFigures(
    latencies: readonly number[],
    total: number,
    requests = latencies.length,
): HeyFigures {
    const sorted = latencies.toSorted((one, other) => one - other);
    const [fastest] = sorted;
    const slowest = sorted.at(-1);
    if (fastest === undefined || slowest === undefined) {
        throw new Error("hey has no figures for a run without an answer");
    }
    return {
        total,
        slowest,
        fastest,
        average: mean(sorted),
        requestsPerSecond: requests / total,
        histogram: heyHistogram(sorted, fastest, slowest),
        distribution: heyDistribution(sorted),
    };
}

/**
 * For each percentage the first value, in order, of which floor(index · 100 / n) reaches it. One value serves one
 * percentage only, so that of few values the higher percentages get none.
 */
function heyDistribution(sorted: readonly number[]): Record<HeyPercentage, number> {
    const found = Object.fromEntries(HEY_PERCENTAGES.map((each) => [each, 0])) as Record<
        HeyPercentage,
        number
    >;
    let next = 0;
    for (const [index, value] of sorted.entries()) {
        const percentage = HEY_PERCENTAGES[next];
        if (percentage === undefined) {
            break;
        }
        if (Math.floor((index * 100) / sorted.length) >= percentage) {
            found[percentage] = value;
            next += 1;
        }
    }
    return found;
}

/** Eleven marks from the fastest to the slowest, so ten bars and one for the fastest itself. */
function heyHistogram(sorted: readonly number[], fastest: number, slowest: number): Bar[] {
    const width = (slowest - fastest) / 10;
    const marks = Array.from({ length: 11 }, (_, index) =>
        index === 10 ? slowest : fastest + width * index,
    );
    return histogram(sorted, marks);
}

/**
 * Counts values by the first mark that is not below them.
 *
 * @param marks rising; the last one is not below any value
 */
export function histogram(values: readonly number[], marks: readonly number[]): Bar[] {
    const counts = marks.map(() => 0);
    for (const value of values) {
        const index = marks.findIndex((mark) => value <= mark);
        counts[index] = (counts[index] ?? 0) + 1;
    }
    return marks.map((mark, index) => ({ mark, count: counts[index] ?? 0 }));
}
