import { describe, it } from "mocha";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { KUBE_STATE_NAMES } from "../../../components/monitoring/metric-names";
import { REPOSITORY } from "../../paths";

describe("the stand-in for kube-state-metrics", () => {
    it("has the metrics that the program asks for, and no others", () => {
        const file = "rehearsal/cluster/kube-state-metrics-stand-in/families.go";
        const source = readFileSync(join(REPOSITORY, file), "utf8");
        const names = [...source.matchAll(/name:\s+"(kube_\w+)"/g)].map(([, name]) => name);
        assert.deepEqual(names.sort(), Object.values(KUBE_STATE_NAMES).sort());
    });
});
