import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bootCluster, tearDownCluster } from "./cluster/cluster";
import { Deployment, STACK, type TargetCluster } from "./deployment";
import { checkGuarded, checkSeeds, draw, randomSubject, type Service } from "./drawing";
import { type PluginChoice, prepareEngine } from "./engine/engine";
import { stopEngine } from "./engine/stop-engine";
import { differences, type HostState, hostState } from "./host-state";
import { CLUSTER_STATE, REPOSITORY, WORK } from "./paths";
import { requireClusterPrerequisites } from "./prerequisites";
import { step } from "./progress";
import { takeRunLock } from "./run-lock";

/** What the command line chose. */
export interface RunOptions {
    /** Leave cluster and service running. */
    readonly keep: boolean;
    /** @default official where they can be had */
    readonly plugins?: PluginChoice | undefined;
    /** Path of the kubeconfig of a cluster to use instead of the local one. */
    readonly kubeconfig?: string | undefined;
    /** Image to deploy there. */
    readonly image?: string | undefined;
    /** Ends the work and cleans up when aborted. */
    readonly signal: AbortSignal;
}

/** Where the engine of a deployment keeps its home, state and copy of the program. */
const ENGINE = join(WORK, "engine");

/** Says that {@link ENGINE} deployed into a cluster of the user's, which `down` must leave as it was. */
const FOREIGN = join(ENGINE, "uses-existing-cluster");

/** The image that the last run drew. */
const IMAGE = join(WORK, "image.png");

/** How to call a service that was kept: a curl configuration, since arguments show to every process. */
const CURL = join(WORK, "curl.conf");

/** The whole rehearsal: everything up, proven, and down again with nothing left. */
export async function run(options: RunOptions): Promise<void> {
    await takeRunLock();
    await requireNoLeftovers();
    const before = await preparedHost(options);
    await cleanedUpOnFailure(options, async () => {
        const deployment = await deployAndDraw(options);
        await step("Second up, without changes", async () => {
            await deployment.up("--expect-no-changes");
            await deployment.preview("--refresh", "--expect-no-changes");
        });
        await step("Search for leaked secrets", async (note) => {
            const logs = [join(CLUSTER_STATE, "log")].filter((folder) => existsSync(folder));
            note(`${await deployment.searchForLeaks(logs)} forms, none found`);
        });
        await keepOrDestroy(deployment, options);
    });
    if (!options.keep && before !== undefined) {
        await step("Check that nothing is left", () => requireNothingLeft(before));
    }
    process.stderr.write(`\nThe image: ${IMAGE}\n`);
}

/** Cluster, service and one image; kept with `--keep`. */
export async function up(options: RunOptions): Promise<void> {
    await takeRunLock();
    await preparedHost(options);
    await cleanedUpOnFailure(options, async () => {
        await keepOrDestroy(await deployAndDraw(options), options);
    });
    process.stderr.write(`\nThe image: ${IMAGE}\n`);
}

/** Removes whatever any rehearsal left on this machine. */
export async function down({ plugins, signal }: RunOptions): Promise<void> {
    await takeRunLock();
    if (existsSync(FOREIGN)) {
        await step("Destroy what was deployed into the existing cluster", async () => {
            await stopEngine(ENGINE);
            const engine = await prepareEngine({ folder: ENGINE, plugins, signal });
            await new Deployment(engine, { signal }).destroy();
        });
    }
    await removeEverything();
}

/** Boots the local cluster and leaves it. */
export async function clusterUp({ signal }: RunOptions): Promise<void> {
    await takeRunLock();
    const cluster = await bootCluster(signal);
    process.stdout.write(
        `kubeconfig: ${cluster.kubeconfig}\ngateway:    http://${cluster.gatewayAddress}\nimage:      ${cluster.modelImage}\n`,
    );
}

/** Removes the local cluster. */
export async function clusterDown(): Promise<void> {
    await takeRunLock();
    await step("Remove the cluster", tearDownCluster);
}

/** Previews every stack that has a configuration file, with the policy pack. */
export async function plan({ plugins, signal }: RunOptions): Promise<void> {
    await takeRunLock();
    await mkdir(WORK, { recursive: true });
    const folder = await mkdtemp(join(WORK, "plan-"));
    try {
        const engine = await prepareEngine({ folder, plugins, signal });
        const stacks = (await readdir(REPOSITORY))
            .map((file) => /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1])
            .filter((stack) => stack !== undefined);
        for (const stack of stacks) {
            await step(`Preview ${stack}`, async () => {
                const deployment = new Deployment(engine, { signal, stack });
                await deployment.select();
                await deployment.preview();
            });
        }
    } finally {
        await rm(folder, { recursive: true, force: true });
    }
}

/** This machine with what the local cluster needs, as it is before; undefined where there will be none. */
async function preparedHost({ kubeconfig }: RunOptions): Promise<HostState | undefined> {
    if (kubeconfig !== undefined) {
        return undefined;
    }
    await requireClusterPrerequisites();
    return hostState();
}

/** What fails or is interrupted is removed again, unless it is to be kept. */
async function cleanedUpOnFailure(options: RunOptions, work: () => Promise<void>): Promise<void> {
    try {
        await work();
    } catch (error) {
        if (!options.keep) {
            await abandon(options);
        }
        throw error;
    }
}

/** Up to a proven image. */
async function deployAndDraw(options: RunOptions): Promise<Deployment> {
    const { plugins, signal } = options;
    const engine = await prepareEngine({ folder: ENGINE, plugins, signal });
    const target = await targetCluster(options);
    const deployment = new Deployment(engine, { signal });
    await step("Up", async () => {
        await deployment.configure(target);
        await deployment.up();
    });
    const service = await deployment.service();
    await step("Draw an image", (note) => drawImage(service, note, signal));
    return deployment;
}

async function keepOrDestroy(deployment: Deployment, { keep }: RunOptions): Promise<void> {
    if (keep) {
        await printHowToCall(await deployment.service());
        return;
    }
    await step("Destroy", () => deployment.destroy());
    await removeEverything();
}

async function requireNothingLeft(before: HostState): Promise<void> {
    const left = differences(before, await hostState());
    if (left.length > 0) {
        throw new Error(`left on this machine:\n${left.map((each) => `  ${each}`).join("\n")}`);
    }
}

async function targetCluster({ kubeconfig, image, signal }: RunOptions): Promise<TargetCluster> {
    if (kubeconfig !== undefined) {
        await writeFile(FOREIGN, "");
        return { kubeconfig, image };
    }
    const cluster = await step("Boot the cluster", () => bootCluster(signal));
    return { kubeconfig: cluster.kubeconfig, image: cluster.modelImage };
}

async function drawImage(
    service: Service,
    note: (detail: string) => void,
    signal: AbortSignal,
): Promise<void> {
    const drawing = await draw(service, randomSubject(), signal);
    await writeFile(IMAGE, drawing.png);
    note(`${IMAGE}: ${JSON.stringify(drawing.infotext)}`);
    await checkSeeds(service, drawing, signal);
    note("the same seed gives the same pixels, another seed others");
    for (const attempt of await checkGuarded(service, signal)) {
        note(attempt);
    }
}

/** After a failure: the local cluster goes with all that is in it; an existing one is cleaned by the engine. */
async function abandon({ kubeconfig }: RunOptions): Promise<void> {
    if (kubeconfig === undefined) {
        await removeEverything();
    } else {
        process.stderr.write(
            "what was deployed is still there; remove it with: npm run rehearse -- down\n",
        );
    }
}

async function removeEverything(): Promise<void> {
    // The engine first: one that a killed run left would go on working on the cluster.
    for (const folder of await engineFolders()) {
        await stopEngine(folder);
        await rm(folder, { recursive: true, force: true });
    }
    await rm(CURL, { force: true });
    await step("Remove the cluster", tearDownCluster);
}

/** Those of the deployment, of plans and of tests. */
async function engineFolders(): Promise<string[]> {
    const entries = existsSync(WORK) ? await readdir(WORK, { withFileTypes: true }) : [];
    return entries.filter((each) => each.isDirectory()).map(({ name }) => join(WORK, name));
}

async function requireNoLeftovers(): Promise<void> {
    if (existsSync(FOREIGN)) {
        throw new Error(
            "an earlier rehearsal is still deployed in the cluster of its --kubeconfig; remove it first: npm run rehearse -- down",
        );
    }
    if (existsSync(CLUSTER_STATE) || (await engineFolders()).length > 0) {
        await step("Remove what an earlier rehearsal left", removeEverything);
    }
}

async function printHowToCall({ gatewayAddress, host, credentials }: Service): Promise<void> {
    await writeFile(
        CURL,
        `header = "Host: ${host}"\nheader = "Content-Type: application/json"\nuser = "${credentials}"\n`,
        { mode: 0o600 },
    );
    process.stdout.write(
        [
            "",
            "The service is up. Draw an image:",
            `  curl -s --config ${CURL} -d '{"prompt": "pretty dog"}' http://${gatewayAddress}/sdapi/v1/txt2img | jq -r '.images[0]' | base64 -d > dog.png`,
            ...(existsSync(CLUSTER_STATE)
                ? [
                      "Look at the cluster:",
                      `  KUBECONFIG=${join(CLUSTER_STATE, "kubeconfig")} kubectl get ksvc,pods -A`,
                  ]
                : []),
            `Work on the stack ${STACK}: its program is the copy in ${join(ENGINE, "workspace")}`,
            "Remove everything:",
            "  npm run rehearse -- down",
            "",
        ].join("\n"),
    );
}
