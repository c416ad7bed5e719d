import { createHash } from "node:crypto";
import { readFile, readdir, readlink, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { command } from "./cluster/command";
import { namespaceOf, type Process, processes } from "./cluster/processes";
import { CLUSTER_STATE, REPOSITORY } from "./paths";

/** What a rehearsal could leave behind on a machine: per aspect, one line for each thing that is there. */
export type HostState = Readonly<Record<Aspect, readonly string[]>>;

type Aspect =
    | "process"
    | "namespace"
    | "mount"
    | "network address"
    | "route"
    | "control group"
    | "kernel setting"
    | "packet filter rule"
    | "path"
    | "change in the repository";

/**
 * Looks at everything outside of the cache that a rehearsal must leave as it was.
 *
 * Of control groups, those directly below the root of a hierarchy are looked at: containers are below ours
 * or, wrongly configured, below a new one there, and what services of this machine do deeper down is theirs.
 *
 * @throws Error when something cannot be read, as without root
 */
export async function hostState(): Promise<HostState> {
    const running = ownOrOrphaned((await processes()).filter(({ command }) => command.length > 0));
    return {
        process: running.map(
            ({ pid, started, command }) => `${pid} (started ${started}): ${command.join(" ")}`,
        ),
        namespace: await namespaces(running.map(({ pid }) => pid)),
        mount: await mounts(),
        "network address": await networkAddresses(),
        route: [
            ...(await lines("ip", ["-4", "route", "show", "table", "all"])),
            ...(await lines("ip", ["-6", "route", "show", "table", "all"])),
        ].map((route) => route.replace(/ expires \S+/, "")),
        "control group": await controlGroups(),
        "kernel setting": await Promise.all(SETTINGS.map(setting)),
        // Without counters, which change all the time.
        "packet filter rule": await lines("nft", ["--stateless", "list", "ruleset"]),
        path: [
            ...(await Promise.all(LISTED.map(listing))),
            ...(await Promise.all(HASHED.map((name) => contents(join(homedir(), name))))),
        ],
        "change in the repository": await lines("git", ["-C", REPOSITORY, "status", "--porcelain"]),
    };
}

/**
 * The processes among which whatever a rehearsal left would be: its own descendants and, since what it left
 * has lost its parent, those that were handed to the machine's init or to systemd. What people and their
 * programs start meanwhile has other parents, and is none of our business.
 */
export function ownOrOrphaned(running: readonly Process[], self = process.pid): Process[] {
    const parents = new Map(running.map(({ pid, parent }) => [pid, parent]));
    const adopts = new Set([
        0,
        1,
        ...running
            .filter(({ command: [program = ""] }) => basename(program) === "systemd")
            .map(({ pid }) => pid),
    ]);
    const isOwn = (pid: number): boolean => {
        const parent = parents.get(pid);
        return parent !== undefined && (parent === self || isOwn(parent));
    };
    return running.filter(({ pid, parent }) => adopts.has(parent) || isOwn(pid));
}

/**
 * What is there afterwards and was not before, or the other way round; empty when nothing is left. A
 * process or namespace that ended in between is not listed, because others may end theirs at any time.
 */
export function differences(before: HostState, after: HostState): string[] {
    return (Object.keys(after) as Aspect[]).flatMap((aspect) => {
        const appeared = difference(after[aspect], before[aspect]);
        const vanished = difference(before[aspect], after[aspect]);
        return [
            ...appeared.map((line) => `new ${aspect}: ${line}`),
            ...(aspect === "process" || aspect === "namespace" ? [] : vanished).map(
                (line) => `vanished ${aspect}: ${line}`,
            ),
        ];
    });
}

/** Lines of `one` that are not in `other`; a line that is there twice counts twice. */
function difference(one: readonly string[], other: readonly string[]): string[] {
    const left = [...other];
    return one.filter((line) => {
        const index = left.indexOf(line);
        if (index >= 0) {
            left.splice(index, 1);
        }
        return index < 0;
    });
}

async function namespaces(pids: readonly number[]): Promise<string[]> {
    const kinds = ["net", "mnt", "pid", "ipc", "uts", "cgroup"];
    const found = await Promise.all(
        pids.flatMap((pid) => kinds.map((kind) => namespaceOf(pid, kind))),
    );
    return [...new Set(found.filter((name) => name !== undefined))].sort();
}

async function mounts(): Promise<string[]> {
    const table = await readFile("/proc/self/mountinfo", "utf8");
    // Without the ids in front, which say nothing.
    return table
        .trim()
        .split("\n")
        .map((line) => line.split(" ").slice(3).join(" "))
        .sort();
}

async function networkAddresses(): Promise<string[]> {
    const devices = JSON.parse(await command("ip", ["-json", "address", "show"])) as {
        ifname: string;
        addr_info: { local?: string; prefixlen: number }[];
    }[];
    return devices.map(({ ifname, addr_info }) =>
        [ifname, ...addr_info.map(({ local, prefixlen }) => `${String(local)}/${prefixlen}`)].join(
            " ",
        ),
    );
}

async function controlGroups(): Promise<string[]> {
    const hierarchies = (await readFile("/proc/self/mounts", "utf8"))
        .split("\n")
        .map((line) => line.split(" "))
        .filter(([, , type = ""]) => type === "cgroup" || type === "cgroup2")
        .map(([, folder = ""]) => folder);
    const groups = await Promise.all(
        hierarchies.map(async (folder) => {
            const entries = await readdir(folder, { withFileTypes: true });
            return entries
                .filter((entry) => entry.isDirectory())
                .map((entry) => join(folder, entry.name));
        }),
    );
    return groups.flat().sort();
}

/**
 * What a kubelet, kube-proxy or CNI plugin sets on the machine it takes for its own. Those of connection
 * tracking are not among them: they come with a kernel module, which is loaded on first use and stays.
 */
const SETTINGS = [
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/forwarding",
    "net/ipv4/conf/all/route_localnet",
    "net/ipv4/conf/all/arp_ignore",
    "net/ipv4/conf/all/arp_announce",
    "net/ipv6/conf/all/forwarding",
];

async function setting(name: string): Promise<string> {
    const value = await readFile(join("/proc/sys", name), "utf8").catch(absent);
    return `${name.replaceAll("/", ".")} = ${value.trim()}`;
}

/** Where the cluster's programs put files unless told or kept otherwise. */
const LISTED = [
    CLUSTER_STATE,
    "/etc/cni",
    "/etc/kubernetes",
    "/opt/cni",
    "/run/containerd",
    "/run/netns",
    "/run/runc",
    "/usr/libexec/kubernetes",
    "/var/lib/cni",
    "/var/lib/containerd",
    "/var/lib/etcd",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/var/log/pods",
];

async function listing(folder: string): Promise<string> {
    const names = await readdir(folder).then((found) => found.sort().join(", "), absent);
    return `${folder}: ${names}`;
}

/** Folders in the home directory that belong to the user's own Pulumi and kubectl. */
const HASHED = [".pulumi", ".kube"];

async function contents(folder: string): Promise<string> {
    const entries = await readdir(folder, { recursive: true }).catch(absent);
    if (typeof entries === "string") {
        return `${folder}: ${entries}`;
    }
    const hash = createHash("sha256");
    for (const entry of entries.sort()) {
        hash.update(`${entry}\0`).update(await content(join(folder, entry)));
    }
    return `${folder}: ${entries.length} entries, sha256 ${hash.digest("hex")}`;
}

async function content(path: string): Promise<Buffer | string> {
    const found = await stat(path).catch(() => undefined);
    // A link without target, or a folder.
    return found === undefined ? readlink(path) : found.isFile() ? readFile(path) : "";
}

async function lines(program: string, args: readonly string[]): Promise<string[]> {
    return (await command(program, args)).split("\n").filter((line) => line !== "");
}

function absent(error: unknown): string {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
        throw error;
    }
    return "absent";
}
