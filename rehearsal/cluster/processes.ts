import { readFile, readdir, readlink } from "node:fs/promises";
import { basename } from "node:path";
import { CLUSTER_STATE } from "../paths";
import { OWNER_VARIABLE } from "./command";

/** One process of this machine. */
export interface Process {
    readonly pid: number;
    /** The process that started it or, if that has ended, the one it was handed to. */
    readonly parent: number;
    /** The state letter of proc(5); a zombie is `Z`. */
    readonly state: string;
    /** Start in clock ticks after boot: with the process id, it identifies a process for good. */
    readonly started: string;
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
        // The name, second in the line, is in brackets and may hold blanks and brackets.
        const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        return {
            pid,
            parent: Number(fields[1]),
            state: fields[0] ?? "",
            started: fields[19] ?? "",
            command: command.split("\0").slice(0, -1),
        };
    });
}

/** The processes that were started for the cluster, except containers. */
export function clusterProcesses(): Promise<Process[]> {
    return processesWith(OWNER_VARIABLE, CLUSTER_STATE);
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

/** The process id, as this machine sees it, of the first process of the node, if there is a node. */
export async function nodeProcess(): Promise<number | undefined> {
    const isNode = ({ command: [program = "", state] }: Process): boolean =>
        basename(program) === "node-init" && state === CLUSTER_STATE;
    return (await clusterProcesses()).find(isNode)?.pid;
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
