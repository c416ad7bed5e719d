import * as alicloud from "@pulumi/alicloud";
import * as pulumi from "@pulumi/pulumi";

/** Arguments for {@link LogCollection}. */
export interface LogCollectionArgs {
    /** Cluster whose pods' logs are collected. */
    readonly clusterId: pulumi.Input<string>;
    /** Log project that gets them. */
    readonly project: pulumi.Input<string>;
    /** Namespace of the pods. */
    readonly namespace: string;
    /** Days for which they are kept. */
    readonly retentionDays: number;
    /** Whether what was collected is kept from deletion. */
    readonly protect: boolean;
}

/**
 * What the service's pods say, collected by ACK's log agent into Simple Log Service: the WebUI's log, and the line that
 * the queue-proxy writes for each request (knative-observability.ts). Set up by API calls: no custom resource is put into
 * the cluster.
 */
export class LogCollection extends pulumi.ComponentResource {
    constructor(name: string, args: LogCollectionArgs, opts?: pulumi.ComponentResourceOptions) {
        super("sd:cluster:LogCollection", name, {}, opts);
        const self = { parent: this };
        const { clusterId, project } = args;

        const agent = new alicloud.cs.KubernetesAddon(
            `${name}-agent`,
            {
                clusterId,
                // Left out, Pulumi would make one up, with a random end.
                name: "logtail-ds",
                config: pulumi.jsonStringify({ sls_project_name: project }),
            },
            self,
        );
        const store = new alicloud.log.Store(
            `${name}-store`,
            {
                projectName: project,
                logstoreName: STORE,
                retentionPeriod: args.retentionDays,
                // No autoSplit: another number of shards than the one written here would replace the Logstore.
                shardCount: 2,
            },
            // Protected rather than left behind: what no state knows would be in the way of the next one of its name.
            { ...self, protect: args.protect },
        );
        new alicloud.log.StoreIndex(
            `${name}-index`,
            {
                project,
                logstore: store.logstoreName,
                // Without one nothing can be searched for.
                fullText: { caseSensitive: false, token: TOKENS },
            },
            self,
        );
        const agents = new alicloud.log.MachineGroup(
            `${name}-agents`,
            {
                project,
                name: STORE,
                // By this name the agents of a cluster call themselves, on whatever node.
                identifyType: "userdefined",
                identifyLists: [pulumi.interpolate`k8s-group-${clusterId}`],
            },
            self,
        );
        const config = new alicloud.log.LogTailConfig(
            `${name}-config`,
            {
                project,
                logstore: store.logstoreName,
                name: STORE,
                inputType: "plugin",
                outputType: "LogService",
                inputDetail: JSON.stringify(standardOutput(args.namespace)),
            },
            self,
        );
        new alicloud.log.LogTailAttachment(
            `${name}-attachment`,
            { project, logtailConfigName: config.name, machineGroupName: agents.name },
            { ...self, dependsOn: agent },
        );
        this.registerOutputs({});
    }
}

/** Name of the Logstore and of what belongs to it. */
const STORE = "stable-diffusion";

/** What separates words, those of JSON among them. */
const TOKENS = ", '\";=()[]{}?@&<>/:\n\t\r";

/** The agent's plugin for what containers write, those of the namespace. Source: service_docker_stdout of iLogtail. */
function standardOutput(namespace: string): object {
    return {
        plugin: {
            inputs: [
                {
                    type: "service_docker_stdout",
                    detail: { Stdout: true, Stderr: true, K8sNamespaceRegex: `^(${namespace})$` },
                },
            ],
        },
    };
}
