import { CustomObjectsApi, KubeConfig } from "@kubernetes/client-node";

/** What a stack says of its service, secrets in clear: for use, not for printing. */
export interface Target {
    /** URL to which the load goes: the stack's output `txt2imgUrl`. */
    readonly url: URL;
    /** Address of the gateway, HOST or HOST:PORT; port 80 or 443 where none is named. */
    readonly gatewayAddress: string;
    /** Value of the header `Authorization`. A secret. */
    readonly authorization: string;
    readonly namespace: string;
    readonly serviceName: string;
    /** Most pods that there can be: maxScale, or fewer GPUs. */
    readonly podsMost: number;
    /** GPUs that there can be. */
    readonly gpuCapacity: number;
    /** Pods that always run. */
    readonly minScale: number;
    /** Requests that one pod serves at a time. */
    readonly containerConcurrency: number;
    /** The cluster of the service. Holds secrets. */
    readonly cluster: KubeConfig;
}

/** Version of docs/outputs.md that this understands. */
const OUTPUTS_VERSION = 1;

const ROUTE = "/sdapi/v1/txt2img";

/**
 * Reads the outputs of a stack.
 *
 * @param outputs of `pulumi stack output --json --show-secrets`
 * @param given a URL that the user named, which must be the stack's own. @default - none was named
 * @throws Error naming the output that is missing or is not of this contract; if `given` is another URL
 */
export function targetOf(outputs: Readonly<Record<string, unknown>>, given?: string): Target {
    if (outputs["outputsVersion"] !== OUTPUTS_VERSION) {
        throw new Error(
            `the stack's output outputsVersion is ${JSON.stringify(outputs["outputsVersion"])}; allowed: ${OUTPUTS_VERSION} (is it a stack of this program, and is it up?)`,
        );
    }
    const url = new URL(text(outputs, "txt2imgUrl"));
    const host = text(outputs, "host");
    if (url.host !== host || url.pathname !== ROUTE || !/^https?:$/.test(url.protocol)) {
        throw new Error(
            `the stack's output txt2imgUrl is ${url.href}; allowed: http(s)://${host}${ROUTE}`,
        );
    }
    if (given !== undefined && given !== url.href) {
        throw new Error(
            `the load may go to the stack's own endpoint only, which is ${url.href}, and not to ${given}`,
        );
    }
    const credentials = `${text(outputs, "apiUsername")}:${text(outputs, "apiPassword")}`;
    const cluster = new KubeConfig();
    cluster.loadFromString(text(outputs, "kubeconfig"));
    const { maxScale, minScale, gpuCapacity, containerConcurrency } = numbers(outputs, "limits", [
        "maxScale",
        "minScale",
        "gpuCapacity",
        "containerConcurrency",
    ]);
    return {
        url,
        gatewayAddress: text(outputs, "gatewayAddress"),
        authorization: `Basic ${Buffer.from(credentials).toString("base64")}`,
        namespace: text(outputs, "namespace"),
        serviceName: text(outputs, "serviceName"),
        podsMost: Math.min(maxScale, gpuCapacity),
        gpuCapacity,
        minScale,
        containerConcurrency,
        cluster,
    };
}

function text(outputs: Readonly<Record<string, unknown>>, name: string): string {
    const value = outputs[name];
    if (typeof value !== "string" || value === "") {
        throw new Error(`the stack has no output ${name} that is a text; is it up?`);
    }
    return value;
}

function numbers<K extends string>(
    outputs: Readonly<Record<string, unknown>>,
    name: string,
    keys: readonly K[],
): Record<K, number> {
    const value = outputs[name] as Partial<Record<K, unknown>> | undefined;
    for (const key of keys) {
        if (typeof value?.[key] !== "number") {
            throw new Error(`the stack has no output ${name}.${key} that is a number; is it up?`);
        }
    }
    return value as Record<K, number>;
}

/** Label selector of what Knative makes for the target's Service: its revisions, their pods and the like. */
export function ofService({ serviceName }: Target): string {
    return `serving.knative.dev/service=${serviceName}`;
}

/** What of the Knative Service decides how it behaves under load. */
export interface ServedSettings {
    /** Annotations of `autoscaling.knative.dev` of its template. */
    readonly autoscaling: Readonly<Record<string, string>>;
    readonly containerConcurrency: number | undefined;
    readonly timeoutSeconds: number | undefined;
    readonly readinessProbe: unknown;
    /** Variables of the rehearsal's stand-in; other variables can be secrets and are left out. */
    readonly standIn: Readonly<Record<string, string>>;
}

/** What is read of a Knative Service. */
interface KnativeServiceObject {
    readonly status?: { readonly url?: string };
    readonly spec?: {
        readonly template?: {
            readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
            readonly spec?: {
                readonly containerConcurrency?: number;
                readonly timeoutSeconds?: number;
                readonly containers?: readonly {
                    readonly readinessProbe?: unknown;
                    readonly env?: readonly { readonly name: string; readonly value?: string }[];
                }[];
            };
        };
    };
}

/**
 * Asks the stack's cluster whether it serves at the target, so that outputs of a stack that was destroyed, or whose
 * host now belongs to another, send no load to a stranger.
 *
 * @returns the Service's settings
 * @throws Error naming the URL at which it serves
 */
export async function requireServed(target: Target): Promise<ServedSettings> {
    const { url, namespace, serviceName, cluster } = target;
    const service = (await cluster.makeApiClient(CustomObjectsApi).getNamespacedCustomObject({
        group: "serving.knative.dev",
        version: "v1",
        plural: "services",
        namespace,
        name: serviceName,
    })) as KnativeServiceObject;
    const served = service.status?.url;
    if (served === undefined || new URL(served).origin !== url.origin) {
        throw new Error(
            `the load may go to the stack's own endpoint only: its cluster serves ${namespace}/${serviceName} at ${served ?? "no URL"}, and its output txt2imgUrl is ${url.href}`,
        );
    }
    const { metadata, spec } = service.spec?.template ?? {};
    const container = spec?.containers?.[0];
    return {
        autoscaling: Object.fromEntries(
            Object.entries(metadata?.annotations ?? {}).filter(([name]) =>
                name.startsWith("autoscaling.knative.dev/"),
            ),
        ),
        containerConcurrency: spec?.containerConcurrency,
        timeoutSeconds: spec?.timeoutSeconds,
        readinessProbe: container?.readinessProbe,
        standIn: Object.fromEntries(
            (container?.env ?? [])
                .filter(({ name }) => name.startsWith("MODEL_SERVER_"))
                .map(({ name, value = "" }) => [name, value]),
        ),
    };
}
