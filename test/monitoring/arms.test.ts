import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { ArmsMonitoring, type ArmsMonitoringArgs } from "../../components/monitoring/arms";
import { scrapeConfigs } from "../../components/monitoring/scrape-config";
import {
    GET_PROMETHEIS,
    only,
    promiseOf,
    recordResources,
    type Registered,
    SECRET,
} from "../support/mocks";

const PROMETHEUS = "alicloud:arms/prometheus:Prometheus";
const MONITORING = "alicloud:arms/prometheusMonitoring:PrometheusMonitoring";
const RULE = "alicloud:arms/prometheusAlertRule:PrometheusAlertRule";
const CONTACT = "alicloud:arms/alertContact:AlertContact";
const DISPATCH = "alicloud:arms/dispatchRule:DispatchRule";

const ARGS: ArmsMonitoringArgs = {
    clusterId: "c1",
    clusterName: "pictures",
    serviceNamespace: "sd",
    gatewayNamespace: "kourier-system",
    receivers: { webhookUrl: undefined, email: undefined },
    labels: { namespace: "sd", service: "sd" },
    alerts: [
        {
            name: "RequestsWait",
            expression: "kn_revision_request_queued > 0",
            condition: "requests wait",
            forSeconds: 90,
            severity: "warning",
            summary: "Requests wait.",
            action: "Raise maxScale.",
        },
        {
            name: "GpuXid",
            expression: "DCGM_FI_DEV_XID_ERRORS > 0",
            condition: "there is an error",
            forSeconds: 0,
            severity: "critical",
            summary: "A GPU has an error.",
            action: "Drain its node.",
        },
    ],
};

const EMAIL = {
    to: "sd@example.com",
    smtp: { server: "", from: "", credentials: undefined },
};

async function deploy(args: Partial<ArmsMonitoringArgs> = {}): Promise<{
    seen: Registered[];
    monitoring: ArmsMonitoring;
}> {
    const seen = await recordResources();
    const monitoring = new ArmsMonitoring("monitoring", { ...ARGS, ...args });
    const last = new pulumi.ComponentResource(
        "test:index:Last",
        "last",
        {},
        { dependsOn: monitoring },
    );
    await promiseOf(last.urn);
    await promiseOf(monitoring.prometheusUrl);
    return { seen: seen.filter(({ type }) => type !== "test:index:Last"), monitoring };
}

describe("ArmsMonitoring", () => {
    it("has a Prometheus of the cluster, with the Grafana that all share", async () => {
        const { seen } = await deploy();
        assert.deepEqual(only(seen, PROMETHEUS).inputs, {
            clusterType: "aliyun-cs",
            clusterId: "c1",
            grafanaInstanceId: "free",
        });
    });

    it("puts nothing into the cluster", async () => {
        const { seen } = await deploy({ receivers: { webhookUrl: undefined, email: EMAIL } });
        assert.deepEqual(
            seen.filter(({ type }) => !/^(alicloud:arms\/|sd:)/.test(type)),
            [],
        );
    });

    it("scrapes, by the jobs of the Prometheus in the cluster, what ACK's own jobs do not", async () => {
        const { seen } = await deploy();
        const { type, status, configYaml, clusterId } = only(seen, MONITORING).inputs;
        assert.deepEqual([type, status, clusterId], ["customJob", "run", "c1"]);
        const ours = scrapeConfigs({
            serviceNamespace: "sd",
            gatewayNamespace: "kourier-system",
            monitoringNamespace: "any",
            gpuMetrics: true,
        }).filter(({ job_name }) => ["queue-proxy", "knative", "envoy"].includes(job_name));
        assert.equal(ours.length, 3);
        assert.deepEqual(JSON.parse(configYaml as string), {
            scrape_configs: JSON.parse(JSON.stringify(ours)) as unknown,
        });
    });

    it("has a rule for each alert, whose time is in whole minutes", async () => {
        const { seen } = await deploy();
        const rules = seen.filter(({ type }) => type === RULE);
        assert.deepEqual(Object.fromEntries(rules.map(({ name, inputs }) => [name, inputs])), {
            "monitoring-alert-requests-wait": {
                clusterId: "c1",
                prometheusAlertRuleName: "RequestsWait",
                expression: "kn_revision_request_queued > 0",
                duration: "2",
                message: "Requests wait. Raise maxScale.",
                labels: [
                    { name: "namespace", value: "sd" },
                    { name: "service", value: "sd" },
                    { name: "severity", value: "warning" },
                ],
                notifyType: "ALERT_MANAGER",
            },
            "monitoring-alert-gpu-xid": {
                clusterId: "c1",
                prometheusAlertRuleName: "GpuXid",
                expression: "DCGM_FI_DEV_XID_ERRORS > 0",
                duration: "1",
                message: "A GPU has an error. Drain its node.",
                labels: [
                    { name: "namespace", value: "sd" },
                    { name: "service", value: "sd" },
                    { name: "severity", value: "critical" },
                ],
                notifyType: "ALERT_MANAGER",
            },
        });
    });

    it("never has two rules of one name, not even while one is replaced", async () => {
        const { seen } = await deploy();
        const rules = seen.filter(({ type }) => type === RULE);
        assert.ok(rules.length > 0 && rules.every((rule) => rule.deleteBeforeReplace));
    });

    it("tells a contact by the channels that it has, of our alerts and no others", async () => {
        const { seen } = await deploy({
            receivers: {
                webhookUrl: pulumi.secret("https://oapi.dingtalk.com/robot/send?access_token=1"),
                email: EMAIL,
            },
        });
        assert.deepEqual(only(seen, CONTACT).inputs, {
            alertContactName: "pictures",
            email: "sd@example.com",
            dingRobotWebhookUrl: {
                ...SECRET,
                value: "https://oapi.dingtalk.com/robot/send?access_token=1",
            },
        });
        const { labelMatchExpressionGrids, notifyRules } = only(seen, DISPATCH).inputs;
        assert.deepEqual(labelMatchExpressionGrids, [
            {
                labelMatchExpressionGroups: [
                    {
                        labelMatchExpressions: [
                            {
                                key: "_aliyun_arms_alert_name",
                                operator: "re",
                                value: "RequestsWait|GpuXid",
                            },
                        ],
                    },
                ],
            },
        ]);
        assert.deepEqual(notifyRules, [
            {
                notifyObjects: [
                    {
                        notifyObjectId: "monitoring-contact-id",
                        notifyType: "ARMS_CONTACT",
                        name: "pictures",
                    },
                ],
                notifyChannels: ["email", "dingTalk"],
                notifyStartTime: "00:00",
                notifyEndTime: "23:59",
            },
        ]);
        assert.deepEqual(only(seen, CONTACT).additionalSecretOutputs, ["dingRobotWebhookUrl"]);
        for (const { inputs } of seen.filter(({ type }) => type === RULE)) {
            assert.equal(inputs["notifyType"], "DISPATCH_RULE");
            assert.equal(inputs["dispatchRuleId"], "monitoring-dispatch-id");
        }
    });

    it("uses no channel that the contact does not have", async () => {
        const { seen } = await deploy({ receivers: { webhookUrl: undefined, email: EMAIL } });
        const [rule] = only(seen, DISPATCH).inputs["notifyRules"] as { notifyChannels: string[] }[];
        assert.deepEqual(rule?.notifyChannels, ["email"]);
        assert.ok(!("dingRobotWebhookUrl" in only(seen, CONTACT).inputs));
    });

    it("has neither contact nor dispatch rule where nobody is to be told", async () => {
        const { seen } = await deploy();
        assert.ok(seen.every(({ type }) => type !== CONTACT && type !== DISPATCH));
    });

    it("says so when ARMS does not list the instance", async () => {
        await recordResources({ calls: { [GET_PROMETHEIS]: () => ({ prometheis: [] }) } });
        const { prometheusUrl } = new ArmsMonitoring("monitoring", ARGS);
        await assert.rejects(
            (prometheusUrl as unknown as { promise(): Promise<string> }).promise(),
            /ARMS does not list the Prometheus instance/,
        );
    });

    it("keeps the URL secret, since it has a token in it", async () => {
        const { monitoring } = await deploy();
        assert.equal(await pulumi.isSecret(monitoring.prometheusUrl), true);
        assert.equal(
            await promiseOf(monitoring.prometheusUrl),
            "https://arms.example/api/v1/prometheus/mock-token/monitoring-prometheus-id",
        );
    });
});
