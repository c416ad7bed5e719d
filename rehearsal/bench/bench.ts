import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { type Engine, prepareEngine } from "../engine/engine";
import { stopEngine } from "../engine/stop-engine";
import { quantile } from "../load/statistics";
import { REPOSITORY, WORK } from "../paths";
import { step } from "../progress";
import { takeRunLock } from "../run-lock";
import { cloudEnvironment, startCloudOf } from "../simulated-cloud";

const HELP = `Measures how long the program takes: \`pulumi preview\` of the stack dev on the simulated cloud, beside an
empty program with the same SDKs, and the unit tests. The previews take turns, so that what else the machine does falls
on all of them alike; the ratio of the two is what counts. Needs no root and no cluster.

Usage: npm run bench [-- OPTIONS]

Options
  --rounds N     previews of each kind (default: 7); one more before them is not counted
  --no-tests     leave the unit tests out
  -h, --help     this text`;

/** A kind of preview. */
interface Kind {
    readonly title: string;
    readonly program: "this program" | "an empty program";
    readonly options: readonly string[];
    /** Row whose time this one is compared with, by its title. */
    readonly beside: string | undefined;
    /** Whether types are checked at each run, as Pulumi does unless it is told otherwise. */
    readonly checked: boolean;
}

const EMPTY = "an empty program";
const EMPTY_CHECKED = "an empty program, types checked";

const KINDS: readonly Kind[] = [
    { title: EMPTY, program: EMPTY, options: [], beside: undefined, checked: false },
    { title: "this program", program: "this program", options: [], beside: EMPTY, checked: false },
    {
        title: "this program, with the policy pack",
        program: "this program",
        options: ["--policy-pack", "policy", "--policy-pack-config", "policy/config/dev.json"],
        beside: EMPTY,
        checked: false,
    },
    { title: EMPTY_CHECKED, program: EMPTY, options: [], beside: undefined, checked: true },
    {
        title: "this program, types checked",
        program: "this program",
        options: [],
        beside: EMPTY_CHECKED,
        checked: true,
    },
];

const STACK = "dev";

async function main(): Promise<void> {
    const { values } = parseArgs({
        options: {
            rounds: { type: "string", default: "7" },
            "no-tests": { type: "boolean", default: false },
            help: { type: "boolean", short: "h", default: false },
        },
    });
    if (values.help) {
        process.stdout.write(`${HELP}\n`);
        return;
    }
    const rounds = Number(values.rounds);
    if (!Number.isInteger(rounds) || rounds < 1) {
        throw new Error(
            `--rounds is ${JSON.stringify(values.rounds)}; allowed: a whole number from 1`,
        );
    }
    await takeRunLock();
    const seconds = await previews(rounds);
    const lines = tableOf(seconds);
    if (!values["no-tests"]) {
        const tests = await step("Unit tests", () => timed(unitTests));
        lines.push("", `Unit tests: ${tests.toFixed(1)} s`);
    }
    const load = loadavg()[0]?.toFixed(1) ?? "";
    lines.push(
        "",
        `${cpus().length} cores, Node ${process.versions.node}, load ${load} at the end`,
    );
    process.stdout.write(`${lines.join("\n")}\n`);
}

/** Seconds of each preview of each kind, round by round. */
async function previews(rounds: number): Promise<Map<string, number[]>> {
    await mkdir(WORK, { recursive: true });
    const folder = await mkdtemp(join(WORK, "bench-"));
    const folders = { [EMPTY]: join(folder, "empty"), "this program": join(folder, "program") };
    try {
        const engines = new Map<string, Engine>();
        for (const kind of KINDS) {
            engines.set(kind.title, await engineOf(kind, folders[kind.program]));
        }
        await startCloudOf(folders["this program"]);
        const seconds = new Map<string, number[]>(KINDS.map(({ title }) => [title, []]));
        for (let round = 0; round <= rounds; round++) {
            await step(
                round === 0 ? "Fill the caches" : `Round ${round} of ${rounds}`,
                async () => {
                    for (const { title, options } of KINDS) {
                        const took = await timed(() =>
                            engines.get(title)?.pulumi(["preview", "--stack", STACK, ...options]),
                        );
                        if (round > 0) {
                            seconds.get(title)?.push(took);
                        }
                    }
                },
            );
        }
        return seconds;
    } finally {
        for (const each of Object.values(folders)) {
            await stopEngine(each);
        }
        await rm(folder, { recursive: true, force: true });
    }
}

/** An engine with this program or an empty one, whose stack is there. */
async function engineOf({ program, checked }: Kind, folder: string): Promise<Engine> {
    const environment = {
        ...cloudEnvironment(folder),
        PULUMI_NODEJS_TRANSPILE_ONLY: String(!checked),
    };
    if (program === "this program") {
        const engine = await prepareEngine({ folder, environment });
        await engine.pulumi(["stack", "select", "--create", STACK]);
        return engine;
    }
    const engine = await prepareEngine({
        folder,
        program: join(__dirname, "empty-program"),
        environment,
    });
    // Compiled with the same options.
    for (const file of ["tsconfig.json", "tsconfig.pulumi.json"]) {
        await copyFile(join(REPOSITORY, file), join(engine.workspace, file));
    }
    await engine.pulumi(["stack", "select", "--create", STACK]);
    return engine;
}

async function unitTests(): Promise<void> {
    const run = promisify(execFile);
    await run(process.execPath, [require.resolve("mocha/bin/mocha.js"), "--reporter", "dot"], {
        cwd: REPOSITORY,
        maxBuffer: 2 ** 26,
    });
}

async function timed(work: () => Promise<unknown> | undefined): Promise<number> {
    const start = performance.now();
    await work();
    return (performance.now() - start) / 1000;
}

function tableOf(seconds: ReadonlyMap<string, readonly number[]>): string[] {
    const rows = KINDS.map(({ title, beside }) => {
        const own = seconds.get(title) ?? [];
        const others = beside === undefined ? [] : (seconds.get(beside) ?? []);
        // Of each round by itself: what slows the machine down slows both.
        const ratios = own.map((each, round) => each / (others[round] ?? Number.NaN));
        const ratio =
            beside === undefined
                ? ""
                : `${quantile(ratios, 0.5).toFixed(2)} (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)})`;
        return `| ${title} | ${Math.min(...own).toFixed(2)} | ${quantile(own, 0.5).toFixed(2)} | ${ratio} |`;
    });
    return [
        "| `pulumi preview` of | least, s | median, s | as a ratio to the empty one (range) |",
        "| --- | --- | --- | --- |",
        ...rows,
    ];
}

main().catch((error: unknown) => {
    process.stderr.write(`\nerror: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
});
