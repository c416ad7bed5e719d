import { constants } from "node:fs";
import { access, readdir, stat, statfs } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { OWNER_VARIABLE, command } from "./cluster/command";
import { sharedLibraries } from "./cluster/oci-image";
import { CACHE, CLUSTER_STATE } from "./paths";
import { step } from "./progress";

/**
 * Makes sure that this machine can run the cluster. As root on Debian, packages that are missing are
 * installed with apt-get, which is reported; nothing that is installed is ever removed for them.
 *
 * @throws Error that lists everything missing at once, with the command or the figures
 */
export async function requireClusterPrerequisites(): Promise<void> {
    let machine = await inspect();
    if (machine.root && machine.apt && machine.packages.length > 0) {
        await install(machine.packages);
        machine = await inspect();
    }
    const problems = shortcomings(machine);
    if (problems.length > 0) {
        throw new Error(
            ["The local cluster cannot run on this machine yet:", ...problems].join("\n  - "),
        );
    }
}

/** What the cluster depends on, of one machine. */
export interface Machine {
    readonly platform: string;
    readonly root: boolean;
    /** Whether apt-get is there. */
    readonly apt: boolean;
    /** Debian packages of which something is missing. */
    readonly packages: readonly string[];
    /** Why no suitable Go toolchain can be had, if so. */
    readonly go?: string | undefined;
    /** Why no namespaces can be made, if so; not known without root. */
    readonly namespaces?: string | undefined;
    readonly needs: readonly DiskNeed[];
}

/** Space that one folder needs. */
export interface DiskNeed {
    readonly folder: string;
    /** Number of the file system: needs on the same one add up. */
    readonly device: number;
    /** Bytes free on it. */
    readonly free: number;
    /** Bytes the folder will grow by. */
    readonly needed: number;
}

/** Everything that keeps the machine from running the cluster, in the user's terms. */
export function shortcomings(machine: Machine): string[] {
    const { platform, root, apt, packages, go, namespaces, needs } = machine;
    if (platform !== "linux") {
        return [`it needs Linux, and this is ${platform}`];
    }
    const problems: string[] = [];
    if (!root) {
        problems.push(
            "it needs root, for network namespaces, mounts and control groups: run the same command as root",
        );
    }
    if (packages.length > 0) {
        const list = packages.join(" ");
        problems.push(
            apt
                ? `these packages are missing: apt-get install --no-remove ${list}`
                : `what these Debian packages hold is missing (there is no apt-get here): ${list}`,
        );
    }
    if (go !== undefined) {
        problems.push(
            `Go 1.26 is missing, or a Go from 1.21 on, which fetches the newer toolchain by itself: ${go}`,
        );
    }
    if (namespaces !== undefined) {
        problems.push(`it may not make namespaces here (often a container's limit): ${namespaces}`);
    }
    for (const device of new Set(needs.map((need) => need.device))) {
        const sharing = needs.filter((need) => need.device === device && need.needed > 0);
        const needed = sharing.reduce((sum, need) => sum + need.needed, 0);
        const free = sharing[0]?.free ?? Infinity;
        if (needed > free) {
            const folders = sharing.map(({ folder }) => folder).join(", ");
            problems.push(
                `the disk of ${folders} is too full: ${gib(needed)} GiB needed, ${gib(free)} GiB free`,
            );
        }
    }
    return problems;
}

function gib(bytes: number): string {
    return (bytes / 2 ** 30).toFixed(1);
}

async function inspect(): Promise<Machine> {
    const platform = process.platform;
    const root = process.geteuid?.() === 0;
    const packages = new Set<string>();
    for (const [name, isThere] of PACKAGES) {
        if (!(await isThere())) {
            packages.add(name);
        }
    }
    return {
        platform,
        root,
        apt: await isProgram("apt-get"),
        packages: [...packages],
        go: await reasonOfFailure("go", ["env", "GOVERSION"], join(__dirname, "cluster/node")),
        namespaces:
            root && !packages.has("util-linux")
                ? await reasonOfFailure(
                      "unshare",
                      ["--mount", "--net", "--pid", "--fork", "--mount-proc", "true"],
                      "/",
                  )
                : undefined,
        needs: await diskNeeds(),
    };
}

/** Package → whether what we need of it is there, from wherever it was installed. */
const PACKAGES: readonly (readonly [string, () => Promise<boolean>])[] = [
    ["containerd", () => isProgram("containerd")],
    ["containerd", () => isProgram("ctr")],
    ["runc", () => isProgram("runc")],
    ["containernetworking-plugins", () => isExecutable("/usr/lib/cni/ptp")],
    ["nftables", () => isProgram("nft")],
    ["busybox-static", isStaticBusybox],
    ["iproute2", () => isProgram("ip")],
    ["hey", () => isProgram("hey")],
    ["procps", () => isProgram("sysctl")],
    ["util-linux", () => isProgram("unshare")],
    ["util-linux", () => isProgram("nsenter")],
    [
        "python3-pip",
        async () => !(await reasonOfFailure("python3", ["-m", "pip", "--version"], "/")),
    ],
];

async function isProgram(name: string): Promise<boolean> {
    const folders = (process.env.PATH ?? "").split(delimiter);
    const found = await Promise.all(folders.map((folder) => isExecutable(join(folder, name))));
    return found.includes(true);
}

async function isExecutable(path: string): Promise<boolean> {
    return access(path, constants.X_OK).then(
        () => true,
        () => false,
    );
}

/** Debian's package busybox puts a dynamically linked program in the same place. */
async function isStaticBusybox(): Promise<boolean> {
    return (
        (await isExecutable("/bin/busybox")) && (await sharedLibraries("/bin/busybox")).length === 0
    );
}

async function reasonOfFailure(
    program: string,
    args: readonly string[],
    cwd: string,
): Promise<string | undefined> {
    try {
        await command(program, args, { cwd });
        return undefined;
    } catch (error) {
        return error instanceof Error ? error.message : String(error);
    }
}

/** Bytes, measured on two cores with Go 1.26 and rounded up: images unpacked, etcd, logs. */
const STATE_NEED = 2 * 2 ** 30;
/** Programs and packed images. */
const CACHE_NEED = 2 * 2 ** 30;
/** Go's own caches of modules and compiled packages, of which a machine that has built before has most. */
const GO_NEED = 8 * 2 ** 30;

async function diskNeeds(): Promise<DiskNeed[]> {
    const cached = await readdir(CACHE).catch(() => []);
    const isBuilt = ["coredns-", "kubernetes-", "knative-", "envoy-"].every((group) =>
        cached.some((entry) => entry.startsWith(group)),
    );
    const booted = await isExecutable(CLUSTER_STATE);
    return Promise.all([
        diskNeed(CLUSTER_STATE, booted ? 0 : STATE_NEED),
        diskNeed(CACHE, isBuilt ? 0 : CACHE_NEED),
        ...(isBuilt ? [] : await goNeeds()),
    ]);
}

async function goNeeds(): Promise<Promise<DiskNeed>[]> {
    // A missing Go is reported as such.
    const folders = await command("go", ["env", "GOCACHE", "GOMODCACHE"]).catch(() => "");
    return folders
        .split("\n")
        .filter((folder) => folder !== "")
        .map((folder) => diskNeed(folder, GO_NEED / 2));
}

async function diskNeed(folder: string, needed: number): Promise<DiskNeed> {
    let existing = folder;
    while (!(await isExecutable(existing)) && existing !== "/") {
        existing = dirname(existing);
    }
    const { bavail, bsize } = await statfs(existing);
    return { folder, device: (await stat(existing)).dev, free: bavail * bsize, needed };
}

async function install(packages: readonly string[]): Promise<void> {
    await step(`Install Debian packages: ${packages.join(", ")}`, async () => {
        // Neither a half installed package nor a service that one starts is for tearDownCluster to kill.
        const environment = { DEBIAN_FRONTEND: "noninteractive", [OWNER_VARIABLE]: "" };
        await command("apt-get", ["update"], { environment });
        // Another distribution's containerd or busybox must not be removed without being asked for.
        const options = ["--yes", "--no-install-recommends", "--no-remove"];
        await command("apt-get", ["install", ...options, ...packages], { environment });
    });
}
