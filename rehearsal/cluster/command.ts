import { CLUSTER_STATE } from "../paths";

/**
 * Environment variable, set to the state folder, of every process that belongs to the cluster: daemons,
 * builds and short-lived commands alike. `tearDownCluster` finds by it what a killed boot left running,
 * without process ids that could be stale or were never written.
 */
export const OWNER_VARIABLE = "SD_REHEARSAL_CLUSTER";

/**
 * Environment variable, set to the machine's name, of every process that works in or for one machine of the
 * cluster, so that one machine can be removed like the whole cluster.
 */
export const MACHINE_VARIABLE = "SD_REHEARSAL_MACHINE";

/**
 * The environment for processes of the cluster. It has no Pulumi home: by that `stopEngine` finds what it ends, the
 * simulated cloud among it, and the cluster that the cloud started outlives it, as ACK would.
 *
 * @param machine name of the machine that the process works in or for, if it is one
 */
export function clusterEnvironment(machine?: string): NodeJS.ProcessEnv {
    const owner: NodeJS.ProcessEnv = { ...process.env, [OWNER_VARIABLE]: CLUSTER_STATE };
    delete owner["PULUMI_HOME"];
    return machine === undefined ? owner : { ...owner, [MACHINE_VARIABLE]: machine };
}

/**
 * Runs a command as a process of the cluster and returns what it printed on stdout.
 *
 * When the signal aborts, the command and all its children get SIGINT, on which `go` removes its temporary
 * files, and SIGKILL five seconds later.
 *
 * @throws the abort reason when aborted, else an Error with the command, its exit code and its last lines
 */
export async function command(
    program: string,
    args: readonly string[],
    options: {
        readonly cwd?: string;
        readonly environment?: Readonly<Record<string, string>>;
        /** Name of the machine that the command works in or for. */
        readonly machine?: string | undefined;
        readonly signal?: AbortSignal | undefined;
    } = {},
): Promise<string> {
    const { cwd, environment, machine, signal } = options;
    signal?.throwIfAborted();
    // Imported like this because one of its dependencies cannot be loaded by require().
    const { execa } = await import("execa");
    const running = execa(program, args, {
        ...(cwd === undefined ? {} : { cwd }),
        env: { ...clusterEnvironment(machine), ...environment },
        stdin: "ignore",
        // Leader of a process group of its own, which can be signalled as a whole.
        detached: true,
        maxBuffer: 64 * 2 ** 20,
        reject: false,
    });
    let lastResort: NodeJS.Timeout | undefined;
    const stop = (): void => {
        killGroup(running.pid, "SIGINT");
        lastResort = setTimeout(() => {
            killGroup(running.pid, "SIGKILL");
        }, 5000);
    };
    signal?.addEventListener("abort", stop, { once: true });
    const result = await running;
    signal?.removeEventListener("abort", stop);
    clearTimeout(lastResort);
    signal?.throwIfAborted();
    if (result.failed) {
        const lines = `${result.stdout}\n${result.stderr}`.trim().split("\n");
        throw new Error(
            [
                `"${[program, ...args].join(" ")}" failed (${result.originalMessage ?? result.shortMessage}).`,
                ...lines.slice(-15),
            ].join("\n  "),
        );
    }
    return result.stdout;
}

function killGroup(leader: number | undefined, signal: NodeJS.Signals): void {
    try {
        if (leader !== undefined) {
            process.kill(-leader, signal);
        }
    } catch (error) {
        // The group has ended by itself.
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") {
            throw error;
        }
    }
}
