import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { processesWith } from "./cluster/processes";
import { prepareEngine } from "./engine/engine";
import { stopEngine } from "./engine/stop-engine";
import { cloudEnvironment, startCloudOf } from "./simulated-cloud";

/*
 * What the policy pack adds to `pulumi preview` of the stack dev: npm run bench:policy [-- ROUNDS]. Previews without a
 * pack, with an empty one (what loading a pack costs by itself) and with ours take turns, so that whatever else the
 * machine does falls on all of them alike; the time of the processors, of engine, program, plugins and pack together,
 * shows what is left of that. Linux only.
 */

/** Previews of each kind. */
const ROUNDS = 7;

/** A pack without policies, in TypeScript and with the compiler options of ours. */
const EMPTY_PACK = {
    "PulumiPolicy.yaml": "runtime: nodejs\n",
    "package.json": '{ "name": "empty", "version": "1.0.0", "main": "index.ts" }\n',
    "index.ts":
        'import { PolicyPack } from "@pulumi/policy";\nnew PolicyPack("empty", { policies: [] });\n',
} as const;

const PACKS = {
    "no pack": [],
    "an empty pack": ["--policy-pack", "empty-pack"],
    "our pack": ["--policy-pack", "policy", "--policy-pack-config", "policy/config/dev.json"],
} as const;

async function main(rounds: number): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), "bench-"));
    try {
        const environment = {
            ...cloudEnvironment(folder),
            // Checking the program's types takes longer than what is measured; the pack's are checked all the same.
            PULUMI_NODEJS_TRANSPILE_ONLY: "true",
        };
        const engine = await prepareEngine({ folder, plugins: "stand-in", environment });
        await startCloudOf(folder);
        await engine.pulumi(["stack", "init", "dev"]);
        const emptyPack = join(engine.workspace, "empty-pack");
        await mkdir(emptyPack);
        for (const [file, text] of Object.entries(EMPTY_PACK)) {
            await writeFile(join(emptyPack, file), text);
        }
        const options = "tsconfig.json";
        await cp(join(engine.workspace, "policy", options), join(emptyPack, options));
        const taken = new Map<string, Taken[]>();
        // The first round fills the caches of the file system, and is not counted.
        for (let round = 0; round <= rounds; round += 1) {
            for (const [title, pack] of Object.entries(PACKS)) {
                const took = await measured(join(folder, "home"), () =>
                    engine.pulumi(["preview", ...pack]),
                );
                if (round > 0) {
                    taken.set(title, [...(taken.get(title) ?? []), took]);
                }
            }
            const load = loadavg()[0]?.toFixed(1) ?? "";
            process.stderr.write(`round ${round} of ${rounds}, load ${load}\n`);
        }
        print(taken);
    } finally {
        await stopEngine(folder);
        await rm(folder, { recursive: true, force: true });
    }
}

/** Seconds that one preview took. */
interface Taken {
    readonly time: number;
    readonly processor: number;
}

/** Pause between two looks at the processes, in milliseconds: what a process uses after the last is missed. */
const LOOK_PAUSE = 50;

/** Runs a command of the engine with this home. */
async function measured(home: string, command: () => Promise<unknown>): Promise<Taken> {
    const before = await processorSeconds(home);
    const last = new Map<number, number>();
    const start = performance.now();
    const running = command().then(() => true);
    do {
        for (const [pid, seconds] of await processorSeconds(home)) {
            last.set(pid, seconds);
        }
    } while (!(await Promise.race([running, delay(LOOK_PAUSE, false)])));
    const time = (performance.now() - start) / 1000;
    const used = [...last].map(([pid, seconds]) => seconds - (before.get(pid) ?? 0));
    return { time, processor: used.reduce((total, seconds) => total + seconds, 0) };
}

/** Processor time of each of the engine's processes so far. */
async function processorSeconds(home: string): Promise<Map<number, number>> {
    const processes = await processesWith("PULUMI_HOME", home);
    return new Map(processes.map((each) => [each.pid, each.processorSeconds]));
}

function print(taken: ReadonlyMap<string, readonly Taken[]>): void {
    const rows = [...taken].map(([title, all]) => ({
        title,
        figures: [
            ...spread(all.map(({ time }) => time)),
            ...spread(all.map((each) => each.processor)),
        ],
    }));
    const lines = rows.map(({ title, figures }, place) => {
        const above = rows[place - 1]?.figures;
        const cells = figures.map((figure, column) =>
            above === undefined
                ? figure.toFixed(2)
                : `${figure.toFixed(2)} (${(figure - (above[column] ?? 0)).toFixed(2)})`,
        );
        return `| ${[title, ...cells].join(" | ")} |`;
    });
    process.stdout.write(
        [
            "| preview with | least, s | median, s | processors: least, s | median, s |",
            "| --- | --- | --- | --- | --- |",
            ...lines,
            "In brackets: how much more than the row above.",
            "",
        ].join("\n"),
    );
}

/** The least and the median. */
function spread(values: readonly number[]): [number, number] {
    const sorted = [...values].sort((one, other) => one - other);
    return [sorted[0] ?? Number.NaN, sorted[Math.floor(sorted.length / 2)] ?? Number.NaN];
}

const given = process.argv[2];
const rounds = given === undefined ? ROUNDS : Number(given);
if (!Number.isInteger(rounds) || rounds < 1) {
    throw new Error(`the number of rounds is ${given ?? ""}; give a whole number from 1`);
}
void main(rounds);
