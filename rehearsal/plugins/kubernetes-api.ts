import type { KubeConfig } from "@kubernetes/client-node";
import { Agent, type RequestOptions, request } from "node:https";
import type { Json, JsonObject } from "./property-values";

/** A Kubernetes object as plain JSON, exactly as the API server writes it. */
export interface KubernetesObject extends JsonObject {
    apiVersion: string;
    kind: string;
    metadata: JsonObject & { name?: string; namespace?: string; uid?: string };
}

/** The API server refused a request. */
export class ApiError extends Error {
    constructor(
        message: string,
        /** HTTP status code. */
        readonly code: number,
        /** Machine-readable reason of the Status, e.g. `NotFound`, `AlreadyExists`, `Conflict`, `Invalid`. */
        readonly reason: string,
        /** Messages of the Status's causes; for a field conflict they name the other field managers. */
        readonly causes: readonly string[],
        /** What the request was about, e.g. `namespaces "a"`: the kind and name in the Status's details. */
        readonly about: { readonly kind: string; readonly name: string },
    ) {
        super(message);
    }
}

/** The API server could not be reached. */
export class UnreachableError extends Error {}

/** The API server does not (yet) know a kind. */
export class NoMatchError extends Error {}

/** Where the objects of one kind are in the API. */
export interface ResourceKind {
    /** Path of the group and version, e.g. `/apis/apps/v1`. */
    readonly base: string;
    /** Plural name, e.g. `deployments`. */
    readonly plural: string;
    readonly namespaced: boolean;
}

/** What may accompany a change. */
export interface ChangeOptions {
    readonly fieldManager: string;
    /** Only checks and returns what would become of it. */
    readonly dryRun: boolean;
}

/**
 * A client for objects of any kind, found by discovery. The typed and the generic client of
 * `@kubernetes/client-node` turn answers into its classes and lose the fields that those do not know; a
 * plugin must return objects as they are, so this one only takes the connection from it.
 */
export class KubernetesApi {
    /** Discovery answers by group and version. */
    private readonly known = new Map<string, Map<string, ResourceKind>>();

    private constructor(
        private readonly server: URL,
        private readonly options: RequestOptions,
    ) {}

    /**
     * A client for the cluster of the kubeconfig's current context. Nothing is asked of the cluster yet.
     *
     * @throws Error when the kubeconfig names no server or one by plain HTTP without
     * `insecure-skip-tls-verify: true`, or credentials that cannot be read
     */
    static async of(config: KubeConfig): Promise<KubernetesApi> {
        const cluster = config.getCurrentCluster();
        if (cluster === null) {
            throw new Error("the kubeconfig has no current context with a cluster");
        }
        const server = new URL(cluster.server);
        if (server.protocol === "http:" && !cluster.skipTLSVerify) {
            throw new Error(
                `the kubeconfig's server is ${server.origin}, plain HTTP; use https, or set insecure-skip-tls-verify to true`,
            );
        }
        const options: RequestOptions = {};
        await config.applyToHTTPSOptions(options);
        // One connection pool for all requests.
        if (options.agent instanceof Agent) {
            options.agent.options.keepAlive = true;
        }
        return new KubernetesApi(server, options);
    }

    /**
     * Where the API server has a kind.
     *
     * @throws NoMatchError if it does not know it; a kind that it did not know is asked for again each time
     */
    async kind(apiVersion: string, kind: string): Promise<ResourceKind> {
        const found =
            this.known.get(apiVersion)?.get(kind) ?? (await this.discover(apiVersion)).get(kind);
        if (found === undefined) {
            throw new NoMatchError(`no matches for kind "${kind}" in version "${apiVersion}"`);
        }
        return found;
    }

    private async discover(apiVersion: string): Promise<Map<string, ResourceKind>> {
        const base = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
        const kinds = new Map<string, ResourceKind>();
        try {
            const { resources } = (await this.send("GET", base)) as unknown as {
                resources: { name: string; kind: string; namespaced: boolean }[];
            };
            for (const { name, kind, namespaced } of resources) {
                // Subresources are listed as `deployments/scale`.
                if (!name.includes("/")) {
                    kinds.set(kind, { base, plural: name, namespaced });
                }
            }
        } catch (error) {
            if (!(error instanceof ApiError && error.code === 404)) {
                throw error;
            }
        }
        this.known.set(apiVersion, kinds);
        return kinds;
    }

    /** Reads an object; `undefined` if there is none. */
    async get(
        kind: ResourceKind,
        namespace: string | undefined,
        name: string,
    ): Promise<KubernetesObject | undefined> {
        try {
            return object(await this.send("GET", pathOf(kind, namespace, name)));
        } catch (error) {
            if (error instanceof ApiError && error.code === 404) {
                return undefined;
            }
            throw error;
        }
    }

    /** Lists the objects that carry a label. */
    async list(
        kind: ResourceKind,
        namespace: string | undefined,
        labelSelector: string,
    ): Promise<KubernetesObject[]> {
        const answer = await this.send("GET", pathOf(kind, namespace), { labelSelector });
        return (answer as unknown as { items: KubernetesObject[] }).items;
    }

    /** Creates an object that must not exist yet. */
    async create(
        kind: ResourceKind,
        namespace: string | undefined,
        body: KubernetesObject,
        options: ChangeOptions,
    ): Promise<KubernetesObject> {
        const query = { ...queryOf(options), fieldValidation: "Warn" };
        return object(
            await this.send("POST", pathOf(kind, namespace), query, body, "application/json"),
        );
    }

    /** Server-side apply: makes the given fields, and only these, the manager's own. */
    async apply(
        kind: ResourceKind,
        namespace: string | undefined,
        body: KubernetesObject,
        options: ChangeOptions & { readonly force: boolean },
    ): Promise<KubernetesObject> {
        const query = { ...queryOf(options), force: String(options.force) };
        const path = pathOf(kind, namespace, body.metadata.name);
        return object(await this.send("PATCH", path, query, body, "application/apply-patch+yaml"));
    }

    /** Changes an object by a JSON patch (RFC 6902). */
    async patch(
        kind: ResourceKind,
        namespace: string | undefined,
        name: string,
        operations: readonly JsonObject[],
    ): Promise<KubernetesObject> {
        const path = pathOf(kind, namespace, name);
        return object(
            await this.send("PATCH", path, {}, [...operations], "application/json-patch+json"),
        );
    }

    /** Asks for the deletion of an object; it is gone later, or never if a finalizer holds it. */
    async delete(
        kind: ResourceKind,
        namespace: string | undefined,
        name: string,
        propagationPolicy: string,
    ): Promise<void> {
        await this.send("DELETE", pathOf(kind, namespace, name), { propagationPolicy });
    }

    private async send(
        method: string,
        path: string,
        query: Readonly<Record<string, string>> = {},
        body?: Json,
        contentType?: string,
    ): Promise<JsonObject> {
        const url = new URL(this.server);
        url.pathname = url.pathname.replace(/\/$/, "") + path;
        url.search = new URLSearchParams(query).toString();
        const { headers, agent, auth } = this.options;
        const text = await new Promise<{ code: number; body: string }>((resolve, reject) => {
            const call = request(url, {
                method,
                agent,
                auth,
                headers: {
                    ...(headers as Record<string, string> | undefined),
                    accept: "application/json",
                    ...(contentType === undefined ? {} : { "content-type": contentType }),
                },
                timeout: REQUEST_TIMEOUT,
            });
            call.on("timeout", () => {
                call.destroy(new Error(`no answer within ${REQUEST_TIMEOUT / 1000} s`));
            });
            call.on("error", (error) => {
                reject(new UnreachableError(`${this.server.origin}: ${error.message}`));
            });
            call.on("response", (response) => {
                const chunks: Buffer[] = [];
                response.on("data", (chunk: Buffer) => chunks.push(chunk));
                response.on("error", reject);
                response.on("end", () => {
                    resolve({
                        code: response.statusCode ?? 0,
                        body: Buffer.concat(chunks).toString("utf8"),
                    });
                });
            });
            call.end(body === undefined ? undefined : JSON.stringify(body));
        });
        if (text.code >= 200 && text.code < 300) {
            return JSON.parse(text.body) as JsonObject;
        }
        throw apiError(text.code, text.body, `${method} ${path}`);
    }
}

/** Longest silence of the API server in one request, in milliseconds; webhooks may take 30 s. */
const REQUEST_TIMEOUT = 60_000;

function pathOf(
    { base, plural, namespaced }: ResourceKind,
    namespace: string | undefined,
    name?: string,
): string {
    const scope = namespaced ? `/namespaces/${encodeURIComponent(namespace ?? "default")}` : "";
    return `${base}${scope}/${plural}${name === undefined ? "" : `/${encodeURIComponent(name)}`}`;
}

function queryOf({ fieldManager, dryRun }: ChangeOptions): Record<string, string> {
    return { fieldManager, ...(dryRun ? { dryRun: "All" } : {}) };
}

function object(answer: JsonObject): KubernetesObject {
    return answer as KubernetesObject;
}

interface StatusAnswer {
    readonly kind?: string;
    readonly message?: string;
    readonly reason?: string;
    readonly details?: {
        readonly kind?: string;
        readonly name?: string;
        readonly causes?: readonly { readonly message?: string }[];
    };
}

function apiError(code: number, body: string, requested: string): ApiError {
    let answer: StatusAnswer = {};
    try {
        answer = JSON.parse(body) as StatusAnswer;
    } catch {
        // Not every answer is a Status: proxies and failing servers answer with text.
    }
    const { message, reason, details } = answer;
    return new ApiError(
        message ?? `${requested}: HTTP ${code} ${body.slice(0, 500)}`.trim(),
        code,
        reason ?? "Unknown",
        (details?.causes ?? []).map((cause) => cause.message ?? ""),
        { kind: details?.kind ?? "", name: details?.name ?? "" },
    );
}
