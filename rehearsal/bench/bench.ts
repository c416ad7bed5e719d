import { execFile } from "node:child_process";
import { copyFile, mkdtemp, rm, symlink } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { type Engine, prepareEngine } from "../engine/engine";
import { stopEngine } from "../engine/stop-engine";
import { quantile } from "../load/statistics";
import { REPOSITORY } from "../paths";
import { step } from "../progress";
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
    readonly program: Program;
    readonly options: readonly string[];
    /** Rows whose time this one is compared with, by their titles. */
    readonly beside: readonly string[];
    /** Whether types are checked at each run, as Pulumi does unless it is told otherwise. */
    readonly checked: boolean;
}

type Program = "this" | "empty" | "empty with plugins";

const EMPTY = "an empty program";
const PLUGINS = "an empty program that starts the plugins";
const EMPTY_CHECKED = "an empty program, types checked";
const PACK = ["--policy-pack", "policy", "--policy-pack-config", "policy/config/dev.json"];

const KINDS: readonly Kind[] = [
    { title: EMPTY, program: "empty", options: [], beside: [], checked: false },
    {
        title: PLUGINS,
        program: "empty with plugins",
        options: [],
        beside: [EMPTY],
        checked: false,
    },
    {
        title: "this program",
        program: "this",
        options: [],
        beside: [EMPTY, PLUGINS],
        checked: false,
    },
    {
        title: "this program, with the policy pack",
        program: "this",
        options: PACK,
        beside: [EMPTY, PLUGINS],
        checked: false,
    },
    { title: EMPTY_CHECKED, program: "empty", options: [], beside: [EMPTY], checked: true },
    {
        title: "this program, types checked",
        program: "this",
        options: [],
        beside: [EMPTY_CHECKED],
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
    // Outside the checkout, where no rehearsal takes it for its own.
    const folder = await mkdtemp(join(tmpdir(), "bench-"));
    const folderOf = (program: Program): string => join(folder, program.replaceAll(" ", "-"));
    const programs = [...new Set(KINDS.map(({ program }) => program))];
    try {
        const engines = new Map<string, Engine>();
        for (const { title, program, checked } of KINDS) {
            const environment = {
                ...cloudEnvironment(folderOf("this")),
                // It overrides what tsconfig.pulumi.json says.
                ...(checked ? { PULUMI_NODEJS_TRANSPILE_ONLY: "false" } : {}),
            };
            engines.set(title, await engineOf(program, folderOf(program), environment));
        }
        await startCloudOf(folderOf("this"));
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
        for (const program of programs) {
            await stopEngine(folderOf(program));
        }
        await rm(folder, { recursive: true, force: true });
    }
}

/** An engine with a program whose stack is there. */
async function engineOf(
    program: Program,
    folder: string,
    environment: Readonly<Record<string, string>>,
): Promise<Engine> {
    const select = ["stack", "select", "--create", STACK];
    if (program === "this") {
        const engine = await prepareEngine({ folder, environment });
        await engine.pulumi(select);
        return engine;
    }
    const source = join(__dirname, "empty-program");
    const engine = await prepareEngine({ folder, program: source, environment });
    // The same packages, compiled with the same options.
    await symlink(join(REPOSITORY, "node_modules"), join(engine.workspace, "node_modules"));
    for (const file of ["tsconfig.json", "tsconfig.pulumi.json"]) {
        await copyFile(join(REPOSITORY, file), join(engine.workspace, file));
    }
    await engine.pulumi(select);
    const startPlugins = String(program === "empty with plugins");
    await engine.pulumi(["config", "set", "startPlugins", startPlugins]);
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
        const ratios = beside.map(
            (other) => `${ratioOf(own, seconds.get(other) ?? [])} of ${other}`,
        );
        return `| ${title} | ${Math.min(...own).toFixed(2)} | ${quantile(own, 0.5).toFixed(2)} | ${ratios.join("; ")} |`;
    });
    return [
        "| `pulumi preview` of | least, s | median, s | as a ratio, with its range |",
        "| --- | --- | --- | --- |",
        ...rows,
    ];
}

/** Median of the ratios of each round by itself: what slows the machine down slows both. */
function ratioOf(own: readonly number[], others: readonly number[]): string {
    const ratios = own.map((each, round) => each / (others[round] ?? Number.NaN));
    const range = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
    return `${quantile(ratios, 0.5).toFixed(2)} (${range})`;
}

main().catch((error: unknown) => {
    process.stderr.write(`\nerror: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
});
