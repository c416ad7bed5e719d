import assert from "node:assert/strict";
import { alerts } from "../../components/monitoring/alerts";
import { prometheusRules } from "../../components/monitoring/prometheus-rules";
import { SERVICE } from "../support/monitored-service";

describe("prometheusRules", () => {
    it("has one rule for each alert, with its expression and time", () => {
        const [group, ...others] = prometheusRules(SERVICE).groups;
        assert.deepEqual(others, []);
        assert.equal(group?.name, "pictures/webui");
        assert.deepEqual(
            group.rules.map(({ alert, expr, for: wait }) => [alert, expr, wait]),
            alerts(SERVICE).map(({ name, expression, forSeconds }) => [
                name,
                expression,
                `${forSeconds}s`,
            ]),
        );
    });

    it("tells whoever gets it which service it is about, how bad it is and what to do", () => {
        const rule = prometheusRules(SERVICE).groups[0]?.rules.find(
            ({ alert }) => alert === "PodStuckTerminating",
        );
        assert.deepEqual(rule?.labels, {
            severity: "warning",
            namespace: "pictures",
            service: "webui",
        });
        assert.deepEqual(rule.annotations, {
            summary:
                "pictures/webui: Pod {{ $labels.pod }} was told to end {{ $value | humanizeDuration }} ago and holds its GPU",
            description:
                "Fires when a pod is there 60 s after it was told to end (30 to 40 s are usual), and holds its GPU.",
            action: "See whether the container ends on SIGTERM and whether its node is alive.",
            runbook: "docs/runbook.md#podstuckterminating",
        });
    });
});
