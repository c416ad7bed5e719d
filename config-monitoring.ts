import { KNATIVE_VERSION } from "./components/knative-observability";
import type { MonitoringArgs } from "./components/monitoring";
import type { AlertReceivers } from "./components/monitoring/alert-receivers";
import { MAX_NAMESPACE_LENGTH, type MonitoringImages } from "./components/monitoring/in-cluster";
import type { Gateway } from "./components/monitoring/monitored-service";
import type { MetricsStorage } from "./components/monitoring/prometheus-server";
import type { ConfigReader } from "./config-reader";

/** How the service is watched. */
export type MonitoringSettings =
    { readonly mode: "none" } | (WatchedBy<"in-cluster"> & Common) | (WatchedBy<"arms"> & Common);

/** What is chosen of one way of monitoring. */
type WatchedBy<Mode extends Watcher["mode"]> = Omit<Extract<Watcher, { mode: Mode }>, "clusterId">;

type Watcher = MonitoringArgs["by"];

/** What is chosen for both ways. */
interface Common {
    /** Version of Knative Serving. @default - read from the cluster */
    readonly knativeVersion: string | undefined;
    /** What answers for the service: the metrics of Kourier's Envoy are read, of another gateway none. */
    readonly gateway: Gateway;
    /** Whether metrics of GPUs are collected. */
    readonly gpuMetrics: boolean;
    /** Price of one GPU for an hour, in {@link currency}. */
    readonly gpuHourPrice: number;
    /** ISO 4217 code of a currency. */
    readonly currency: string;
}

/** The ways of monitoring; empty chooses by target. */
const MODES = ["", "arms", "in-cluster", "none"] as const;

const PRICE = /^[0-9]{1,6}(\.[0-9]{1,4})?$/;
const IMAGE = /^[^\s@]+@sha256:[0-9a-f]{64}$/;
/** An e-mail address, or nothing. */
const E_MAIL = /^([^\s@,;<>"]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+)?$/;
const WEBHOOK = /^https?:\/\/[^\s/]+(\/\S*)?$/;
/** The only kind of webhook that a contact of ARMS can have. */
const DINGTALK = /^https:\/\/oapi\.dingtalk\.com\/robot\/send\?\S+$/;

/** What else decides how the service can be watched. */
export interface MonitoringContext {
    readonly target: "ack" | "kubeconfig";
    /** Namespace of the service. */
    readonly namespace: string;
    /** Name of the Service of Knative's gateway. */
    readonly gatewayService: string;
    /** Display name of the ACK cluster. */
    readonly clusterName: string;
    /** Whether pods run on elastic container instances, which have no node that an exporter could run on. */
    readonly isElastic: boolean;
}

/** Reads and checks the keys of the monitoring. */
export function readMonitoring(
    reader: ConfigReader,
    { target, namespace, gatewayService, clusterName, isElastic }: MonitoringContext,
): MonitoringSettings {
    const chosen = reader.oneOf("monitoring", MODES);
    const mode = chosen === "" ? (target === "ack" ? "arms" : "in-cluster") : chosen;
    if (mode === "arms" && target !== "ack") {
        reader.problem("monitoring", mode, "in-cluster or none with target kubeconfig");
    }
    if (mode === "in-cluster" && namespace.length > MAX_NAMESPACE_LENGTH) {
        reader.problem(
            "namespace",
            namespace,
            `at most ${MAX_NAMESPACE_LENGTH} characters with monitoring in-cluster, whose namespace is <namespace>-monitoring`,
        );
    }
    const common = {
        knativeVersion:
            reader.checked(
                "knativeVersion",
                (value) => value === "" || KNATIVE_VERSION.test(value),
                "a version of Knative Serving such as 1.23.0, or empty to read it from the cluster",
            ) || undefined,
        gateway: gatewayService.includes("kourier") ? ("kourier" as const) : ("other" as const),
        gpuMetrics: reader.flag("gpuMetrics") && !isElastic,
        gpuHourPrice: readPrice(reader),
        currency: reader.text("currency", /^[A-Z]{3}$/, "an ISO 4217 code such as USD"),
    };
    const receivers = readReceivers(reader, mode);
    const inCluster = {
        metricsRetentionDays: reader.integer("metricsRetentionDays", 1, 365),
        metricsStorage: readStorage(reader),
        images: readImages(reader),
        grafana: reader.flag("grafana"),
    };
    switch (mode) {
        case "none":
            return { mode };
        case "arms":
            return { mode, ...common, receivers, clusterName };
        case "in-cluster":
            return { mode, ...common, receivers, ...inCluster };
    }
}

function readPrice(reader: ConfigReader): number {
    return Number(
        reader.checked(
            "gpuHourPrice",
            (value) => PRICE.test(value) && Number(value) > 0,
            "a price above 0 and below 1000000, with a point and at most four decimals, such as 1.5",
        ),
    );
}

function readStorage(reader: ConfigReader): MetricsStorage {
    const gib = (value: string): number => Number(/^([1-9][0-9]{0,4})Gi$/.exec(value)?.[1]);
    const isSize = (value: string): boolean => gib(value) >= 20 && gib(value) <= 16_384;
    const value = reader.checked(
        "metricsStorage",
        (text) => text === "ephemeral" || isSize(text),
        "the size of a volume from 20Gi to 16384Gi, or ephemeral for a cluster that provides none",
    );
    const storageClass = reader.text(
        "metricsStorageClass",
        /^([a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?)?$/,
        "the name of a StorageClass, or empty for the cluster's default",
    );
    return value === "ephemeral"
        ? { kind: "ephemeral" }
        : { kind: "volume", gib: gib(value), storageClass: storageClass || undefined };
}

function readImages(reader: ConfigReader): MonitoringImages {
    const image = (key: string): string =>
        reader.text(key, IMAGE, "an image pinned by digest: NAME@sha256:<64 hexadecimal digits>");
    return {
        prometheus: image("prometheusImage"),
        kubeStateMetrics: image("kubeStateMetricsImage"),
        alertmanager: image("alertmanagerImage"),
        dcgmExporter: image("dcgmExporterImage"),
        grafana: image("grafanaImage"),
    };
}

function readReceivers(reader: ConfigReader, mode: MonitoringSettings["mode"]): AlertReceivers {
    const webhookUrl = reader.secretText(
        "alertWebhookUrl",
        mode === "arms" ? DINGTALK : WEBHOOK,
        mode === "arms"
            ? "the URL of a DingTalk robot (https://oapi.dingtalk.com/robot/send?access_token=…), the only webhook that ARMS takes here; or empty"
            : "a URL that starts with https:// or http://, or empty",
    );
    const to = reader.text("alertEmail", E_MAIL, "an e-mail address, or empty");
    const smtp = readSmtp(reader, to, mode);
    return { webhookUrl, email: to === "" ? undefined : { to, smtp } };
}

function readSmtp(
    reader: ConfigReader,
    to: string,
    mode: MonitoringSettings["mode"],
): NonNullable<AlertReceivers["email"]>["smtp"] {
    const server = reader.text(
        "smtpServer",
        /^([A-Za-z0-9.-]+:[1-9][0-9]{0,4})?$/,
        "HOST:PORT of a mail server with STARTTLS, or empty",
    );
    const from = reader.text("smtpFrom", E_MAIL, "the sender's e-mail address, or empty");
    const username = reader.text("smtpUsername", /^\S*$/, "a user of the mail server, or empty");
    const password = reader.secret("smtpPassword");
    if ((username === "") !== (password === undefined)) {
        reader.problem("smtpUsername", username, "a user together with smtpPassword, or neither");
    }
    if (mode === "in-cluster" && to !== "" && (server === "" || from === "")) {
        reader.problem(
            server === "" ? "smtpServer" : "smtpFrom",
            "",
            "a value, since alertEmail is sent by a mail server of yours",
        );
    }
    return {
        server,
        from,
        credentials: username === "" || password === undefined ? undefined : { username, password },
    };
}
