import { access, constants, readFile, realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { cachedBuild } from "../cached-build";
import { run } from "./run";

const MODULE = join(__dirname, "cli");

/**
 * The pinned version of the Pulumi CLI, as `3.259.0`.
 *
 * @throws Error when `engine/cli/go.mod` pins none, or another than that of the installed `@pulumi/pulumi`
 */
export async function pinnedVersion(): Promise<string> {
    const text = await readFile(join(MODULE, "go.mod"), "utf8");
    const pinned = /github\.com\/pulumi\/pulumi\/pkg\/v3 v(\S+)/.exec(text)?.[1];
    const sdkFile = require.resolve("@pulumi/pulumi/package.json");
    const sdk = JSON.parse(await readFile(sdkFile, "utf8")) as { version: string };
    if (pinned !== sdk.version) {
        throw new Error(
            `${MODULE}/go.mod pins the Pulumi CLI ${pinned ?? "(no version)"}, but @pulumi/pulumi is ${sdk.version}: set both to the same version`,
        );
    }
    return pinned;
}

/**
 * The path of a Pulumi CLI of exactly this version: that of PATH, else that of the npm wrapper if it has
 * been downloaded before, else one built from the pinned Go module (about 5 minutes once, then from the
 * cache).
 *
 * @param environment what `pulumi version` runs with
 * @param note is told where the CLI comes from, and of each that is not used for its version
 * @throws Error when it has to be built and Go is missing or the build fails
 */
export async function findCli(options: {
    readonly version: string;
    readonly environment: Readonly<Record<string, string>>;
    readonly note: (detail: string) => void;
    readonly signal?: AbortSignal | undefined;
}): Promise<string> {
    const { version, environment, note, signal } = options;
    const wrapped = join(userPulumiHome(), "versions", version, "bin", "pulumi");
    for (const candidate of [...(await onPath("pulumi")), wrapped]) {
        if (!(await isExecutable(candidate))) {
            continue;
        }
        const found = await versionOf(candidate, environment, signal);
        if (found === `v${version}`) {
            note(`Pulumi CLI ${version} of ${candidate}`);
            return candidate;
        }
        note(`${candidate} is ${found} and not used; v${version} is needed`);
    }
    const folder = await buildCli(version, signal);
    note(`Pulumi CLI ${version} built from its Go module, in ${folder}`);
    return join(folder, "pulumi");
}

/** The user's own Pulumi home, with what installed CLIs have downloaded. */
export function userPulumiHome(): string {
    return process.env["PULUMI_HOME"] ?? join(homedir(), ".pulumi");
}

/** Every executable of this name on PATH, without the npm wrapper: to ask that one is to make it download. */
async function onPath(name: string): Promise<string[]> {
    const found: string[] = [];
    for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
        const candidate = join(folder, name);
        if (folder !== "" && (await isExecutable(candidate))) {
            const real = await realpath(candidate);
            if (basename(real) !== "run.js" && basename(dirname(candidate)) !== ".bin") {
                found.push(candidate);
            }
        }
    }
    return found;
}

/** Whether this path leads to a file that may be executed. */
export async function isExecutable(path: string): Promise<boolean> {
    return access(path, constants.X_OK).then(
        () => true,
        () => false,
    );
}

async function versionOf(
    cli: string,
    env: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
): Promise<string> {
    try {
        const { stdout } = await run({
            program: cli,
            args: ["version"],
            cwd: MODULE,
            env,
            signal,
            timeout: 20_000,
        });
        return stdout.trim();
    } catch (error) {
        signal?.throwIfAborted();
        return `not a working CLI (${error instanceof Error ? error.message : String(error)})`;
    }
}

const PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi";

async function buildCli(version: string, signal: AbortSignal | undefined): Promise<string> {
    // Without its version the CLI takes itself for a development build and misjudges plugins.
    const variable = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";
    const flags = [
        "-trimpath",
        "-buildvcs=false",
        "-tags=osusergo,grpcnotrace",
        `-ldflags=-s -w -X ${variable}=v${version}`,
    ];
    // Go works as it is set up on this machine: module proxy, checksum database, caches.
    const env = definedOf({ ...process.env, CGO_ENABLED: "0" });
    const go = async (args: readonly string[]): Promise<string> => {
        const { stdout } = await run({ program: "go", args, cwd: MODULE, env, signal });
        return stdout;
    };
    let toolchain: string;
    try {
        toolchain = await go(["env", "GOVERSION", "GOOS", "GOARCH", "GOFLAGS"]);
    } catch (error) {
        signal?.throwIfAborted();
        throw new Error(
            `there is no Pulumi CLI ${version} on this machine, and Go, which would build it, does not work: install Go, or the Pulumi CLI ${version}`,
            { cause: error },
        );
    }
    const sources = await Promise.all(
        ["go.mod", "go.sum"].map((file) => readFile(join(MODULE, file), "utf8")),
    );
    return cachedBuild({
        name: "pulumi-cli",
        key: [...sources, ...flags, toolchain],
        signal,
        build: async (folder) => {
            await go(["build", ...flags, "-o", join(folder, "pulumi"), PACKAGE]);
        },
    });
}

function definedOf(environment: NodeJS.ProcessEnv): Record<string, string> {
    return Object.fromEntries(
        Object.entries(environment).filter(
            (entry): entry is [string, string] => entry[1] !== undefined,
        ),
    );
}
