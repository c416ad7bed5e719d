import { appendFileSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "../plugins/property-values";
import type { CloudEvent, LoggedRequest, Status } from "./api";
import type { Fault } from "./faults";

/** A resource that someone created. Times are milliseconds since 1970. */
export interface CloudResource {
    readonly id: string;
    /** Type token. */
    readonly type: string;
    readonly region: string;
    status: Status;
    /** What is being done to it, or why it failed. */
    message: string;
    inputs: JsonObject;
    outputs: JsonObject;
    /** Before this, reads do not find it. */
    readonly visibleAt: number;
    /** The work under way takes at least until then. */
    dueAt: number;
    readonly clientToken: string | undefined;
    /** Its creation will fail, because a fault said so when it began, and why. */
    readonly fails?: string | undefined;
}

/** Something that the cloud made by itself and that keeps others from being deleted. */
export interface ImplicitResource {
    readonly id: string;
    /** Such as `security group`. */
    readonly kind: string;
    /** The resource that it was made for: type token and id. */
    readonly owner: { readonly type: string; readonly id: string };
    /** Ids of the resources that it needs. */
    readonly uses: readonly string[];
    /** Whether it stays when its owner goes. */
    readonly retained: boolean;
}

/** An instance that is, or is becoming, a node of the cluster. */
export interface CloudNode {
    /** Name of the Node object. */
    readonly name: string;
    readonly instanceId: string;
    /** Id of its node pool. */
    readonly pool: string;
    readonly instanceType: string;
    readonly zone: string;
    readonly spot: boolean;
    readonly gpus: number;
    readonly labels: Readonly<Record<string, string>>;
    readonly taints: readonly {
        readonly key: string;
        readonly value: string;
        readonly effect: string;
    }[];
    status: "booting" | "joining" | "ready" | "leaving";
    /** When its boot ends, in milliseconds since 1970. */
    readonly bootsUntil: number;
    /** Since when no pod needs it; undefined while one does. */
    idleSince: number | undefined;
}

/** All that the simulated cloud remembers. No credential is in it. */
export interface CloudState {
    resources: CloudResource[];
    implicit: ImplicitResource[];
    nodes: CloudNode[];
    faults: Fault[];
}

/** The state of one cloud in one folder, and what happened in it. */
export interface Store {
    readonly state: CloudState;
    /** Writes the state; a process killed at any moment leaves the old or the new one. */
    readonly save: () => void;
    readonly logRequest: (request: LoggedRequest) => void;
    readonly logEvent: (event: CloudEvent) => void;
    /** All requests, oldest first. */
    readonly requests: () => LoggedRequest[];
    /** All events, oldest first. */
    readonly events: () => CloudEvent[];
}

/** Opens the store in the folder, with what an earlier process left in it. */
export function openStore(folder: string): Store {
    const file = join(folder, "cloud.json");
    const requests = join(folder, "requests.jsonl");
    const events = join(folder, "events.jsonl");
    const before = readIfThere(file);
    const state: CloudState =
        before === ""
            ? { resources: [], implicit: [], nodes: [], faults: [] }
            : (JSON.parse(before) as CloudState);
    return {
        state,
        save: () => {
            writeFileSync(`${file}.new`, JSON.stringify(state, undefined, 2), { mode: 0o600 });
            renameSync(`${file}.new`, file);
        },
        logRequest: (request) => {
            append(requests, request);
        },
        logEvent: (event) => {
            append(events, event);
        },
        requests: () => lines(requests) as LoggedRequest[],
        events: () => lines(events) as CloudEvent[],
    };
}

function append(file: string, entry: object): void {
    appendFileSync(file, `${JSON.stringify(entry)}\n`, { mode: 0o600 });
}

function lines(file: string): unknown[] {
    return readIfThere(file)
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as unknown);
}

function readIfThere(file: string): string {
    try {
        return readFileSync(file, "utf8");
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
            throw error;
        }
        return "";
    }
}
