import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { CACHE, CLUSTER_STATE } from "../paths";
import { clusterEnvironment, command } from "./command";
import { listIfThere, readIfThere } from "./if-there";
import { endProcesses, isInit, isRunning, machineProcesses, type Process } from "./processes";
import { until } from "./until";

/**
 * A machine of the cluster: a process that does nothing, with namespaces of its own for processes, mounts
 * and network. When it is killed, the kernel kills every process in it, containers included, and its mounts
 * and network devices are gone with them: nothing has to be undone one by one.
 */
export interface Machine {
    readonly name: string;
    /** Its state folder, which has the same path inside as outside. */
    readonly folder: string;
    /** Its first process, as this machine sees it. */
    readonly pid: number;
    /** Where it sees a path of the cache. */
    readonly path: (cached: string) => string;
}

/** The machine of the control plane. */
export const CONTROL_PLANE = "control-plane";

/** The machine that imports the images once for all workers, and ends. */
export const IMAGE_IMPORTER = "image-importer";

/** @throws Error for a name that no worker can have */
export function requireWorkerName(name: string): void {
    if (!/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/.test(name)) {
        throw new Error(
            `name of a node is ${JSON.stringify(name)}; allowed: 1 to 63 lower case letters, digits, "." ` +
                `and "-", beginning and ending with a letter or digit`,
        );
    }
    const taken = [CONTROL_PLANE, IMAGE_IMPORTER];
    if (taken.includes(name)) {
        throw new Error(
            `name of a node is ${JSON.stringify(name)}; allowed: anything but ${taken.join(", ")}`,
        );
    }
}

/** Holds the folders of all other machines. */
const MACHINES = join(CLUSTER_STATE, "machines");

/** The state folder of a machine. That of the control plane holds the others. */
export function folderOf(name: string): string {
    return name === CONTROL_PLANE ? CLUSTER_STATE : join(MACHINES, name);
}

/**
 * The folder of a machine's logs, which it sees as `/var/log`: those of its daemons and its pods. It outlives
 * the machine, to be searched for what must not be there.
 */
export function logsOf(name: string): string {
    return join(CLUSTER_STATE, "log", name);
}

/**
 * Starts a machine, with everything but its state folder, its logs and the cache hidden or read-only in it.
 *
 * @param init the `node-init` program
 */
export async function startMachine(
    name: string,
    init: string,
    signal?: AbortSignal,
): Promise<Machine> {
    const folder = folderOf(name);
    await mkdir(logsOf(name), { recursive: true });
    await mkdir(join(folder, "cache"), { recursive: true });
    const namespaces = ["--mount", "--propagation=private", "--net", "--pid", "--fork"];
    const unshare = await startDetached(name, "machine", "unshare", [
        ...namespaces,
        "--mount-proc",
        init,
        folder,
    ]);
    const machine = await until(
        `the machine ${name}`,
        10,
        () => runningMachine(name),
        signal,
    ).catch(async (error: unknown) => {
        throw unshare.exitCode === null ? error : await endOf(name, "machine", unshare);
    });
    const enter = [`--target=${machine.pid}`, "--mount", "--"];
    await command("nsenter", [...enter, "sh", "-euc", MOUNTS], {
        environment: { STATE: folder, LOGS: logsOf(name), CACHE },
        machine: name,
        signal,
    });
    return machine;
}

/** The machine of this name, if its first process is running. */
export async function runningMachine(name: string): Promise<Machine | undefined> {
    const init = (await machineProcesses(name)).find(isInit);
    const folder = folderOf(name);
    return init === undefined
        ? undefined
        : {
              name,
              folder,
              pid: init.pid,
              path: (cached) => cached.replace(CACHE, join(folder, "cache")),
          };
}

/** Ends a machine, with everything in it and whatever is being done to it from outside. */
export async function endMachine(name: string): Promise<void> {
    await endProcesses(`the processes of ${name} to end`, () => machineProcesses(name));
}

/**
 * What a machine sees of this machine's files. Paths that containerd, the kubelet and CNI plugins have
 * built in lie below folders that are empty here; of the rest, the root file system is read-only, so that a
 * path nobody thought of fails loudly and leaves nothing behind.
 *
 * The kubelet insists on setting the files of the last loop, which are settings of the whole machine: it
 * gets copies, and all other settings except those of the network namespace are read-only.
 */
const MOUNTS = `
mount --bind "$CACHE" "$STATE/cache"
mount -t tmpfs tmpfs /run
mkdir /run/state /run/log
mount --rbind "$STATE" /run/state
mount --bind "$LOGS" /run/log
mount -t tmpfs tmpfs /var/lib
mkdir -p "$STATE"
mount --move /run/state "$STATE"
mount --move /run/log /var/log
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
 * Starts a daemon in a machine, with its output in its logs as `<program>.log`.
 *
 * @param program path in the cache, or a program of this machine
 * @param ended called with an Error that carries the end of the log if the daemon ends, whenever that is
 */
export async function startDaemon(
    machine: Machine,
    program: string,
    args: readonly string[],
    ended: (error: Error) => void,
): Promise<void> {
    const path = machine.path(program);
    const name = basename(path);
    const daemon = await startDetached(machine.name, name, "nsenter", [
        ...enter(machine),
        path,
        ...args,
    ]);
    daemon.once("exit", () => void endOf(machine.name, name, daemon).then(ended));
}

/** Runs a command in a machine and returns what it printed. */
export async function inMachine(
    machine: Machine,
    program: string,
    args: readonly string[],
    signal?: AbortSignal,
): Promise<string> {
    return command("nsenter", [...enter(machine), machine.path(program), ...args], {
        machine: machine.name,
        signal,
    });
}

function enter({ pid }: Machine): string[] {
    return [`--target=${pid}`, "--mount", "--net", "--pid", "--"];
}

async function startDetached(
    machine: string,
    name: string,
    program: string,
    args: readonly string[],
): Promise<ChildProcess> {
    const log = await open(join(logsOf(machine), `${name}.log`), "a");
    try {
        const child = spawn(program, args, {
            cwd: "/",
            detached: true,
            env: clusterEnvironment(machine),
            stdio: ["ignore", log.fd, log.fd],
        });
        await once(child, "spawn");
        child.unref();
        return child;
    } finally {
        await log.close();
    }
}

async function endOf(
    machine: string,
    name: string,
    { exitCode, signalCode }: ChildProcess,
): Promise<Error> {
    const log = await readFile(join(logsOf(machine), `${name}.log`), "utf8").catch(() => "");
    const how = signalCode ?? `exit code ${String(exitCode)}`;
    return new Error(`${name} of ${machine} ended (${how}). ${logEnd(log)}`);
}

function logEnd(log: string): string {
    return ["The end of its log:", ...log.trim().split("\n").slice(-15)].join("\n  ");
}

/**
 * Records that a machine is complete, with these daemons. What reads the record works in any process, not
 * only in the one that started the machine.
 *
 * @throws Error if one of them has ended already
 */
export async function recordDaemons(
    { name, folder }: Machine,
    daemons: readonly string[],
): Promise<void> {
    const running = await machineProcesses(name);
    const record = ["node-init", ...daemons].map((daemon): Daemon => {
        const found = running.find(({ command: [program = ""] }) => basename(program) === daemon);
        if (found === undefined) {
            throw new Error(`${daemon} of ${name} ended while ${name} was started.`);
        }
        return { daemon, pid: found.pid, started: found.started };
    });
    await writeFile(join(folder, RECORD), JSON.stringify(record));
}

/** Forgets what was recorded: from then on the machine is not complete, and no daemon that has ended is a failure. */
export async function forgetDaemons(machine: string): Promise<void> {
    await rm(join(folderOf(machine), RECORD), { force: true });
}

type Daemon = Pick<Process, "pid" | "started"> & { readonly daemon: string };

const RECORD = "daemons.json";

/** Whether the machine is complete and all that belongs to it is running. */
export function isWhole(name: string): boolean {
    return recorded(name)?.every(isRunning) ?? false;
}

/** What has ended of machines that were complete, one description each, with the end of its log. */
export function endedDaemons(): string[] {
    return [CONTROL_PLANE, ...listIfThere(MACHINES)].flatMap((machine) =>
        (recorded(machine) ?? [])
            .filter((daemon) => !isRunning(daemon))
            .map(({ daemon }) => {
                const name = daemon === "node-init" ? "machine" : daemon;
                const log = readIfThere(join(logsOf(machine), `${name}.log`)) ?? "";
                return `${name} of ${machine} is not running any more. ${logEnd(log)}`;
            }),
    );
}

function recorded(machine: string): Daemon[] | undefined {
    const text = readIfThere(join(folderOf(machine), RECORD));
    return text === undefined ? undefined : (JSON.parse(text) as Daemon[]);
}
