import { ACK_BASE } from "./project";

type Values = Readonly<Record<string, unknown>>;

/** A change of one key of the configuration, from one valid value to another. */
export interface ConfigChange {
    /** A key of Pulumi.yaml, or one of a provider with its namespace. */
    readonly key: string;
    readonly to: unknown;
    /** What else is set before and after. @default - nothing but {@link BEFORE} */
    readonly with?: Values;
    /** What has to be set together with it. Given the kubeconfig of a cluster that exists. */
    readonly together?: Values | ((kubeconfig: string) => Values);
    /** What the comparison of two programs cannot show. */
    readonly note?: string;
}

/** A stack in which as many keys as possible count for something. */
export const BEFORE: Values = {
    ...ACK_BASE,
    minScale: 1,
    gpuNodesMax: 8,
    gpuSpotStrategy: "SpotAsPriceGo",
    cookieAffinity: true,
};

/** A Prometheus in the cluster. */
const IN_CLUSTER = { monitoring: "in-cluster" };

/** One that sends e-mails. */
const MAILING = {
    ...IN_CLUSTER,
    alertEmail: "sd@example.com",
    smtpServer: "mail.example.com:587",
    smtpFrom: "alerts@example.com",
};

const ADOPTED = { zones: [], vswitchIds: ["vsw-1", "vsw-2"] };

/** At least one for each key, in the order of Pulumi.yaml. */
export const CHANGES: readonly ConfigChange[] = [
    {
        key: "alicloud:region",
        to: "eu-central-1",
        together: { zones: ["eu-central-1a", "eu-central-1b"] },
        note: "and all else that the new region does not have",
    },
    {
        key: "target",
        to: "kubeconfig",
        together: (kubeconfig) => ({ kubeconfig, manageKnativeConfig: true }),
    },
    { key: "clusterName", to: "pictures" },
    { key: "clusterSpec", to: "ack.pro.xlarge" },
    { key: "kubernetesVersion", to: "1.35.7-aliyun.1", note: "upgrades the control plane" },
    { key: "zones", to: [...ACK_BASE.zones, "ap-southeast-1a"] },
    { key: "zones", to: [...ACK_BASE.zones].reverse() },
    { key: "zones", to: ["ap-southeast-1b", "ap-southeast-1a"] },
    {
        key: "zones",
        to: ACK_BASE.zones,
        with: { zones: [...ACK_BASE.zones, "ap-southeast-1a"] },
    },
    { key: "vpcCidr", to: "10.1.0.0/16" },
    {
        key: "vpcCidr",
        to: "10.1.0.0/16",
        with: ADOPTED,
        note: "counts only for a VPC that is made",
    },
    { key: "vswitchIds", to: ADOPTED.vswitchIds, together: { zones: [] } },
    { key: "vswitchIds", to: ["vsw-1", "vsw-2", "vsw-3"], with: ADOPTED },
    {
        key: "vswitchIds",
        to: [],
        with: ADOPTED,
        together: { zones: ACK_BASE.zones },
    },
    {
        key: "vswitchIds",
        to: ["vsw-8", "vsw-9"],
        with: ADOPTED,
        note: "of another VPC, which the cloud would not take",
    },
    { key: "podCidr", to: "172.24.0.0/16" },
    { key: "serviceCidr", to: "172.23.0.0/20" },
    {
        key: "apiServerPublic",
        to: false,
        // Seen in previews of the official plugin, and in the documentation of slbInternetEnabled.
        note: "without effect on a cluster that exists: it counts when the cluster is made",
    },
    { key: "kubeconfigMinutes", to: 60 },
    { key: "nodeImageType", to: "Ubuntu" },
    { key: "cpuInstanceTypes", to: ["ecs.g7.xlarge"] },
    { key: "cpuNodes", to: 5 },
    { key: "gpuSupply", to: "eci" },
    { key: "gpuSupply", to: "node-pool", with: { gpuSupply: "eci" } },
    { key: "gpuInstanceTypes", to: ["ecs.gn7i-c8g1.2xlarge"] },
    { key: "gpuInstanceTypes", to: ["ecs.gn7i-c8g1.2xlarge"], with: { gpuSupply: "eci" } },
    { key: "gpuNodesMin", to: 1 },
    { key: "gpuNodesMax", to: 9 },
    { key: "gpuCapacityShortfall", to: "warn" },
    { key: "gpuSpotStrategy", to: "NoSpot" },
    { key: "gpuSpotStrategy", to: "NoSpot", with: { gpuSupply: "eci" } },
    { key: "gpuDiskGib", to: 200 },
    { key: "gpuDriverVersion", to: "535.161.07" },
    { key: "gpuIdleMinutes", to: 20 },
    { key: "protect", to: true },
    { key: "protect", to: false, with: { protect: true } },
    { key: "logRetentionDays", to: 90 },
    {
        key: "collectLogs",
        to: false,
        note: "what was collected goes; refused by the engine with `protect`",
    },
    { key: "knativeInstall", to: "existing" },
    { key: "knativeInstall", to: "ack-addon", with: { knativeInstall: "existing" } },
    { key: "knativeAddonName", to: "knative-next" },
    { key: "knativeAddonVersion", to: "v1.8.2-aliyun.1" },
    { key: "knativeAddonConfig", to: { gateway: "kourier" } },
    { key: "kubeconfig", to: "unused", note: "counts only with target kubeconfig" },
    {
        key: "manageKnativeConfig",
        to: true,
        note: "Knative that is installed with the cluster is always configured",
    },
    { key: "manageKnativeConfig", to: true, with: { knativeInstall: "existing" } },
    {
        key: "manageKnativeConfig",
        to: false,
        with: { knativeInstall: "existing", manageKnativeConfig: true },
        note: "removes the keys, which does not bring earlier values back",
    },
    { key: "namespace", to: "pictures", note: "another URL" },
    { key: "serviceName", to: "pictures", note: "another URL" },
    {
        key: "domain",
        to: "pictures.example",
        note: "another URL, which `up` waits for",
    },
    { key: "image", to: `registry.example/webui@sha256:${"0".repeat(64)}` },
    { key: "webuiArgs", to: ["--xformers"] },
    { key: "environment", to: { HF_HOME: "/models" } },
    { key: "stopAbandonedRequests", to: false },
    { key: "readiness", to: "tcp" },
    { key: "containerConcurrency", to: 2, note: "1 is the only value allowed" },
    { key: "minScale", to: 2 },
    { key: "maxScale", to: 3 },
    { key: "targetUtilizationPercentage", to: 100 },
    { key: "panicWindowPercentage", to: 10 },
    { key: "scaleDownDelaySeconds", to: 60 },
    { key: "timeoutSeconds", to: 600 },
    { key: "progressDeadlineSeconds", to: 1200 },
    {
        key: "gpusPerPod",
        to: 2,
        with: { gpuInstanceTypes: ["ecs.gn6i-c48g4.12xlarge"] },
    },
    { key: "gpuToleration", to: true },
    { key: "cpu", to: "4" },
    { key: "memory", to: "16Gi" },
    { key: "cookieAffinity", to: false },
    { key: "cookieName", to: "pictures" },
    { key: "cookieTimeoutSeconds", to: 60 },
    { key: "gatewayNamespace", to: "knative-serving" },
    { key: "gatewayService", to: "ingress" },
    { key: "gatewayAddress", to: "192.0.2.99" },
    {
        key: "monitoring",
        to: "in-cluster",
        note: "the metrics of ARMS stay there until they expire",
    },
    { key: "monitoring", to: "none" },
    { key: "monitoring", to: "none", with: IN_CLUSTER, note: "the metrics go with their volume" },
    { key: "knativeVersion", to: "1.18" },
    { key: "gpuMetrics", to: false },
    { key: "gpuMetrics", to: false, with: IN_CLUSTER },
    { key: "gpuHourPrice", to: "2" },
    { key: "gpuHourPrice", to: "2", with: IN_CLUSTER },
    { key: "currency", to: "CNY", with: IN_CLUSTER },
    { key: "metricsRetentionDays", to: 30, with: IN_CLUSTER },
    {
        key: "metricsStorage",
        to: "40Gi",
        with: IN_CLUSTER,
        note: "another, empty volume: the metrics are lost",
    },
    { key: "metricsStorageClass", to: "fast", with: IN_CLUSTER, note: "the same" },
    { key: "grafana", to: false, with: IN_CLUSTER },
    { key: "alertWebhookUrl", to: "https://oapi.dingtalk.com/robot/send?access_token=1" },
    { key: "alertWebhookUrl", to: "https://hooks.example.com/1", with: IN_CLUSTER },
    { key: "alertEmail", to: "sd@example.com" },
    { key: "alertEmail", to: "", with: MAILING },
    { key: "smtpServer", to: "mail.example.com:25", with: MAILING },
    { key: "smtpFrom", to: "sd@example.com", with: MAILING },
    { key: "smtpUsername", to: "sd", with: MAILING, together: { smtpPassword: "open sesame" } },
    { key: "smtpPassword", to: "open sesame", with: MAILING, together: { smtpUsername: "sd" } },
    ...["prometheus", "kubeStateMetrics", "alertmanager", "dcgmExporter", "grafana"].map(
        (program) => ({
            key: `${program}Image`,
            to: `registry.example/${program.toLowerCase()}@sha256:${"0".repeat(64)}`,
            with: program === "alertmanager" ? MAILING : IN_CLUSTER,
        }),
    ),
];
