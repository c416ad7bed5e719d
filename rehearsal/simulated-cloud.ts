import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { CLOUD_VARIABLE, type CloudClient, startCloud } from "./cloud/client";
import type { CloudOptions } from "./cloud/cloud";
import type { Fault } from "./cloud/faults";

/** Where the cloud of an engine in `folder` keeps its state, log and socket. */
export function cloudFolder(folder: string): string {
    return join(folder, "cloud");
}

/**
 * What the engine in `folder` needs in its environment to work on the simulated cloud. The credentials are made up
 * for each call: the cloud wants some, as the real one does, and takes any.
 */
export function cloudEnvironment(folder: string): Record<string, string> {
    return {
        [CLOUD_VARIABLE]: cloudFolder(folder),
        ALICLOUD_ACCESS_KEY: "rehearsal",
        ALICLOUD_SECRET_KEY: randomBytes(16).toString("hex"),
    };
}

/** Starts the simulated cloud of the engine in `folder`, or goes on with the one that runs there. */
export async function startCloudOf(
    folder: string,
    options: Partial<CloudOptions> = {},
    faults: readonly Fault[] = [],
    signal?: AbortSignal,
): Promise<CloudClient> {
    const inherited = Object.entries(process.env).filter(
        (entry): entry is [string, string] => entry[1] !== undefined,
    );
    const cloud = await startCloud({
        folder: cloudFolder(folder),
        environment: { ...Object.fromEntries(inherited), PULUMI_HOME: join(folder, "home") },
        options,
        ...(signal === undefined ? {} : { signal }),
    });
    for (const fault of faults) {
        await cloud.setFault(fault);
    }
    return cloud;
}
