import { setTimeout } from "node:timers/promises";
import type { KubeConfig } from "@kubernetes/client-node";
import { GPU_RESOURCE } from "./gpu";
import { AUTOSCALER, DEFAULTS, DOMAIN, FEATURES, KNATIVE_NAMESPACE } from "./knative-config";
import { unlessMissing } from "./unless-missing";

/** What the program must know of a cluster that exists before it asks anything of it. */
export interface ClusterFacts {
    /** Allocatable GPUs of each node that can take pods, in no order; 0 where a node has none. */
    readonly gpusPerNode: readonly number[];
    /** Minor version of Kubernetes 1. */
    readonly kubernetesMinor: number;
    /** Data of Knative's ConfigMaps by name; undefined where Knative Serving is not installed. */
    readonly knativeConfig: Readonly<Record<string, Readonly<Record<string, string>>>> | undefined;
    /** Labels of the namespace of the service; undefined where there is no such namespace yet. */
    readonly namespaceLabels: Readonly<Record<string, string>> | undefined;
}

/**
 * Reads them from the API server, without changing anything.
 *
 * @param kubeconfig contents of a kubeconfig
 * @param namespace namespace of the service
 * @param timeoutSeconds how long the server may take; packets to a wrong address may vanish for minutes
 * @throws Error saying which server cannot be reached or refuses, and why
 */
export async function readClusterFacts(
    kubeconfig: string,
    namespace: string,
    timeoutSeconds = 30,
): Promise<ClusterFacts> {
    // Loaded here because a preview of a cluster to come does without it, and it costs 0.3 s.
    const { CoreV1Api, VersionApi } = await import("@kubernetes/client-node");
    const cluster = await loadKubeconfig(kubeconfig);
    const core = cluster.makeApiClient(CoreV1Api);
    try {
        const [nodes, version, namespaceLabels, ...configMaps] = await withinSeconds(
            timeoutSeconds,
            Promise.all([
                core.listNode(),
                cluster.makeApiClient(VersionApi).getCode(),
                unlessMissing(
                    core.readNamespace({ name: namespace }).then((it) => it.metadata?.labels ?? {}),
                ),
                ...[AUTOSCALER, DEFAULTS, DOMAIN, FEATURES].map(async (name) => {
                    const read = core.readNamespacedConfigMap({
                        name,
                        namespace: KNATIVE_NAMESPACE,
                    });
                    return [name, await unlessMissing(read.then((it) => it.data ?? {}))] as const;
                }),
            ]),
        );
        const installed = configMaps.every(([, data]) => data !== undefined);
        return {
            gpusPerNode: nodes.items
                .filter((node) => node.spec?.unschedulable !== true)
                .map((node) => Number(node.status?.allocatable?.[GPU_RESOURCE] ?? 0)),
            // Some providers write 35+.
            kubernetesMinor: parseInt(version.minor, 10),
            knativeConfig: installed
                ? Object.fromEntries(configMaps.map(([name, data]) => [name, data ?? {}]))
                : undefined,
            namespaceLabels,
        };
    } catch (error) {
        const server = cluster.getCurrentCluster()?.server ?? "no server";
        throw new Error(
            `the cluster of the kubeconfig (${server}) does not answer: ${reason(error)}`,
            {
                cause: error,
            },
        );
    }
}

/**
 * A client configuration from the contents of a kubeconfig.
 *
 * @throws Error when it is no kubeconfig; the message carries nothing of its contents
 */
export async function loadKubeconfig(contents: string): Promise<KubeConfig> {
    const { KubeConfig: Config } = await import("@kubernetes/client-node");
    const config = new Config();
    try {
        config.loadFromString(contents);
    } catch {
        // The parser's own message may quote a line of the file, credentials included.
        throw new Error("the configured kubeconfig is not one: it cannot be parsed");
    }
    if (!config.getCurrentCluster()) {
        throw new Error(
            "the configured kubeconfig is not one: its current context names no cluster",
        );
    }
    return config;
}

async function withinSeconds<T>(seconds: number, work: Promise<T>): Promise<T> {
    const late = setTimeout(seconds * 1000, undefined, { ref: false }).then(() => {
        throw new Error(`no answer in ${seconds} s`);
    });
    return Promise.race([work, late]);
}

/** Why a request to an API server failed, for a message. */
export function reason(error: unknown): string {
    if (!(error instanceof Error)) {
        return String(error);
    }
    const { code, body } = error as Error & { code?: unknown; body?: unknown };
    const status = typeof body === "string" ? body : error.message;
    return typeof code === "number" ? `HTTP ${code}: ${status}` : error.message || String(code);
}
