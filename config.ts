import * as pulumi from "@pulumi/pulumi";
import type { StableDiffusionArgs } from "./components/stable-diffusion";
import { type AckSettings, readAckSettings } from "./config-ack";
import { type MonitoringSettings, readMonitoring } from "./config-monitoring";
import { ConfigReader } from "./config-reader";
import { LIMITS, PINNED_IMAGE } from "./policy/limits";

/**
 * What a stack chooses: what the service takes, and where it goes. Types, descriptions and defaults are
 * declared in Pulumi.yaml, and only there.
 */
export type Settings = ServiceSettings & (AckTarget | KubeconfigTarget);

/** What is chosen for every target. */
export interface ServiceSettings extends Omit<StableDiffusionArgs, "kubeconfig"> {
    /** Whether the program sets Knative's own ConfigMaps. */
    readonly manageKnativeConfig: boolean;
    /** Namespace of the Service of Knative's gateway. */
    readonly gatewayNamespace: string;
    /** Name of the Service of Knative's gateway. */
    readonly gatewayService: string;
    /** Address of the gateway, or undefined to take that of the Service's load balancer. */
    readonly gatewayAddress: string | undefined;
    /** How the service is watched. */
    readonly monitoring: MonitoringSettings;
}

/** Everything is made: network, ACK cluster, GPUs, Knative. */
export interface AckTarget {
    readonly target: "ack";
    readonly ack: AckSettings;
}

/** A cluster that exists already. */
export interface KubeconfigTarget {
    readonly target: "kubeconfig";
    /** Contents of the cluster's kubeconfig, a secret; undefined in a preview of a cluster to come. */
    readonly kubeconfig: pulumi.Output<string> | undefined;
}

/** Where the service runs. */
export const TARGETS = ["ack", "kubeconfig"] as const;

/** Flags of the WebUI that the program sets itself, or that would open the service to everybody. */
const RESERVED_FLAGS = [
    "--listen",
    "--port",
    "--api",
    "--api-auth",
    "--gradio-auth",
    "--gradio-auth-path",
    "--share",
    "--ngrok",
];

/** Variables that the program or Knative sets. */
const RESERVED_VARIABLE = /^(COMMANDLINE_ARGS|PORT|K_.*)$/;

/** Namespaces that belong to the cluster; `destroy` deletes the namespace of the service. */
const SYSTEM_NAMESPACE = /^(default|kube-.*|knative-.*|kourier-.*|arms-.*)$/;

const DNS_LABEL = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;
const DNS_NAME =
    /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)+$/;
/**
 * Quantities in the form in which Kubernetes writes them. Knative rewrites any other (1000m to 1), and each
 * `up` would show that as a change.
 */
const CPU = /^([1-9][0-9]*|(?![0-9]*000m)[1-9][0-9]*m)$/;
const MEMORY = /^([1-9][0-9]*)(Mi|Gi|Ti)$/;

/**
 * Reads and checks the stack's configuration.
 *
 * @param dryRun whether this is a preview, which may do without a kubeconfig
 * @throws pulumi.RunError naming every problem at once: the key, the value given and what is allowed
 */
export function readSettings(dryRun: boolean = pulumi.runtime.isDryRun()): Settings {
    const reader = new ConfigReader();
    const target = reader.oneOf("target", TARGETS);
    const kubeconfig = reader.secret("kubeconfig");
    if (target === "kubeconfig" && kubeconfig === undefined && !dryRun) {
        reader.problem(
            "kubeconfig",
            "",
            "the contents of a kubeconfig: pulumi config set --secret kubeconfig < FILE",
        );
    }
    const plain = readService(reader);
    const ack = readAckSettings(reader, plain, target === "ack");
    const monitoring = readMonitoring(reader, {
        target,
        namespace: plain.namespace,
        gatewayService: plain.gatewayService,
        clusterName: ack.clusterName,
        isElastic: target === "ack" && ack.gpuSupply === "eci",
    });
    reader.finish();
    const service = { ...plain, monitoring };
    if (target === "kubeconfig") {
        return { ...service, target, kubeconfig };
    }
    return {
        ...service,
        target,
        ack,
        // Knative that comes and goes with the cluster is configured with it.
        manageKnativeConfig: service.manageKnativeConfig || ack.knative !== undefined,
        elasticInstances:
            ack.gpuSupply === "eci"
                ? { instanceTypes: ack.gpuInstanceTypes, spotStrategy: ack.gpuSpotStrategy }
                : undefined,
    };
}

function readService(reader: ConfigReader): Omit<ServiceSettings, "monitoring"> {
    const minScale = reader.integer("minScale", 0, LIMITS.maxScale.max);
    const maxScale = reader.integer("maxScale", LIMITS.maxScale.min, LIMITS.maxScale.max);
    if (minScale > maxScale) {
        reader.problem("minScale", String(minScale), `at most maxScale (${maxScale})`);
    }
    const label = "a DNS label: a-z, 0-9 and -, at most 63 characters";
    const namespace = reader.text("namespace", DNS_LABEL, label);
    if (SYSTEM_NAMESPACE.test(namespace)) {
        reader.problem(
            "namespace",
            namespace,
            "a namespace of its own, which destroy may delete; not one of the cluster's",
        );
    }
    return {
        manageKnativeConfig: reader.flag("manageKnativeConfig"),
        namespace,
        serviceName: reader.text("serviceName", DNS_LABEL, label),
        domain: reader.text("domain", DNS_NAME, "a DNS name such as example.com"),
        image: reader.text(
            "image",
            PINNED_IMAGE,
            "an image pinned by digest: NAME@sha256:<64 hexadecimal digits>",
        ),
        webuiArgs: readWebuiArgs(reader),
        environment: readEnvironment(reader),
        stopAbandonedRequests: reader.flag("stopAbandonedRequests"),
        readiness: reader.text(
            "readiness",
            /^(tcp|\/[^\s?#]*)$/,
            "tcp, or an HTTP path that starts with / and answers without credentials",
        ),
        containerConcurrency: reader.integer(
            "containerConcurrency",
            LIMITS.containerConcurrency.min,
            LIMITS.containerConcurrency.max,
        ),
        minScale,
        maxScale,
        targetUtilizationPercentage: reader.integer(
            "targetUtilizationPercentage",
            LIMITS.targetUtilizationPercentage.min,
            LIMITS.targetUtilizationPercentage.max,
        ),
        panicWindowPercentage: reader.integer(
            "panicWindowPercentage",
            LIMITS.panicWindowPercentage.min,
            LIMITS.panicWindowPercentage.max,
        ),
        scaleDownDelaySeconds: reader.integer(
            "scaleDownDelaySeconds",
            LIMITS.scaleDownDelaySeconds.min,
            LIMITS.scaleDownDelaySeconds.max,
        ),
        // Knative's own maximum (max-revision-timeout-seconds) is 600 unless its operator raised it.
        timeoutSeconds: reader.integer("timeoutSeconds", 1, LIMITS.timeoutSeconds.max),
        progressDeadlineSeconds: reader.integer("progressDeadlineSeconds", 10, 7200),
        gpusPerPod: reader.integer("gpusPerPod", LIMITS.gpusPerPod.min, LIMITS.gpusPerPod.max),
        gpuToleration: reader.flag("gpuToleration"),
        cpu: reader.text(
            "cpu",
            CPU,
            "a Kubernetes quantity in its shortest form, such as 3 or 500m",
        ),
        memory: readMemory(reader),
        cookieAffinity: readCookieAffinity(reader),
        gatewayNamespace: reader.text("gatewayNamespace", DNS_LABEL, "a DNS label"),
        gatewayService: reader.text("gatewayService", DNS_LABEL, "a DNS label"),
        gatewayAddress:
            reader.text(
                "gatewayAddress",
                /^([A-Za-z0-9.-]+(:[0-9]{1,5})?)?$/,
                "HOST or HOST:PORT, or empty",
            ) || undefined,
    };
}

function readWebuiArgs(reader: ConfigReader): string[] {
    const words = reader.words("webuiArgs", "a list of flags such as --xformers, one word an item");
    for (const word of words) {
        if (RESERVED_FLAGS.includes(word.split("=")[0] ?? "")) {
            reader.problem("webuiArgs", word, `any flag but ${RESERVED_FLAGS.join(", ")}`);
        }
    }
    return words;
}

function readEnvironment(reader: ConfigReader): Record<string, string> {
    const variables = reader.map(
        "environment",
        /^[A-Za-z_][A-Za-z0-9_]*$/,
        "a map of variable names to strings",
    );
    for (const name of Object.keys(variables)) {
        if (RESERVED_VARIABLE.test(name)) {
            reader.problem(
                "environment",
                name,
                "any name but COMMANDLINE_ARGS, PORT and K_*, which are set already",
            );
        }
    }
    return variables;
}

function readMemory(reader: ConfigReader): string {
    const isShortest = (value: string): boolean => Number(MEMORY.exec(value)?.[1]) % 1024 !== 0;
    return reader.checked(
        "memory",
        (value) => MEMORY.test(value) && isShortest(value),
        "a Kubernetes quantity in Mi, Gi or Ti in its shortest form, such as 12Gi",
    );
}

function readCookieAffinity(reader: ConfigReader): StableDiffusionArgs["cookieAffinity"] {
    const name = reader.text(
        "cookieName",
        /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/,
        "a cookie name as of RFC 6265",
    );
    const timeoutSeconds = reader.integer("cookieTimeoutSeconds", 1, 86_400);
    return reader.flag("cookieAffinity") ? { name, timeoutSeconds } : undefined;
}
