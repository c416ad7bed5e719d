import { spawn } from "node:child_process";
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { OWNER_VARIABLE } from "../cluster/command";
import { until } from "../cluster/until";
import type { Json } from "../plugins/property-values";
import {
    ApiError,
    type ApiRequest,
    type CloudEvent,
    type ErrorBody,
    type LoggedRequest,
} from "./api";
import { type CloudOptions, DEFAULT_OPTIONS, type Inventory } from "./cloud";
import type { DaemonInfo, DaemonOptions } from "./daemon";
import type { Fault, FaultName } from "./faults";
import { withSocketPath } from "./socket";

/** Environment variable that tells the `alicloud` plugin the folder of its cloud. */
export const CLOUD_VARIABLE = "SD_REHEARSAL_CLOUD";

/** Seconds until a daemon that was started must answer. */
const START_DEADLINE = 30;

/** What a connection says that the kernel had accepted for a daemon which ended before it read, or was written to. */
const ENDING = ["ECONNRESET", "EPIPE"];

/** Lines of a dead daemon's log that an error repeats. */
const TAIL = 20;

/** A running simulated cloud. Every call throws an Error with the end of its log if it does not answer. */
export interface CloudClient {
    readonly folder: string;
    /**
     * A request to the API, as the plugin makes it.
     *
     * @throws ApiError when the cloud refuses it
     */
    readonly request: (request: ApiRequest) => Promise<Json>;
    readonly info: () => Promise<DaemonInfo>;
    /** Lets something go wrong. @throws Error naming what of the fault is not allowed */
    readonly setFault: (fault: Fault) => Promise<void>;
    /** Ends the faults of this name. @default all */
    readonly clearFaults: (name?: FaultName) => Promise<void>;
    readonly faults: () => Promise<readonly Fault[]>;
    /** Every API request so far, oldest first. */
    readonly requests: () => Promise<readonly LoggedRequest[]>;
    /** Everything that happened so far, oldest first. */
    readonly events: () => Promise<readonly CloudEvent[]>;
    readonly inventory: () => Promise<Inventory>;
    /** Ends the daemon; state and Kubernetes stay. */
    readonly stop: () => Promise<void>;
}

/**
 * Starts the cloud of a folder, or returns the one that runs there. What an earlier one of the folder had begun
 * goes on.
 *
 * @param folder for state, log and socket; only its owner may enter it
 * @param environment the daemon's whole environment; its PULUMI_HOME is what `stopEngine` finds it by
 * @param options @default {@link DEFAULT_OPTIONS}, with the local Kubernetes as backend
 * @throws Error with the end of its log if it does not start; if one with other options runs in the folder
 */
export async function startCloud({
    folder,
    environment,
    options = {},
    signal,
}: {
    readonly folder: string;
    readonly environment: Readonly<Record<string, string>> & { readonly PULUMI_HOME: string };
    readonly options?: Partial<DaemonOptions>;
    readonly signal?: AbortSignal;
}): Promise<CloudClient> {
    const complete: DaemonOptions = {
        ...DEFAULT_OPTIONS,
        backend: join(__dirname, "local-kubernetes.ts"),
        ...options,
    };
    refuseOptions(complete);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
    const client = cloudClient(folder);
    if (await isAnswering(folder)) {
        const { options: running } = await client.info();
        if (JSON.stringify(sorted(running)) !== JSON.stringify(sorted(complete))) {
            throw new Error(
                `a simulated cloud with other options runs in ${folder} (${JSON.stringify(running)}); stop it first`,
            );
        }
        return client;
    }

    writeFileSync(join(folder, "options.json"), JSON.stringify(complete), { mode: 0o600 });
    const log = openSync(join(folder, "cloud.log"), "a", 0o600);
    const daemon = spawn(
        process.execPath,
        [
            "--import",
            pathToFileURL(require.resolve("tsx")).href,
            join(__dirname, "daemon.ts"),
            folder,
        ],
        {
            // It outlives this process, and a Ctrl-C that is meant for this process.
            detached: true,
            stdio: ["ignore", log, log],
            env: Object.fromEntries(
                Object.entries(environment).filter(([name]) => name !== OWNER_VARIABLE),
            ),
        },
    );
    closeSync(log);
    daemon.unref();
    const ended = new AbortController();
    daemon.once("error", (error) => {
        ended.abort(error);
    });
    daemon.once("exit", (code) => {
        const what = `the simulated cloud ended with code ${String(code)}`;
        ended.abort(new Error(`${what}\n${logTail(folder)}`));
    });
    await until(
        `the simulated cloud in ${folder}`,
        START_DEADLINE,
        async () => ((await isAnswering(folder)) ? true : undefined),
        AbortSignal.any([ended.signal, ...(signal === undefined ? [] : [signal])]),
    );
    return client;
}

/** The cloud of a folder, which need not be running yet. */
export function cloudClient(folder: string): CloudClient {
    const ask = async (path: string, body: unknown = null): Promise<Json> => {
        try {
            return await post(folder, path, body);
        } catch (error) {
            if (error instanceof ApiError) {
                throw error;
            }
            const reason = error instanceof Error ? error.message : String(error);
            throw new Error(
                `the simulated cloud in ${folder} does not answer (${reason})\n${logTail(folder)}`,
                { cause: error },
            );
        }
    };
    return {
        folder,
        request: (request) => ask("/api", request),
        info: async () => (await ask("/info")) as unknown as DaemonInfo,
        setFault: async (fault) => {
            await ask("/set-fault", fault);
        },
        clearFaults: async (name) => {
            await ask("/clear-faults", name);
        },
        faults: async () => (await ask("/faults")) as unknown as Fault[],
        requests: async () => (await ask("/requests")) as unknown as LoggedRequest[],
        events: async () => (await ask("/events")) as unknown as CloudEvent[],
        inventory: async () => (await ask("/inventory")) as unknown as Inventory,
        stop: async () => {
            await ask("/stop");
            await until("the simulated cloud to stop", START_DEADLINE, async () =>
                (await isAnswering(folder)) ? undefined : true,
            );
        },
    };
}

/** Whether a cloud answers in this folder. */
export async function isAnswering(folder: string): Promise<boolean> {
    try {
        await post(folder, "/info", null);
        return true;
    } catch (error) {
        if (
            ["ENOENT", "ECONNREFUSED", ...ENDING].includes(
                (error as NodeJS.ErrnoException).code ?? "",
            )
        ) {
            return false;
        }
        throw error;
    }
}

function post(folder: string, path: string, body: unknown): Promise<Json> {
    return withSocketPath(
        folder,
        (socketPath) =>
            new Promise((resolve, reject) => {
                const sent = httpRequest({ socketPath, path, method: "POST" }, (response) => {
                    const chunks: Buffer[] = [];
                    response.on("data", (chunk: Buffer) => {
                        chunks.push(chunk);
                    });
                    response.on("error", reject);
                    response.on("end", () => {
                        const answer = JSON.parse(Buffer.concat(chunks).toString()) as Json;
                        const status = response.statusCode ?? 0;
                        if (status === 200) {
                            resolve(answer);
                        } else {
                            const { code, message, requestId } = answer as unknown as ErrorBody;
                            reject(new ApiError(status, code, message, requestId));
                        }
                    });
                });
                sent.on("error", reject);
                sent.end(JSON.stringify(body));
            }),
    );
}

function refuseOptions(options: CloudOptions): void {
    const { timeScale, readLagSeconds, gpuBootSeconds, leastScanPause } = options;
    const numbers = { timeScale, readLagSeconds, gpuBootSeconds, leastScanPause };
    for (const [name, value] of Object.entries(numbers)) {
        if (!Number.isFinite(value) || value < 0) {
            throw new Error(
                `${name} of the simulated cloud is ${value}; allowed: a number from 0 on`,
            );
        }
    }
}

function sorted(options: DaemonOptions): [string, unknown][] {
    return Object.entries(options).sort(([a], [b]) => a.localeCompare(b));
}

function logTail(folder: string): string {
    try {
        const lines = readFileSync(join(folder, "cloud.log"), "utf8").trim().split("\n");
        return lines.slice(-TAIL).join("\n");
    } catch (error) {
        return `it has no log (${error instanceof Error ? error.message : String(error)})`;
    }
}
