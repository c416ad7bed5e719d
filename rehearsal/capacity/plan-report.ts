import { seededRandom } from "../load/random";
import { bootstrap, type Estimate, quantile } from "../load/statistics";
import { type Expectation, offeredLoad, type Plan } from "./plan";
import type { PlanArguments } from "./plan-arguments";

/** A plan, beside what the stacks are set to. */
export interface PlanResult {
    readonly plan: Plan;
    /** What is to be expected of the settings of each stack. */
    readonly stacks: ReadonlyMap<string, Expectation>;
}

/** What stands for settings in the report. */
interface Row {
    readonly minScale: number;
    readonly maxScale: number;
    readonly scaleDownDelaySeconds: number;
    readonly targetUtilizationPercentage: number;
    readonly p50: number;
    readonly p95: number;
    readonly p99: number;
    /** Share of the requests without an image. */
    readonly failed: number;
    readonly gpuSecondsPerImage: number;
    /** Undefined where no price is given. */
    readonly costPer1000Images: number | undefined;
    readonly podsStartedPerHour: number;
    /** Whether 95 of 100 requests are answered in time. */
    readonly inTime: boolean;
}

/** The same as the text, to be written as JSON. */
export function planAsJson({ plan, stacks }: PlanResult, asked: PlanArguments): object {
    const { recommended, alternatives, tried, hours, periods } = plan;
    return {
        asked,
        offeredLoad: offeredLoad(asked),
        simulated: { settings: tried, periods, hoursEach: hours },
        recommended: recommended && {
            ...rowOf(recommended, asked),
            p95Interval: p95Interval(recommended, asked.seed),
        },
        alternatives: alternatives.map((each) => rowOf(each, asked)),
        stacks: Object.fromEntries([...stacks].map(([name, each]) => [name, rowOf(each, asked)])),
    };
}

/** The plan as text. */
export function planAsText({ plan, stacks }: PlanResult, asked: PlanArguments): string {
    const { recommended, alternatives, tried, hours, periods } = plan;
    const marked = alternatives.map((each): [string, Expectation] => [
        each === recommended ? "recommended" : "",
        each,
    ]);
    const rows = [...marked, ...stacks].map(([name, each]) => [name, ...cells(rowOf(each, asked))]);
    return [
        ...(recommended === undefined ? none(alternatives, asked) : chosen(recommended, asked)),
        "",
        "Alternatives, the cheapest first: of none there is one both cheaper and faster. Then the stacks of this checkout.",
        "",
        ...table([HEADER, ...rows]),
        "",
        `Each of ${tried} settings was simulated; what is shown, for ${periods} periods of ${hours} h with ${offeredLoad(asked).toFixed(2)} GPUs at work on average.`,
        "What the model leaves out, and how far it was right: docs/capacity.md",
    ].join("\n");
}

const HEADER = [
    "",
    "minScale",
    "maxScale",
    "delay s",
    "target %",
    "P50 s",
    "P95 s",
    "P99 s",
    "in time",
    "failed",
    "GPU-s/image",
    "cost/1000",
    "starts/h",
];

function chosen(recommended: Expectation, asked: PlanArguments): string[] {
    const { choice, p50, p95, p99, gpuSecondsPerImage } = recommended;
    const { low, high } = p95Interval(recommended, asked.seed);
    const cost = costPer1000Images(recommended, asked);
    return [
        `Recommended, for 95 of 100 requests answered within ${asked.p95Seconds} s:`,
        `  minScale: ${choice.minScale}`,
        `  maxScale: ${choice.maxScale}`,
        `  scaleDownDelaySeconds: ${choice.scaleDownDelaySeconds}`,
        `  targetUtilizationPercentage: ${choice.targetUtilizationPercentage}`,
        `Expected: P50 ${seconds(p50)} s, P95 ${seconds(p95)} s (${seconds(low)} to ${seconds(high)}), P99 ${seconds(p99)} s;` +
            ` ${gpuSecondsPerImage.toFixed(1)} GPU-s per image${cost === undefined ? "" : `, ${cost.toFixed(2)} per 1000 images`}`,
    ];
}

function none(
    alternatives: readonly Expectation[],
    { p95Seconds, maxGpus }: PlanArguments,
): string[] {
    const fastest = alternatives.at(-1);
    return [
        `No settings with at most ${maxGpus} pods answer 95 of 100 requests within ${p95Seconds} s.`,
        ...(fastest ? [`The fastest need ${seconds(fastest.p95)} s.`] : []),
    ];
}

function rowOf(expectation: Expectation, asked: PlanArguments): Row {
    const { choice, p50, p95, p99, failed, gpuSecondsPerImage, podsStartedPerHour } = expectation;
    return {
        ...choice,
        p50,
        p95,
        p99,
        failed,
        gpuSecondsPerImage,
        costPer1000Images: costPer1000Images(expectation, asked),
        podsStartedPerHour,
        inTime: p95 <= asked.p95Seconds,
    };
}

function costPer1000Images(
    { paidSecondsPerImage }: Expectation,
    { pricePerHour }: PlanArguments,
): number | undefined {
    return pricePerHour === undefined
        ? undefined
        : ((paidSecondsPerImage * 1000) / 3600) * pricePerHour;
}

function p95Interval({ latencies }: Expectation, seed: number): Estimate {
    const p95 = (values: readonly number[]): number => quantile(values, 0.95);
    return bootstrap(latencies, { p95 }, seededRandom(seed)).p95;
}

function cells(row: Row): string[] {
    return [
        String(row.minScale),
        String(row.maxScale),
        String(row.scaleDownDelaySeconds),
        String(row.targetUtilizationPercentage),
        seconds(row.p50),
        seconds(row.p95),
        seconds(row.p99),
        row.inTime ? "yes" : "no",
        `${(row.failed * 100).toFixed(1)} %`,
        row.gpuSecondsPerImage.toFixed(1),
        row.costPer1000Images?.toFixed(2) ?? "",
        row.podsStartedPerHour.toFixed(1),
    ];
}

const seconds = (value: number): string =>
    value === Number.POSITIVE_INFINITY ? "none" : value.toFixed(1);

function table(rows: readonly (readonly string[])[]): string[] {
    const widths = (rows[0] ?? []).map((_, column) =>
        Math.max(...rows.map((row) => row[column]?.length ?? 0)),
    );
    return rows.map((row) =>
        row
            .map((cell, column) =>
                column === 0
                    ? cell.padEnd(widths[column] ?? 0)
                    : cell.padStart(widths[column] ?? 0),
            )
            .join("  ")
            .trimEnd(),
    );
}
