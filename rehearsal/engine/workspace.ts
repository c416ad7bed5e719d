import { cp, mkdir, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDocument } from "yaml";

/** What a program does not need to run, or must not see of the rehearsal around it. */
const LEFT_OUT = [".git", ".cache", ".rehearsal", "rehearsal"];

/**
 * Makes `workspace` a fresh copy of the program in `source` and links it to the packages installed
 * there, so that the CLI may rewrite stack settings without changing a tracked file. Of an earlier copy
 * only the salts of its stack settings are kept, without which their secrets could not be read.
 */
export async function copyWorkspace(source: string, workspace: string): Promise<void> {
    const salts = await saltsOf(workspace);
    await rm(workspace, { recursive: true, force: true });
    await mkdir(workspace, { recursive: true });
    await copyFolder(source, workspace, LEFT_OUT);
    for (const [file, salt] of salts) {
        const path = join(workspace, file);
        const settings = parseDocument(await readFile(path, "utf8").catch(() => ""));
        settings.set("encryptionsalt", salt);
        await writeFile(path, settings.toString());
    }
}

async function copyFolder(
    from: string,
    to: string,
    leftOut: readonly string[] = [],
): Promise<void> {
    for (const entry of await readdir(from, { withFileTypes: true })) {
        const [source, target] = [join(from, entry.name), join(to, entry.name)];
        if (entry.name === "node_modules") {
            await symlink(source, target);
        } else if (entry.isDirectory() && !leftOut.includes(entry.name)) {
            await mkdir(target);
            await copyFolder(source, target);
        } else if (entry.isFile() || entry.isSymbolicLink()) {
            await cp(source, target, { verbatimSymlinks: true });
        }
    }
}

async function saltsOf(workspace: string): Promise<Map<string, string>> {
    const salts = new Map<string, string>();
    const files = await readdir(workspace).catch(() => [] as string[]);
    for (const file of files.filter((name) => /^Pulumi\..+\.yaml$/.test(name))) {
        const salt = parseDocument(await readFile(join(workspace, file), "utf8")).get(
            "encryptionsalt",
        );
        if (typeof salt === "string") {
            salts.set(file, salt);
        }
    }
    return salts;
}
