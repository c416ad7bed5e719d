import { CoreV1Api, type KubeConfig } from "@kubernetes/client-node";
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CloudClient } from "../../cloud/client";
import type { CloudOptions } from "../../cloud/cloud";
import { buildBinaries } from "../../cluster/binaries";
import { tearDownCluster } from "../../cluster/cluster";
import { packImages } from "../../cluster/images";
import { Deployment } from "../../deployment";
import { type Engine, prepareEngine } from "../../engine/engine";
import { stopEngine } from "../../engine/stop-engine";
import { WORK } from "../../paths";
import { HOLD_VARIABLE } from "../../plugins/hold";
import { cloudEnvironment, startCloudOf } from "../../simulated-cloud";

/** A stack of the program on a simulated cloud of its own, for one file of tests. */
export interface RehearsalStack {
    readonly folder: string;
    readonly engine: Engine;
    readonly deployment: Deployment;
    readonly cloud: CloudClient;
    /** Image of the stand-in for the WebUI, by digest. */
    readonly image: string;
    /**
     * Lets no creation of the resources of these logical names begin. What it returns gives the name of the first
     * that would have.
     */
    readonly hold: (names: readonly string[]) => Promise<() => string | undefined>;
    /** Ends engine and cloud at once, as a crash does, and starts the cloud again. */
    readonly crash: () => Promise<void>;
    /** Removes all of it. */
    readonly remove: () => Promise<void>;
}

/** Starts one; nothing is deployed yet. */
export async function startRehearsalStack(
    options: Partial<CloudOptions> = {},
): Promise<RehearsalStack> {
    await mkdir(WORK, { recursive: true });
    const folder = await mkdtemp(join(WORK, "test-"));
    const hold = join(folder, "hold");
    const engine = await prepareEngine({
        folder,
        environment: {
            ...cloudEnvironment(folder),
            // The compiler has checked the types already; each command would do so again.
            PULUMI_NODEJS_TRANSPILE_ONLY: "true",
            [HOLD_VARIABLE]: hold,
        },
    });
    const { configured } = await packImages(await buildBinaries());
    const cloud = await startCloudOf(folder, options);
    const deployment = new Deployment(engine, { show: false });
    await deployment.configure({ images: configured });
    return {
        folder,
        engine,
        deployment,
        cloud,
        image: configured.image,
        hold: async (names) => {
            const held = `${hold}.held`;
            await rm(held, { force: true });
            await writeFile(hold, JSON.stringify(names));
            return () => (existsSync(held) && readFileSync(held, "utf8")) || undefined;
        },
        crash: async () => {
            await stopEngine(folder);
            await startCloudOf(folder, options);
        },
        remove: async () => {
            await stopEngine(folder);
            await tearDownCluster();
            await rm(folder, { recursive: true, force: true });
        },
    };
}

/** Each resource of the cloud is one of the state, and the other way round. */
export async function nothingTwice({
    cloud,
    deployment,
}: Pick<RehearsalStack, "cloud" | "deployment">): Promise<void> {
    const { resources } = await cloud.inventory();
    const known = (await deployment.ids()).filter(({ urn }) => /[$:]alicloud:\w+\//.test(urn));
    assert.deepEqual(resources.map(({ id }) => id).sort(), known.map(({ id }) => id).sort());
}

/** Effects of the GPU taint on the nodes that carry the GPU pool's label, each once. */
export async function gpuNodeTaints(kubeconfig: KubeConfig): Promise<(string | undefined)[]> {
    const { items } = await kubeconfig
        .makeApiClient(CoreV1Api)
        .listNode({ labelSelector: "stable-diffusion-knative/pool=gpu" });
    const taints = items.flatMap(({ spec }) => spec?.taints ?? []);
    const ours = taints.filter(
        ({ key, value }) => `${key}=${value ?? ""}` === "nvidia.com/gpu=present",
    );
    return [...new Set(ours.map(({ effect }) => effect))];
}
