import { markdownTable } from "../load/report-markdown";
import { compare, type Comparison, type Figure, type Point } from "./validation";

const TITLES: Readonly<Record<Figure, string>> = {
    totalSeconds: "total",
    mean: "mean",
    p50: "P50",
    p90: "P90",
    p95: "P95",
    p99: "P99",
    slowest: "slowest",
    gpuSecondsPerImage: "GPU-s per image",
};

/** The points beside the model, as a table in Markdown. */
export function validationTable(comparisons: readonly Comparison[]): string {
    const rows = comparisons.map(({ point, figure, measured, modelled, range, ...rest }, index) => {
        const isFirst = comparisons[index - 1]?.point !== point;
        const name = isFirst ? `**${point.name}**: ${point.what}` : "";
        const [low, high] = range.map((each) => each.toFixed(1));
        const verdict = rest.verdict === "near" ? "" : `**${rest.verdict}**`;
        return `| ${name} | ${TITLES[figure]} | ${measured.toFixed(1)} | ${modelled.toFixed(1)} | ${low ?? ""}–${high ?? ""} | ${percent(rest.deviation)} | ${verdict} |`;
    });
    return [
        "| point | figure | there | model | range | deviation | |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        ...rows,
        "",
    ].join("\n");
}

/** The same with a row for each point, as a table in Markdown. All points have the same figures. */
export function pointTable(comparisons: readonly Comparison[]): string {
    const points = new Set(comparisons.map(({ point }) => point));
    const figures = new Set(comparisons.map(({ figure }) => figure));
    return `${markdownTable({
        head: ["point", "runs", ...[...figures].map((figure) => TITLES[figure])],
        rows: [...points].map((point) => [
            `**${point.name}**: ${point.what}`,
            String(point.runs.length),
            ...comparisons.filter((each) => each.point === point).map(cell),
        ]),
    })}\n`;
}

function cell({ measured, modelled, range: [low, high], deviation, verdict }: Comparison): string {
    const both = `${measured.toFixed(1)} → ${modelled.toFixed(1)}, ${percent(deviation)}`;
    return verdict === "near"
        ? both
        : `${both} **${verdict}** (${low.toFixed(1)}–${high.toFixed(1)})`;
}

function percent(share: number): string {
    return `${share < 0 ? "−" : "+"}${Math.abs(share * 100).toFixed(1)} %`;
}

/** The comparisons of all these points. */
export const compareAll = (points: readonly Point[]): Comparison[] => points.flatMap(compare);

/**
 * A page with the table of this name brought up to date.
 *
 * @throws Error if the page has no place for it
 */
export function withTable(page: string, name: string, table: string): string {
    const start = `<!-- ${name}: UPDATE_DOCS=1 npm test -->\n`;
    const [from, to] = [page.indexOf(start), page.indexOf("<!-- end -->", page.indexOf(start))];
    if (from < 0 || to < 0) {
        throw new Error(`the page has no place for the table, between ${start}and <!-- end -->`);
    }
    return `${page.slice(0, from)}${start}\n${table}\n${page.slice(to)}`;
}
