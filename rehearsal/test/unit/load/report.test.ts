import fc from "fast-check";
import assert from "node:assert/strict";
import { compare } from "../../../load/comparison";
import { judge } from "../../../load/objectives";
import { drawPlot, escapeXml, ticks } from "../../../load/plot";
import { RECIPE } from "../../../load/recipe";
import type { Report } from "../../../load/report";
import { htmlReport } from "../../../load/report-html";
import { markdownReport, markdownTable } from "../../../load/report-markdown";
import { summarize } from "../../../load/summary";
import { podOf, runOf, sampleOf } from "./runs";

/** 50 requests by 5 clients, each of 10 s, on pods that were warm. */
function warmReport(changes: Partial<Report> = {}): Report {
    const samples = Array.from({ length: 50 }, (_, index) =>
        sampleOf(Math.floor(index / 5) * 10, Math.floor(index / 5) * 10 + 10, {
            standIn: { pod: `pod-${index % 5}`, inFlight: 1, waited: 0, drew: 10 },
        }),
    );
    const pods = Array.from({ length: 5 }, (_, index) =>
        podOf(`pod-${index}`, { before: true, scheduled: 0, started: 0, ready: 0 }),
    );
    const metrics = [{ at: 1, desired: 5, queued: 0, active: 5 }];
    const runs = [runOf({ samples, pods, metrics, unobserved: ["the <moon>"] })];
    const summary = summarize(runs, { gpuHourPrice: 1.8 });
    return {
        runs,
        summary,
        verdict: judge(summary, { totalSeconds: 99, failedShare: 0 }),
        comparison: compare(summary, summary),
        ...changes,
    };
}

describe("the report in Markdown", () => {
    const markdown = markdownReport(warmReport());
    const row = (title: string): string[] =>
        markdown
            .split("\n")
            .filter((line) => line.startsWith(`| ${title} `))
            .map((line) => line.replace(/ +/g, " "));

    it("shows the recipe's table beside this run's", () => {
        assert.deepEqual(row("total, s"), [
            "| total, s | ≤ 99 | 100 | NO |",
            "| total, s | 100 | |",
            "| total, s | 252.17 | 100 | 40 % |",
            "| total, s | 100 | 100 | 0.0 % | |",
        ]);
        assert.deepEqual(row("95 %, s"), ["| 95 %, s | 61.50 | 10 | 16 % |"]);
        assert.deepEqual(row("99 %, s"), ["| 99 %, s | 0 | 0 | |"]);
    });

    it("shows floor, efficiency, GPU-seconds per image and their cost", () => {
        assert.deepEqual(row("floor of this fleet, s")[0], "| floor of this fleet, s | 100 | |");
        assert.deepEqual(row("efficiency")[0], "| efficiency | 1 | |");
        assert.deepEqual(row("GPU-seconds per image")[0], "| GPU-seconds per image | 10 | |");
        assert.deepEqual(row("cost of 1000 images")[0], "| cost of 1000 images | 5 | |");
    });

    it("says whether the objectives are met, and what was not observed", () => {
        assert.match(markdown, /The objectives are NOT met\./);
        assert.match(markdown, /## Not observed\n\nthe <moon>/);
        const verdict = judge(warmReport().summary, { totalSeconds: 100 });
        assert.match(markdownReport(warmReport({ verdict })), /All objectives are met\./);
    });

    it("says that the load was interrupted", () => {
        const { summary } = warmReport();
        const interrupted = { ...summary, interrupted: "stopped by SIGINT" };
        assert.match(
            markdownReport(warmReport({ summary: interrupted })),
            /INTERRUPTED \(stopped by SIGINT\)/,
        );
        assert.doesNotMatch(markdown, /INTERRUPTED/);
    });

    it("aligns tables, and takes no bar in a cell for the end of it", () => {
        assert.equal(
            markdownTable({ head: ["a", "bb"], rows: [["x|y", "1"]] }),
            "| a    | bb  |\n| ---- | --- |\n| x\\|y | 1   |",
        );
    });
});

describe("the report as a page", () => {
    const html = htmlReport(warmReport());

    it("needs nothing from elsewhere", () => {
        assert.doesNotMatch(
            html.replaceAll('xmlns="http://www.w3.org/2000/svg"', ""),
            /https?:|<script|<link|src=|url\(/,
        );
    });

    it("has the plots: latency, histogram beside the recipe's, pods, requests", () => {
        const titles = [...html.matchAll(/aria-label="([^"]*)"/g)].map(([, title]) => title);
        assert.deepEqual(titles, [
            "Latency of each request",
            "Histogram of the latencies",
            "Pods",
            "Requests under way",
        ]);
        assert.equal((html.match(/<circle /g) ?? []).length, 50);
        for (const legend of [
            "this load (n = 50)",
            "recipe (n = 50)",
            "wanted by the autoscaler",
            "queued in activators",
        ]) {
            assert.ok(html.includes(`>${legend}<`), legend);
        }
    });

    it("draws a bar for each of the recipe's", () => {
        const plot = html.slice(html.indexOf("Histogram of"), html.indexOf('aria-label="Pods"'));
        const bars = [...plot.matchAll(/<rect [^>]*height="([\d.]+)"[^>]*fill-opacity="0.55"/g)];
        const heights = bars.slice(-RECIPE.histogram.length).map(([, height]) => Number(height));
        const [first = NaN, second = NaN] = heights;
        assert.ok(Math.abs(second / first - 17) < 0.5, `${second} ÷ ${first}`);
    });

    it("is safe against what it shows", () => {
        assert.ok(html.includes("the &lt;moon&gt;"));
        assert.ok(!html.includes("<moon>"));
    });

    it("can be made of a load without a request", () => {
        const runs = [runOf({ interrupted: "stopped by SIGINT" })];
        const page = htmlReport({ runs, summary: summarize(runs) });
        assert.match(page, /INTERRUPTED/);
        assert.match(page, /no data/);
        assert.doesNotMatch(page, /NaN|Infinity/);
    });
});

describe("plots", () => {
    it("have ticks from 0 to the largest value or beyond, of 1, 2 or 5 times a power of ten", () => {
        assert.deepEqual(ticks(10), [0, 2, 4, 6, 8, 10]);
        assert.deepEqual(ticks(62.4), [0, 10, 20, 30, 40, 50, 60, 70]);
        assert.deepEqual(ticks(0.3), [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]);
        assert.deepEqual(ticks(0).length > 2, true);
        fc.assert(
            fc.property(fc.double({ min: 1e-6, max: 1e9, noNaN: true }), (most) => {
                const found = ticks(most);
                const [, step = NaN] = found;
                assert.ok((found.at(-1) ?? 0) >= most * (1 - 1e-9));
                assert.ok((found.at(-2) ?? 0) < most);
                assert.ok(found.length >= 4 && found.length <= 11, String(found.length));
                assert.match(step.toExponential(), /^[125]e/);
            }),
        );
    });

    it("put values where the axes say", () => {
        const svg = drawPlot({
            title: "t",
            xLabel: "x",
            yLabel: "y",
            marks: [
                {
                    name: "m",
                    kind: "points",
                    data: [
                        [0, 0],
                        [10, 10],
                        [5, Infinity],
                    ],
                },
            ],
        });
        const circles = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)];
        assert.deepEqual(
            circles.map(([, x, y]) => [Number(x), Number(y)]),
            [
                [58, 254],
                [744, 44],
            ],
        );
    });

    it("hold a value until the next in steps, and join them in lines", () => {
        const path = (kind: "steps" | "line"): string =>
            drawPlot({
                title: "",
                xLabel: "",
                yLabel: "",
                marks: [
                    {
                        name: "",
                        kind,
                        data: [
                            [0, 0],
                            [10, 10],
                        ],
                    },
                ],
            });
        assert.match(path("steps"), /d="M58\.0 254\.0H744\.0V44\.0"/);
        assert.match(path("line"), /d="M58\.0 254\.0L744\.0 44\.0"/);
    });

    it("escape what has a meaning in XML", () => {
        assert.equal(escapeXml(`<a b="c" d='e'>&`), "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;");
    });
});
