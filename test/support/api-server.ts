import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A request that the server got. */
export interface ApiRequest {
    readonly method: string;
    readonly path: string;
    readonly query: URLSearchParams;
    readonly body: string;
}

/** What it answers to the creation of a Knative Service: a status, or a status and why. */
export type Answer = number | { readonly code: number; readonly message: string };

/** What an API server answers in which the admission policies of the services in these namespaces are in force. */
export const denied = (...namespaces: readonly string[]): Answer => ({
    code: 422,
    message: namespaces
        .map((each) => `stable-diffusion-knative-${each}`)
        .map((name) => `ValidatingAdmissionPolicy '${name}' with binding '${name}' denied request`)
        .join("; "),
});

interface Reply {
    readonly code: number;
    readonly content: unknown;
}

/** Where Knative Services of the namespace default are created. */
const CREATION_PATH = "/apis/serving.knative.dev/v1/namespaces/default/services";

/**
 * Answers GET and DELETE requests for JSON by path, as far as a test needs of an API server; 404 elsewhere. It stores nothing and
 * knows no selectors: a test looks at `requests` for what was asked.
 *
 * @param status what it answers for a path that is there
 * @param creations what it answers to the creations of a Knative Service, one after the other; the last one again.
 *     @default - it denies what has no GPU limit
 * @param namespaces namespaces of the services whose admission policies deny it
 */
export async function serveApi(
    objects: Readonly<Record<string, unknown>>,
    status = 200,
    creations: readonly Answer[] = [],
    namespaces: readonly string[] = ["stable-diffusion"],
): Promise<{ kubeconfig: string; requests: ApiRequest[]; close: () => Promise<void> }> {
    const requests: ApiRequest[] = [];
    let created = 0;
    const judge = (body: string): Answer => {
        const scripted = creations[Math.min(created, creations.length - 1)];
        created += 1;
        return scripted ?? (body.includes("nvidia.com/gpu") ? 201 : denied(...namespaces));
    };
    const answer = (method: string, path: string, body: string): Reply => {
        if (method === "POST" && path === CREATION_PATH) {
            const verdict = judge(body);
            const { code, message } =
                typeof verdict === "number"
                    ? { code: verdict, message: `scripted ${verdict}` }
                    : verdict;
            return { code, content: { kind: "Status", message } };
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
            const body = Buffer.concat(chunks).toString("utf8");
            requests.push({ method, path, query, body });
            const { code, content } = answer(method, path, body);
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
    minor = "35",
}: {
    gpus?: readonly number[];
    features?: Record<string, string>;
    domains?: Record<string, string>;
    autoscaler?: Record<string, string>;
    defaults?: Record<string, string>;
    namespaceLabels?: Record<string, string>;
    /** Minor version of Kubernetes, as the API server writes it. */
    minor?: string;
} = {}): Record<string, unknown> {
    const configMap = (name: string, data: Record<string, string>): Record<string, unknown> => ({
        [`/api/v1/namespaces/knative-serving/configmaps/${name}`]: { metadata: { name }, data },
    });
    return {
        "/version": { major: "1", minor },
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
        "/apis/apps/v1/namespaces/knative-serving/deployments": {
            items: [
                deployment("activator", { ports: ["http1", "metrics"] }),
                deployment("no-metrics", { ports: ["http1"] }),
                deployment("gateway", { app: "3scale-kourier-gateway", ports: ["metrics"] }),
            ],
        },
        "/api/v1/namespaces/knative-serving/configmaps/config-observability": {
            data: { "metrics-protocol": "prometheus", "request-metrics-protocol": "prometheus" },
        },
    };
}

/** A Deployment of Knative's namespace that has rolled out, but for what `status` says. */
export function deployment(
    name: string,
    {
        app = name,
        ports = ["metrics"],
        status = {},
    }: { app?: string; ports?: readonly string[]; status?: Readonly<Record<string, number>> } = {},
): object {
    return {
        metadata: { name, generation: 2 },
        spec: {
            replicas: 1,
            template: {
                metadata: { labels: { app } },
                spec: {
                    containers: [{ name, ports: ports.map((port) => ({ name: port })) }],
                },
            },
        },
        status: {
            observedGeneration: 2,
            replicas: 1,
            updatedReplicas: 1,
            availableReplicas: 1,
            ...status,
        },
    };
}
