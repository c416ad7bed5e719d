import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { Deployment } from "../../deployment";
import { type Engine, prepareEngine } from "../../engine/engine";
import { stopEngine } from "../../engine/stop-engine";
import { REPOSITORY } from "../../paths";
import { cloudEnvironment, startCloudOf } from "../../simulated-cloud";
import { STREAMED_EVENTS } from "./findings";

/** The real engine with this repository's program and pack, as `rehearse -- plan` prepares it, for one file of tests. */
export interface PolicyEngine {
    readonly folder: string;
    readonly engine: Engine;
    /** A stack of the program, made anew. */
    readonly stack: (name: string) => Promise<Deployment>;
    /** Puts one of the programs of this folder in the place of the repository's. */
    readonly runInstead: (program: "services" | "stack") => Promise<void>;
    /** Writes the pack's configuration for a stack of this name. */
    readonly configurePack: (stack: string, config: object) => Promise<void>;
    /** Removes all of it. */
    readonly remove: () => Promise<void>;
}

/** Prepares one, with a simulated cloud that is asked and in which nothing is made. */
export async function startPolicyEngine(): Promise<PolicyEngine> {
    const folder = await mkdtemp(join(tmpdir(), "policy-"));
    const engine = await prepareEngine({
        folder,
        plugins: "stand-in",
        environment: {
            ...cloudEnvironment(folder),
            ...STREAMED_EVENTS,
            // The compiler has checked the types already; each command would do so again.
            PULUMI_NODEJS_TRANSPILE_ONLY: "true",
        },
    });
    await startCloudOf(folder);
    return {
        folder,
        engine,
        stack: async (name) => {
            const deployment = new Deployment(engine, { stack: name, show: false });
            await deployment.select();
            return deployment;
        },
        runInstead: async (program) => {
            const source = join(__dirname, "programs", `${program}.ts`);
            const path = relative(REPOSITORY, source);
            await mkdir(dirname(join(engine.workspace, path)), { recursive: true });
            await cp(source, join(engine.workspace, path));
            await writeFile(
                join(engine.workspace, "Pulumi.yaml"),
                "name: other-program\nruntime: nodejs\nconfig:\n  alicloud:region: ap-southeast-1\n",
            );
            await writeFile(
                join(engine.workspace, "index.ts"),
                `import "./${path.replace(/\.ts$/, "")}";\n`,
            );
        },
        configurePack: async (stack, config) => {
            const file = join(engine.workspace, "policy", "config", `${stack}.json`);
            await writeFile(file, JSON.stringify(config));
        },
        remove: async () => {
            await stopEngine(folder);
            await rm(folder, { recursive: true, force: true });
        },
    };
}
