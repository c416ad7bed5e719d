import fc from "fast-check";
import assert from "node:assert/strict";
import { poissonArrivals } from "../../../load/arrivals";
import { seededRandom } from "../../../load/random";
import { RECIPE } from "../../../load/recipe";
import {
    bootstrap,
    HEY_PERCENTAGES,
    heyFigures,
    histogram,
    mean,
    quantile,
} from "../../../load/statistics";

const latency = fc.double({ min: 0.001, max: 200, noNaN: true });
const latencies = fc.array(latency, { minLength: 1, maxLength: 300 });

describe("hey's figures", () => {
    it("are the sorted elements of index 5, 13, 25, 38, 45 and 48 of 50, and 0 for 99 %", () => {
        const shuffled = Array.from({ length: 50 }, (_, index) => ((index * 37) % 50) + 1);
        const { distribution } = heyFigures(shuffled, 100);
        assert.deepEqual(distribution, { 10: 6, 25: 14, 50: 26, 75: 39, 90: 46, 95: 49, 99: 0 });
    });

    it("give one value to one percentage, so that the last get none of few values", () => {
        const { distribution } = heyFigures([5, 4, 3, 2, 1], 5);
        assert.deepEqual(distribution, { 10: 2, 25: 3, 50: 4, 75: 5, 90: 0, 95: 0, 99: 0 });
    });

    it("hold for any samples what the loop of hey's report.go gives", () => {
        fc.assert(
            fc.property(latencies, (values) => {
                const { distribution, histogram: bars } = heyFigures(values, 1);
                const lats = values.toSorted((one, other) => one - other);
                assert.deepEqual(
                    HEY_PERCENTAGES.map((each) => distribution[each]),
                    goLatencies(lats),
                );
                assert.deepEqual(
                    bars.map(({ count }) => count),
                    goHistogram(lats),
                );
            }),
        );
    });

    it("have a histogram of eleven marks, of which the first holds the fastest alone", () => {
        const { histogram: bars } = heyFigures([1, 1.5, 2, 11], 11);
        assert.deepEqual(
            bars.map(({ mark }) => mark),
            [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
        );
        assert.deepEqual(
            bars.map(({ count }) => count),
            [1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        );
    });

    it("count answers for the average, and every request for the rate", () => {
        const { average, fastest, slowest, requestsPerSecond } = heyFigures([1, 2, 6], 10, 5);
        assert.deepEqual([average, fastest, slowest, requestsPerSecond], [3, 1, 6, 0.5]);
    });

    it("do not exist without an answer", () => {
        assert.throws(() => heyFigures([], 1), /without an answer/);
    });

    it("of the recipe are consistent: its histogram counts its requests up to its slowest", () => {
        assert.equal(
            RECIPE.histogram.reduce((sum, { count }) => sum + count, 0),
            RECIPE.requests,
        );
        assert.equal(RECIPE.histogram.at(-1)?.mark, RECIPE.slowest);
        assert.ok(Math.abs(RECIPE.requests / RECIPE.total - RECIPE.requestsPerSecond) < 5e-5);
    });
});

describe("quantiles", () => {
    it("interpolate between the values next to them", () => {
        assert.equal(quantile([40, 10, 30, 20], 0.5), 25);
        assert.equal(quantile([10, 20, 30, 40, 50], 0.95), 48);
        assert.equal(quantile([7], 0.99), 7);
    });

    it("reach into requests without an image as Infinity, and not before", () => {
        const values = [
            ...Array.from({ length: 96 }, (_, index) => index),
            ...Array<number>(5).fill(Infinity),
        ];
        assert.equal(quantile(values, 0.95), 95);
        assert.equal(quantile(values, 0.96), Infinity);
        assert.equal(quantile([Infinity, Infinity], 0.3), Infinity);
    });

    it("lie among the values and rise with the share", () => {
        fc.assert(
            fc.property(
                latencies,
                fc.double({ min: 0, max: 1, noNaN: true }),
                fc.double({ min: 0, max: 1, noNaN: true }),
                (values, one, other) => {
                    const low = quantile(values, Math.min(one, other));
                    const high = quantile(values, Math.max(one, other));
                    assert.ok(low <= high * (1 + 1e-12));
                    assert.ok(low >= Math.min(...values) && high <= Math.max(...values));
                },
            ),
        );
    });

    it("and means need values", () => {
        assert.throws(() => quantile([], 0.5), /no quantile 0.5 of 0 values/);
        assert.throws(() => mean([]), /no mean/);
    });
});

describe("a bootstrap interval", () => {
    it("holds the figure, and is the same for the same seed", () => {
        const runs = [
            [1, 2, 3],
            [2, 3, 4],
            [10, 11, 12],
        ];
        const first = bootstrap(runs, { mean }, seededRandom(1)).mean;
        assert.equal(first.value, mean(runs.flat()));
        assert.ok(first.low <= first.value && first.value <= first.high);
        assert.deepEqual(bootstrap(runs, { mean }, seededRandom(1)).mean, first);
    });

    it("draws whole runs: where all runs agree there is no doubt, however their requests differ", () => {
        const { low, high } = bootstrap(
            [
                [1, 9],
                [9, 1],
            ],
            { mean },
            seededRandom(2),
        ).mean;
        assert.deepEqual([low, high], [5, 5]);
    });

    it("has the same samples for all its figures, in rising order", () => {
        const seen: (readonly number[])[] = [];
        const see = (values: readonly number[]): number => seen.push(values);
        bootstrap([[3, 1, 2, 10]], { one: see, other: see }, seededRandom(1));
        const half = seen.length / 2;
        assert.deepEqual(seen.slice(0, half), seen.slice(half));
        assert.deepEqual(
            seen,
            seen.map((values) => values.toSorted((one, other) => one - other)),
        );
    });

    it("draws requests where there is one run", () => {
        const { low, high } = bootstrap([[1, 9, 1, 9]], { mean }, seededRandom(2)).mean;
        assert.ok(low < 5 && 5 < high);
    });

    it("covers the truth about as often as it says", () => {
        const random = seededRandom(3);
        let covered = 0;
        for (let trial = 0; trial < 200; trial += 1) {
            const runs = Array.from({ length: 20 }, () => [random() + random() + random()]);
            const { low, high } = bootstrap(runs, { mean }, random).mean;
            covered += low <= 1.5 && 1.5 <= high ? 1 : 0;
        }
        assert.ok(covered >= 176 && covered <= 198, `${covered} of 200`);
    }).timeout(30_000);
});

describe("a histogram", () => {
    it("puts a value on a mark below it", () => {
        assert.deepEqual(histogram([1, 2, 2.5], [1, 2, 3]), [
            { mark: 1, count: 1 },
            { mark: 2, count: 1 },
            { mark: 3, count: 1 },
        ]);
    });

    it("loses no value", () => {
        fc.assert(
            fc.property(latencies, (values) => {
                const bars = histogram(values, [50, 100, 200]);
                assert.equal(
                    bars.reduce((sum, { count }) => sum + count, 0),
                    values.length,
                );
            }),
        );
    });
});

describe("Poisson arrivals", () => {
    const arrivals = (rate: number, seconds: number, most: number, seed: number): number[] =>
        poissonArrivals({ rate, seconds, most }, seededRandom(seed));

    it("are the same for the same seed, and others for another", () => {
        assert.deepEqual(arrivals(0.2, 600, 1000, 7), arrivals(0.2, 600, 1000, 7));
        assert.notDeepEqual(arrivals(0.2, 600, 1000, 7), arrivals(0.2, 600, 1000, 8));
    });

    it("end with the time and with the number", () => {
        assert.equal(arrivals(5, 1e6, 40, 1).length, 40);
        assert.ok((arrivals(5, 10, 1e6, 1).at(-1) ?? 0) <= 10);
    });

    it("rise", () => {
        fc.assert(
            fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (seed) => {
                const moments = arrivals(1, 50, 1000, seed);
                assert.ok(moments.every((moment, index) => moment > (moments[index - 1] ?? 0)));
            }),
        );
    });

    it("have exponential gaps of the rate's mean, and counts whose variance is their mean", () => {
        const moments = arrivals(0.2, 1e6, 1e6, 4);
        const gaps = moments.map((moment, index) => moment - (moments[index - 1] ?? 0));
        assert.ok(Math.abs(mean(gaps) / 5 - 1) < 0.01, `mean gap ${mean(gaps)}`);
        // The share of an exponential distribution that lies above its mean is 1/e.
        const above = gaps.filter((gap) => gap > 5).length / gaps.length;
        assert.ok(Math.abs(above - Math.exp(-1)) < 0.005, `${above} above the mean`);
        const counts = Array<number>(1e4).fill(0);
        for (const moment of moments) {
            const minute = Math.floor(moment / 100);
            counts[minute] = (counts[minute] ?? 0) + 1;
        }
        const average = mean(counts);
        const variance = mean(counts.map((count) => (count - average) ** 2));
        assert.ok(Math.abs(variance / average - 1) < 0.05, `${variance} ÷ ${average}`);
    });

    it("need a seed of 32 bits", () => {
        assert.throws(() => seededRandom(-1), /the seed is -1; allowed: a whole number from 0 to/);
        assert.throws(() => seededRandom(1.5), /the seed is 1.5/);
        assert.throws(() => seededRandom(2 ** 32), /the seed is 4294967296/);
    });
});

/** The loop of hey's report.go, `latencies()`, in its own shape. */
function goLatencies(lats: readonly number[]): number[] {
    const pctls = [10, 25, 50, 75, 90, 95, 99];
    const data = pctls.map(() => 0);
    let j = 0;
    for (let i = 0; i < lats.length && j < pctls.length; i++) {
        const current = Math.trunc((i * 100) / lats.length);
        if (current >= (pctls[j] ?? NaN)) {
            data[j] = lats[i] ?? NaN;
            j++;
        }
    }
    return data;
}

/** The loop of hey's report.go, `histogram()`, in its own shape. */
function goHistogram(lats: readonly number[]): number[] {
    const fastest = lats[0] ?? NaN;
    const slowest = lats.at(-1) ?? NaN;
    const buckets = Array.from({ length: 11 }, (_, i) => fastest + ((slowest - fastest) / 10) * i);
    buckets[10] = slowest;
    const counts = buckets.map(() => 0);
    let bi = 0;
    for (let i = 0; i < lats.length;) {
        if ((lats[i] ?? NaN) <= (buckets[bi] ?? NaN)) {
            i++;
            counts[bi] = (counts[bi] ?? 0) + 1;
        } else if (bi < buckets.length - 1) {
            bi++;
        }
    }
    return counts;
}
