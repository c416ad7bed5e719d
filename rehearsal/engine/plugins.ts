import { mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pluginVersion } from "../plugins/plugin-version";
import { isExecutable, userPulumiHome } from "./cli";
import { writeLauncher } from "./launcher";

/**
 * Which `kubernetes` and `random` plugins a run uses: those of Pulumi, or our own, which cover what this program
 * needs. That of `alicloud` is always our own.
 */
export type PluginChoice = "official" | "stand-in";

/** Packages of the program that have both an official plugin and a stand-in (`plugins/<name>.ts`). */
const PACKAGES = ["kubernetes", "random"] as const;

/** The package whose plugin is always the stand-in, since the official one works on the real cloud. */
const SIMULATED = "alicloud";

/** Longest time in which all official plugins must have been downloaded, in milliseconds. */
const DOWNLOAD_DEADLINE = 90_000;

/**
 * Puts the plugins into the Pulumi home of a run and returns which they are. Without a choice, those of
 * an earlier call for the same home stay; else official ones are taken where they are in the user's
 * plugin cache or can be downloaded, and stand-ins where not.
 *
 * @param download runs `pulumi <args>` within a time in milliseconds
 * @param note is told which plugins were chosen and why
 * @throws Error when `official` was asked for and cannot be had
 */
export async function installPlugins(options: {
    readonly home: string;
    readonly choice: PluginChoice | undefined;
    readonly download: (args: readonly string[], timeout: number) => Promise<unknown>;
    readonly note: (detail: string) => void;
    readonly signal?: AbortSignal | undefined;
}): Promise<PluginChoice> {
    const { home, note, signal } = options;
    const record = join(home, "rehearsal-plugins");
    const before = await readFile(record, "utf8").catch(() => "");
    const installed = JSON.stringify(
        [...PACKAGES, SIMULATED].map((name) => [name, pluginVersion(name)]),
    );
    const earlier = (["official", "stand-in"] as const).find(
        (choice) => before === `${choice} ${installed}`,
    );
    if (earlier !== undefined && (options.choice ?? earlier) === earlier) {
        note(`${earlier} plugins, as before`);
        return earlier;
    }

    await rm(join(home, "plugins"), { recursive: true, force: true });
    await mkdir(join(home, "plugins"), { recursive: true });
    const chosen = options.choice ?? "official";
    let result = chosen;
    if (chosen === "official") {
        try {
            for (const name of PACKAGES) {
                await installOfficial(name, home, options.download);
            }
            note("official plugins");
        } catch (error) {
            signal?.throwIfAborted();
            const reason = error instanceof Error ? error.message : String(error);
            if (options.choice === "official") {
                throw new Error(
                    `the official plugins cannot be had here (${lastLine(reason)}); \`--plugins stand-in\` runs without them`,
                    { cause: error },
                );
            }
            note(`stand-in plugins, because the official ones cannot be had: ${lastLine(reason)}`);
            await rm(join(home, "plugins"), { recursive: true, force: true });
            result = "stand-in";
        }
    } else {
        note("stand-in plugins, as asked for");
    }
    for (const name of [...(result === "stand-in" ? PACKAGES : []), SIMULATED]) {
        await writeLauncher(executableOf(name, home), join(__dirname, `../plugins/${name}.ts`));
    }
    await writeFile(record, `${result} ${installed}`);
    return result;
}

function executableOf(name: string, home: string): string {
    return join(folderOf(name, home), `pulumi-resource-${name}`);
}

function folderOf(name: string, home: string): string {
    return join(home, "plugins", `resource-${name}-v${pluginVersion(name)}`);
}

async function installOfficial(
    name: string,
    home: string,
    download: (args: readonly string[], timeout: number) => Promise<unknown>,
): Promise<void> {
    if (await isExecutable(executableOf(name, userPulumiHome()))) {
        await symlink(folderOf(name, userPulumiHome()), folderOf(name, home));
        return;
    }
    await download(
        ["plugin", "install", "resource", name, pluginVersion(name)],
        DOWNLOAD_DEADLINE / PACKAGES.length,
    );
}

function lastLine(text: string): string {
    return text.trim().split("\n").at(-1) ?? "";
}
