import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

/** Our control group in each hierarchy of this machine: every worker has one of its own below it. */
const CGROUP = "sd-rehearsal";

/** The control group below which a worker's kubelet puts every pod, as the kubelet names it. */
export function cgroupOf(worker: string): string {
    return `/${CGROUP}/${worker}`;
}

/**
 * Creates our control group in every hierarchy.
 *
 * With cgroup v2, controllers that the root group does not hand down yet are switched on; their names are
 * left in `record` for {@link removeCgroups}. (Version 2 is written after its documentation and has not
 * been run: the machines this was developed on have version 1.)
 */
export async function createCgroups(record: string): Promise<void> {
    for (const hierarchy of await hierarchies()) {
        if (hierarchy.version === 2) {
            await enableControllers(hierarchy.folder, record);
        }
        await createGroup(hierarchy, CGROUP);
    }
}

/** Creates the control group of a worker in every hierarchy; two kubelets in one would remove each other's pods. */
export async function createWorkerCgroups(worker: string): Promise<void> {
    for (const hierarchy of await hierarchies()) {
        if (hierarchy.version === 2) {
            for (const controller of CONTROLLERS) {
                const control = join(hierarchy.folder, CGROUP, "cgroup.subtree_control");
                await writeFile(control, `+${controller}`);
            }
        }
        await createGroup(hierarchy, join(CGROUP, worker));
    }
}

async function createGroup({ folder, version }: Hierarchy, group: string): Promise<void> {
    await mkdir(join(folder, group), { recursive: true });
    // In version 1 a new group has no processors and no memory nodes, and refuses processes.
    for (const setting of ["cpuset.cpus", "cpuset.mems"]) {
        if (version === 1 && existsSync(join(folder, setting))) {
            const inherited = await readFile(join(folder, setting), "utf8");
            await writeFile(join(folder, group, setting), inherited);
        }
    }
}

/** Removes our control groups once their processes are dead, and undoes what `record` says. */
export async function removeCgroups(record: string): Promise<void> {
    for (const { folder } of await mounts()) {
        await removeTree(join(folder, CGROUP));
    }
    if (existsSync(record)) {
        const { folder, controllers } = JSON.parse(await readFile(record, "utf8")) as Enabled;
        for (const controller of controllers) {
            await writeFile(join(folder, "cgroup.subtree_control"), `-${controller}`);
        }
    }
}

/** Removes the control groups of a worker once their processes are dead. */
export async function removeWorkerCgroups(worker: string): Promise<void> {
    for (const { folder } of await mounts()) {
        await removeTree(join(folder, CGROUP, worker));
    }
}

interface Enabled {
    readonly folder: string;
    readonly controllers: readonly string[];
}

/**
 * The hierarchies that the kubelet uses: all of version 1, or version 2. On a hybrid machine version 2 has
 * no controllers; runc makes our group in it nevertheless.
 */
async function hierarchies(): Promise<Hierarchy[]> {
    const all = await mounts();
    const version1 = all.filter(({ version }) => version === 1);
    return version1.length > 0 ? version1 : all;
}

interface Hierarchy {
    /** Where it is mounted. */
    readonly folder: string;
    readonly version: 1 | 2;
}

async function mounts(): Promise<Hierarchy[]> {
    const lines = (await readFile("/proc/self/mounts", "utf8")).split("\n");
    return lines
        .map((line) => line.split(" "))
        .filter(([, , type = ""]) => ["cgroup", "cgroup2"].includes(type))
        .map(([, folder = "", type]) => ({ folder, version: type === "cgroup" ? 1 : 2 }));
}

/** What the kubelet requires of version 2. */
const CONTROLLERS = ["cpu", "cpuset", "memory", "pids"];

async function enableControllers(folder: string, record: string): Promise<void> {
    const control = join(folder, "cgroup.subtree_control");
    const enabled = (await readFile(control, "utf8")).trim().split(" ");
    const controllers = CONTROLLERS.filter((controller) => !enabled.includes(controller));
    const undo: Enabled = { folder, controllers };
    await writeFile(record, JSON.stringify(undo));
    for (const controller of controllers) {
        await writeFile(control, `+${controller}`);
    }
}

async function removeTree(folder: string): Promise<void> {
    if (!existsSync(folder)) {
        return;
    }
    for (const entry of await readdir(folder, { withFileTypes: true })) {
        if (entry.isDirectory()) {
            await removeTree(join(folder, entry.name));
        }
    }
    // The kernel empties the group of a dead process a little later than the process is gone.
    const deadline = performance.now() + 10_000;
    for (;;) {
        try {
            await rmdir(folder);
            return;
        } catch (error) {
            const { code } = error as NodeJS.ErrnoException;
            if (code === "ENOENT") {
                return;
            }
            if (code !== "EBUSY" || performance.now() > deadline) {
                throw error;
            }
            await setTimeout(20);
        }
    }
}
