import { randomBytes } from "node:crypto";
import {
    copyFile,
    link,
    mkdir,
    readFile,
    realpath,
    rm,
    symlink,
    writeFile,
} from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { REPOSITORY } from "../paths";
import { step } from "../progress";
import { findCli, isExecutable, pinnedVersion } from "./cli";
import { writeLauncher } from "./launcher";
import { type PluginChoice, installPlugins } from "./plugins";
import { run } from "./run";
import { copyWorkspace } from "./workspace";

export type { PluginChoice } from "./plugins";

/** The real Pulumi engine, ready to run this program with a home, state and passphrase of its own. */
export interface Engine {
    /** The copy of the program in which `pulumi` runs. */
    readonly workspace: string;
    /** Folder of the file backend; what the engine keeps is below `.pulumi` in it. */
    readonly stateFolder: string;
    readonly plugins: PluginChoice;
    /**
     * Runs `pulumi <args>` in the workspace and returns what it printed. `input` goes to its stdin; with
     * `show` its output also appears on stderr while it runs. An abort interrupts it as Ctrl-C does.
     *
     * @throws ProgramError when the command fails; the abort reason when aborted
     */
    readonly pulumi: (
        args: readonly string[],
        options?: {
            readonly input?: string;
            readonly show?: boolean;
            readonly signal?: AbortSignal | undefined;
        },
    ) => Promise<{ stdout: string; stderr: string }>;
}

/**
 * Prepares the engine in `folder`: finds or builds the CLI, installs language host and plugins, copies the
 * program. A further call with the same folder goes on with the state and passphrase of the first.
 *
 * @param plugins which resource plugins to use. @default official ones where they can be had
 * @param program folder of the Pulumi program. @default this repository
 * @param environment further variables for the engine, and so for the program. @default none
 * @throws Error when something is missing that cannot be replaced, saying what to install
 */
export async function prepareEngine(options: {
    readonly folder: string;
    readonly plugins?: PluginChoice | undefined;
    readonly program?: string;
    readonly environment?: Readonly<Record<string, string>>;
    readonly signal?: AbortSignal | undefined;
}): Promise<Engine> {
    const { folder, signal, program = REPOSITORY } = options;
    return step("Prepare the Pulumi engine", async (note) => {
        const version = await pinnedVersion();
        const { home, bin, workspace, stateFolder, passphraseFile } = partsOf(folder);
        for (const needed of [home, bin, stateFolder]) {
            await mkdir(needed, { recursive: true, mode: 0o700 });
        }
        await writePassphrase(passphraseFile);

        const environment = { ...engineEnvironment(folder), ...options.environment };
        const found = await findCli({ version, environment, note, signal });
        const cli = join(bin, "pulumi");
        await rm(cli, { force: true });
        const host = await officialLanguageHost(found);
        if (host === undefined) {
            await linkOrCopy(found, cli);
            await writeLauncher(join(bin, LANGUAGE_HOST), join(__dirname, "language-host.ts"));
            note("stand-in for the Node.js language host: the official one is not beside this CLI");
        } else {
            await symlink(found, cli);
            await rm(join(bin, LANGUAGE_HOST), { force: true });
            note(`official Node.js language host ${host}`);
        }

        const download = (args: readonly string[], timeout: number) =>
            run({ program: cli, args, cwd: home, env: environment, signal, timeout });
        const plugins = await installPlugins({
            home,
            choice: options.plugins,
            download,
            note,
            signal,
        });
        await copyWorkspace(program, workspace);

        const env =
            plugins === "official"
                ? environment
                : { ...environment, PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true" };
        return {
            workspace,
            stateFolder,
            plugins,
            pulumi: (args, { input, show, signal: stop } = {}) =>
                run({ program: cli, args, cwd: workspace, env, input, show, signal: stop }),
        };
    });
}

/**
 * The outputs of the stack that the engine in `folder` has deployed, secrets in clear; nothing in the folder is changed.
 *
 * @throws Error when {@link prepareEngine} has left no engine there, or no stack is selected in it
 */
export async function readOutputs(
    folder: string,
    signal?: AbortSignal,
): Promise<Record<string, unknown>> {
    const { bin, workspace } = partsOf(folder);
    const program = join(bin, "pulumi");
    if (!(await isExecutable(program))) {
        throw new Error(`there is no engine in ${folder}`);
    }
    const { stdout } = await run({
        program,
        args: ["stack", "output", "--json", "--show-secrets"],
        cwd: workspace,
        env: engineEnvironment(folder),
        signal,
    });
    return JSON.parse(stdout) as Record<string, unknown>;
}

/** Where an engine keeps what it has. */
function partsOf(folder: string) {
    return {
        home: join(folder, "home"),
        bin: join(folder, "bin"),
        workspace: join(folder, "workspace"),
        stateFolder: join(folder, "state"),
        passphraseFile: join(folder, "passphrase"),
    };
}

function engineEnvironment(folder: string): Record<string, string> {
    const { home, bin, stateFolder, passphraseFile } = partsOf(folder);
    return {
        ...inherited(),
        PATH: [bin, process.env["PATH"]].join(delimiter),
        HOME: home,
        CI: "true",
        PULUMI_HOME: home,
        PULUMI_BACKEND_URL: `file://${stateFolder}`,
        PULUMI_CONFIG_PASSPHRASE_FILE: passphraseFile,
        PULUMI_CREDENTIAL_STORE: "plaintext",
        PULUMI_SKIP_UPDATE_CHECK: "true",
        PULUMI_DISABLE_REGISTRY_RESOLVE: "true",
    };
}

/** Makes a random passphrase for the secrets in state, unless an earlier run left one. */
async function writePassphrase(file: string): Promise<void> {
    const existing = await readFile(file, "utf8").catch(() => "");
    if (existing === "") {
        await writeFile(file, randomBytes(24).toString("base64url"), { mode: 0o600 });
    }
}

/**
 * What the engine may see of the user's environment: where programs, certificates and proxies are. Not
 * `PULUMI_*`, `KUBECONFIG`, cloud credentials and the like, which would make one run unlike another.
 */
function inherited(): Record<string, string> {
    const allowed =
        /^(USER|LOGNAME|SHELL|TERM|TZ|TMPDIR|LANG|LC_.*|(HTTP|HTTPS|NO|ALL)_PROXY|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS)$/i;
    return Object.fromEntries(
        Object.entries(process.env).filter(
            (entry): entry is [string, string] => allowed.test(entry[0]) && entry[1] !== undefined,
        ),
    );
}

const LANGUAGE_HOST = "pulumi-language-nodejs";

/** The official language host comes with the official CLI, in the same folder. */
async function officialLanguageHost(cli: string): Promise<string | undefined> {
    const host = join(dirname(await realpath(cli)), LANGUAGE_HOST);
    return (await isExecutable(host)) ? host : undefined;
}

/** The engine looks for language hosts beside its own file, and a symbolic link would lead it elsewhere. */
async function linkOrCopy(from: string, to: string): Promise<void> {
    try {
        await link(await realpath(from), to);
    } catch {
        // On another file system, or where links to others' files are forbidden.
        await copyFile(from, to);
    }
}
