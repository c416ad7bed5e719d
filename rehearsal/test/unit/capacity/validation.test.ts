import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { experimentPoints } from "../../../capacity/experiment-points";
import { type Comparison, readPoints } from "../../../capacity/validation";
import {
    compareAll,
    pointTable,
    validationTable,
    withTable,
} from "../../../capacity/validation-table";
import { REPOSITORY } from "../../../paths";

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

    it("is within 10 % of each figure of the experiments that were run", () => {
        assert.deepEqual(named(experiments, "off"), []);
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

describe("withTable", () => {
    it("refuses a page without a place for the table", () => {
        assert.throws(() => withTable("<!-- end -->", "measured", ""), /no place for the table/);
    });
});
