import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { prepareEngine } from "./engine/engine";
import { stopEngine } from "./engine/stop-engine";
import { cloudEnvironment, startCloudOf } from "./simulated-cloud";

/*
 * What the policy pack adds to `pulumi preview` of the stack dev: npm run bench:policy [-- ROUNDS]. Previews without a
 * pack, with an empty one (what loading a pack costs by itself) and with ours take turns, so that whatever else the
 * machine does falls on all of them alike.
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
        const seconds = new Map<string, number[]>();
        // The first round fills the caches of the file system, and is not counted.
        for (let round = 0; round <= rounds; round += 1) {
            for (const [title, pack] of Object.entries(PACKS)) {
                const start = performance.now();
                await engine.pulumi(["preview", ...pack]);
                const took = (performance.now() - start) / 1000;
                if (round > 0) {
                    seconds.set(title, [...(seconds.get(title) ?? []), took]);
                }
            }
            const load = loadavg()[0]?.toFixed(1) ?? "";
            process.stderr.write(`round ${round} of ${rounds}, load ${load}\n`);
        }
        print(seconds);
    } finally {
        await stopEngine(folder);
        await rm(folder, { recursive: true, force: true });
    }
}

function print(seconds: ReadonlyMap<string, readonly number[]>): void {
    const summaries = [...seconds].map(([title, all]) => {
        const sorted = [...all].sort((one, other) => one - other);
        const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
        return { title, least: sorted[0] ?? Number.NaN, median };
    });
    process.stdout.write("| preview with | least, s | median, s | more than the row above, s |\n");
    process.stdout.write("| --- | --- | --- | --- |\n");
    for (const [place, { title, least, median }] of summaries.entries()) {
        const above = summaries[place - 1];
        const more =
            above === undefined
                ? ""
                : `${(least - above.least).toFixed(2)}, ${(median - above.median).toFixed(2)}`;
        process.stdout.write(
            `| ${title} | ${least.toFixed(2)} | ${median.toFixed(2)} | ${more} |\n`,
        );
    }
}

const given = process.argv[2];
const rounds = given === undefined ? ROUNDS : Number(given);
if (!Number.isInteger(rounds) || rounds < 1) {
    throw new Error(`the number of rounds is ${given ?? ""}; give a whole number from 1`);
}
void main(rounds);
