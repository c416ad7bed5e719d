import { createReadStream } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * A secret in the forms in which it may have leaked: itself and, since a secret inside a longer text is
 * encoded with its neighbours, the part of its Base64 that stays the same at each of the three alignments.
 */
export function leakForms(secret: string): string[] {
    const inBase64 = [0, 1, 2].map((offset) => {
        const encoded = Buffer.from(" ".repeat(offset) + secret).toString("base64");
        // The first character that the neighbour before shares, and the group that the one after does.
        const start = offset === 0 ? 0 : 4;
        const whole = Math.floor((offset + Buffer.byteLength(secret)) / 3) * 4;
        return encoded.slice(start, whole);
    });
    return [secret, ...inBase64];
}

/**
 * Searches every file below a folder.
 *
 * @param needles texts to look for, each of at least 8 characters
 * @returns `path: needle number` of each hit, so that the report leaks nothing itself
 */
export async function searchFiles(folder: string, needles: readonly string[]): Promise<string[]> {
    refuseShort(needles);
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const hits: string[] = [];
    for (const entry of entries.filter((each) => each.isFile())) {
        const path = join(entry.parentPath, entry.name);
        for (const index of await found(path, needles)) {
            hits.push(`${path}: ${index}`);
        }
    }
    return hits;
}

/**
 * Searches the command lines of all processes.
 *
 * @param needles texts to look for, each of at least 8 characters
 * @returns `process PID: needle number` of each hit
 */
export async function searchCommandLines(needles: readonly string[]): Promise<string[]> {
    refuseShort(needles);
    const hits: string[] = [];
    for (const pid of (await readdir("/proc")).filter((name) => /^[0-9]+$/.test(name))) {
        const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(
            (error: unknown) => {
                const { code } = error as NodeJS.ErrnoException;
                // The process has ended since the listing.
                if (code === "ENOENT" || code === "ESRCH") {
                    return "";
                }
                throw error;
            },
        );
        needles.forEach((needle, index) => {
            if (commandLine.includes(needle)) {
                hits.push(`process ${pid}: ${index}`);
            }
        });
    }
    return hits;
}

function refuseShort(needles: readonly string[]): void {
    const short = needles.findIndex((needle) => needle.length < 8);
    if (short >= 0 || needles.length === 0) {
        throw new Error(`search text ${short} is too short to tell anything`);
    }
}

/** Indices of the needles that a file holds; read in pieces that overlap by the longest needle. */
async function found(path: string, needles: readonly string[]): Promise<Set<number>> {
    const overlap = Math.max(...needles.map((needle) => needle.length)) - 1;
    const hits = new Set<number>();
    let tail = "";
    for await (const chunk of createReadStream(path, {
        encoding: "latin1",
        highWaterMark: 1 << 20,
    })) {
        const text = tail + (chunk as string);
        needles.forEach((needle, index) => {
            if (text.includes(needle)) {
                hits.add(index);
            }
        });
        tail = text.slice(-overlap);
    }
    return hits;
}
