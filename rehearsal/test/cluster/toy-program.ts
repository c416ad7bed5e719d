import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Engine, prepareEngine } from "../../engine/engine";
import { stopEngine } from "../../engine/stop-engine";
import { REPOSITORY } from "../../paths";

/** One resource in a preview, as `pulumi preview --json` prints it. */
export interface PlannedStep {
    readonly op: string;
    readonly urn: string;
    readonly detailedDiff?: Readonly<Record<string, { readonly kind: string }>> | null;
    readonly newState?: { readonly outputs?: unknown };
}

/** A small Pulumi program in a folder of its own, run by the real engine with our plugins. */
export interface ToyProgram {
    /** Folder of everything, outside of the repository. */
    readonly folder: string;
    readonly engine: Engine;
    /** Replaces the program; `pulumi`, `k8s`, `random`, `config` and `exports` are there. */
    readonly write: (source: string) => Promise<void>;
    /** Updates without a preview and returns the stack's outputs, secrets shown. */
    readonly up: (...args: string[]) => Promise<Record<string, unknown>>;
    /** What an update would do, without what stays the same or is only read. */
    readonly preview: (...args: string[]) => Promise<PlannedStep[]>;
    readonly remove: () => Promise<void>;
}

const PRELUDE = `
"use strict";
const pulumi = require("@pulumi/pulumi");
const k8s = require("@pulumi/kubernetes");
const random = require("@pulumi/random");
const config = new pulumi.Config();
`;

/** Makes an empty program with stack `test` whose configuration has `kubeconfig` as a secret, if given. */
export async function makeToyProgram(kubeconfig?: string): Promise<ToyProgram> {
    const folder = await mkdtemp(join(tmpdir(), "toy-"));
    const program = join(folder, "program");
    await mkdir(program);
    await writeFile(join(program, "Pulumi.yaml"), "name: toy\nruntime: nodejs\n");
    await writeFile(join(program, "package.json"), '{ "name": "toy", "main": "index.js" }\n');
    await symlink(join(REPOSITORY, "node_modules"), join(program, "node_modules"));
    const engine = await prepareEngine({ folder, program, plugins: "stand-in" });
    await engine.pulumi(["stack", "init", "test"]);
    if (kubeconfig !== undefined) {
        const input = await readFile(kubeconfig, "utf8");
        await engine.pulumi(["config", "set", "--secret", "kubeconfig"], { input });
    }
    return {
        folder,
        engine,
        write: (source) => writeFile(join(engine.workspace, "index.js"), PRELUDE + source),
        up: async (...args) => {
            await engine.pulumi(["up", "--yes", "--skip-preview", ...args]);
            const outputs = await engine.pulumi(["stack", "output", "--json", "--show-secrets"]);
            return JSON.parse(outputs.stdout) as Record<string, unknown>;
        },
        preview: async (...args) => {
            const { stdout } = await engine.pulumi(["preview", "--json", ...args]);
            const { steps } = JSON.parse(stdout) as { steps: PlannedStep[] };
            return steps.filter(({ op }) => op !== "same" && op !== "refresh");
        },
        remove: async () => {
            await stopEngine(folder);
            await rm(folder, { recursive: true });
        },
    };
}
