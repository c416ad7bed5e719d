import * as Plot from "@observablehq/plot";
import { axisDomain, drawPlot } from "../report/draw-plot";
import { escapeHtml } from "../report/escape-html";
import { RECIPE } from "./recipe";
import { type Report, type Section, sectionsOf } from "./report";
import type { PodRecord, RunRecord } from "./run-record";
import { histogram } from "./statistics";

const STYLE = `
body { font: 15px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c; background: #fff }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: 0.2rem 0.8rem 0.2rem 0; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top }
td { font-variant-numeric: tabular-nums }
figure { margin: 1.5rem 0 }
.alarm { color: #b00020; font-weight: bold }
`;

/** The report as one HTML page that needs nothing from elsewhere: words, tables and plots of the first run. */
export function htmlReport(report: Report): string {
    const [result, ...rest] = sectionsOf(report).map(htmlSection);
    const [run] = report.runs;
    const plots = run === undefined ? [] : plotsOf(report, run);
    const title = escapeHtml(`Load ${report.summary.profile}, ${report.summary.stack}`);
    return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><style>${STYLE}</style></head>
<body>
${[result, ...plots, ...rest].join("\n")}
</body>
</html>
`;
}

function htmlSection({ title, paragraphs, table }: Section, index: number): string {
    const level = index === 0 ? "h1" : "h2";
    const cells = (row: readonly string[], tag: string): string =>
        `<tr>${row.map((cell) => `<${tag}${cell === "NO" ? ' class="alarm"' : ""}>${escapeHtml(cell)}</${tag}>`).join("")}</tr>`;
    return [
        `<${level}>${escapeHtml(title)}</${level}>`,
        ...paragraphs.map((text) => {
            const isAlarm = /INTERRUPTED|NOT met/.test(text);
            return `<p${isAlarm ? ' class="alarm"' : ""}>${escapeHtml(text)}</p>`;
        }),
        ...(table
            ? [
                  `<table>${cells(table.head, "th")}${table.rows.map((row) => cells(row, "td")).join("")}</table>`,
              ]
            : []),
    ].join("\n");
}

/** Values that have one colour and one name in the legend. */
interface Series {
    readonly name: string;
    readonly data: readonly (readonly [x: number, y: number])[];
}

/** Pixels. */
const [WIDTH, HEIGHT, MARGIN_LEFT] = [760, 300, 56];

/** Ticks of an axis of counts, about. */
const MOST_TICKS = 8;

function plotsOf(report: Report, run: RunRecord): string[] {
    return [latencyPlot(run), histogramPlot(report), podsPlot(run), queuePlot(run)];
}

function latencyPlot({ samples }: RunRecord): string {
    const kinds: readonly [string, string, (sample: RunRecord["samples"][number]) => boolean][] = [
        ["200", "#0072b2", ({ status, error }) => status === 200 && error === undefined],
        ["failed", "#b00020", (each) => !each.cancelled && (each.status !== 200 || !!each.error)],
        ["given up", "#999999", ({ cancelled }) => cancelled === true],
    ];
    const title = "Latency of each request";
    if (samples.length === 0) {
        return `<h2>${title}</h2>\n<p>no data</p>`;
    }
    const points = kinds.flatMap(([name, , isOf]) =>
        samples
            .filter(isOf)
            .map(({ scheduled, done }) => ({ name, x: scheduled, y: done - scheduled })),
    );
    const drawn = kinds.filter(([kind]) => points.some(({ name }) => name === kind));
    return drawPlot({
        ...frame(title),
        color: {
            legend: true,
            domain: drawn.map(([name]) => name),
            range: drawn.map(([, color]) => color),
        },
        x: axis(
            "sent, seconds from the start",
            points.map(({ x }) => x),
        ),
        y: axis(
            "latency, s",
            points.map(({ y }) => y),
        ),
        marks: [Plot.dot(points, { x: "x", y: "y", fill: "name", fillOpacity: 0.6 })],
    });
}

/** Bars of this load beside the recipe's, with the same bounds; the first holds all that is faster. */
function histogramPlot({ runs }: Report): string {
    const width = (RECIPE.slowest - RECIPE.fastest) / 10;
    const latencies = runs.flatMap(({ samples }) =>
        samples.filter(({ status }) => status === 200).map(({ sent, done }) => done - sent),
    );
    const slowest = Math.max(...latencies, RECIPE.slowest);
    const begin = RECIPE.fastest - width;
    const marks = Array.from(
        { length: Math.ceil((slowest - begin) / width) + 1 },
        (_, index) => begin + width * index,
    );
    const [ours, recipes] = [
        `this load (n = ${latencies.length})`,
        `recipe (n = ${RECIPE.requests})`,
    ];
    const bars = [
        ...histogram(latencies, marks).map(({ mark, count }, index) => ({
            name: ours,
            from: marks[index - 1] ?? 0,
            to: mark,
            share: latencies.length === 0 ? 0 : (count * 100) / latencies.length,
        })),
        ...RECIPE.histogram.map(({ mark, count }) => ({
            name: recipes,
            from: mark - width,
            to: mark,
            share: (count * 100) / RECIPE.requests,
        })),
    ];
    return drawPlot({
        ...frame("Histogram of the latencies"),
        color: { legend: true, scheme: "observable10", domain: [ours, recipes] },
        x: axis(
            "latency, s",
            bars.map(({ to }) => to),
        ),
        y: axis(
            "share of the requests, %",
            bars.map(({ share }) => share),
        ),
        marks: [
            Plot.rect(bars, {
                x1: "from",
                x2: "to",
                y1: 0,
                y2: "share",
                fill: "name",
                fillOpacity: 0.55,
            }),
            Plot.ruleY([0]),
        ],
    });
}

function podsPlot({ pods, metrics, end }: RunRecord): string {
    const desired = metrics.flatMap(({ at, desired: wanted }) =>
        wanted === undefined ? [] : [[at, wanted] as const],
    );
    return stepsPlot("Pods", "pods", [
        {
            name: "hold a GPU",
            data: countOver(
                pods,
                ({ scheduled }) => scheduled,
                ({ deleted }) => deleted,
                end,
            ),
        },
        {
            name: "ready",
            data: countOver(
                pods,
                ({ ready }) => ready,
                ({ terminating, deleted }) => terminating ?? deleted,
                end,
            ),
        },
        { name: "wanted by the autoscaler", data: desired },
    ]);
}

function queuePlot({ samples, metrics }: RunRecord): string {
    const figure = (name: "queued" | "active"): [number, number][] =>
        metrics.flatMap((point) => {
            const value = point[name];
            return value === undefined ? [] : [[point.at, value]];
        });
    const changes = samples.flatMap(({ sent, done }): [number, number][] => [
        [sent, 1],
        [done, -1],
    ]);
    return stepsPlot("Requests under way", "requests", [
        { name: "sent by clients", data: runningSum(changes) },
        { name: "queued in activators", data: figure("queued") },
        { name: "sent to pods by activators", data: figure("active") },
    ]);
}

/** Counts over time, each of which holds until the next. */
function stepsPlot(title: string, unit: string, series: readonly Series[]): string {
    const points = series
        .flatMap(({ name, data }) => data.map(([x, y]) => ({ name, x, y })))
        // A metric can be NaN or endless.
        .filter(({ y }) => Number.isFinite(y));
    const counts = points.map(({ y }) => y);
    return drawPlot({
        ...frame(title),
        color: { legend: true, scheme: "observable10", domain: series.map(({ name }) => name) },
        x: axis(
            "seconds from the start",
            points.map(({ x }) => x),
        ),
        // A tick between two counts would be none.
        y: { ...axis(unit, counts), ticks: Math.min(MOST_TICKS, axisDomain(counts)[1]) },
        marks: [
            Plot.ruleY([0]),
            Plot.lineY(points, { x: "x", y: "y", stroke: "name", curve: "step-after" }),
        ],
    });
}

function frame(title: string): Plot.PlotOptions {
    return { title, ariaLabel: title, width: WIDTH, height: HEIGHT, marginLeft: MARGIN_LEFT };
}

function axis(label: string, values: readonly number[]): Plot.ScaleOptions {
    return { label, grid: true, nice: true, domain: axisDomain(values) };
}

/** How many pods are between two of their moments, over time. */
function countOver(
    pods: readonly PodRecord[],
    from: (pod: PodRecord) => number | undefined,
    to: (pod: PodRecord) => number | undefined,
    end: number,
): [number, number][] {
    const changes = pods.flatMap((pod): [number, number][] => {
        const begin = from(pod);
        const over = to(pod);
        return begin === undefined
            ? []
            : [[begin, 1], ...(over === undefined ? [] : [[over, -1] as [number, number]])];
    });
    const counted = runningSum(changes);
    return [...counted, [end, counted.at(-1)?.[1] ?? 0]];
}

function runningSum(changes: readonly (readonly [number, number])[]): [number, number][] {
    let sum = 0;
    return [[0, 0] as const, ...changes.toSorted(([one], [other]) => one - other)].map(
        ([at, change]) => {
            sum += change;
            return [at, sum];
        },
    );
}
