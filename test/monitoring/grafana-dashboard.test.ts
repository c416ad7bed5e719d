import assert from "node:assert/strict";
import fc from "fast-check";
import type { Dashboard, Panel } from "../../components/monitoring/dashboard";
import { dashboards } from "../../components/monitoring/dashboards";
import { grafanaDashboard } from "../../components/monitoring/grafana-dashboard";
import { SERVICE } from "../support/monitored-service";

interface Place {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
}

interface GrafanaPanel {
    readonly id: number;
    readonly type: string;
    readonly title: string;
    readonly gridPos: Place;
    readonly datasource?: object;
    readonly targets?: readonly Readonly<Record<string, unknown>>[];
    readonly fieldConfig?: { readonly defaults: Readonly<Record<string, unknown>> };
}

interface Grafana {
    readonly templating: { readonly list: readonly Readonly<Record<string, unknown>>[] };
    readonly panels: readonly GrafanaPanel[];
}

const grafana = (dashboard: Dashboard): Grafana => grafanaDashboard(dashboard) as Grafana;

const panel = (title: string, unit: Panel["unit"] = "count"): Panel => ({
    title,
    description: "What it shows.",
    unit,
    queries: [{ legend: "all", expression: "up" }],
});

const dashboardOf = (...rows: readonly (readonly Panel[])[]): Dashboard => ({
    uid: "one",
    title: "One",
    rows: rows.map((panels, index) => ({ title: `Row ${index}`, panels })),
});

describe("grafanaDashboard", () => {
    it("lays every panel out once, below its row, in full lines that do not overlap", () => {
        const sizes = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 8 });
        fc.assert(
            fc.property(sizes, (counts) => {
                const rows = counts.map((count, row) =>
                    Array.from({ length: count }, (_, index) => panel(`${row}.${index}`)),
                );
                const { panels } = grafana(dashboardOf(...rows));
                assert.deepEqual(
                    panels.map(({ title }) => title),
                    rows.flatMap((each, row) => [`Row ${row}`, ...each.map(({ title }) => title)]),
                );
                assert.deepEqual(
                    panels.map(({ id }) => id),
                    panels.map((_, index) => index + 1),
                );
                // Each cell of the grid is taken by one panel.
                const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
                    Array.from(
                        { length: w * h },
                        (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`,
                    ),
                );
                assert.equal(new Set(cells).size, cells.length);
                const height = Math.max(...panels.map(({ gridPos: { y, h } }) => y + h));
                assert.equal(cells.length, 24 * height);
                // From top to bottom, and from left to right.
                const order = panels.map(({ gridPos: { x, y } }) => y * 24 + x);
                assert.deepEqual(
                    order,
                    order.toSorted((one, other) => one - other),
                );
            }),
        );
    });

    it("puts five panels into lines of three and two", () => {
        const five = ["a", "b", "c", "d", "e"].map((title) => panel(title));
        assert.deepEqual(
            grafana(dashboardOf(five)).panels.map(({ gridPos: { x, y, w } }) => [x, y, w]),
            [
                [0, 0, 24],
                [0, 1, 8],
                [8, 1, 8],
                [16, 1, 8],
                [0, 9, 12],
                [12, 9, 12],
            ],
        );
    });

    it("carries each query over, with its legend and a letter of its own", () => {
        const [users] = dashboards(SERVICE);
        assert.ok(users);
        const plots = grafana(users).panels.filter(({ type }) => type === "timeseries");
        assert.deepEqual(
            plots.map(({ targets }) =>
                targets?.map(({ refId, expr, legendFormat }) => [refId, expr, legendFormat]),
            ),
            users.rows
                .flatMap(({ panels }) => panels)
                .map(({ queries }) =>
                    queries.map(({ expression, legend }, index) => [
                        "ABCDE"[index],
                        expression,
                        legend,
                    ]),
                ),
        );
    });

    it("leaves the choice of Prometheus to whoever looks at it", () => {
        const { templating, panels } = grafana(dashboardOf([panel("a")]));
        assert.deepEqual(
            templating.list.map(({ name, type, query }) => [name, type, query]),
            [["datasource", "datasource", "prometheus"]],
        );
        const reference = { type: "prometheus", uid: "${datasource}" };
        assert.deepEqual(panels[1]?.datasource, reference);
        assert.deepEqual(panels[1].targets?.[0]?.["datasource"], reference);
    });

    it("writes each number with its unit", () => {
        const written = (unit: Panel["unit"]): unknown => {
            const { defaults } =
                grafana(dashboardOf([panel("a", unit)])).panels[1]?.fieldConfig ?? {};
            return [defaults?.["unit"], defaults?.["min"], defaults?.["max"]];
        };
        assert.deepEqual(written("seconds"), ["s", 0, undefined]);
        assert.deepEqual(written("ratio"), ["percentunit", 0, 1]);
        assert.deepEqual(written("bytes"), ["bytes", 0, undefined]);
        assert.deepEqual(written("requests per second"), ["reqps", 0, undefined]);
        assert.deepEqual(written("GPU-seconds"), ["suffix: GPU-s", 0, undefined]);
    });
});
