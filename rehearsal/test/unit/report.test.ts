import * as fc from "fast-check";
import { parseHTML } from "linkedom";
import { describe, it } from "mocha";
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Dashboard, Panel } from "../../../components/monitoring/dashboard";
import type { Range, Series } from "../../prometheus";
import { legendOf } from "../../report/legend";
import { reportPage } from "../../report/page";
import { panelLines } from "../../report/panel-lines";
import { plotLines } from "../../report/plot-lines";
import { onGrid } from "../../report/timeline-grid";
import { writeReport } from "../../report/write-report";

const START = new Date("2026-11-24T10:00:00Z");
const RANGE: Range = { start: START, end: new Date(START.getTime() + 20_000), stepSeconds: 5 };
const at = (second: number): Date => new Date(START.getTime() + second * 1000);
const series = (
    labels: Series["labels"],
    ...values: [second: number, value: number][]
): Series => ({
    labels,
    points: values.map(([second, value]) => ({ at: at(second), value })),
});
const panel = (title: string, ...expressions: string[]): Panel => ({
    title,
    description: `What <${title}> & nothing else`,
    unit: "seconds",
    queries: expressions.map((expression) => ({ legend: "{{pod}}", expression })),
});
const dashboard = (...panels: Panel[]): Dashboard => ({
    uid: "d",
    title: "Service",
    rows: [{ title: "Overview", panels }],
});
const documentOf = (html: string): Document => parseHTML(html).document;
const textsOf = (root: Document | Element, selector: string): (string | null)[] =>
    [...root.querySelectorAll(selector)].map(({ textContent }) => textContent);

describe("the legend of a series", () => {
    const cases: [legend: string, labels: Record<string, string>, name: string][] = [
        ["P95", { pod: "a" }, "P95"],
        ["{{pod}} on {{ node }}", { pod: "a", node: "gpu0" }, "a on gpu0"],
        ["{{absent}}!", { pod: "a" }, "!"],
        ["{{constructor}}", {}, ""],
        ["", { __name__: "up", job: "x" }, 'up{job="x"}'],
        ["", { __name__: "up" }, "up"],
    ];
    for (const [legend, labels, name] of cases) {
        it(`${JSON.stringify(legend)} of ${JSON.stringify(labels)} is ${JSON.stringify(name)}`, () => {
            assert.equal(legendOf(legend, labels), name);
        });
    }
});

describe("the points of a series on the grid of a range", () => {
    it("have a gap where the series has no finite value", () => {
        const points = onGrid(series({}, [0, 1], [10, 3], [15, Infinity]), RANGE);
        assert.deepEqual(points, [
            { second: 0, value: 1 },
            { second: 5, value: NaN },
            { second: 10, value: 3 },
            { second: 15, value: NaN },
            { second: 20, value: NaN },
        ]);
    });

    it("are those that Prometheus gave, at their seconds, and no others", () => {
        fc.assert(
            fc.property(
                fc.integer({ min: 1, max: 60 }),
                fc.integer({ min: 0, max: 50 }),
                fc.dictionary(
                    fc.integer({ min: 0, max: 50 }).map(String),
                    fc.float({ noNaN: true }),
                ),
                (stepSeconds, steps, values) => {
                    const given = Object.entries(values)
                        .map(([step, value]) => [Number(step), value] as const)
                        .filter(([step, value]) => step <= steps && Number.isFinite(value));
                    const points = onGrid(
                        series(
                            {},
                            ...given.map(([step, value]): [number, number] => [
                                step * stepSeconds,
                                value,
                            ]),
                        ),
                        // Prometheus ends with the last whole step.
                        { start: START, end: at(steps * stepSeconds + 0.5), stepSeconds },
                    );
                    assert.equal(points.length, steps + 1);
                    const found = points.filter(({ value }) => !Number.isNaN(value));
                    assert.deepEqual(
                        found,
                        given
                            .map(([step, value]) => ({ second: step * stepSeconds, value }))
                            .sort((one, other) => one.second - other.second),
                    );
                },
            ),
        );
    });
});

describe("the plot of lines", () => {
    const line = (name: string, ...values: number[]) => ({
        name,
        points: values.map((value, index) => ({ second: index * 5, value })),
    });
    const draw = (unit: Panel["unit"], ...lines: ReturnType<typeof line>[]): Document =>
        documentOf(plotLines({ title: "Pods <1>", unit, lines }));
    const ticks = (plot: Document, axis: "x" | "y"): (string | null)[] =>
        textsOf(plot, `[aria-label="${axis}-axis tick label"] text`);

    it("has a title for screen readers, axes with units, ticks, and a legend", () => {
        const plot = draw("seconds", line("ready", 0, 2, 4), line("desired <x>", 4, 4, 4));
        assert.equal(plot.querySelector("svg[aria-label]")?.getAttribute("aria-label"), "Pods <1>");
        assert.deepEqual(ticks(plot, "y"), ["0", "1", "2", "3", "4"]);
        assert.deepEqual(ticks(plot, "x"), ["0", "2", "4", "6", "8", "10"]);
        assert.deepEqual(textsOf(plot, '[aria-label="y-axis label"]'), ["↑ seconds"]);
        assert.deepEqual(textsOf(plot, '[aria-label="x-axis label"]'), [
            "seconds since the start →",
        ]);
        assert.deepEqual(textsOf(plot, '[class$="-swatch"]'), ["ready", "desired <x>"]);
    });

    it("draws a line for each series, broken at a gap", () => {
        const plot = draw("count", line("whole", 1, 2, 3), line("broken", 1, 1, NaN, 2, 2));
        const paths = [...plot.querySelectorAll('[aria-label="line"] path')].map((path) =>
            path.getAttribute("d"),
        );
        assert.deepEqual(
            paths.map((path) => path?.match(/M/g)?.length),
            [1, 2],
        );
    });

    it("shows a value that stands alone", () => {
        const plot = draw("count", line("one", NaN, 3, NaN));
        assert.equal(plot.querySelectorAll('[aria-label="dot"] circle').length, 1);
    });

    it("has shares in percent, up to 100", () => {
        const plot = draw("ratio", line("success", 0.5, 1));
        assert.deepEqual(ticks(plot, "y").slice(-1), ["100"]);
        const [middle, top] = [...plot.querySelectorAll('[aria-label="dot"] circle')].map((dot) =>
            Number(dot.getAttribute("cy")),
        );
        const zero = Number(plot.querySelector('[aria-label="rule"] line')?.getAttribute("y1"));
        assert.ok(middle !== undefined && top !== undefined);
        assert.equal(zero - top, 2 * (zero - middle));
        assert.ok(zero - top > 100);
    });

    it("has bytes with a prefix", () => {
        assert.ok(ticks(draw("bytes", line("memory", 0, 2e8)), "y").includes("200M"));
    });

    it("does not blow up a line at zero, and shows what is below it", () => {
        assert.deepEqual(ticks(draw("GPUs", line("idle", 0, 0)), "y").slice(-1), ["1.0"]);
        assert.deepEqual(ticks(draw("count", line("less", -2, 1)), "y").at(0), "−2.0");
    });
});

describe("the lines of a panel", () => {
    it("are the series of all its queries that have a value", async () => {
        const answers: Record<string, Series[]> = {
            a: [series({ pod: "one" }, [0, 1]), series({ pod: "nothing" }, [0, NaN])],
            b: [series({ pod: "two" }, [5, 2])],
        };
        const asked: Range[] = [];
        const prometheus = {
            queryRange: (expression: string, range: Range) => {
                asked.push(range);
                return Promise.resolve(answers[expression] ?? []);
            },
        };
        const lines = await panelLines(prometheus, panel("Pods", "a", "b", "c"), RANGE);
        assert.deepEqual(
            lines.map(({ name, points }) => [name, points.map(({ value }) => value)]),
            [
                ["one", [1, NaN, NaN, NaN, NaN]],
                ["two", [NaN, 2, NaN, NaN, NaN]],
            ],
        );
        assert.deepEqual(asked, [RANGE, RANGE, RANGE]);
    });

    it("say of which panel a query is refused", async () => {
        const prometheus = { queryRange: () => Promise.reject(new Error("bad_data")) };
        await assert.rejects(
            panelLines(prometheus, panel("P95", "a"), RANGE),
            /panel "P95": bad_data/,
        );
    });
});

describe("the page of a run", () => {
    const [full, empty] = [panel("Full", 'sum(a{b="<c>"})'), panel("Empty", "b")];
    const html = reportPage({
        title: "Rehearsal <of> & with",
        range: RANGE,
        dashboards: [dashboard(full, empty)],
        lines: new Map([
            [full, [{ name: "one", points: [{ second: 0, value: 1 }] }]],
            [empty, []],
        ]),
    });
    const page = documentOf(html);

    it("has dashboards, rows and panels with plot, description and query", () => {
        assert.equal(page.title, "Rehearsal <of> & with");
        assert.deepEqual(textsOf(page, "h2"), ["Service"]);
        assert.deepEqual(textsOf(page, "h3"), ["Overview"]);
        assert.deepEqual(textsOf(page, "h4"), ["Full", "Empty"]);
        assert.deepEqual(textsOf(page, "article > p:not(.none)"), [
            full.description,
            empty.description,
        ]);
        assert.deepEqual(textsOf(page, "li"), ['{{pod}}: sum(a{b="<c>"})', "{{pod}}: b"]);
        assert.match(
            page.querySelector("body > p")?.textContent ?? "",
            /2026-11-24T10:00:00\.000Z.*each 5 s/s,
        );
    });

    it("says where there is no data, and draws where there is", () => {
        const [drawn, missing] = [...page.querySelectorAll("article")];
        assert.ok(drawn && missing);
        assert.deepEqual(textsOf(drawn, ".none"), []);
        assert.equal(drawn.querySelectorAll("svg[aria-label]").length, 1);
        assert.deepEqual(textsOf(missing, ".none"), ["No data in this time."]);
        assert.equal(missing.querySelectorAll("svg").length, 0);
    });

    it("needs nothing from outside", () => {
        const loading = "script, link, img, iframe, object, embed, [src], [href], [onload]";
        assert.deepEqual([...page.querySelectorAll(loading)], []);
        assert.doesNotMatch(html, /url\(|@import|https?:/);
    });
});

describe("the report of a run", () => {
    const withFolder = async (work: (folder: string) => Promise<void>): Promise<void> => {
        const folder = await mkdtemp(join(tmpdir(), "report-"));
        try {
            await work(folder);
        } finally {
            await rm(folder, { recursive: true });
        }
    };

    it("is written whole, and names the panels without data", () =>
        withFolder(async (folder) => {
            const file = join(folder, "report.html");
            const steps: number[] = [];
            const prometheus = {
                queryRange: (expression: string, range: Range) => {
                    steps.push(range.stepSeconds);
                    return Promise.resolve(
                        expression === "a" ? [series({ pod: "one" }, [0, 1])] : [],
                    );
                },
            };
            const panels = [
                panel("One", "a"),
                ...["2", "3", "4", "5", "6"].map((name) => panel(name, "b")),
            ];
            const report = {
                title: "T",
                start: START,
                end: at(600),
                dashboards: [dashboard(...panels)],
                file,
            };
            assert.deepEqual(await writeReport(prometheus, report), ["2", "3", "4", "5", "6"]);
            assert.deepEqual(await readdir(folder), ["report.html"]);
            const page = documentOf(await readFile(file, "utf8"));
            assert.deepEqual(textsOf(page, "h4"), ["One", "2", "3", "4", "5", "6"]);
            assert.deepEqual([...new Set(steps)], [5]);
            // An hour has a value each 10 s: no more than a plot has room for.
            await writeReport(prometheus, { ...report, end: at(3600) });
            assert.equal(steps.at(-1), 10);
        }));

    it("is not written when a query fails", () =>
        withFolder(async (folder) => {
            const file = join(folder, "report.html");
            const prometheus = { queryRange: () => Promise.reject(new Error("gone")) };
            await assert.rejects(
                writeReport(prometheus, {
                    title: "T",
                    start: START,
                    end: at(60),
                    dashboards: [dashboard(panel("One", "a"))],
                    file,
                }),
                /panel "One": gone/,
            );
            assert.ok(!existsSync(file));
        }));
});
