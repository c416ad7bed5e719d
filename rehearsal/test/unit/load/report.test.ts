import { parseHTML } from "linkedom";
import assert from "node:assert/strict";
import { compare } from "../../../load/comparison";
import { judge } from "../../../load/objectives";
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
    const plotIn = (page: string, title: string): Element => {
        const svg = parseHTML(page).document.querySelector(`svg[aria-label="${title}"]`);
        assert.ok(svg, title);
        return svg;
    };
    const attributes = (plot: Element, selector: string, name: string): (string | null)[] =>
        [...plot.querySelectorAll(selector)].map((each) => each.getAttribute(name));
    const ticks = (plot: Element, axis: "x" | "y"): (string | null)[] =>
        [...plot.querySelectorAll(`[aria-label="${axis}-axis tick label"] text`)].map(
            ({ textContent }) => textContent,
        );

    it("needs nothing from elsewhere", () => {
        assert.doesNotMatch(
            html.replaceAll(/xmlns(:xlink)?="[^"]*"/g, ""),
            /https?:|<script|<link|src=|url\(/,
        );
    });

    it("has the plots: latency, histogram beside the recipe's, pods, requests", () => {
        const { document } = parseHTML(html);
        assert.deepEqual(
            [...document.querySelectorAll("figure")].map((figure) => [
                figure.querySelector("h2")?.textContent,
                figure.querySelector("svg[aria-label]")?.getAttribute("aria-label"),
                ...[...figure.querySelectorAll('[class$="-swatch"]')].map((each) =>
                    each.textContent.trim(),
                ),
            ]),
            [
                ["Latency of each request", "200"],
                ["Histogram of the latencies", "this load (n = 50)", "recipe (n = 50)"],
                ["Pods", "hold a GPU", "ready", "wanted by the autoscaler"],
                [
                    "Requests under way",
                    "sent by clients",
                    "queued in activators",
                    "sent to pods by activators",
                ],
            ].map(([title, ...legend]) => [title, title, ...legend]),
        );
    });

    it("draws a point for each request, in the colour of what became of it", () => {
        const samples = [
            sampleOf(0, 4),
            sampleOf(4, 10, { status: 500 }),
            sampleOf(5, 8, { status: undefined, cancelled: true }),
        ];
        const runs = [runOf({ samples })];
        const plot = plotIn(
            htmlReport({ runs, summary: summarize(runs) }),
            "Latency of each request",
        );
        assert.deepEqual(attributes(plot, "circle", "fill"), ["#0072b2", "#b00020", "#999999"]);
        const [one = NaN, two = NaN, three = NaN] = attributes(plot, "circle", "cx").map(Number);
        assert.ok(Math.abs((two - one) / (three - one) - 4 / 5) < 1e-3, "sent at 0, 4 and 5 s");
        const [four = NaN, six = NaN, thrice = NaN] = attributes(plot, "circle", "cy").map(Number);
        assert.ok(Math.abs((six - four) / (four - thrice) - 2) < 1e-3, "took 4, 6 and 3 s");
        assert.deepEqual([ticks(plot, "x").at(0), ticks(plot, "y").at(0)], ["0.0", "0"]);
    });

    it("draws a bar for each of the recipe's", () => {
        const heights = attributes(
            plotIn(html, "Histogram of the latencies"),
            '[aria-label="rect"] rect',
            "height",
        )
            .slice(-RECIPE.histogram.length)
            .map(Number);
        const [first = NaN] = heights;
        assert.deepEqual(
            heights.map((height) => Math.round(height / first)),
            RECIPE.histogram.map(({ count }) => count),
        );
    });

    it("holds a count until the next", () => {
        const metrics = [
            { at: 0, desired: 1 },
            { at: 5, desired: Infinity },
            { at: 10, desired: 2 },
        ];
        const runs = [runOf({ metrics, end: 10 })];
        const page = htmlReport({ runs, summary: summarize(runs) });
        const [, , desired] = attributes(plotIn(page, "Pods"), '[aria-label="line"] path', "d");
        const corners = [...(desired ?? "").matchAll(/[ML]([\d.]+),([\d.]+)/g)];
        const [from, corner, end] = corners.map(([, x, y]) => [Number(x), Number(y)] as const);
        assert.ok(from && corner && end);
        assert.equal(corners.length, 3);
        assert.deepEqual(corner, [end[0], from[1]]);
        assert.deepEqual(ticks(plotIn(page, "Pods"), "y"), ["0", "1", "2"]);
        assert.ok(end[0] > from[0] && end[1] < from[1], desired ?? "");
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
        const recipes = attributes(
            plotIn(page, "Histogram of the latencies"),
            '[aria-label="rect"] rect[height]:not([height="0"])',
            "height",
        );
        assert.equal(recipes.length, RECIPE.histogram.length);
    });
});
