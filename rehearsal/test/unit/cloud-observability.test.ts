import assert from "node:assert/strict";
import { ApiError } from "../../cloud/api";
import {
    ARMS_ALERT_RULE,
    ARMS_CONTACT,
    ARMS_DISPATCH_RULE,
    ARMS_MONITORING,
    ARMS_PROMETHEUS,
    CLUSTER,
    LOG_PROJECT,
    LOG_STORE,
    LOG_STORE_INDEX,
    LOGTAIL_ATTACHMENT,
    LOGTAIL_CONFIG,
    MACHINE_GROUP,
} from "../../cloud/resource-tokens";
import type { JsonObject } from "../../plugins/property-values";
import {
    clusterInputs,
    makeCluster,
    makeNetwork,
    openWorld,
    textOf,
    type World,
} from "./cloud-world";

describe("the simulated cloud's logs and metrics", () => {
    let world: World;

    beforeEach(() => {
        world = openWorld();
    });

    afterEach(() => {
        world.close();
    });

    async function refused(type: string, inputs: JsonObject, message: RegExp): Promise<void> {
        await rejected(world.make(type, inputs), message);
    }

    /** Refused by the cloud, with a code. */
    async function rejected(work: Promise<unknown>, message: RegExp): Promise<void> {
        await assert.rejects(work, (error) => {
            assert.ok(error instanceof ApiError);
            assert.match(`${error.code}: ${error.message}`, message);
            return true;
        });
    }

    describe("in a log project", () => {
        const STORE = { projectName: "sd-logs", logstoreName: "pods" };
        const PLUGIN = JSON.stringify({
            plugin: { inputs: [{ type: "service_docker_stdout", detail: {} }] },
        });
        const CONFIG = {
            project: "sd-logs",
            logstore: "pods",
            name: "pods",
            inputType: "plugin",
            outputType: "LogService",
            inputDetail: PLUGIN,
        };
        const GROUP = {
            project: "sd-logs",
            name: "agents",
            identifyType: "userdefined",
            identifyLists: ["k8s-group-c1"],
        };

        beforeEach(async () => {
            await world.make(LOG_PROJECT, { projectName: "sd-logs" });
        });

        it("makes a Logstore with its index, and takes its logs from a group of machines", async () => {
            const store = await world.make(LOG_STORE, { ...STORE, retentionPeriod: 7 });
            assert.equal(store.id, "sd-logs:pods");
            const index = await world.make(LOG_STORE_INDEX, {
                project: "sd-logs",
                logstore: "pods",
                fullText: { token: " " },
            });
            assert.equal(index.id, "sd-logs:pods");
            const config = await world.make(LOGTAIL_CONFIG, CONFIG);
            assert.equal(config.id, "sd-logs:pods:pods");
            const group = await world.make(MACHINE_GROUP, GROUP);
            assert.equal(group.id, "sd-logs:agents");
            const attachment = await world.make(LOGTAIL_ATTACHMENT, {
                project: "sd-logs",
                logtailConfigName: "pods",
                machineGroupName: "agents",
            });
            assert.equal(attachment.id, "sd-logs:pods:agents");
            await rejected(
                world.remove(LOGTAIL_CONFIG, config.id),
                /DependencyViolation.*attachment/,
            );
            await rejected(world.remove(LOG_PROJECT, "sd-logs"), /DependencyViolation/);
        });

        for (const [what, change, message] of [
            ["of no project", { projectName: "other" }, /^ProjectNotExist: /],
            ["without a name", { logstoreName: "" }, /logstoreName/],
            ["with a name of capitals", { logstoreName: "Pods" }, /logstoreName is "?Pods/],
            [
                "kept for no day",
                { retentionPeriod: 0 },
                /expected retention_period to be in the range \(1 - 3650\), got 0/,
            ],
            ["that splits without end", { autoSplit: true }, /autoSplit is true; allowed: false/],
            [
                "hot for longer than it is kept",
                { retentionPeriod: 30, hotTtl: 30 },
                /hotTtl is 30; allowed: less than retentionPeriod \(30\)/,
            ],
        ] as const) {
            it(`refuses a Logstore ${what}`, async () => {
                await refused(LOG_STORE, { ...STORE, ...change }, message);
            });
        }

        it("refuses what there is already", async () => {
            await world.make(LOG_STORE, STORE);
            await refused(LOG_STORE, STORE, /LogStoreAlreadyExist/);
            const index = { project: "sd-logs", logstore: "pods", fullText: { token: " " } };
            await world.make(LOG_STORE_INDEX, index);
            await refused(LOG_STORE_INDEX, index, /IndexAlreadyExist/);
            await world.make(LOGTAIL_CONFIG, CONFIG);
            await refused(LOGTAIL_CONFIG, CONFIG, /ConfigAlreadyExist/);
            await world.make(MACHINE_GROUP, GROUP);
            await refused(MACHINE_GROUP, GROUP, /GroupAlreadyExist/);
        });

        it("refuses an index of nothing, and parts of a Logstore of another project", async () => {
            await world.make(LOG_STORE, STORE);
            await world.make(LOG_PROJECT, { projectName: "other" });
            await refused(
                LOG_STORE_INDEX,
                { project: "sd-logs", logstore: "pods" },
                /fullText is not set/,
            );
            await refused(
                LOG_STORE_INDEX,
                { project: "other", logstore: "pods", fullText: { token: " " } },
                /logstore is pods; allowed: a Logstore of other/,
            );
            await refused(LOGTAIL_CONFIG, { ...CONFIG, project: "other" }, /a Logstore of other/);
        });

        it("refuses a configuration that the agent cannot read, and a group of no machine", async () => {
            await world.make(LOG_STORE, STORE);
            await refused(
                LOGTAIL_CONFIG,
                { ...CONFIG, inputDetail: "{" },
                /inputDetail is no YAML/,
            );
            await refused(
                LOGTAIL_CONFIG,
                { ...CONFIG, inputDetail: '{"plugin":{"inputs":[{}]}}' },
                /inputDetail names no plugin/,
            );
            await refused(LOGTAIL_CONFIG, { ...CONFIG, inputType: "file" }, /inputType is file/);
            await refused(MACHINE_GROUP, { ...GROUP, identifyLists: [] }, /identifyLists is \[\]/);
        });
    });

    describe("in managed Prometheus", () => {
        let clusterId: string;

        const JOBS = JSON.stringify({
            scrape_configs: [{ job_name: "a", kubernetes_sd_configs: [{ role: "pod" }] }],
        });

        beforeEach(async () => {
            ({ clusterId } = await makeCluster(world));
        });

        const prometheus = (more: JsonObject = {}): JsonObject => ({
            clusterType: "aliyun-cs",
            clusterId,
            grafanaInstanceId: "free",
            ...more,
        });
        const rule = (more: JsonObject = {}): JsonObject => ({
            clusterId,
            prometheusAlertRuleName: "Slow",
            expression: "up == 0",
            duration: "1",
            message: "slow",
            ...more,
        });

        it("makes an instance for a cluster, once, and names its URLs", async () => {
            const { id, outputs } = await world.make(ARMS_PROMETHEUS, prometheus());
            assert.equal(id, clusterId);
            assert.equal(outputs["clusterName"], "sd");
            await refused(ARMS_PROMETHEUS, prometheus(), /ClusterExist/);
            const found = await world.request("ListPrometheusInstances", {
                parameters: { ids: [id] },
            });
            const [instance] = found["prometheis"] as JsonObject[];
            assert.match(
                textOf(instance?.["httpApiInterUrl"]),
                new RegExp(
                    `^https://ap-southeast-1\\.arms\\.invalid/api/v1/prometheus/\\w+/${id}$`,
                ),
            );
            await rejected(world.remove(CLUSTER, clusterId), /DependencyViolation/);
        });

        for (const [what, change, message] of [
            ["of another kind", { clusterType: "ecs" }, /clusterType is "?ecs/],
            ["with a Grafana of its own", { grafanaInstanceId: "g1" }, /grafanaInstanceId is g1/],
            ["for no cluster", { clusterId: "c0" }, /ErrorClusterNotFound/],
        ] as const) {
            it(`refuses an instance ${what}`, async () => {
                await refused(ARMS_PROMETHEUS, prometheus(change), message);
            });
        }

        it("refuses an instance whose agent has no node to run on", async () => {
            const lone = openWorld();
            try {
                const { vswitchIds } = await makeNetwork(lone);
                const { id } = await lone.make(CLUSTER, clusterInputs(vswitchIds));
                await rejected(
                    lone.make(ARMS_PROMETHEUS, prometheus({ clusterId: id })),
                    /InstallPrometheusAgentFailed.*no CPU nodes/,
                );
            } finally {
                lone.close();
            }
        });

        it("takes scrape jobs as YAML or JSON, and no others", async () => {
            await world.make(ARMS_PROMETHEUS, prometheus());
            const monitoring = (configYaml: string): JsonObject => ({
                clusterId,
                type: "customJob",
                configYaml,
            });
            const made = await world.make(ARMS_MONITORING, monitoring(JOBS));
            assert.match(made.id, new RegExp(`^${clusterId}:[\\w-]+:customJob$`));
            assert.equal(made.outputs["monitoringName"], made.id.split(":")[1]);
            for (const [config, message] of [
                ["a: [", /configYaml is no YAML/],
                ["scrape_configs: []", /configYaml has no scrape_configs/],
                ["scrape_configs: [{job_name: a}]", /has the job a without targets/],
                [
                    "scrape_configs: [{job_name: a, metric_relabel_configs: []}]",
                    /has the job a without targets/,
                ],
                [
                    "scrape_configs: [{static_configs: []}, {job_name: a, static_configs: []}]",
                    /a job_name for each/,
                ],
                [
                    "scrape_configs: [{job_name: a, static_configs: []}, {job_name: a, static_configs: []}]",
                    /no two alike/,
                ],
            ] as const) {
                await refused(ARMS_MONITORING, monitoring(config), message);
            }
        });

        it("takes an alert rule, each name once", async () => {
            await world.make(ARMS_PROMETHEUS, prometheus());
            const made = await world.make(ARMS_ALERT_RULE, rule());
            assert.equal(
                made.id,
                `${clusterId}:${JSON.stringify(made.outputs["prometheusAlertRuleId"])}`,
            );
            await refused(ARMS_ALERT_RULE, rule(), /AlertRuleNameExist/);
        });

        for (const [what, change, message] of [
            ["that asks nothing", { expression: " " }, /expression is empty/],
            ["of half a minute", { duration: "0.5" }, /duration/],
            ["of no minute", { duration: "0" }, /duration/],
            ["of more than a day", { duration: "1441" }, /duration/],
            [
                "for a rule that it does not name",
                { notifyType: "DISPATCH_RULE" },
                /notifyType is DISPATCH_RULE; allowed: with dispatchRuleId/,
            ],
            [
                "for a rule that is not there",
                { notifyType: "DISPATCH_RULE", dispatchRuleId: "1" },
                /DispatchRuleNotFound/,
            ],
        ] as const) {
            it(`refuses an alert rule ${what}`, async () => {
                await world.make(ARMS_PROMETHEUS, prometheus());
                await refused(ARMS_ALERT_RULE, rule(change), message);
            });
        }

        it("refuses an alert rule of a cluster without an instance", async () => {
            await refused(ARMS_ALERT_RULE, rule(), /PrometheusInstanceNotFound/);
        });

        it("tells contacts by the channels that they have", async () => {
            await refused(ARMS_CONTACT, { alertContactName: "sd" }, /none of phoneNum, email/);
            const contact = await world.make(ARMS_CONTACT, {
                alertContactName: "sd",
                email: "sd@example.com",
            });
            const dispatch = (channel: string, more: JsonObject = {}): JsonObject => ({
                dispatchRuleName: "sd",
                groupRules: [
                    { groupingFields: ["alertname"], groupWaitTime: 5, groupInterval: 15 },
                ],
                labelMatchExpressionGrids: [
                    {
                        labelMatchExpressionGroups: [
                            {
                                labelMatchExpressions: [
                                    {
                                        key: "_aliyun_arms_alert_name",
                                        operator: "eq",
                                        value: "Slow",
                                    },
                                ],
                            },
                        ],
                    },
                ],
                notifyRules: [
                    {
                        notifyObjects: [
                            {
                                notifyObjectId: contact.id,
                                notifyType: "ARMS_CONTACT",
                                name: "sd",
                            },
                        ],
                        notifyChannels: [channel],
                        notifyStartTime: "00:00",
                        notifyEndTime: "23:59",
                    },
                ],
                ...more,
            });
            await refused(
                ARMS_DISPATCH_RULE,
                dispatch("dingTalk"),
                /notifyChannels has dingTalk, and the contact \d+ no dingRobotWebhookUrl/,
            );
            await refused(ARMS_DISPATCH_RULE, dispatch("pigeon"), /pigeon/);
            await refused(
                ARMS_DISPATCH_RULE,
                dispatch("email", { groupRules: [] }),
                /groupRules is \[\]/,
            );
            await world.make(ARMS_DISPATCH_RULE, dispatch("email"));
            await rejected(world.remove(ARMS_CONTACT, contact.id), /DependencyViolation/);
        });
    });
});
