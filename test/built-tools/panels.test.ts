import { dashboards } from "../../components/monitoring/dashboards";
import { prometheusRules } from "../../components/monitoring/prometheus-rules";
import { WORLDS } from "../support/monitored-service";
import { checkRules } from "./rule-tests";

describe("Prometheus", () => {
    for (const { title, ...world } of WORLDS) {
        it(`understands the rules: ${title}`, () => checkRules(prometheusRules(world)));

        it(`understands the query of every panel: ${title}`, () => {
            const queries = dashboards(world)
                .flatMap(({ rows }) => rows)
                .flatMap(({ panels }) => panels)
                .flatMap((panel) => panel.queries);
            const rules = queries.map(({ expression }, index) => ({
                record: `panel:${index}`,
                expr: expression,
            }));
            return checkRules({ groups: [{ name: "panels", rules }] });
        });
    }
});
