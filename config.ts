import * as pulumi from "@pulumi/pulumi";
import type { StableDiffusionArgs } from "./components/stable-diffusion";
import { userError } from "./components/user-error";
import { LIMITS } from "./policy/limits";

/**
 * What a stack chooses: what the service takes, and where it goes. Types, descriptions and defaults are
 * declared in Pulumi.yaml, and only there.
 */
export interface Settings extends Omit<StableDiffusionArgs, "kubeconfig"> {
    /** Where the service runs. */
    readonly target: Target;
    /** Contents of the cluster's kubeconfig, a secret; undefined in a preview of a cluster to come. */
    readonly kubeconfig: pulumi.Output<string> | undefined;
    /** Whether the program sets Knative's own ConfigMaps. */
    readonly manageKnativeConfig: boolean;
    /** Namespace of the Service of Knative's gateway. */
    readonly gatewayNamespace: string;
    /** Name of the Service of Knative's gateway. */
    readonly gatewayService: string;
    /** Address of the gateway, or undefined to take that of the Service's load balancer. */
    readonly gatewayAddress: string | undefined;
}

/** The targets there are. */
export const TARGETS = ["kubeconfig"] as const;

/** Where the service runs: `kubeconfig` is a cluster that exists already. */
export type Target = (typeof TARGETS)[number];

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
    const config = new pulumi.Config();
    const problems: string[] = [];
    const known = new Set<string>();

    const minScale = integer("minScale", 0, LIMITS.maxScale.max);
    const maxScale = integer("maxScale", LIMITS.maxScale.min, LIMITS.maxScale.max);
    if (minScale > maxScale) {
        problem("minScale", String(minScale), `at most maxScale (${maxScale})`);
    }
    const scaleDownDelaySeconds = integer("scaleDownDelaySeconds", 0, 3600);
    const serviceName = text(
        "serviceName",
        DNS_LABEL,
        "a DNS label: a-z, 0-9 and -, at most 63 characters",
    );
    const namespace = text(
        "namespace",
        DNS_LABEL,
        "a DNS label: a-z, 0-9 and -, at most 63 characters",
    );
    if (SYSTEM_NAMESPACE.test(namespace)) {
        problem(
            "namespace",
            namespace,
            "a namespace of its own, which destroy may delete; not one of the cluster's",
        );
    }
    const cookieName = text(
        "cookieName",
        /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/,
        "a cookie name as of RFC 6265",
    );
    const cookieTimeoutSeconds = integer("cookieTimeoutSeconds", 1, 86_400);

    const settings: Settings = {
        target: oneOf("target", TARGETS),
        kubeconfig: kubeconfig(),
        manageKnativeConfig: flag("manageKnativeConfig"),
        namespace,
        serviceName,
        domain: text("domain", DNS_NAME, "a DNS name such as example.com"),
        image: text(
            "image",
            /^[^\s@]+@sha256:[0-9a-f]{64}$/,
            "an image pinned by digest: NAME@sha256:<64 hexadecimal digits>",
        ),
        webuiArgs: webuiArgs(),
        environment: environment(),
        readiness: text(
            "readiness",
            /^(tcp|\/[^\s?#]*)$/,
            "tcp, or an HTTP path that starts with / and answers without credentials",
        ),
        containerConcurrency: integer(
            "containerConcurrency",
            LIMITS.containerConcurrency.min,
            LIMITS.containerConcurrency.max,
        ),
        minScale,
        maxScale,
        targetUtilizationPercentage: integer("targetUtilizationPercentage", 1, 100),
        scaleDownDelaySeconds,
        // Knative's own maximum (max-revision-timeout-seconds) is 600 unless its operator raised it.
        timeoutSeconds: integer("timeoutSeconds", 1, 600),
        progressDeadlineSeconds: integer("progressDeadlineSeconds", 10, 7200),
        gpusPerPod: integer("gpusPerPod", 1, 8),
        gpuToleration: flag("gpuToleration"),
        cpu: text("cpu", CPU, "a Kubernetes quantity in its shortest form, such as 3 or 500m"),
        memory: memory(),
        cookieAffinity: flag("cookieAffinity")
            ? { name: cookieName, timeoutSeconds: cookieTimeoutSeconds }
            : undefined,
        gatewayNamespace: text("gatewayNamespace", DNS_LABEL, "a DNS label"),
        gatewayService: text("gatewayService", DNS_LABEL, "a DNS label"),
        gatewayAddress:
            text(
                "gatewayAddress",
                /^([A-Za-z0-9.-]+(:[0-9]{1,5})?)?$/,
                "HOST or HOST:PORT, or empty",
            ) || undefined,
    };

    const prefix = `${config.name}:`;
    for (const key of Object.keys(pulumi.runtime.allConfig())) {
        if (key.startsWith(prefix) && !known.has(key.slice(prefix.length))) {
            problem(
                key.slice(prefix.length),
                undefined,
                `no such key; known are ${[...known].sort().join(", ")}`,
            );
        }
    }
    if (problems.length > 0) {
        throw userError(
            `the configuration of this stack has ${problems.length === 1 ? "a problem" : `${problems.length} problems`}:\n${problems.join("\n")}`,
        );
    }
    return settings;

    function problem(key: string, value: unknown, allowed: string): void {
        const given = value === undefined ? "" : ` is ${JSON.stringify(value)}`;
        problems.push(`  ${config.name}:${key}${given}; allowed: ${allowed}`);
    }

    /** The text of a key, judged by `accept`; the one place that reads a key. */
    function checked(key: string, accept: (value: string) => boolean, allowed: string): string {
        known.add(key);
        const value = config.get(key);
        if (value === undefined || !accept(value)) {
            problem(key, value, allowed);
        }
        return value ?? "";
    }

    function text(key: string, pattern: RegExp, allowed: string): string {
        return checked(key, (value) => pattern.test(value), allowed);
    }

    function oneOf<T extends string>(key: string, values: readonly T[]): T {
        const accepted = (value: string): boolean => values.some((each) => each === value);
        return checked(key, accepted, values.join(", ")) as T;
    }

    function integer(key: string, min: number, max: number): number {
        const number = (value: string): number =>
            /^-?[0-9]+$/.test(value) ? Number(value) : Number.NaN;
        const accepted = (value: string): boolean => number(value) >= min && number(value) <= max;
        return number(checked(key, accepted, `a whole number from ${min} to ${max}`));
    }

    function flag(key: string): boolean {
        return oneOf(key, ["true", "false"]) === "true";
    }

    function json(key: string, accept: (value: unknown) => boolean, allowed: string): unknown {
        let parsed: unknown;
        const accepted = (value: string): boolean => {
            try {
                parsed = JSON.parse(value);
            } catch {
                return false;
            }
            return accept(parsed);
        };
        const before = problems.length;
        checked(key, accepted, allowed);
        return problems.length === before ? parsed : undefined;
    }

    function webuiArgs(): string[] {
        const isFlagList = (value: unknown): value is string[] =>
            Array.isArray(value) && value.every((word) => typeof word === "string" && word !== "");
        const words = json(
            "webuiArgs",
            isFlagList,
            "a list of flags such as --xformers, one word an item",
        );
        for (const word of (words ?? []) as string[]) {
            if (RESERVED_FLAGS.includes(word.split("=")[0] ?? "")) {
                problem("webuiArgs", word, `any flag but ${RESERVED_FLAGS.join(", ")}`);
            }
        }
        return (words ?? []) as string[];
    }

    function environment(): Record<string, string> {
        const isVariables = (value: unknown): value is Record<string, string> =>
            typeof value === "object" &&
            value !== null &&
            !Array.isArray(value) &&
            Object.entries(value).every(
                ([name, content]) =>
                    /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && typeof content === "string",
            );
        const variables = json("environment", isVariables, "a map of variable names to strings");
        for (const name of Object.keys(variables ?? {})) {
            if (RESERVED_VARIABLE.test(name)) {
                problem(
                    "environment",
                    name,
                    "any name but COMMANDLINE_ARGS, PORT and K_*, which are set already",
                );
            }
        }
        return (variables ?? {}) as Record<string, string>;
    }

    function memory(): string {
        const isShortest = (value: string): boolean => {
            const number = Number(MEMORY.exec(value)?.[1]);
            return number % 1024 !== 0;
        };
        const allowed = "a Kubernetes quantity in Mi, Gi or Ti in its shortest form, such as 12Gi";
        return checked("memory", (value) => MEMORY.test(value) && isShortest(value), allowed);
    }

    function kubeconfig(): pulumi.Output<string> | undefined {
        known.add("kubeconfig");
        // Read as a secret from the start; its text never enters a message.
        const secret = config.getSecret("kubeconfig");
        if (pulumi.runtime.allConfig()[`${config.name}:kubeconfig`]) {
            return secret;
        }
        if (!dryRun) {
            problem(
                "kubeconfig",
                "",
                "the contents of a kubeconfig: pulumi config set --secret kubeconfig < FILE",
            );
        }
        return undefined;
    }
}
