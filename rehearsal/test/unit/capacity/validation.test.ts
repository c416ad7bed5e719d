import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { experimentPoints } from "../../../capacity/experiment-points";
import {
    compare,
    type Comparison,
    type Figure,
    type Point,
    readPoints,
} from "../../../capacity/validation";
import {
    compareAll,
    pointTable,
    validationTable,
    withTable,
} from "../../../capacity/validation-table";
import { REPOSITORY } from "../../../paths";

const near = (actual: number, expected: number): void => {
    assert.ok(Math.abs(actual - expected) < 1e-6, `${actual} is not ${expected}`);
};

const PAGE = join(REPOSITORY, "docs/capacity.md");

describe("the model, beside what was measured", function () {
    this.timeout(60_000);

    let measured: Comparison[];
    let otherModel: Comparison[];
    let experiments: Comparison[];

    before(async () => {
        const points = readPoints();
        measured = compareAll(points.measured);
        otherModel = compareAll(points.otherModel);
        experiments = compareAll(await experimentPoints());
    });

    const named = (comparisons: readonly Comparison[], verdict: Comparison["verdict"]): string[] =>
        comparisons
            .filter((each) => each.verdict === verdict)
            .map(({ point, figure }) => `${point.name} ${figure}`);

    it("is within 10 % of each figure, or where runs differ by more among them; exceptions are named", () => {
        assert.deepEqual(named(measured, "off"), ["cancel 1 p50"]);
        assert.deepEqual(named(measured, "spread"), [
            "D totalSeconds",
            "cancel 2 p50",
            "cancel 2s totalSeconds",
            "cancel 2s p90",
            "cancel 2s slowest",
        ]);
        assert.equal(measured.length, 41);
    });

    it("agrees with another model", () => {
        assert.deepEqual(named(otherModel, "off"), []);
        assert.equal(otherModel.length, 59);
    });

    it("is within 10 % of each figure of the experiments that were run, but for one", () => {
        // Where a second of the clock begins was one draw for its three runs, and is one for each run of the model.
        assert.deepEqual(named(experiments, "off"), ["G0-panic-1 slowest"]);
        assert.deepEqual(named(experiments, "spread"), []);
    });

    it("is described by docs/capacity.md; UPDATE_DOCS=1 rewrites the tables", async () => {
        const page = readFileSync(PAGE, "utf8");
        const isRewritten = process.env["UPDATE_DOCS"] === "1";
        const tables = Object.entries({
            measured: validationTable(measured),
            otherModel: validationTable(otherModel),
            ...(isRewritten ? { experiments: pointTable(experiments) } : {}),
        });
        const updated = tables.reduce((text, [name, table]) => withTable(text, name, table), page);
        const options = { ...(await resolveConfig(PAGE)), filepath: PAGE };
        const formatted = await format(updated, options);
        if (isRewritten) {
            writeFileSync(PAGE, formatted);
        }
        assert.equal(readFileSync(PAGE, "utf8"), formatted);
    });

    it("has a row in docs/capacity.md for each experiment that was run", () => {
        const rowsOf = (text: string): string[] =>
            text.split("\n").map((row) => row.replaceAll(/ +/g, " "));
        const page = rowsOf(readFileSync(PAGE, "utf8"));
        // The page may show more: a checkout has the results that were there when it was made.
        for (const row of rowsOf(pointTable(experiments)).filter((each) => each.includes("→"))) {
            assert.ok(page.includes(row), `${row} is missing; UPDATE_DOCS=1 npm test writes it`);
        }
    });
});

/** Requests at 0 s and 100 s, each with a new pod: its cold start takes 20 s, the drawing 10 s. */
const TRIAL: Point = {
    name: "X",
    what: "a trial",
    source: "",
    settings: { minScale: 0, maxScale: 1, windowSeconds: 6 },
    behaviour: { serviceSeconds: [10, 10], coldStartSeconds: [20, 20] },
    traffic: { kind: "moments", ofRuns: [[0, 100]] },
    runs: [{ totalSeconds: 100, slowest: 33, gpuSecondsPerImage: 30 }],
};

describe("compare", () => {
    const modelled = (changes: Partial<Point>, figure: Figure): number =>
        compare({ ...TRIAL, ...changes }).find((each) => each.figure === figure)?.modelled ?? NaN;

    it("has requests come when they came in the run", () => {
        near(modelled({}, "totalSeconds"), 130);
    });

    it("counts GPU time until the last answer where the run was not followed further", () => {
        const settled = modelled({}, "gpuSecondsPerImage");
        const answered = modelled({ paidUntil: "last answer" }, "gpuSecondsPerImage");
        // The second pod idles for the window and drains for 30 s after the last answer.
        assert.ok(settled - answered > 30 / 2 && settled - answered < 40 / 2);
    });

    it("gives pods the cold starts that were drawn in the run", () => {
        near(modelled({ coldStarts: [[23, 17]] }, "slowest"), 33);
    });

    it("says how far it is off, and whether the model's own runs are as far apart", () => {
        const verdicts = compare(TRIAL).map(({ figure, deviation, verdict }) => [
            figure,
            Number(deviation.toFixed(3)),
            verdict,
        ]);
        assert.deepEqual(verdicts.slice(0, 2), [
            ["totalSeconds", 0.3, "off"],
            ["slowest", -0.091, "near"],
        ]);
    });
});

describe("pointTable", () => {
    it("has a row for each point, with the range where the model is not near", () => {
        const point: Point = { ...TRIAL, runs: [...TRIAL.runs, ...TRIAL.runs] };
        const close: Comparison = {
            point,
            figure: "mean",
            measured: 10,
            modelled: 9.9,
            range: [9, 11],
            deviation: -0.01,
            verdict: "near",
        };
        const off: Comparison = { ...close, figure: "p95", deviation: 0.2, verdict: "off" };
        assert.equal(
            pointTable([close, off]).split("\n")[2],
            "| **X**: a trial | 2    | 10.0 → 9.9, −1.0 % | 10.0 → 9.9, +20.0 % **off** (9.0–11.0) |",
        );
    });
});

describe("withTable", () => {
    it("refuses a page without a place for the table", () => {
        assert.throws(() => withTable("<!-- end -->", "measured", ""), /no place for the table/);
    });
});
