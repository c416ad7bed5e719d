import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import { type Comparison, readPoints } from "../../../capacity/validation";
import { compareAll, validationTable, withTable } from "../../../capacity/validation-table";
import { REPOSITORY } from "../../../paths";

const PAGE = join(REPOSITORY, "docs/capacity.md");

describe("the model, beside what was measured", () => {
    let measured: Comparison[];
    let otherModel: Comparison[];

    before(() => {
        const points = readPoints();
        measured = compareAll(points.measured);
        otherModel = compareAll(points.otherModel);
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

    it("is described by docs/capacity.md; UPDATE_DOCS=1 rewrites the tables", async () => {
        const page = readFileSync(PAGE, "utf8");
        const tables = Object.entries({ measured, otherModel });
        const updated = tables.reduce(
            (text, [name, comparisons]) => withTable(text, name, validationTable(comparisons)),
            page,
        );
        const options = { ...(await resolveConfig(PAGE)), filepath: PAGE };
        const formatted = await format(updated, options);
        if (process.env["UPDATE_DOCS"] === "1") {
            writeFileSync(PAGE, formatted);
        }
        assert.equal(readFileSync(PAGE, "utf8"), formatted);
    });
});

describe("withTable", () => {
    it("refuses a page without a place for the table", () => {
        assert.throws(() => withTable("<!-- end -->", "measured", ""), /no place for the table/);
    });
});
