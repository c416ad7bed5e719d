import type { Dashboard, Panel, Row, Unit } from "./dashboard";

/** Version of Grafana's dashboard schema: that of Grafana 12; later ones migrate it when it is read. */
const SCHEMA_VERSION = 42;

/** Name of the variable by which whoever looks at a dashboard chooses the Prometheus that it reads. */
const DATA_SOURCE = "datasource";

/** Grafana lays panels out on a grid of 24 columns. */
const COLUMNS = 24;
const PANEL_HEIGHT = 8;
const PANELS_PER_LINE = 3;

/** Grafana's units; where it has none, how a number is written. */
const UNITS: Readonly<Record<Unit, { readonly unit: string; readonly max?: number }>> = {
    count: { unit: "short" },
    "requests per second": { unit: "reqps" },
    "images per hour": { unit: "suffix: images/h" },
    seconds: { unit: "s" },
    ratio: { unit: "percentunit", max: 1 },
    bytes: { unit: "bytes" },
    cores: { unit: "suffix: cores" },
    "GPU-seconds": { unit: "suffix: GPU-s" },
    GPUs: { unit: "short" },
    money: { unit: "none" },
};

/**
 * A dashboard as Grafana's JSON, for provisioning and for an import by hand: it names no data source, but has a
 * variable with the first Prometheus that Grafana knows. `test/built-tools` has it read by Grafana's own types.
 */
export function grafanaDashboard({ uid, title, rows }: Dashboard): object {
    return {
        uid,
        title,
        tags: ["knative", "stable-diffusion"],
        schemaVersion: SCHEMA_VERSION,
        editable: true,
        timezone: "browser",
        time: { from: "now-3h", to: "now" },
        refresh: "30s",
        // A crosshair that all panels share: a pod that starts is seen beside the request that waits for it.
        graphTooltip: 1,
        annotations: { list: [] },
        templating: {
            list: [
                {
                    name: DATA_SOURCE,
                    label: "Prometheus",
                    type: "datasource",
                    query: "prometheus",
                    refresh: 1,
                    hide: 0,
                },
            ],
        },
        panels: laidOut(rows).map((placed, index) => ({ id: index + 1, ...placed })),
    };
}

/** Panels below their row's title, line by line from top to bottom. */
function laidOut(rows: readonly Row[]): object[] {
    const placed: object[] = [];
    let y = 0;
    for (const { title, panels } of rows) {
        const gridPos = { x: 0, y, w: COLUMNS, h: 1 };
        placed.push({ type: "row", title, collapsed: false, gridPos, panels: [] });
        y += 1;
        for (const line of linesOf(panels)) {
            const w = COLUMNS / line.length;
            for (const [place, panel] of line.entries()) {
                placed.push(plot(panel, { x: place * w, y, w, h: PANEL_HEIGHT }));
            }
            y += PANEL_HEIGHT;
        }
    }
    return placed;
}

/** As few lines as hold them, each as full as the others, give or take one. */
function linesOf(panels: readonly Panel[]): Panel[][] {
    const count = Math.ceil(panels.length / PANELS_PER_LINE);
    return Array.from({ length: count }, (_, line) =>
        panels.slice(
            Math.ceil((line * panels.length) / count),
            Math.ceil(((line + 1) * panels.length) / count),
        ),
    );
}

function plot({ title, description, unit, queries }: Panel, gridPos: object): object {
    const datasource = { type: "prometheus", uid: `\${${DATA_SOURCE}}` };
    return {
        type: "timeseries",
        title,
        description,
        datasource,
        gridPos,
        targets: queries.map(({ legend, expression }, index) => ({
            refId: String.fromCharCode("A".charCodeAt(0) + index),
            datasource,
            editorMode: "code",
            expr: expression,
            legendFormat: legend,
            range: true,
        })),
        fieldConfig: {
            defaults: {
                ...UNITS[unit],
                min: 0,
                custom: {
                    drawStyle: "line",
                    lineWidth: 1,
                    fillOpacity: 10,
                    showPoints: "never",
                    // A line that goes on through a gap would show pods that are not there.
                    spanNulls: false,
                },
            },
            overrides: [],
        },
        options: {
            legend: {
                showLegend: true,
                displayMode: "table",
                placement: "bottom",
                calcs: ["lastNotNull", "max"],
            },
            tooltip: { mode: "multi", sort: "desc" },
        },
    };
}
