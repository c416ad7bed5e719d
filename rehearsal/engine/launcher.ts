import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * Writes an executable to `path` that runs a TypeScript file with this Node.js and this checkout's tsx, for
 * the Pulumi engine, which finds plugins and language hosts as executables.
 */
export async function writeLauncher(path: string, script: string): Promise<void> {
    const tsx = pathToFileURL(require.resolve("tsx")).href;
    const words = [process.execPath, "--import", tsx, script].map(quoted);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `#!/bin/sh\nexec ${words.join(" ")} "$@"\n`);
    await chmod(path, 0o755);
}

function quoted(word: string): string {
    return `'${word.replaceAll("'", `'\\''`)}'`;
}
