import { appendFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import type { LoggedRequest } from "./cloud/api";
import type { CloudClient } from "./cloud/client";
import type { Inventory } from "./cloud/cloud";

/** Commands of the engine that are watched. */
export type Command = "up" | "second up" | "destroy";

/**
 * Runs commands of the engine, tells what happens in the cloud meanwhile, and keeps what the cloud was asked.
 *
 * @param file gets the request log, appended
 * @throws Error when a second up asked for a change, or the cloud is not empty after destroy; whatever `work` throws
 */
export async function watch(
    cloud: CloudClient,
    command: Command,
    note: (detail: string) => void,
    work: () => Promise<unknown>,
    file: string,
): Promise<void> {
    const before = (await cloud.requests()).length;
    let requests: readonly LoggedRequest[] = [];
    try {
        await followed(cloud, note, work);
    } finally {
        requests = (await cloud.requests()).slice(before);
        await appendFile(file, `== ${command}\n${lines(requests).join("\n")}\n\n`);
    }
    const changes = writes(requests);
    note(`the cloud got ${requests.length} requests, of which ${changes.length} write`);
    if (command === "second up" && changes.length > 0) {
        throw new Error(
            `a second up asked the cloud to change something:\n${lines(changes).join("\n")}`,
        );
    }
    if (command === "destroy") {
        requireEmpty(await cloud.inventory());
        note("nothing is left in the cloud");
    }
}

/** Requests that change something. */
export function writes(requests: readonly LoggedRequest[]): LoggedRequest[] {
    return requests.filter(({ access }) => access === "write");
}

/** @throws Error naming what would go on being billed */
function requireEmpty({ resources, implicit, nodes }: Inventory): void {
    const left = [
        ...resources.map(({ type, id }) => `${type} ${id}`),
        ...implicit.map(({ kind, id }) => `${kind} ${id}`),
        ...nodes.map(({ name }) => `node ${name}`),
    ];
    if (left.length > 0) {
        throw new Error(`after destroy the cloud still has ${left.join(", ")}`);
    }
}

/** The request log as lines of text. */
function lines(requests: readonly LoggedRequest[]): string[] {
    return requests.map(({ at, access, action, resource, code }) =>
        [at, access.padEnd(5), code.padEnd(3), action, resource].join("  ").trimEnd(),
    );
}

/** Pause between two looks at what happened in the cloud, in milliseconds. */
const PAUSE = 300;

async function followed(
    cloud: CloudClient,
    note: (detail: string) => void,
    work: () => Promise<unknown>,
): Promise<void> {
    let told = (await cloud.events()).length;
    const tell = async (): Promise<void> => {
        const events = await cloud.events();
        for (const { kind, subject, message } of events.slice(told)) {
            note(`${kind} ${subject}: ${message}`);
        }
        told = events.length;
    };
    const done = new AbortController();
    const telling = (async () => {
        while (!done.signal.aborted) {
            await tell();
            await setTimeout(PAUSE, undefined, { signal: done.signal }).catch(() => undefined);
        }
    })();
    try {
        await work();
    } finally {
        done.abort();
        await telling;
        await tell();
    }
}
