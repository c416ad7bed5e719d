import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { CACHE, CLUSTER_STATE } from "../paths";
import { clusterEnvironment, command } from "./command";
import { nodeProcess } from "./processes";
import { until } from "./until";

/**
 * The machine that the cluster runs on: a process that does nothing, with namespaces of its own for
 * processes, mounts and network. When it is killed, the kernel kills every process in it, containers
 * included, and its mounts and network devices are gone with them: nothing has to be undone one by one.
 */
export interface Node {
    /** Its first process, as this machine sees it. */
    readonly pid: number;
    /** Where the node sees a path of the cache. */
    readonly path: (cached: string) => string;
}

/** The folder of the daemons' logs. */
export const LOGS = join(CLUSTER_STATE, "log");

/**
 * Starts the node, with everything but the state folder and the cache hidden or read-only in it.
 *
 * @param init the `node-init` program
 */
export async function startNode(init: string, signal?: AbortSignal): Promise<Node> {
    await mkdir(LOGS, { recursive: true });
    await mkdir(join(CLUSTER_STATE, "cache"));
    const namespaces = ["--mount", "--propagation=private", "--net", "--pid", "--fork"];
    const unshare = await startDetached("node", "unshare", [
        ...namespaces,
        "--mount-proc",
        init,
        CLUSTER_STATE,
    ]);
    const pid = await until("the node", 10, nodeProcess, signal).catch(async (error: unknown) => {
        throw unshare.exitCode === null ? error : await endOf("node", unshare);
    });
    await command("nsenter", [`--target=${pid}`, "--mount", "--", "sh", "-euc", MOUNTS], {
        environment: { STATE: CLUSTER_STATE, CACHE },
        signal,
    });
    return { pid, path: (cached) => cached.replace(CACHE, join(CLUSTER_STATE, "cache")) };
}

/**
 * What the node sees of this machine's files. Paths that containerd, the kubelet and CNI plugins have
 * built in lie below folders that are empty here; of the rest, the root file system is read-only, so that a
 * path nobody thought of fails loudly and leaves nothing behind.
 *
 * The kubelet insists on setting the files of the last loop, which are settings of the whole machine: it
 * gets copies, and all other settings except those of the network namespace are read-only.
 */
const MOUNTS = `
mount --bind "$CACHE" "$STATE/cache"
mount -t tmpfs tmpfs /run
mkdir /run/state
mount --rbind "$STATE" /run/state
mount -t tmpfs tmpfs /var/lib
mkdir -p "$STATE"
mount --move /run/state "$STATE"
mount -t tmpfs tmpfs /var/log
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -o remount,bind,ro /
for folder in kernel vm fs; do
    mount --bind /proc/sys/$folder /proc/sys/$folder
    mount -o remount,bind,ro /proc/sys/$folder
done
for setting in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops \\
    kernel/keys/root_maxkeys kernel/keys/root_maxbytes
do
    mkdir -p "/run/sysctl/\${setting%/*}"
    cat /proc/sys/$setting > /run/sysctl/$setting
    mount --bind /run/sysctl/$setting /proc/sys/$setting
done
`;

/**
 * Starts a daemon in the node, with its output in `LOGS/<program>.log`.
 *
 * @param program path in the cache, or a program of this machine
 * @param ended called with an Error that carries the end of the log if the daemon ends, whenever that is
 */
export async function startDaemon(
    node: Node,
    program: string,
    args: readonly string[],
    ended: (error: Error) => void,
): Promise<void> {
    const path = node.path(program);
    const name = basename(path);
    const daemon = await startDetached(name, "nsenter", [...enter(node), path, ...args]);
    daemon.once("exit", () => void endOf(name, daemon).then(ended));
}

/** Runs a command in the node and returns what it printed. */
export async function inNode(
    node: Node,
    program: string,
    args: readonly string[],
    signal?: AbortSignal,
): Promise<string> {
    return command("nsenter", [...enter(node), node.path(program), ...args], { signal });
}

function enter(node: Node): string[] {
    return [`--target=${node.pid}`, "--mount", "--net", "--pid", "--"];
}

async function startDetached(
    name: string,
    program: string,
    args: readonly string[],
): Promise<ChildProcess> {
    const log = await open(join(LOGS, `${name}.log`), "a");
    try {
        const child = spawn(program, args, {
            cwd: "/",
            detached: true,
            env: clusterEnvironment(),
            stdio: ["ignore", log.fd, log.fd],
        });
        await once(child, "spawn");
        child.unref();
        return child;
    } finally {
        await log.close();
    }
}

async function endOf(name: string, { exitCode, signalCode }: ChildProcess): Promise<Error> {
    const log = await readFile(join(LOGS, `${name}.log`), "utf8").catch(() => "");
    return new Error(
        [
            `${name} ended (${signalCode ?? `exit code ${String(exitCode)}`}). The end of its log:`,
            ...log.trim().split("\n").slice(-15),
        ].join("\n  "),
    );
}
