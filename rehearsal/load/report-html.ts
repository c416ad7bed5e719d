import { drawPlot, escapeXml, type Mark, type Plot } from "./plot";
import { RECIPE } from "./recipe";
import { type Report, type Section, sectionsOf } from "./report";
import type { PodRecord, RunRecord } from "./run-record";
import { histogram } from "./statistics";

const STYLE = `
body { font: 15px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c; background: #fff }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: 0.2rem 0.8rem 0.2rem 0; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top }
td { font-variant-numeric: tabular-nums }
svg { width: 100%; margin: 0.8rem 0; font: 12px system-ui, sans-serif }
.alarm { color: #b00020; font-weight: bold }
`;

/** The report as one HTML page that needs nothing from elsewhere: words, tables and plots of the first run. */
export function htmlReport(report: Report): string {
    const [result, ...rest] = sectionsOf(report).map(htmlSection);
    const [run] = report.runs;
    const plots = run === undefined ? [] : plotsOf(report, run).map(drawPlot);
    const title = escapeXml(`Load ${report.summary.profile}, ${report.summary.stack}`);
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
        `<tr>${row.map((cell) => `<${tag}${cell === "NO" ? ' class="alarm"' : ""}>${escapeXml(cell)}</${tag}>`).join("")}</tr>`;
    return [
        `<${level}>${escapeXml(title)}</${level}>`,
        ...paragraphs.map((text) => {
            const isAlarm = /INTERRUPTED|NOT met/.test(text);
            return `<p${isAlarm ? ' class="alarm"' : ""}>${escapeXml(text)}</p>`;
        }),
        ...(table
            ? [
                  `<table>${cells(table.head, "th")}${table.rows.map((row) => cells(row, "td")).join("")}</table>`,
              ]
            : []),
    ].join("\n");
}

function plotsOf(report: Report, run: RunRecord): Plot[] {
    return [latencyPlot(run), histogramPlot(report), podsPlot(run), queuePlot(run)];
}

function latencyPlot({ samples }: RunRecord): Plot {
    const kinds: readonly [string, string, (sample: RunRecord["samples"][number]) => boolean][] = [
        ["200", "#0072b2", ({ status, error }) => status === 200 && error === undefined],
        ["failed", "#b00020", (each) => !each.cancelled && (each.status !== 200 || !!each.error)],
        ["given up", "#999999", ({ cancelled }) => cancelled === true],
    ];
    return {
        title: "Latency of each request",
        xLabel: "sent, seconds from the start",
        yLabel: "latency, s",
        marks: kinds
            .map(([name, color, isOf]): Mark => {
                const data = samples
                    .filter(isOf)
                    .map(({ scheduled, done }) => [scheduled, done - scheduled] as const);
                return { name, color, kind: "points", data };
            })
            .filter(({ data }) => data.length > 0),
    };
}

/** Bars of this load beside the recipe's, with the same bounds; the first holds all that is faster. */
function histogramPlot({ runs }: Report): Plot {
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
    return {
        title: "Histogram of the latencies",
        xLabel: "latency, s",
        yLabel: "share of the requests, %",
        marks: [
            {
                name: `this load (n = ${latencies.length})`,
                kind: "bars",
                data: histogram(latencies, marks).map(
                    ({ count }, index) =>
                        [marks[index - 1] ?? 0, (count * 100) / latencies.length] as const,
                ),
            },
            {
                name: `recipe (n = ${RECIPE.requests})`,
                kind: "bars",
                data: RECIPE.histogram.map(
                    ({ mark, count }) => [mark - width, (count * 100) / RECIPE.requests] as const,
                ),
            },
        ],
    };
}

function podsPlot({ pods, metrics, end }: RunRecord): Plot {
    const desired = metrics.flatMap(({ at, desired: wanted }) =>
        wanted === undefined ? [] : [[at, wanted] as const],
    );
    return {
        title: "Pods",
        xLabel: "seconds from the start",
        yLabel: "pods",
        marks: [
            {
                name: "hold a GPU",
                kind: "steps",
                data: countOver(
                    pods,
                    ({ scheduled }) => scheduled,
                    ({ deleted }) => deleted,
                    end,
                ),
            },
            {
                name: "ready",
                kind: "steps",
                data: countOver(
                    pods,
                    ({ ready }) => ready,
                    ({ terminating, deleted }) => terminating ?? deleted,
                    end,
                ),
            },
            { name: "wanted by the autoscaler", kind: "steps", data: desired },
        ],
    };
}

function queuePlot({ samples, metrics }: RunRecord): Plot {
    const figure = (name: "queued" | "active"): [number, number][] =>
        metrics.flatMap((point) => {
            const value = point[name];
            return value === undefined ? [] : [[point.at, value]];
        });
    const changes = samples.flatMap(({ sent, done }): [number, number][] => [
        [sent, 1],
        [done, -1],
    ]);
    return {
        title: "Requests under way",
        xLabel: "seconds from the start",
        yLabel: "requests",
        marks: [
            { name: "sent by clients", kind: "steps", data: runningSum(changes) },
            { name: "queued in activators", kind: "steps", data: figure("queued") },
            { name: "sent to pods by activators", kind: "steps", data: figure("active") },
        ],
    };
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
