import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A request that the server got. */
export interface ApiRequest {
    readonly method: string;
    readonly path: string;
    readonly query: URLSearchParams;
    readonly body: string;
}

/** Where Knative Services of the namespace default are created. */
const CREATION_PATH = "/apis/serving.knative.dev/v1/namespaces/default/services";

/**
 * Answers GET and DELETE requests for JSON by path, as far as a test needs of an API server; 404 elsewhere. It stores nothing and
 * knows no selectors: a test looks at `requests` for what was asked.
 *
 * @param status what it answers for a path that is there
 * @param creations what it answers to the creations of a Knative Service, one after the other; the last one again
 */
export async function serveApi(
    objects: Readonly<Record<string, unknown>>,
    status = 200,
    creations: readonly number[] = [201],
): Promise<{ kubeconfig: string; requests: ApiRequest[]; close: () => Promise<void> }> {
    const requests: ApiRequest[] = [];
    let created = 0;
    const answer = (method: string, path: string): { code: number; content: unknown } => {
        if (method === "POST" && path === CREATION_PATH) {
            const code = creations[Math.min(created, creations.length - 1)] ?? 404;
            created += 1;
            return { code, content: { kind: "Status", message: `scripted ${code}` } };
        }
        const found = ["GET", "DELETE"].includes(method) ? objects[path] : undefined;
        return found === undefined
            ? { code: 404, content: { kind: "Status", message: `${method} ${path} not found` } }
            : { code: status, content: found };
    };
    const server: Server = createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on("data", (chunk: Buffer) => chunks.push(chunk));
        request.on("end", () => {
            const { method = "", url = "" } = request;
            const { pathname: path, searchParams: query } = new URL(url, "http://localhost");
            requests.push({ method, path, query, body: Buffer.concat(chunks).toString("utf8") });
            const { code, content } = answer(method, path);
            response.writeHead(code, { "content-type": "application/json" });
            response.end(JSON.stringify(content));
        });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    return {
        kubeconfig: kubeconfigOf(`http://127.0.0.1:${port}`),
        requests,
        close: () =>
            new Promise((resolve) => {
                server.close(() => {
                    resolve();
                });
                server.closeAllConnections();
            }),
    };
}

/** A kubeconfig for a server that asks for no credentials. */
export function kubeconfigOf(server: string): string {
    return JSON.stringify({
        apiVersion: "v1",
        kind: "Config",
        // client-node refuses plain HTTP without it.
        clusters: [{ name: "test", cluster: { server, "insecure-skip-tls-verify": true } }],
        users: [{ name: "test", user: {} }],
        contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
        "current-context": "test",
    });
}

/** The paths and objects of a cluster with Knative and one node for each number of GPUs. */
export function cluster({
    gpus = [1],
    features = {},
    domains = {},
    autoscaler = {},
    defaults = {},
    namespaceLabels,
}: {
    gpus?: readonly number[];
    features?: Record<string, string>;
    domains?: Record<string, string>;
    autoscaler?: Record<string, string>;
    defaults?: Record<string, string>;
    namespaceLabels?: Record<string, string>;
} = {}): Record<string, unknown> {
    const configMap = (name: string, data: Record<string, string>): Record<string, unknown> => ({
        [`/api/v1/namespaces/knative-serving/configmaps/${name}`]: { metadata: { name }, data },
    });
    return {
        "/api/v1/nodes": {
            items: gpus.map((count, index) => ({
                metadata: { name: `node${index}` },
                status: { allocatable: count === 0 ? {} : { "nvidia.com/gpu": String(count) } },
            })),
        },
        ...configMap("config-features", features),
        ...configMap("config-domain", domains),
        ...configMap("config-autoscaler", autoscaler),
        ...configMap("config-defaults", defaults),
        ...(namespaceLabels
            ? {
                  "/api/v1/namespaces/stable-diffusion": {
                      metadata: { name: "stable-diffusion", labels: namespaceLabels },
                  },
              }
            : {}),
    };
}

/** The paths and objects of Knative's gateway: its Service, and the pods behind it. */
export function gateway({
    namespace = "kourier-system",
    name = "kourier",
    ingress = [{ ip: "192.0.2.10" }],
    endpoints = [{ conditions: { ready: true } }],
}: {
    namespace?: string;
    name?: string;
    ingress?: readonly { ip?: string; hostname?: string }[];
    /** Null as the API server has it for a slice of no pods. */
    endpoints?: readonly { conditions?: { ready?: boolean } }[] | null;
} = {}): Record<string, unknown> {
    return {
        [`/api/v1/namespaces/${namespace}/services/${name}`]: {
            metadata: { name, namespace },
            status: { loadBalancer: { ingress } },
        },
        [`/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`]: {
            items: [{ addressType: "IPv4", endpoints }],
        },
    };
}

/** The paths and objects by which a cluster tells the version of its Knative, and that its metrics are on. */
export function installed(version = "1.23.0"): Record<string, unknown> {
    const name = "controller";
    return {
        [`/apis/apps/v1/namespaces/knative-serving/deployments/${name}`]: {
            metadata: { name, labels: { "app.kubernetes.io/version": version } },
        },
        "/api/v1/namespaces/knative-serving/configmaps/config-observability": {
            data: { "metrics-protocol": "prometheus", "request-metrics-protocol": "prometheus" },
        },
    };
}
