import { readFileSync, readdirSync } from "node:fs";

/** The text of a file, or undefined if there is none; others may remove it at any time. */
export function readIfThere(file: string): string | undefined {
    return ifThere(() => readFileSync(file, "utf8"));
}

/** Names of what a folder holds; none if there is no such folder. */
export function listIfThere(folder: string): string[] {
    return ifThere(() => readdirSync(folder)) ?? [];
}

function ifThere<T>(look: () => T): T | undefined {
    try {
        return look();
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
            throw error;
        }
        return undefined;
    }
}
