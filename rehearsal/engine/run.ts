import type { Readable } from "node:stream";

/** A program to run to its end. */
export interface Run {
    readonly program: string;
    readonly args: readonly string[];
    readonly cwd: string;
    /** The whole environment; nothing of this process's own is added. */
    readonly env: Readonly<Record<string, string>>;
    /** Written to stdin, which is empty otherwise. */
    readonly input?: string | undefined;
    /** Whether what the program prints also appears on our stderr while it runs. */
    readonly show?: boolean | undefined;
    /** Interrupts the program (SIGINT, as Ctrl-C does) and kills it half a minute later. */
    readonly signal?: AbortSignal | undefined;
    /** Time after which the program is interrupted, in milliseconds. */
    readonly timeout?: number;
}

/** A program that failed; the message is the command and, unless it has been shown, the end of its output. */
export class ProgramError extends Error {
    constructor(
        message: string,
        /** All that it printed to stdout. */
        readonly stdout: string,
    ) {
        super(message);
    }
}

/** Lines of output that an error repeats, if they have not been shown. */
const TAIL = 80;

/**
 * Runs a program and returns what it printed.
 *
 * @throws the abort reason when aborted, else a ProgramError
 */
export async function run(what: Run): Promise<{ stdout: string; stderr: string }> {
    const { program, args, cwd, env, signal, timeout, show } = what;
    // Imported like this because one of its dependencies cannot be loaded by require().
    const { execa } = await import("execa");
    const subprocess = execa(program, args, {
        cwd,
        env,
        extendEnv: false,
        // In a process group of its own: Ctrl-C in a terminal would otherwise interrupt it as well as
        // our signal, and the second interrupt makes the engine drop what it is doing.
        detached: true,
        killSignal: "SIGINT",
        forceKillAfterDelay: 30_000,
        maxBuffer: 256 * 2 ** 20,
        reject: false,
        input: what.input ?? "",
        ...(signal === undefined ? {} : { cancelSignal: signal }),
        ...(timeout === undefined ? {} : { timeout }),
    });
    if (show) {
        for (const stream of [subprocess.stdout, subprocess.stderr] satisfies Readable[]) {
            stream.pipe(process.stderr, { end: false });
        }
    }
    const result = await subprocess;
    signal?.throwIfAborted();
    if (result.failed) {
        const output = `${result.stdout}\n${result.stderr}`.trim().split("\n");
        const message = `"${[program, ...args].join(" ")}" failed (${result.originalMessage ?? `exit code ${result.exitCode ?? "unknown"}`})`;
        throw new ProgramError(
            [message, ...(show ? [] : output.slice(-TAIL))].join("\n"),
            result.stdout,
        );
    }
    return { stdout: result.stdout, stderr: result.stderr };
}
