import {
    type ServerUnaryCall,
    type ServerWritableStream,
    type sendUnaryData,
    status,
} from "@grpc/grpc-js";
import { LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb";
import * as messages from "@pulumi/pulumi/proto/language_pb";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { engineAddress, startPluginServer } from "../plugins/plugin-server";

/**
 * Stand-in for the official Node.js language host (`pulumi-language-nodejs`), for machines where only
 * the CLI can be had. It runs programs and policy packs through the same modules of `@pulumi/pulumi`
 * as the official one (`cmd/run`, `cmd/run-policy-pack`), taken from the program's or pack's own folder.
 * It does not find plugins by the program's dependencies, install packages, or generate code, it runs
 * no plugins other than policy packs, and policies do not see the stack's configuration.
 */
export const languageHost = {
    getPluginInfo: (_call: unknown, callback: sendUnaryData<PluginInfo>): void => {
        callback(null, new PluginInfo().setVersion(sdkVersion()));
    },
    // Nothing is announced: the engine loads each plugin when the program registers its first resource.
    getRequiredPackages: (
        _call: unknown,
        callback: sendUnaryData<messages.GetRequiredPackagesResponse>,
    ): void => {
        callback(null, new messages.GetRequiredPackagesResponse());
    },
    getRequiredPlugins: (
        _call: unknown,
        callback: sendUnaryData<messages.GetRequiredPluginsResponse>,
    ): void => {
        callback(null, new messages.GetRequiredPluginsResponse());
    },
    run: (
        call: ServerUnaryCall<messages.RunRequest, messages.RunResponse>,
        callback: sendUnaryData<messages.RunResponse>,
    ): void => {
        runProgram(call.request).then(
            (response) => {
                callback(null, response);
            },
            (error: unknown) => {
                callback(grpcError(error));
            },
        );
    },
    runPlugin: (
        call: ServerWritableStream<messages.RunPluginRequest, messages.RunPluginResponse>,
    ): void => {
        try {
            runPolicyPack(call);
        } catch (error) {
            call.emit("error", grpcError(error));
        }
    },
    cancel: (_call: unknown, callback: sendUnaryData<Empty>): void => {
        endChildren();
        callback(null, new Empty());
    },
};

function grpcError(error: unknown) {
    return {
        code: status.UNKNOWN,
        details: error instanceof Error ? error.message : String(error),
    };
}

function sdkVersion(): string {
    const { version } = createRequire(__filename)("@pulumi/pulumi/package.json") as {
        version: string;
    };
    return version;
}

/** How `@pulumi/pulumi/cmd/run` ends when it has already shown what went wrong. */
const ALREADY_REPORTED = 32;

async function runProgram(request: messages.RunRequest): Promise<messages.RunResponse> {
    const info = request.getInfo();
    const folder = info?.getProgramDirectory() || request.getPwd();
    const config = Object.fromEntries(request.getConfigMap().getEntryList());
    const child = startNode({
        module: moduleOf("@pulumi/pulumi/cmd/run", folder),
        args: [
            `--project=${request.getProject()}`,
            `--stack=${request.getStack()}`,
            `--organization=${request.getOrganization()}`,
            `--root-directory=${info?.getRootDirectory() ?? ""}`,
            `--parallel=${request.getParallel()}`,
            `--pwd=${request.getPwd()}`,
            `--monitor=${request.getMonitorAddress()}`,
            `--engine=${engineAddress() ?? ""}`,
            ...(request.getDryrun() ? ["--dry-run"] : []),
            info?.getEntryPoint() || ".",
        ],
        cwd: request.getPwd(),
        env: {
            ...runtimeEnvironment(info),
            PULUMI_CONFIG: JSON.stringify(config),
            PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
        },
        output: "inherit",
    });
    const { code, signal } = await ended(child);
    const response = new messages.RunResponse();
    if (code === ALREADY_REPORTED) {
        response.setBail(true);
    } else if (code !== 0) {
        response.setError(`the program ended with ${signal ?? `code ${code ?? "unknown"}`}`);
    }
    return response;
}

/**
 * What the `runtime.options` of a program or pack, in its Pulumi.yaml or PulumiPolicy.yaml, mean to what loads it.
 *
 * @throws Error naming the options that this stand-in does not know, or the one whose value has the wrong type
 */
export function runtimeEnvironment(info: messages.ProgramInfo | undefined): Record<string, string> {
    const options = info?.getOptions()?.toJavaScript() ?? {};
    // The package manager matters to `pulumi install` only.
    const known = ["typescript", "tsconfig", "packagemanager"];
    const unknown = Object.keys(options).filter((option) => !known.includes(option));
    if (unknown.length > 0) {
        throw new Error(
            `the stand-in for the Node.js language host does not know the runtime options ${unknown.join(", ")}; it knows ${known.join(", ")}`,
        );
    }
    const { typescript = true, tsconfig = "" } = options;
    if (typeof typescript !== "boolean") {
        throw new Error("typescript option must be a boolean");
    }
    if (typeof tsconfig !== "string") {
        throw new Error("tsconfig option must be a string");
    }
    return {
        ...(typescript ? { PULUMI_NODEJS_TYPESCRIPT: "true" } : {}),
        ...(tsconfig === "" ? {} : { PULUMI_NODEJS_TSCONFIG_PATH: tsconfig }),
    };
}

function runPolicyPack(
    call: ServerWritableStream<messages.RunPluginRequest, messages.RunPluginResponse>,
): void {
    const request = call.request;
    if (request.getKind() !== "analyzer") {
        throw new Error(
            `the stand-in for the Node.js language host runs programs and policy packs, but no ${request.getKind()} plugin (${request.getName()})`,
        );
    }
    const info = request.getInfo();
    const folder = info?.getProgramDirectory() || request.getProgram();
    const child = startNode({
        module: moduleOf("@pulumi/pulumi/cmd/run-policy-pack", folder),
        args: [...request.getArgsList(), folder],
        // As with the official host, and not where the engine is: a pack reads its version from here.
        cwd: folder,
        env: {
            ...Object.fromEntries(request.getEnvList().map(keyAndValue)),
            ...runtimeEnvironment(info),
        },
        output: "pipe",
    });
    child.stdout?.on("data", (chunk: Uint8Array) => {
        call.write(new messages.RunPluginResponse().setStdout(chunk));
    });
    child.stderr?.on("data", (chunk: Uint8Array) => {
        call.write(new messages.RunPluginResponse().setStderr(chunk));
    });
    call.on("cancelled", () => child.kill());
    void ended(child).then(({ code }) => {
        call.write(new messages.RunPluginResponse().setExitcode(code ?? 1));
        call.end();
    });
}

function keyAndValue(variable: string): [string, string] {
    const end = variable.indexOf("=");
    return [variable.slice(0, end), variable.slice(end + 1)];
}

/**
 * The module as the program in this folder sees it: hoisted, its own, or beside a copy of it.
 *
 * @throws Error when the program has no `@pulumi/pulumi`
 */
export function moduleOf(module: string, folder: string): string {
    try {
        return createRequire(join(folder, "package.json")).resolve(module);
    } catch (error) {
        throw new Error(
            `${folder} does not find ${module}: run \`npm ci\` there, or where its node_modules should be`,
            { cause: error },
        );
    }
}

const children = new Set<ChildProcess>();

function startNode(program: {
    module: string;
    args: readonly string[];
    cwd: string;
    env: NodeJS.ProcessEnv;
    output: "inherit" | "pipe";
}): ChildProcess {
    const child = spawn(process.execPath, [program.module, ...program.args], {
        cwd: program.cwd,
        env: { ...process.env, ...program.env },
        stdio: ["ignore", program.output, program.output],
    });
    children.add(child);
    return child;
}

/** How a child ended, once its output has arrived as well; a child that never started ended with code 1. */
async function ended(
    child: ChildProcess,
): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    return new Promise((resolve) => {
        child.on("error", (error) => {
            process.stderr.write(`${error.message}\n`);
            resolve({ code: 1, signal: null });
        });
        child.on("close", (code, signal) => {
            children.delete(child);
            resolve({ code, signal });
        });
    });
}

function endChildren(): void {
    for (const child of children) {
        child.kill();
    }
}

if (require.main === module) {
    process.on("exit", endChildren);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
        process.on(signal, () => process.exit(1));
    }
    void startPluginServer(LanguageRuntimeService, languageHost);
}
