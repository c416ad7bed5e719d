import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import {
    lstat,
    mkdir,
    mkdtemp,
    readFile,
    readdir,
    readlink,
    rename,
    rm,
    statfs,
    writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { CACHE } from "./paths";
import { step } from "./progress";

/** One build that is worth keeping between runs. */
export interface CachedBuild {
    /** What is built, as the user reads it and as the folder is called: `pulumi-cli`. */
    readonly name: string;
    /** Everything the result depends on (versions, flags, contents of lock files); another key, another folder. */
    readonly key: readonly string[];
    /** Fills the empty folder that it is given; must end (and clean up what lies elsewhere) when the signal aborts. */
    readonly build: (folder: string, signal?: AbortSignal) => Promise<void>;
    readonly signal?: AbortSignal | undefined;
    /** Folder that holds all builds. @default CACHE */
    readonly cache?: string;
}

/** File beside the results that lists the digest and mode of each of them. */
const MANIFEST = ".manifest";

/**
 * Returns the folder `<cache>/<name>-<hash of key>` with the result of `build`, building it only if it is
 * not there, or if a file in it is not what was built (interrupted copy, damaged disk): then that is
 * said and it is built again. Every file is verified at each call (about 1 s per GB).
 *
 * A build happens in a folder of its own that is renamed when it is complete, so an interrupted build
 * never counts, and two that run at once do not disturb each other: the first to finish is kept. Builds of
 * the same name from other keys are removed then.
 *
 * @throws Error when the build fails, naming a full disk as such; the abort reason when aborted
 */
export async function cachedBuild({
    name,
    key,
    build,
    signal,
    cache = CACHE,
}: CachedBuild): Promise<string> {
    signal?.throwIfAborted();
    const title = `${name}-${digestOf(JSON.stringify(key)).slice(0, 16)}`;
    const folder = join(cache, title);
    await mkdir(cache, { recursive: true });
    await removeAbandoned(cache, title);

    const damage = await damageOf(folder);
    if (damage === undefined) {
        return folder;
    }
    await step(`Build ${name}`, async (note) => {
        if (damage !== ABSENT) {
            note(`the cached build in ${folder} is damaged (${damage}); building it again`);
            await discard(folder);
        }
        // The process id tells later runs whether this build is still under way.
        const unfinished = await mkdtemp(join(cache, `.${title}.${process.pid}.`));
        try {
            await build(unfinished, signal);
            signal?.throwIfAborted();
            await writeFile(join(unfinished, MANIFEST), await manifestOf(unfinished));
            await keep(unfinished, folder);
            await removeOutdated(cache, name, title);
        } catch (error) {
            signal?.throwIfAborted();
            throw await explained(error, name, cache);
        } finally {
            await rm(unfinished, { recursive: true, force: true });
        }
    });
    return folder;
}

/** Removes what builds of this title left that were killed before they could clean up. */
async function removeAbandoned(cache: string, title: string): Promise<void> {
    for (const entry of await readdir(cache)) {
        const prefix = `.${title}.`;
        if (entry.startsWith(prefix) && !isAlive(Number.parseInt(entry.slice(prefix.length), 10))) {
            await rm(join(cache, entry), { recursive: true, force: true });
        }
    }
}

/** Removes what was built from other keys: earlier versions, hundreds of megabytes each. */
async function removeOutdated(cache: string, name: string, title: string): Promise<void> {
    for (const entry of await readdir(cache)) {
        const isBuild = entry.startsWith(`${name}-`) && /^[0-9a-f]{16}$/.test(entry.slice(-16));
        if (isBuild && entry.length === title.length && entry !== title) {
            await rm(join(cache, entry), { recursive: true, force: true });
        }
    }
}

function isAlive(pid: number): boolean {
    try {
        return process.kill(pid, 0);
    } catch (error) {
        return (error as NodeJS.ErrnoException).code === "EPERM";
    }
}

const ABSENT = "absent";

/** What is wrong with a finished build: undefined if nothing, {@link ABSENT} if it was never made. */
async function damageOf(folder: string): Promise<string | undefined> {
    let recorded: string;
    try {
        recorded = await readFile(join(folder, MANIFEST), "utf8");
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
            throw error;
        }
        return (await exists(folder)) ? "its manifest is missing" : ABSENT;
    }
    const actual = new Set((await manifestOf(folder)).split("\n"));
    const lines = recorded.split("\n");
    const broken = lines.find((line) => !actual.has(line));
    if (broken !== undefined) {
        return `${broken.split(" ").slice(2).join(" ")} is missing or not what was built`;
    }
    return actual.size === lines.length ? undefined : "it holds files that were not built";
}

async function exists(path: string): Promise<boolean> {
    return lstat(path).then(
        () => true,
        () => false,
    );
}

/** One line `<sha256> <mode> <path>` per file, sorted; a symbolic link counts with its target. */
async function manifestOf(folder: string): Promise<string> {
    const lines: string[] = [];
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    for (const entry of entries) {
        const path = join(entry.parentPath, entry.name);
        const relative = path.slice(folder.length + 1);
        if (entry.isSymbolicLink()) {
            lines.push(`${digestOf(await readlink(path))} link ${relative}`);
        } else if (entry.isFile() && relative !== MANIFEST) {
            const { mode } = await lstat(path);
            lines.push(`${await digestOfFile(path)} ${(mode & 0o777).toString(8)} ${relative}`);
        }
    }
    return lines.sort().join("\n");
}

function digestOf(text: string): string {
    return createHash("sha256").update(text).digest("hex");
}

async function digestOfFile(path: string): Promise<string> {
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
        hash.update(chunk as Buffer);
    }
    return hash.digest("hex");
}

/** Moves a damaged build out of the way in one step, so that nobody sees it half deleted as a build. */
async function discard(folder: string): Promise<void> {
    const aside = `${folder}.damaged-${randomBytes(4).toString("hex")}`;
    await rename(folder, aside);
    await rm(aside, { recursive: true, force: true });
}

/** Gives a complete build its final name, unless another process was first with the same. */
async function keep(unfinished: string, folder: string): Promise<void> {
    try {
        await rename(unfinished, folder);
    } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        const taken = code === "ENOTEMPTY" || code === "EEXIST";
        if (!taken || (await damageOf(folder)) !== undefined) {
            throw error;
        }
    }
}

/** The error of a failed build in the user's terms. */
async function explained(error: unknown, name: string, cache: string): Promise<Error> {
    const text = error instanceof Error ? error.message : String(error);
    if (/ENOSPC|no space left on device/i.test(text)) {
        const { bavail, bsize } = await statfs(cache);
        const free = Math.round((bavail * bsize) / 2 ** 20);
        return new Error(
            `${name} could not be built because a disk is full (${free} MiB are free at ${cache}). ` +
                `Free some space there and in the folders for temporary and Go build files ` +
                `(TMPDIR, GOCACHE, GOMODCACHE), then run the same command again.`,
            { cause: error },
        );
    }
    return new Error(`${name} could not be built: ${text}`, { cause: error });
}
