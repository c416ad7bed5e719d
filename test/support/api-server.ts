import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** Answers GET requests for JSON by path, as far as a test needs of an API server; 404 elsewhere. */
export async function serveApi(
    objects: Readonly<Record<string, unknown>>,
    status = 200,
): Promise<{ kubeconfig: string; close: () => Promise<void> }> {
    const server: Server = createServer((request, response) => {
        const path = new URL(request.url ?? "/", "http://localhost").pathname;
        const found = objects[path];
        response.writeHead(found === undefined ? 404 : status, {
            "content-type": "application/json",
        });
        response.end(JSON.stringify(found ?? { kind: "Status", message: `${path} not found` }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    return {
        kubeconfig: kubeconfigOf(`http://127.0.0.1:${port}`),
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
