import { readFileSync } from "node:fs";
import { readFile, readdir, readlink } from "node:fs/promises";
import { basename } from "node:path";
import { CLUSTER_STATE } from "../paths";
import { MACHINE_VARIABLE, OWNER_VARIABLE } from "./command";
import { until } from "./until";

/** One process of this machine. */
export interface Process {
    readonly pid: number;
    /** The process that started it or, if that has ended, the one it was handed to. */
    readonly parent: number;
    /** The state letter of proc(5); a zombie is `Z`. */
    readonly state: string;
    /** Start in clock ticks after boot: with the process id, it identifies a process for good. */
    readonly started: string;
    /** Seconds of processors that it has used so far, in hundredths. */
    readonly processorSeconds: number;
    /** Program and arguments; empty for kernel threads and zombies. */
    readonly command: readonly string[];
}

/** All processes, kernel threads among them. */
export async function processes(): Promise<Process[]> {
    const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
    const found = await Promise.all(pids.map(readProcess));
    return found.filter((process) => process !== undefined);
}

/** The process, unless it is gone. */
export async function readProcess(pid: number): Promise<Process | undefined> {
    return unlessGone(async () => {
        const stat = await readFile(`/proc/${pid}/stat`, "utf8");
        const command = await readFile(`/proc/${pid}/cmdline`, "utf8");
        return { pid, ...parseStat(stat), command: command.split("\0").slice(0, -1) };
    });
}

/** Whether exactly this process is running still, not another one that got its id. */
export function isRunning({ pid, started }: Pick<Process, "pid" | "started">): boolean {
    try {
        const now = parseStat(readFileSync(`/proc/${pid}/stat`, "utf8"));
        return now.started === started && now.state !== "Z";
    } catch (error) {
        if (!["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) {
            throw error;
        }
        return false;
    }
}

function parseStat(stat: string): Omit<Process, "pid" | "command"> {
    // The name, second in the line, is in brackets and may hold blanks and brackets.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return {
        parent: Number(fields[1]),
        state: fields[0] ?? "",
        started: fields[19] ?? "",
        // The kernel shows times in hundredths of a second, whatever its own clock.
        processorSeconds: (Number(fields[11]) + Number(fields[12])) / 100,
    };
}

/** The processes that were started for the cluster, except containers. */
export function clusterProcesses(): Promise<Process[]> {
    return processesWith(OWNER_VARIABLE, CLUSTER_STATE);
}

/** The processes that work in or for one machine of the cluster, except containers. */
export function machineProcesses(name: string): Promise<Process[]> {
    return processesWith(MACHINE_VARIABLE, name);
}

/** The processes in whose environment the variable has this value. */
export async function processesWith(variable: string, value: string): Promise<Process[]> {
    const mark = `${variable}=${value}`;
    const marked = await Promise.all(
        (await processes()).map(async (process) =>
            (await environment(process.pid)).includes(mark) ? process : undefined,
        ),
    );
    return marked.filter((process) => process !== undefined);
}

/** Ends a process at once, unless it is gone. */
export function kill(pid: number): void {
    try {
        process.kill(pid, "SIGKILL");
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ESRCH") {
            throw error;
        }
    }
}

async function environment(pid: number): Promise<string[]> {
    const text = await unlessGone(() => readFile(`/proc/${pid}/environ`, "utf8"));
    return text?.split("\0") ?? [];
}

/** Whether it is the first process of a machine of the cluster. */
export function isInit({ command: [program = "", folder = ""] }: Process): boolean {
    return basename(program) === "node-init" && `${folder}/`.startsWith(`${CLUSTER_STATE}/`);
}

/**
 * Ends all processes that `find` finds, and with the first process of a machine everything in it.
 *
 * @param what to end the sentence "Waited … for …"
 */
export async function endProcesses(what: string, find: () => Promise<Process[]>): Promise<void> {
    const inits = new Set<number>();
    await until(what, 30, async () => {
        // A machine's first process ends last of all in it, and before the rest may be killed: its daemons'
        // parents are outside, and if they died first, it would wait for somebody else to reap the
        // daemons. While it ends it has no environment any more, so it must be remembered.
        for (const { pid } of (await find()).filter(isInit)) {
            inits.add(pid);
            kill(pid);
        }
        const left = await Promise.all([...inits].map(readProcess));
        if (left.some((process) => process !== undefined && process.state !== "Z")) {
            return undefined;
        }
        const found = await find();
        for (const { pid } of found) {
            kill(pid);
        }
        return found.length === 0 ? true : undefined;
    });
}

/** The namespace of the given kind that the process is in, such as `pid:[4026531836]`. */
export async function namespaceOf(pid: number, kind: string): Promise<string | undefined> {
    return unlessGone(() => readlink(`/proc/${pid}/ns/${kind}`));
}

/** Undefined for a process that ended while it was looked at, or that is not ours to look at. */
async function unlessGone<T>(look: () => Promise<T>): Promise<T | undefined> {
    try {
        return await look();
    } catch (error) {
        const { code = "" } = error as NodeJS.ErrnoException;
        if (!["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(code)) {
            throw error;
        }
        return undefined;
    }
}
