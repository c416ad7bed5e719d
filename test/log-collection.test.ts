import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { LogCollection, type LogCollectionArgs } from "../components/log-collection";
import { neededBy, only, promiseOf, recordResources, type Registered } from "./support/mocks";

const ADDON = "alicloud:cs/kubernetesAddon:KubernetesAddon";
const STORE = "alicloud:log/store:Store";
const INDEX = "alicloud:log/storeIndex:StoreIndex";
const GROUP = "alicloud:log/machineGroup:MachineGroup";
const CONFIG = "alicloud:log/logTailConfig:LogTailConfig";
const ATTACHMENT = "alicloud:log/logTailAttachment:LogTailAttachment";

const ARGS: LogCollectionArgs = {
    clusterId: "c1",
    project: "sd-logs",
    namespace: "sd",
    retentionDays: 90,
    protect: false,
};

async function deploy(args: Partial<LogCollectionArgs> = {}): Promise<Registered[]> {
    const seen = await recordResources();
    const logs = new LogCollection("logs", { ...ARGS, ...args });
    const last = new pulumi.ComponentResource("test:index:Last", "last", {}, { dependsOn: logs });
    await promiseOf(last.urn);
    return seen;
}

describe("LogCollection", () => {
    it("keeps logs for the days that it is told to, and lets them be searched", async () => {
        const seen = await deploy();
        assert.deepEqual(only(seen, STORE).inputs, {
            projectName: "sd-logs",
            logstoreName: "stable-diffusion",
            retentionPeriod: 90,
            shardCount: 2,
        });
        const { project, logstore, fullText } = only(seen, INDEX).inputs;
        assert.deepEqual([project, logstore], ["sd-logs", "stable-diffusion"]);
        assert.ok((fullText as { token: string }).token.includes('"'));
    });

    it("takes them from all containers of the namespace, and of no other", async () => {
        const { inputs } = only(await deploy(), CONFIG);
        const { plugin } = JSON.parse(inputs["inputDetail"] as string) as {
            plugin: { inputs: unknown[] };
        };
        assert.deepEqual(plugin.inputs, [
            {
                type: "service_docker_stdout",
                detail: { Stdout: true, Stderr: true, K8sNamespaceRegex: "^(sd)$" },
            },
        ]);
        assert.deepEqual(
            [inputs["project"], inputs["logstore"], inputs["inputType"], inputs["outputType"]],
            ["sd-logs", "stable-diffusion", "plugin", "LogService"],
        );
    });

    it("installs the agent for the project, and applies to all agents of the cluster", async () => {
        const seen = await deploy();
        assert.deepEqual(only(seen, ADDON).inputs, {
            clusterId: "c1",
            name: "logtail-ds",
            config: '{"sls_project_name":"sd-logs"}',
        });
        assert.deepEqual(only(seen, GROUP).inputs, {
            project: "sd-logs",
            name: "stable-diffusion",
            identifyType: "userdefined",
            identifyLists: ["k8s-group-c1"],
        });
        const attachment = only(seen, ATTACHMENT);
        assert.deepEqual(attachment.inputs, {
            project: "sd-logs",
            logtailConfigName: "stable-diffusion",
            machineGroupName: "stable-diffusion",
        });
        assert.ok(neededBy(seen, attachment).has("logs-agent"));
    });

    it("protects what was collected when told to, and nothing else", async () => {
        const protectedOnes = (seen: readonly Registered[]): string[] =>
            seen.filter(({ protect }) => protect).map(({ name }) => name);
        assert.deepEqual(protectedOnes(await deploy({ protect: true })), ["logs-store"]);
        assert.deepEqual(protectedOnes(await deploy()), []);
    });
});
