import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CloudClient } from "./cloud/client";
import type { Fault } from "./cloud/faults";
import { type Command, watch } from "./cloud-watch";
import { buildBinaries } from "./cluster/binaries";
import { bootCluster, tearDownCluster } from "./cluster/cluster";
import { packImages } from "./cluster/images";
import { Deployment, STACK, type STACKS, stackNames, type Target } from "./deployment";
import { Downstream } from "./downstream";
import { checkGuarded, checkSeeds, draw, randomSubject, type Service } from "./drawing";
import { type Engine, type PluginChoice, prepareEngine, readOutputs } from "./engine/engine";
import { stopEngine } from "./engine/stop-engine";
import { differences, type HostState, hostState } from "./host-state";
import type { LoadedStack } from "./load/load-command";
import { CLUSTER_STATE, WORK } from "./paths";
import { requireClusterPrerequisites } from "./prerequisites";
import { step } from "./progress";
import { takeRunLock } from "./run-lock";
import { cloudEnvironment, cloudFolder, startCloudOf } from "./simulated-cloud";
import type { StackMonitoring } from "./stack-monitoring";
import { timeline } from "./timeline";

/** What the command line chose. */
export interface RunOptions {
    /** What to deploy. */
    readonly stack: (typeof STACKS)[number];
    /** Leave cluster and service running. */
    readonly keep: boolean;
    /** @default official where they can be had */
    readonly plugins?: PluginChoice | undefined;
    /** Path of the kubeconfig of a cluster to use instead of the simulated cloud and its local one. */
    readonly kubeconfig?: string | undefined;
    /** Seconds that a second of the real cloud takes. @default 1/60 */
    readonly timeScale?: number | undefined;
    /** What goes wrong in the simulated cloud. */
    readonly faults: readonly Fault[];
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

/** The dashboards of the last run, drawn. */
const REPORT = join(WORK, "report.html");

/** What was asked of the simulated cloud, command by command. */
const REQUESTS = join(WORK, "cloud-requests.txt");

/** How to call a service that was kept: a curl configuration, since arguments show to every process. */
const CURL = join(WORK, "curl.conf");

/** The whole rehearsal: everything up, proven, and down again with nothing left. */
export async function run(options: RunOptions): Promise<void> {
    const { signal } = options;
    await takeRunLock();
    await requireNoLeftovers();
    const before = await preparedHost(options);
    await cleanedUpOnFailure(options, async () => {
        const rehearsed = await deployAndDraw(options);
        const { deployment } = rehearsed;
        await step("Second up, without changes", async (note) => {
            await watched("second up", rehearsed, note, async () => {
                await deployment.up("--expect-no-changes");
                await deployment.preview("--refresh", "--expect-no-changes");
            });
        });
        if (rehearsed.cloud !== undefined) {
            await step("A stack downstream uses the outputs", async (note) => {
                const downstream = new Downstream(rehearsed.engine, signal);
                await downstream.up(options.stack, rehearsed.image);
                note("its Job got an image");
                await downstream.destroy();
            });
        }
        await step("Search for leaked secrets", async (note) => {
            const logs = [join(CLUSTER_STATE, "log"), cloudFolder(ENGINE)];
            const searched = await deployment.searchForLeaks(logs.filter(existsSync));
            note(`${searched} forms, none found`);
        });
        await drawReport(rehearsed);
        await keepOrDestroy(rehearsed, options);
    });
    if (!options.keep && before !== undefined) {
        await step("Check that nothing is left", () => requireNothingLeft(before));
    }
    process.stderr.write(`\nThe image: ${IMAGE}\n`);
}

/**
 * Everything up and one image; kept with `--keep`. After a crash it goes on where the earlier one ended, unless that
 * was in the middle of making something.
 */
export async function up(options: RunOptions): Promise<void> {
    await takeRunLock();
    await preparedHost(options);
    await cleanedUpOnFailure(options, async () => {
        const rehearsed = await deployAndDraw(options);
        await drawReport(rehearsed);
        await keepOrDestroy(rehearsed, options);
    });
    process.stderr.write(`\nThe image: ${IMAGE}\n`);
}

/** Removes whatever any rehearsal left on this machine. */
export async function down({ plugins, signal }: RunOptions): Promise<void> {
    await takeRunLock();
    if (existsSync(FOREIGN)) {
        await step("Destroy what was deployed into the existing cluster", async () => {
            await stopEngine(ENGINE);
            const environment = cloudEnvironment(ENGINE);
            const engine = await prepareEngine({ folder: ENGINE, plugins, environment, signal });
            await new Deployment(engine, { signal }).destroy();
        });
    }
    await removeEverything();
}

/** The stack that `up --keep` left, for the commands load and experiments. */
export const keptStack: LoadedStack & { readonly stack: string } = {
    command: "npm run rehearse -- load",
    stack: STACK,
    outputs: async (_, signal) => {
        // Nobody may remove the cluster while it is loaded.
        await takeRunLock();
        if (!existsSync(ENGINE)) {
            throw new Error(
                "there is no rehearsal to load; begin one with: npm run rehearse -- up --keep",
            );
        }
        if (!existsSync(FOREIGN)) {
            // An earlier version's cluster may have been made without hey.
            await requireClusterPrerequisites();
        }
        return readOutputs(ENGINE, signal);
    },
};

/** Boots the local cluster and leaves it. */
export async function clusterUp({ signal }: RunOptions): Promise<void> {
    await takeRunLock();
    const cluster = await bootCluster(signal);
    process.stdout.write(
        `kubeconfig: ${cluster.kubeconfig}\ngateway:    http://${cluster.gatewayAddress}\nimage:      ${cluster.configuredImages.image}\n`,
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
        const environment = cloudEnvironment(folder);
        const engine = await prepareEngine({ folder, plugins, environment, signal });
        // It is asked for zones and instance types, and makes nothing.
        await startCloudOf(folder, {}, [], signal);
        for (const stack of await stackNames()) {
            await step(`Preview ${stack}`, async () => {
                const deployment = new Deployment(engine, { signal, stack });
                await deployment.select();
                await deployment.preview();
            });
        }
    } finally {
        await stopEngine(folder);
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

/** A deployment, and what it runs on. */
interface Rehearsed {
    readonly engine: Engine;
    readonly deployment: Deployment;
    /** Undefined with `--kubeconfig`. */
    readonly cloud: CloudClient | undefined;
    /** Image of the WebUI or its stand-in, which has a shell too; empty for that of the configuration. */
    readonly image: string;
    /** When its `up` began. */
    readonly start: Date;
}

/** Up to a proven image. */
async function deployAndDraw(options: RunOptions): Promise<Rehearsed> {
    const { plugins, signal } = options;
    // An engine that a killed run left would go on, and its locks would stay.
    await stopEngine(ENGINE);
    const environment = cloudEnvironment(ENGINE);
    const engine = await prepareEngine({ folder: ENGINE, plugins, environment, signal });
    const target = await targetOf(options);
    const cloud = options.kubeconfig === undefined ? await openCloud(options) : undefined;
    const deployment = new Deployment(engine, { signal, stack: options.stack });
    await deployment.configure(target);
    await requireNothingHalfMade(deployment);
    const start = new Date();
    const image = target.images?.image ?? "";
    const rehearsed = { engine, deployment, cloud, image, start };
    await step("Up", (note) => watched("up", rehearsed, note, () => deployment.up()));
    const service = await deployment.service();
    await step("Draw an image", async (note) => {
        await drawImage(service, note, signal);
    });
    if (cloud !== undefined) {
        const lines = await timeline(await deployment.outputs(), await cloud.events(), start);
        process.stderr.write(`\nFrom no GPU node to an image:\n${lines.join("\n")}\n\n`);
    }
    return rehearsed;
}

/**
 * The engine does not know what became of what an earlier one was making when it was killed, and would make it
 * again beside what the cloud has made meanwhile.
 *
 * @throws Error naming it
 */
async function requireNothingHalfMade(deployment: Deployment): Promise<void> {
    const pending = await deployment.pendingCreations();
    if (pending.length > 0) {
        throw new Error(
            `an earlier rehearsal was killed while it was making ${pending.join(", ")}; begin again after: npm run rehearse -- down (on a real account: docs/guide.md, section 7)`,
        );
    }
}

/** Runs commands on a deployment; on a simulated cloud, they are watched. */
async function watched(
    title: Command,
    { cloud }: Pick<Rehearsed, "cloud">,
    note: (detail: string) => void,
    work: () => Promise<unknown>,
): Promise<void> {
    if (cloud === undefined) {
        await work();
    } else {
        await watch(cloud, title, note, work, REQUESTS);
    }
}

/** Programs and images come first: the simulated cloud would take minutes for a cluster, and not say why. */
async function openCloud({ timeScale, faults, signal }: RunOptions): Promise<CloudClient> {
    await writeFile(REQUESTS, "");
    return step("Start the simulated cloud", () =>
        startCloudOf(ENGINE, timeScale === undefined ? {} : { timeScale }, faults, signal),
    );
}

/** Leaves what the Prometheus of the run knows, which goes with the cluster. */
async function drawReport({ deployment, start }: Rehearsed): Promise<void> {
    await step("Draw the report", async (note) => {
        const [monitoring, { dashboards }, { writeReport }] = await Promise.all([
            monitoringOf(deployment),
            import("../components/monitoring/dashboards.js"),
            import("./report/write-report.js"),
        ]);
        if (monitoring === undefined) {
            note("no Prometheus runs in the cluster");
            return;
        }
        const { prometheus, service } = monitoring;
        const empty = await writeReport(prometheus, {
            title: `Rehearsal of ${service.namespace}/${service.serviceName}`,
            start,
            end: new Date(),
            dashboards: dashboards(service),
            file: REPORT,
        });
        note(REPORT + (empty.length === 0 ? "" : `; without data: ${empty.join(", ")}`));
    });
}

/** Loaded late, as are dashboards and plots: the program's own code and SDKs take two seconds. */
async function monitoringOf(deployment: Deployment): Promise<StackMonitoring | undefined> {
    const { stackMonitoring } = await import("./stack-monitoring.js");
    return stackMonitoring(deployment);
}

async function keepOrDestroy(rehearsed: Rehearsed, { keep, stack }: RunOptions): Promise<void> {
    const { deployment } = rehearsed;
    if (keep) {
        await printHowToCall(stack, await deployment.service(), await monitoringOf(deployment));
        return;
    }
    await step("Destroy", async (note) => {
        await watched("destroy", rehearsed, note, () => deployment.destroy());
    });
    await removeEverything();
}

async function requireNothingLeft(before: HostState): Promise<void> {
    const left = differences(before, await hostState());
    if (left.length > 0) {
        throw new Error(`left on this machine:\n${left.map((each) => `  ${each}`).join("\n")}`);
    }
}

async function targetOf({ kubeconfig, image, signal }: RunOptions): Promise<Target> {
    if (kubeconfig !== undefined) {
        await writeFile(FOREIGN, "");
        return { kubeconfig, images: image === undefined ? {} : { image } };
    }
    const binaries = await step("Check programs", () => buildBinaries(signal));
    const { configured } = await step("Check images", () => packImages(binaries, signal));
    return { images: configured };
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

async function printHowToCall(
    stack: string,
    { gatewayAddress, host, credentials }: Service,
    monitoring: StackMonitoring | undefined,
): Promise<void> {
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
            ...(monitoring === undefined
                ? []
                : [
                      existsSync(CLUSTER_STATE)
                          ? "Ask its Prometheus, which has no pages:"
                          : "Ask its Prometheus, from within the cluster:",
                      `  curl -s '${monitoring.address}/api/v1/query?query=up' | jq`,
                  ]),
            `Work on the stack ${stack}: its program is the copy in ${join(ENGINE, "workspace")}`,
            "Remove everything:",
            "  npm run rehearse -- down",
            "",
        ].join("\n"),
    );
}
