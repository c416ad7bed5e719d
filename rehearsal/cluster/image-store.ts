import { existsSync } from "node:fs";
import { copyFile, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { CLUSTER_STATE } from "../paths";
import { step } from "../progress";
import type { Binaries } from "./binaries";
import { command } from "./command";
import { CONTAINERD, CONTAINERD_ROOT, startContainerd } from "./containerd";
import type { Image } from "./images";
import {
    IMAGE_IMPORTER,
    endMachine,
    folderOf,
    inMachine,
    startMachine,
    type Machine,
} from "./machine";
import { sharedFailure } from "./shared-failure";

/** What a containerd that is not running has made of all images; every worker starts with a copy. */
const STORE = join(CLUSTER_STATE, "images");

/**
 * Imports the images once for all workers, unless that has been done. What a killed import left is removed
 * first.
 */
export async function prepareImageStore(
    binaries: Binaries,
    images: readonly Image[],
    userSignal?: AbortSignal,
): Promise<void> {
    if (existsSync(STORE)) {
        return;
    }
    const folder = folderOf(IMAGE_IMPORTER);
    const remove = async (): Promise<void> => {
        await endMachine(IMAGE_IMPORTER);
        await rm(folder, { recursive: true, force: true });
    };
    await step("Import images", async () => {
        const { signal, fail } = sharedFailure(userSignal);
        await remove();
        const machine = await startMachine(
            IMAGE_IMPORTER,
            join(binaries.node, "node-init"),
            signal,
        );
        await startContainerd(machine, fail, signal);
        const ctr = ["--address", CONTAINERD, "--namespace", "k8s.io"];
        // One after the other: imports that run at once wait for each other's lock on the same index file.
        for (const { archive } of images) {
            const path = machine.path(archive);
            await inMachine(machine, "ctr", [...ctr, "images", "import", path], signal);
        }
        await endMachine(IMAGE_IMPORTER);
        await rename(join(folder, CONTAINERD_ROOT), STORE);
        await remove();
    });
}

/**
 * Gives a machine the images of the store, before its containerd starts. Layers, which never change, are
 * hard links; only the indexes are copied.
 */
export async function copyImages({ name, folder }: Machine, signal?: AbortSignal): Promise<void> {
    const root = join(folder, CONTAINERD_ROOT);
    await command("cp", ["--archive", "--link", STORE, root], { machine: name, signal });
    for (const plugin of await readdir(root)) {
        for (const file of await readdir(join(root, plugin))) {
            if (file.endsWith(".db")) {
                await rm(join(root, plugin, file));
                await copyFile(join(STORE, plugin, file), join(root, plugin, file));
            }
        }
    }
}
