import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { kubeconfigOf } from "../../../test/support/api-server";

const SERVING = "/apis/serving.knative.dev/v1";
const SERVICES = `${SERVING}/namespaces/`;

/**
 * Stands in for the API server of a cluster into which somebody has deployed without policies: it takes every Knative
 * Service that is created, as it is, and gives it back. It checks nothing, knows no other kind and no other verb, and
 * no controller works on what it has.
 */
export async function servePermissiveApi(): Promise<{
    readonly kubeconfig: string;
    readonly close: () => Promise<void>;
}> {
    const objects = new Map<string, unknown>();
    const server = createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on("data", (chunk: Buffer) => chunks.push(chunk));
        request.on("end", () => {
            const { method = "", url = "" } = request;
            const { pathname } = new URL(url, "http://localhost");
            const answer = (code: number, content: unknown): void => {
                response.writeHead(code, { "content-type": "application/json" });
                response.end(JSON.stringify(content));
            };
            if (method === "GET" && pathname === SERVING) {
                const resources = [{ name: "services", kind: "Service", namespaced: true }];
                answer(200, { kind: "APIResourceList", resources });
            } else if (method === "POST" && pathname.startsWith(SERVICES)) {
                const object = JSON.parse(Buffer.concat(chunks).toString()) as {
                    metadata: { name: string; uid?: string };
                };
                object.metadata.uid = randomUUID();
                objects.set(`${pathname}/${object.metadata.name}`, object);
                answer(201, object);
            } else if (method === "GET" && objects.has(pathname)) {
                answer(200, objects.get(pathname));
            } else {
                answer(404, { kind: "Status", message: `${method} ${pathname} is not known` });
            }
        });
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
