import { chmodSync, existsSync, readFileSync, rmSync } from "node:fs";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Json } from "../plugins/property-values";
import { ApiError, type ApiRequest, type ErrorBody } from "./api";
import { isAnswering } from "./client";
import { type Cloud, type CloudOptions, createCloud } from "./cloud";
import type { KubernetesBackend } from "./kubernetes-backend";
import { withSocketPath } from "./socket";
import { openStore } from "./store";

/** What a daemon is started with: the file `options.json` in its folder. */
export interface DaemonOptions extends CloudOptions {
    /** Path of a module that exports `createLocalKubernetes(): KubernetesBackend`. */
    readonly backend: string;
}

/** What a daemon says of itself. */
export interface DaemonInfo {
    readonly pid: number;
    readonly options: DaemonOptions;
}

/**
 * Runs the cloud of this folder until it is told to stop. It may be killed at any moment: the next daemon of the
 * folder goes on with what this one had begun.
 */
async function main(folder: string): Promise<void> {
    const options = JSON.parse(readFileSync(join(folder, "options.json"), "utf8")) as DaemonOptions;
    const { createLocalKubernetes } = (await import(pathToFileURL(options.backend).href)) as {
        createLocalKubernetes?: () => KubernetesBackend;
    };
    if (createLocalKubernetes === undefined) {
        throw new Error(`${options.backend} exports no createLocalKubernetes`);
    }
    if (await isAnswering(folder)) {
        throw new Error(`a simulated cloud is running in ${folder} already`);
    }
    const stopped = new AbortController();
    const backend = createLocalKubernetes();
    const cloud = createCloud(openStore(folder), backend, options, stopped.signal);
    const server = createServer((request, response) => {
        void respond(request, response, (path, body) =>
            path === "/stop" ? stop() : answer(path, body, cloud, options),
        );
    });
    const stop = (): Json => {
        stopped.abort();
        server.close(() => {
            process.exit(0);
        });
        return {};
    };
    await withSocketPath(folder, (path) => listen(server, path));
    chmodSync(join(folder, "cloud.sock"), 0o600);
    cloud.run();
    process.stdout.write(`simulated cloud ${folder}: process ${process.pid}\n`);
}

/** Takes the place of a socket that a killed daemon left. */
async function listen(server: Server, path: string): Promise<void> {
    if (existsSync(path)) {
        rmSync(path);
    }
    await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(path, resolve);
    });
}

/** What is answered to a request: the API at `/api`, what only a rehearsal may ask for elsewhere. */
async function answer(
    path: string,
    body: Json,
    cloud: Cloud,
    options: DaemonOptions,
): Promise<Json> {
    switch (path) {
        case "/api":
            return cloud.request(body as unknown as ApiRequest);
        case "/info":
            return { pid: process.pid, options } as unknown as Json;
        case "/set-fault":
            cloud.setFault(body);
            return {};
        case "/clear-faults":
            cloud.clearFaults(typeof body === "string" ? body : undefined);
            return {};
        case "/faults":
            return cloud.faults() as unknown as Json;
        case "/requests":
            return cloud.requests() as unknown as Json;
        case "/events":
            return cloud.events() as unknown as Json;
        case "/inventory":
            return cloud.inventory() as unknown as Json;
        default:
            throw new ApiError(404, "NotFound", `the simulated cloud has no ${path}`);
    }
}

async function respond(
    request: IncomingMessage,
    response: ServerResponse,
    handle: (path: string, body: Json) => Json | Promise<Json>,
): Promise<void> {
    const send = (status: number, body: Json | ErrorBody): void => {
        response.writeHead(status, { "content-type": "application/json", connection: "close" });
        response.end(JSON.stringify(body));
    };
    try {
        const chunks: Buffer[] = [];
        for await (const chunk of request) {
            chunks.push(chunk as Buffer);
        }
        const text = Buffer.concat(chunks).toString();
        send(200, await handle(request.url ?? "", text === "" ? null : (JSON.parse(text) as Json)));
    } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        const { status, code, requestId } =
            error instanceof ApiError ? error : { status: 400, code: "BadRequest", requestId: "" };
        send(status, { code, message, requestId });
    }
}

const [folder] = process.argv.slice(2);
if (require.main === module && folder !== undefined) {
    main(folder).catch((error: unknown) => {
        process.stderr.write(`${error instanceof Error ? (error.stack ?? "") : String(error)}\n`);
        process.exit(1);
    });
}
