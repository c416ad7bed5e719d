import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { Monitoring, type MonitoringArgs } from "../components/monitoring";
import { alerts } from "../components/monitoring/alerts";
import { dashboards } from "../components/monitoring/dashboards";
import { grafanaDashboard } from "../components/monitoring/grafana-dashboard";
import type { MonitoredService } from "../components/monitoring/monitored-service";
import { prometheusRules } from "../components/monitoring/prometheus-rules";
import { promiseOf, recordResources, type Registered } from "./support/mocks";

const RULE = "alicloud:arms/prometheusAlertRule:PrometheusAlertRule";

const SERVICE: Omit<MonitoredService, "metricNames"> = {
    namespace: "sd",
    serviceName: "pictures",
    minScale: 0,
    maxScale: 5,
    containerConcurrency: 1,
    gpusPerPod: 1,
    timeoutSeconds: 300,
    scaleDownDelaySeconds: 180,
    gpuHourPrice: 1.5,
    currency: "USD",
    gateway: "kourier",
    gpuMetrics: true,
};

const NOBODY = { webhookUrl: undefined, email: undefined };

const IN_CLUSTER: MonitoringArgs["by"] = {
    mode: "in-cluster",
    metricsRetentionDays: 7,
    metricsStorage: { kind: "ephemeral" },
    grafana: true,
    receivers: NOBODY,
    images: {
        prometheus: "prometheus",
        kubeStateMetrics: "ksm",
        alertmanager: "alertmanager",
        dcgmExporter: "dcgm",
        grafana: "grafana",
    },
};

const ARMS: MonitoringArgs["by"] = {
    mode: "arms",
    clusterId: "c1",
    clusterName: "cluster",
    receivers: NOBODY,
};

async function deploy(
    args: Partial<MonitoringArgs>,
    preview = false,
): Promise<{ seen: Registered[]; monitoring: Monitoring }> {
    const seen = await recordResources({ preview });
    const monitoring = new Monitoring("monitoring", {
        service: SERVICE,
        metricNames: "opentelemetry",
        gatewayNamespace: "kourier-system",
        by: IN_CLUSTER,
        ...args,
    });
    const last = new pulumi.ComponentResource(
        "test:index:Last",
        "last",
        {},
        { dependsOn: monitoring },
    );
    await promiseOf(last.urn);
    return { seen, monitoring };
}

const dataOf = (seen: readonly Registered[], name: string): Record<string, string> =>
    seen.find((each) => each.name === name)?.inputs["data"] as Record<string, string>;

for (const metricNames of ["opentelemetry", "opencensus"] as const) {
    describe(`Monitoring of a Knative with ${metricNames}'s names`, () => {
        const service = { ...SERVICE, metricNames };

        it("gives Prometheus and Grafana in the cluster the definitions of the service", async () => {
            const { seen } = await deploy({ metricNames });
            assert.deepEqual(
                JSON.parse(dataOf(seen, "monitoring-prometheus-config")["rules.yml"] ?? ""),
                JSON.parse(JSON.stringify(prometheusRules(service))),
            );
            const files = Object.entries(dataOf(seen, "monitoring-grafana-dashboards"));
            assert.deepEqual(
                new Map(files.map(([name, content]) => [name, JSON.parse(content) as unknown])),
                new Map(
                    dashboards(service).map((dashboard) => [
                        `${dashboard.uid}.json`,
                        JSON.parse(JSON.stringify(grafanaDashboard(dashboard))) as unknown,
                    ]),
                ),
            );
        });

        it("gives ARMS the same alerts", async () => {
            const { seen } = await deploy({ metricNames, by: ARMS });
            assert.deepEqual(
                seen
                    .filter(({ type }) => type === RULE)
                    .map(({ inputs }) => [inputs["prometheusAlertRuleName"], inputs["expression"]])
                    .sort(),
                alerts(service)
                    .map(({ name, expression }) => [name, expression])
                    .sort(),
            );
        });
    });
}

describe("Monitoring", () => {
    it("names its dashboards", async () => {
        const { monitoring } = await deploy({});
        const all = dashboards({ ...SERVICE, metricNames: "opentelemetry" });
        assert.ok(all.length > 0);
        assert.deepEqual(
            monitoring.dashboards,
            all.map(({ uid, title }) => ({ uid, title })),
        );
    });

    it("has a Grafana in the cluster only", async () => {
        assert.ok((await deploy({})).monitoring.grafana);
        assert.equal((await deploy({ by: ARMS })).monitoring.grafana, undefined);
    });

    it("leaves queries open in a preview that does not know the names, and plans everything", async () => {
        const inCluster = await deploy({ metricNames: undefined }, true);
        const { "rules.yml": rules, "prometheus.yml": config } = dataOf(
            inCluster.seen,
            "monitoring-prometheus-config",
        );
        assert.ok(pulumi.isUnknown(rules));
        assert.equal(typeof config, "string");
        for (const content of Object.values(
            dataOf(inCluster.seen, "monitoring-grafana-dashboards"),
        )) {
            assert.ok(pulumi.isUnknown(content));
        }
        const { seen } = await deploy({ metricNames: undefined, by: ARMS }, true);
        const rulesOfArms = seen.filter(({ type }) => type === RULE);
        assert.equal(
            rulesOfArms.length,
            alerts({ ...SERVICE, metricNames: "opentelemetry" }).length,
        );
        for (const { inputs } of rulesOfArms) {
            assert.ok(pulumi.isUnknown(inputs["expression"]));
        }
    });
});
