import assert from "node:assert/strict";
import fc from "fast-check";
import { alerts } from "../../components/monitoring/alerts";
import { dashboards } from "../../components/monitoring/dashboards";
import {
    CADVISOR_NAMES,
    DCGM_NAMES,
    ENVOY_NAMES,
    KNATIVE_NAMES,
    KUBE_STATE_NAMES,
    TARGET_NAMES,
} from "../../components/monitoring/metric-names";
import type { MonitoredService } from "../../components/monitoring/monitored-service";
import { SERVICE, WORLDS } from "../support/monitored-service";

const panelsOf = (service: MonitoredService) =>
    dashboards(service)
        .flatMap(({ rows }) => rows)
        .flatMap(({ panels }) => panels);

const queriesOf = (service: MonitoredService) =>
    panelsOf(service).flatMap(({ title, queries }) =>
        queries.map(({ expression }) => ({ title, expression })),
    );

/** Metrics that an expression names, found without knowing which there are. */
function metricsIn(expression: string): string[] {
    const bare = expression
        .replaceAll(/"[^"]*"/g, "")
        .replaceAll(/ by \([^)]*\) /g, "")
        .replaceAll(/\{[^}]*\}|\[[^\]]*\]|\bon \([^)]*\)/g, " ")
        .replaceAll(/\b(and|or|unless|offset [0-9]+[smhd]|group_left \(\))/g, " ");
    return [...bare.matchAll(/[a-zA-Z_][a-zA-Z0-9_]*(?![a-zA-Z0-9_]*\()/g)].map(([name]) => name);
}

/** Panels whose numbers are not the service's own. */
const SHARED = new Set(["CPU", "Memory", "Series", "Targets", "Autoscaler sees the service"]);

describe("dashboards", () => {
    it("begin with the two sections of ACK's own dashboard", () => {
        const [users] = dashboards(SERVICE);
        assert.deepEqual(
            users?.rows
                .slice(0, 2)
                .map(({ title, panels }) => [title, panels.map((each) => each.title)]),
            [
                ["Overview", ["Request volume", "Success rate", "4xx", "5xx", "Pods"]],
                ["Response time", ["P50", "P90", "P95", "P99", "Requests behind the percentiles"]],
            ],
        );
    });

    it("go on with queue, GPUs, autoscaler and cost, and leave operation to a second one", () => {
        const titles = dashboards(SERVICE).map(({ rows }) => rows.map(({ title }) => title));
        assert.deepEqual(titles, [
            [
                "Overview",
                "Response time",
                "Queue and cold start",
                "GPUs",
                "Autoscaler",
                "Throughput and cost",
            ],
            ["Control plane", "What Knative and monitoring take"],
        ]);
    });

    it("have identities that Grafana takes, and no two services share", () => {
        const name = fc.stringMatching(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);
        fc.assert(
            fc.property(name, name, name, name, (namespace, serviceName, otherNamespace, other) => {
                fc.pre(`${namespace}/${serviceName}` !== `${otherNamespace}/${other}`);
                const uids = [
                    ...dashboards({ ...SERVICE, namespace, serviceName }),
                    ...dashboards({ ...SERVICE, namespace: otherNamespace, serviceName: other }),
                ].map(({ uid }) => uid);
                assert.equal(new Set(uids).size, 4);
                for (const uid of uids) {
                    assert.match(uid, /^[a-zA-Z0-9-]{1,40}$/);
                }
            }),
        );
    });

    it("keep their identity when a setting changes, so that links to them last", () => {
        const uids = (change: Partial<MonitoredService>): string[] =>
            dashboards({ ...SERVICE, ...change }).map(({ uid }) => uid);
        assert.deepEqual(
            uids({ maxScale: 9, gateway: "other", metricNames: "opencensus" }),
            uids({}),
        );
    });

    it("explain each panel, and ask about the service only", () => {
        for (const world of WORLDS) {
            const panels = panelsOf(world);
            assert.equal(new Set(panels.map(({ title }) => title)).size, panels.length);
            for (const { title, description, queries } of panels) {
                assert.match(description, /^[A-Z0-9].*\.$/, title);
                assert.equal(new Set(queries.map(({ legend }) => legend)).size, queries.length);
                for (const { expression } of queries) {
                    const isOwn = /pictures/.test(expression) && /webui/.test(expression);
                    const isConstant = /^vector\([0-9]+\)$/.test(expression);
                    assert.ok(isOwn || isConstant || SHARED.has(title), `${title}: ${expression}`);
                    assert.doesNotMatch(expression, /job[=!]/);
                }
            }
        }
    });

    it("say where a percentile ends, and what never reached a pod, if the gateway is another", () => {
        const described = (title: string, service: MonitoredService): string =>
            panelsOf(service).find((panel) => panel.title === title)?.description ?? "";
        const other = { ...SERVICE, gateway: "other" as const };
        assert.match(described("P95", other), /ends at 10 s.*shown as 10 s/);
        assert.match(described("P95", { ...other, metricNames: "opencensus" }), /ends at 100 s/);
        assert.doesNotMatch(described("P95", SERVICE), /ends at/);
        assert.match(described("5xx", other), /without what never reached a pod/);
    });

    it("show what a GPU does only where it is measured", () => {
        const titles = (gpuMetrics: boolean): string[] =>
            panelsOf({ ...SERVICE, gpuMetrics }).map(({ title }) => title);
        assert.deepEqual(
            titles(true).filter((title) => !titles(false).includes(title)),
            ["GPU utilization", "GPU memory"],
        );
    });

    it("use exactly the metrics that are listed, in each world", () => {
        const histogram = (name: string): string[] =>
            ["bucket", "sum", "count"].map((part) => `${name}_${part}`);
        for (const metricNames of ["opentelemetry", "opencensus"] as const) {
            const names = KNATIVE_NAMES[metricNames];
            const listed = new Set([
                ...[names.desiredPods, names.requestedPods, names.readyPods, names.pendingPods],
                ...[names.terminatingPods, names.panicMode, names.stableConcurrency],
                ...[names.panicConcurrency, names.targetConcurrency, names.activatorConcurrency],
                ...[names.waitingRequests, names.runningRequests, names.autoscalerReachable],
                ...[names.responses, ...histogram(names.responseTime)],
                ...histogram(names.serviceTime).slice(1),
                ...[ENVOY_NAMES.requests, ENVOY_NAMES.responses],
                ...histogram(ENVOY_NAMES.responseTime),
                ...Object.values(KUBE_STATE_NAMES),
                ...Object.values(DCGM_NAMES),
                ...Object.values(CADVISOR_NAMES),
                ...Object.values(TARGET_NAMES),
            ]);
            listed.delete(undefined);
            const used = WORLDS.filter((world) => world.metricNames === metricNames).flatMap(
                (world) => [
                    ...queriesOf(world).flatMap(({ expression }) => metricsIn(expression)),
                    ...alerts(world).flatMap(({ expression }) => metricsIn(expression)),
                ],
            );
            assert.deepEqual([...new Set(used)].sort(), [...listed].sort());
        }
    });
});
