import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { PART_OF } from "../knative-config";
import { clusterReader } from "./cluster-reader";
import { MonitoringDeployment } from "./monitoring-deployment";
import { INTERVAL_SECONDS, type ScrapeConfig } from "./scrape-config";

/** Where Prometheus keeps its data. */
export type MetricsStorage =
    | {
          readonly kind: "volume";
          /** Size of the volume in GiB. */
          readonly gib: number;
          /** StorageClass. @default - that of the cluster */
          readonly storageClass: string | undefined;
      }
    /** In the pod, with which it goes: for clusters that provide no volumes. */
    | { readonly kind: "ephemeral" };

/** Arguments for {@link PrometheusServer}. */
export interface PrometheusServerArgs {
    /** Namespace of the monitoring. */
    readonly namespace: pulumi.Input<string>;
    /** Image, pinned by digest. */
    readonly image: string;
    /** Days for which samples are kept, unless the storage is full before. */
    readonly retentionDays: number;
    readonly storage: MetricsStorage;
    /** What it scrapes. */
    readonly scrapeConfigs: readonly ScrapeConfig[];
    /** A rule file: alerts and recorded series. */
    readonly rules: pulumi.Input<object>;
    /** URL of the Alertmanager. @default - alerts are only shown */
    readonly alertmanagerUrl?: pulumi.Output<string> | undefined;
}

/** Port of Prometheus. */
const PORT = 9090;

/** GiB that an ephemeral Prometheus may take of its node's disk. */
const EPHEMERAL_GIB = 4;

/** Share of the storage that blocks may take: the log of what is not in a block yet needs the rest. */
const BLOCKS_SHARE = 0.8;

/**
 * A Prometheus in the cluster. It finds its targets at the API server by its own service account, which may read pods
 * and nodes and the metrics of kubelets, and nothing else. A change of its configuration makes a new pod, since the
 * ConfigMap then has another name.
 */
export class PrometheusServer extends pulumi.ComponentResource {
    /** URL of its HTTP API, within the cluster. */
    public readonly url: pulumi.Output<string>;

    constructor(name: string, args: PrometheusServerArgs, opts?: pulumi.ComponentResourceOptions) {
        super("sd:monitoring:PrometheusServer", name, {}, opts);
        const self = { parent: this };
        const { namespace, storage } = args;

        const { account, binding } = clusterReader(
            name,
            {
                accountName: "prometheus",
                namespace,
                rules: [
                    {
                        apiGroups: [""],
                        resources: ["nodes", "pods"],
                        verbs: ["get", "list", "watch"],
                    },
                    { apiGroups: [""], resources: ["nodes/metrics"], verbs: ["get"] },
                ],
            },
            self,
        );

        // JSON, which is YAML as well.
        const config = new k8s.core.v1.ConfigMap(
            `${name}-config`,
            {
                metadata: { namespace, labels: PART_OF },
                data: {
                    "prometheus.yml": pulumi.jsonStringify(configOf(args), undefined, 2),
                    "rules.yml": pulumi.jsonStringify(args.rules, undefined, 2),
                },
            },
            self,
        );

        const gib = storage.kind === "volume" ? storage.gib : EPHEMERAL_GIB;
        const server = new MonitoringDeployment(
            name,
            {
                namespace,
                appName: "prometheus",
                image: args.image,
                args: [
                    `--config.file=${CONFIG_FOLDER}/prometheus.yml`,
                    `--storage.tsdb.path=${DATA_FOLDER}`,
                    `--storage.tsdb.retention.time=${args.retentionDays}d`,
                    `--storage.tsdb.retention.size=${Math.floor(gib * BLOCKS_SHARE * 1024)}MB`,
                ],
                port: PORT,
                readinessPath: "/-/ready",
                // nobody, as in the official image.
                user: 65534,
                requests: { cpu: "100m", memory: "384Mi" },
                memoryLimit: "1Gi",
                serviceAccount: account,
                volumes: [
                    {
                        name: "config",
                        mountPath: CONFIG_FOLDER,
                        readOnly: true,
                        source: { configMap: { name: config.metadata.name } },
                    },
                    {
                        name: "data",
                        mountPath: DATA_FOLDER,
                        source:
                            storage.kind === "volume"
                                ? {
                                      persistentVolumeClaim: {
                                          claimName: claim(name, namespace, storage, self),
                                      },
                                  }
                                : { emptyDir: { sizeLimit: `${EPHEMERAL_GIB}Gi` } },
                    },
                ],
            },
            { ...self, dependsOn: binding },
        );

        this.url = server.url;
        this.registerOutputs({ url: this.url });
    }
}

const CONFIG_FOLDER = "/etc/prometheus";
const DATA_FOLDER = "/prometheus";

function claim(
    name: string,
    namespace: pulumi.Input<string>,
    { gib, storageClass }: MetricsStorage & { kind: "volume" },
    opts: pulumi.CustomResourceOptions,
): pulumi.Output<string> {
    return new k8s.core.v1.PersistentVolumeClaim(
        `${name}-data`,
        {
            // No name of its own: a claim cannot change, and one that is in use cannot go before its successor comes.
            metadata: {
                namespace,
                labels: PART_OF,
                // Many classes bind at the first pod, which comes later; the Deployment waits for it.
                annotations: { "pulumi.com/skipAwait": "true" },
            },
            spec: {
                accessModes: ["ReadWriteOnce"],
                ...(storageClass === undefined ? {} : { storageClassName: storageClass }),
                resources: { requests: { storage: `${gib}Gi` } },
            },
        },
        opts,
    ).metadata.name;
}

function configOf({ scrapeConfigs, alertmanagerUrl }: PrometheusServerArgs): object {
    return {
        global: {
            scrape_interval: `${INTERVAL_SECONDS}s`,
            evaluation_interval: `${INTERVAL_SECONDS}s`,
        },
        rule_files: [`${CONFIG_FOLDER}/rules.yml`],
        ...(alertmanagerUrl === undefined
            ? {}
            : {
                  alerting: {
                      alertmanagers: [
                          {
                              static_configs: [
                                  { targets: [alertmanagerUrl.apply((url) => new URL(url).host)] },
                              ],
                          },
                      ],
                  },
              }),
        scrape_configs: scrapeConfigs,
    };
}
