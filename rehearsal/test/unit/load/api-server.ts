import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { kubeconfigOf } from "../../../../test/support/api-server";

/** What the server shows, beside pods; tests change it while it runs. */
export interface Shown {
    /** URL at which the Knative Service sd/web is served. */
    servedAt: string;
    /** Modes of the revisions, such as Proxy and Serve, when they are asked for. @default - there are none */
    modes?: readonly string[];
    /** Domain of the other Knative Services. @default "example.test" */
    domain?: string;
    /** Pods of the activator → text of their metrics; null refuses the connection. */
    activators: Record<string, string | null>;
    autoscalers: Record<string, string | null>;
    /** Pods → answer of the stand-in's statistics. @default - 404, as of the WebUI */
    statistics: Record<string, unknown>;
}

const SERVICES_PATH = "/apis/serving.knative.dev/v1/namespaces/sd/services";
const ACTIVATOR_PATH = "/apis/apps/v1/namespaces/knative-serving/deployments/activator";

/**
 * Answers what a load asks of an API server: Knative Services of the namespace sd, at first sd/web alone, list and watch of
 * its pods, the proxies of pods, the pods of Knative's activator and its scale. What is changed is at once as it is to be. It
 * knows no selectors, and its pods are what the test says they are.
 */
export async function serveCluster(shown: Shown): Promise<{
    readonly kubeconfig: string;
    /** Adds a pod, or changes it. */
    readonly set: (pod: PodObject) => void;
    readonly remove: (name: string) => void;
    /** Closes the watches, as a real one does every few minutes. */
    readonly endWatches: () => void;
    /** Watches that are open. */
    readonly watches: () => number;
    /** What was changed: "create web-e0", "replace web", "delete web-e0", "activators 3", "delete activator-1". */
    readonly changes: readonly string[];
    /** Knative Services that there are, by name. */
    readonly services: ReadonlyMap<string, ServiceObject>;
    /** Answers to lists of pods. @default 200 */
    listStatus: number;
    readonly close: () => Promise<void>;
}> {
    const pods = new Map<string, PodObject>();
    const watches = new Set<ServerResponse>();
    /** The event that made each version of the list. */
    const events: string[] = [];
    const tell = (type: string, pod: PodObject): PodObject => {
        const metadata = { ...pod.metadata, resourceVersion: String(events.length + 1) };
        const object = { ...pod, metadata };
        const event = `${JSON.stringify({ type, object })}\n`;
        events.push(event);
        for (const watch of watches) {
            watch.write(event);
        }
        return object;
    };
    const changes: string[] = [];
    const services = new Map<string, ServiceObject>([
        ["web", { metadata: { name: "web", labels: LABELS }, spec: { template: TEMPLATE } }],
    ]);
    let activators = 1;
    const change = (method: string, path: string, body: string): void => {
        const name = path.split("/").at(-1) ?? "";
        if (method === "DELETE") {
            changes.push(`delete ${name}`);
            services.delete(name);
        } else if (path.startsWith(SERVICES_PATH)) {
            const service = JSON.parse(body) as ServiceObject;
            changes.push(`${method === "POST" ? "create" : "replace"} ${service.metadata.name}`);
            services.set(service.metadata.name, service);
        } else {
            activators = (JSON.parse(body) as { spec: { replicas: number } }).spec.replicas;
            changes.push(`activators ${activators}`);
        }
    };
    const json = (response: ServerResponse, content: unknown, status = 200): void => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end(JSON.stringify(content));
    };
    const server: Server = createServer((request, response) => {
        const { pathname, searchParams } = new URL(request.url ?? "", "http://localhost");
        const path = decodeURIComponent(pathname);
        const proxied = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+):\d+\/proxy\/(.+)$/.exec(
            path,
        );
        if (path.endsWith("/serverlessservices")) {
            json(response, { items: shown.modes?.map((mode) => ({ spec: { mode } })) ?? [] });
            return;
        }
        const service = services.get(path.slice(SERVICES_PATH.length + 1));
        if (request.method === "DELETE" && path.startsWith(SERVICES_PATH) && !service) {
            json(response, { kind: "Status", code: 404 }, 404);
        } else if (request.method !== "GET") {
            const chunks: Buffer[] = [];
            request.on("data", (chunk: Buffer) => chunks.push(chunk));
            request.on("end", () => {
                change(request.method ?? "", path, Buffer.concat(chunks).toString());
                json(response, {});
            });
        } else if (service !== undefined) {
            const { name } = service.metadata;
            json(response, {
                ...service,
                metadata: { ...service.metadata, generation: 1 },
                status: {
                    url:
                        name === "web"
                            ? shown.servedAt
                            : `http://${name}.${shown.domain ?? "example.test"}`,
                    observedGeneration: 1,
                    conditions: [{ type: "Ready", status: "True" }],
                },
            });
        } else if (path === ACTIVATOR_PATH || path === `${ACTIVATOR_PATH}/scale`) {
            json(response, {
                spec: { replicas: activators },
                status: { replicas: activators, readyReplicas: activators },
            });
        } else if (path === "/api/v1/namespaces/sd/pods" && searchParams.get("watch") === "true") {
            response.writeHead(200, { "content-type": "application/json" });
            response.flushHeaders();
            for (const event of events.slice(Number(searchParams.get("resourceVersion")))) {
                response.write(event);
            }
            watches.add(response);
            response.on("close", () => watches.delete(response));
        } else if (path === "/api/v1/namespaces/sd/pods") {
            const items = [...pods.values()];
            const metadata = { resourceVersion: String(events.length) };
            json(response, { kind: "PodList", metadata, items }, cluster.listStatus);
        } else if (path === "/api/v1/namespaces/knative-serving/pods") {
            const isActivator = searchParams.get("labelSelector") === "app=activator";
            const names = Object.keys(isActivator ? shown.activators : shown.autoscalers);
            json(response, { items: names.map((name) => ({ metadata: { name } })) });
        } else if (proxied?.[3] === "metrics") {
            const text = { ...shown.activators, ...shown.autoscalers }[proxied[2] ?? ""];
            if (typeof text === "string") {
                response.writeHead(200, { "content-type": "text/plain; version=0.0.4" }).end(text);
            } else {
                json(response, { message: "connection refused" }, 503);
            }
        } else if (
            proxied?.[3] === "stand-in/statistics" &&
            (proxied[2] ?? "") in shown.statistics
        ) {
            json(response, shown.statistics[proxied[2] ?? ""]);
        } else {
            // As the WebUI answers for a route that it does not have.
            json(response, { detail: "Not Found" }, 404);
        }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const cluster = {
        kubeconfig: kubeconfigOf(`http://127.0.0.1:${port}`),
        set: (pod: PodObject) => {
            const { name } = pod.metadata;
            pods.set(name, tell(pods.has(name) ? "MODIFIED" : "ADDED", pod));
        },
        remove: (name: string) => {
            const pod = pods.get(name);
            if (pod !== undefined) {
                pods.delete(name);
                tell("DELETED", pod);
            }
        },
        endWatches: () => {
            for (const watch of watches) {
                watches.delete(watch);
                watch.end();
            }
        },
        watches: () => watches.size,
        changes,
        services,
        listStatus: 200,
        close: () =>
            new Promise<void>((resolve) => {
                server.close(() => {
                    resolve();
                });
                server.closeAllConnections();
            }),
    };
    return cluster;
}

/** A Knative Service, as far as tests look at it. */
export interface ServiceObject {
    readonly metadata: { readonly name: string; readonly labels?: unknown };
    readonly spec: { readonly template: typeof TEMPLATE };
}

const LABELS = { "app.kubernetes.io/part-of": "stable-diffusion-knative" };

/** Of the Knative Service. */
const TEMPLATE = {
    metadata: {
        annotations: {
            "autoscaling.knative.dev/min-scale": "0",
            "client.knative.dev/user-image": "x",
        },
    },
    spec: {
        containerConcurrency: 1,
        timeoutSeconds: 300,
        containers: [
            {
                readinessProbe: { tcpSocket: { port: 7860 } },
                env: [
                    { name: "MODEL_SERVER_SERVICE_SECONDS", value: "9.9-10.5" },
                    { name: "TOKEN", value: "of-the-user" },
                ],
            },
        ],
    },
};

/** Stages of a pod's life. */
export type Stage = "created" | "scheduled" | "started" | "ready" | "terminating";

/** A pod as JSON. */
export type PodObject = ReturnType<typeof podAt>;

/** A pod of the service with one GPU, as the API shows it at a stage of its life. */
export function podAt(name: string, stage: Stage) {
    const stages: readonly Stage[] = ["created", "scheduled", "started", "ready", "terminating"];
    const isPast = (each: Stage): boolean => stages.indexOf(stage) >= stages.indexOf(each);
    const condition = (type: string, each: Stage) => ({
        type,
        status: isPast(each) ? "True" : "False",
    });
    return {
        metadata: {
            name,
            uid: `uid-${name}`,
            namespace: "sd",
            labels: { "serving.knative.dev/revision": "web-00001" },
            ...(isPast("terminating") ? { deletionTimestamp: new Date() } : {}),
        },
        spec: {
            ...(isPast("scheduled") ? { nodeName: "gpu0" } : {}),
            containers: [
                { name: "stable-diffusion", resources: { limits: { "nvidia.com/gpu": "1" } } },
                { name: "queue-proxy" },
            ],
        },
        status: {
            conditions: [condition("PodScheduled", "scheduled"), condition("Ready", "ready")],
            containerStatuses: [
                {
                    name: "stable-diffusion",
                    image: "",
                    imageID: "",
                    ready: isPast("ready"),
                    restartCount: 0,
                    ...(isPast("started") ? { state: { running: {} } } : {}),
                },
            ],
        },
    };
}
