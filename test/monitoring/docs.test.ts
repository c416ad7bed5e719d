import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import type { Alert } from "../../components/monitoring/alert";
import { alerts } from "../../components/monitoring/alerts";
import type { Panel } from "../../components/monitoring/dashboard";
import { dashboards } from "../../components/monitoring/dashboards";
import { KNATIVE_NAMES, type KnativeNames } from "../../components/monitoring/metric-names";
import type { MonitoredService } from "../../components/monitoring/monitored-service";
import { runbookOf } from "../../components/monitoring/prometheus-rules";
import { WORLDS } from "../support/monitored-service";
import { DECLARED } from "../support/project";

const RUNBOOK = join(__dirname, "../../docs/runbook.md");
const DASHBOARDS = join(__dirname, "../../docs/dashboards.md");

const TABLE_START = "<!-- alerts: UPDATE_DOCS=1 npm test -->\n";
const TABLE_END = "<!-- /alerts -->";

/** The service that a stack has which sets nothing, and whose price is one dollar. */
const DEFAULTS: MonitoredService = {
    namespace: String(defaultOf("namespace")),
    serviceName: String(defaultOf("serviceName")),
    minScale: Number(defaultOf("minScale")),
    maxScale: Number(defaultOf("maxScale")),
    containerConcurrency: Number(defaultOf("containerConcurrency")),
    gpusPerPod: Number(defaultOf("gpusPerPod")),
    timeoutSeconds: Number(defaultOf("timeoutSeconds")),
    scaleDownDelaySeconds: Number(defaultOf("scaleDownDelaySeconds")),
    gpuHourPrice: 1,
    currency: "USD",
    metricNames: "opentelemetry",
    gateway: "kourier",
    gpuMetrics: true,
};

function defaultOf(key: string): unknown {
    const declared = DECLARED[key];
    assert.ok(declared, `Pulumi.yaml declares no ${key}`);
    return declared.default;
}

describe("docs/runbook.md", () => {
    const page = readFileSync(RUNBOOK, "utf8");
    const names = new Set(WORLDS.flatMap((world) => alerts(world).map(({ name }) => name)));

    it("has a section for every alert of every world, and none for another", () => {
        const sections = [...page.matchAll(/^## (.*)$/gm)].map(([, title]) => title);
        assert.deepEqual(
            sections,
            alerts(DEFAULTS).map(({ name }) => name),
        );
        assert.deepEqual([...names].sort(), sections.toSorted());
    });

    it("says in each section what it means and what to do, where the alerts point to", () => {
        for (const section of page.split(/^## /m).slice(1)) {
            const [title = ""] = section.split("\n");
            assert.match(section, /^\*\*Means\*\* /m, title);
            assert.match(section, /^\*\*Do\*\* |^\*\*Confirm, do\*\* /m, title);
        }
        for (const alert of alerts(DEFAULTS)) {
            assert.equal(runbookOf(alert), `docs/runbook.md#${anchorOf(alert.name)}`);
        }
    });

    it("links to sections that there are", () => {
        for (const [, anchor] of page.matchAll(/\]\(#([^)]*)\)/g)) {
            assert.ok(
                [...names].some((name) => anchorOf(name) === anchor),
                anchor,
            );
        }
    });

    it("has the table of the alerts; UPDATE_DOCS=1 rewrites it", async () => {
        const start = page.indexOf(TABLE_START);
        const end = page.indexOf(TABLE_END);
        assert.ok(start >= 0 && end > start, "the page has no place for the table");
        await isUpToDate(
            RUNBOOK,
            `${page.slice(0, start)}${TABLE_START}\n${tableOf(alerts(DEFAULTS))}\n\n${page.slice(end)}`,
        );
    });
});

describe("docs/dashboards.md", () => {
    it("has every panel with its queries; UPDATE_DOCS=1 rewrites it", () =>
        isUpToDate(DASHBOARDS, dashboardsPage()));
});

async function isUpToDate(path: string, content: string): Promise<void> {
    const page = await format(content, { ...(await resolveConfig(path)), filepath: path });
    if (process.env["UPDATE_DOCS"] === "1") {
        writeFileSync(path, page);
    }
    assert.equal(readFileSync(path, "utf8"), page);
}

/** How a heading is called in a link. */
function anchorOf(heading: string): string {
    return heading.toLowerCase().replaceAll(" ", "-");
}

function tableOf(listed: readonly Alert[]): string {
    return [
        "| alert | severity | for | fires when |",
        "| --- | --- | --- | --- |",
        ...listed.map(
            ({ name, severity, forSeconds, condition }) =>
                `| [${name}](#${anchorOf(name)}) | ${severity} | ${forSeconds / 60} min | ${condition} |`,
        ),
    ].join("\n");
}

function dashboardsPage(): string {
    const other = { ...DEFAULTS, gateway: "other" as const };
    return [
        "<!-- Written by test/monitoring/docs.test.ts: UPDATE_DOCS=1 npm test -->",
        INTRODUCTION,
        ...dashboards(DEFAULTS).flatMap(({ title, rows }) => [
            `## ${title}`,
            ...rows.flatMap((row) => [`### ${row.title}`, ...row.panels.flatMap(sectionOf)]),
        ]),
        OTHER_GATEWAYS,
        "| panel | what it shows there, and cannot see |",
        "| --- | --- |",
        ...panelsOf(other)
            .filter(({ title, description }) => describedAs(title) !== description)
            .map(({ title, description }) => `| ${title} | ${description} |`),
        NAMES,
        "| what | since 1.19 (OpenTelemetry) | before (OpenCensus) |",
        "| --- | --- | --- |",
        ...NAMED.map(([what, key]) => {
            const { opentelemetry, opencensus } = KNATIVE_NAMES;
            return `| ${what} | ${cellOf(opentelemetry[key])} | ${cellOf(opencensus[key])} |`;
        }),
    ].join("\n");
}

function sectionOf({ title, description, unit, queries }: Panel): string[] {
    return [
        `#### ${title}`,
        "",
        `${description} Unit: ${unit}.`,
        "",
        "```promql",
        ...queries.flatMap(({ legend, expression }) => [`# ${legend}`, brokenUp(expression)]),
        "```",
        "",
    ];
}

/** A query in lines that can be read; PromQL takes a line break for a blank. */
function brokenUp(expression: string): string {
    return expression.length <= 120
        ? expression
        : expression.replaceAll(/ (?=(?:unless|or|and|\/|-|<) )/g, "\n  ");
}

const panelsOf = (service: MonitoredService): Panel[] =>
    dashboards(service)
        .flatMap(({ rows }) => rows)
        .flatMap(({ panels }) => panels);

function describedAs(title: string): string | undefined {
    return panelsOf(DEFAULTS).find((panel) => panel.title === title)?.description;
}

const cellOf = (name: string | undefined): string => (name === undefined ? "–" : `\`${name}\``);

/** What has a name in the table, in its order. */
const NAMED = [
    ["pods the demand asks for", "desiredPods"],
    ["pods the autoscaler asks for", "requestedPods"],
    ["ready pods", "readyPods"],
    ["pending pods", "pendingPods"],
    ["terminating pods", "terminatingPods"],
    ["panic mode", "panicMode"],
    ["concurrency of the stable window", "stableConcurrency"],
    ["concurrency of the panic window", "panicConcurrency"],
    ["concurrency a pod should have", "targetConcurrency"],
    ["requests in the activator", "activatorConcurrency"],
    ["requests that wait (since 1.22)", "waitingRequests"],
    ["requests that run (since 1.22)", "runningRequests"],
    ["whether the activator reaches the autoscaler", "autoscalerReachable"],
    ["answers", "responses"],
    ["their status", "statusLabel"],
    ["response time", "responseTime"],
    ["time in the container", "serviceTime"],
    ["label of the namespace", "namespaceLabel"],
    ["label of the revision", "revisionLabel"],
] as const satisfies readonly (readonly [string, keyof KnativeNames])[];

const INTRODUCTION = `
# Dashboards

What each panel shows, how, and what it cannot see. The definitions are
[\`components/monitoring/dashboards.ts\`](../components/monitoring/dashboards.ts); this page is made of them, with the default
settings of [\`Pulumi.yaml\`](../Pulumi.yaml) and a price of 1 USD. As files for an import into a Grafana by hand:

\`\`\`
npm run dashboards -- --namespace NAME --service NAME --max-scale N --gpu-hour-price N --folder PATH
npm run dashboards -- --help
\`\`\`

The windows are fixed, so that a query means the same in Grafana, in an alert and in a test: 5m for rates, 10m for
percentiles and means, 1h for what is asked per image. A service with a request every few minutes shows steps; with none in
the window it shows no success rate and no percentile.

Counters are not added up with \`increase\` alone. It knows nothing of what a series had counted when it was first seen, so
the first request of each pod and of each status would be lost: with ten requests in the life of a pod, a tenth. A series
that is newer than the window counts with all that it has.
`;

const OTHER_GATEWAYS = `
## Where the gateway is not Kourier

Requests are counted and timed by the queue-proxies of the pods then: by those that are there, and from the moment at which
they take a request.
`;

const NAMES = `
## Names of the metrics

No name is the same in Knative before 1.19 and since; which ones a service's panels and alerts use is decided by the
installed version ([\`metric-names.ts\`](../components/monitoring/metric-names.ts)). The alerts RequestWaitsWhilePodIdle and
ActivatorGone have no data before 1.19 and are left out there.
`;
