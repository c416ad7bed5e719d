import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { policies } from "../policies";
import { README, ruleTable, withTable } from "../rule-table";

describe("the table of rules", () => {
    it("is up to date in README.md; npm run table brings it up to date", () => {
        const page = readFileSync(README, "utf8");
        assert.equal(page, withTable(page));
    });

    it("has a row for each rule, with the parameters' defaults and bounds", () => {
        const rows = ruleTable().split("\n");
        assert.equal(rows.length, policies.length + 3);
        assert.equal(
            rows.find((row) => row.startsWith("| `knative-max-scale`")),
            "| `knative-max-scale` | mandatory | critical | A Knative Service bounds the pods it may start, each of which holds a GPU. Unset and 0 mean unlimited. | `max` (`10`, from 1 to 1000) |",
        );
        assert.match(rows.join("\n"), /`ceiling` \(`1000`, from 0\); `gpuHour` \(`2`, from 0\)/);
        assert.match(rows.join("\n"), /`clusterRedirects` \(`false`\) \|/);
    });

    it("refuses a page without a place for it", () => {
        const [, start = "", end = ""] =
            /(<!-- rules.*?prettier-ignore-start -->\n).*?(<!-- prettier-ignore-end -->)/s.exec(
                readFileSync(README, "utf8"),
            ) ?? [];
        assert.equal(withTable(start + end), start + ruleTable() + end);
        for (const page of ["# Rules\n", start, end + start]) {
            assert.throws(() => withTable(page), /^Error: the page has no place for the table/);
        }
    });
});
