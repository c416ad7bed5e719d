import { randomInt } from "node:crypto";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { LOAD_RESULTS, REPOSITORY } from "../paths";
import { UsageError } from "../usage-error";
import { compare } from "./comparison";
import { judge, readObjectives } from "./objectives";
import { checkProfile, type Profile, profileOf, PROFILES } from "./profiles";
import type { Report } from "./report";
import { htmlReport } from "./report-html";
import { markdownReport } from "./report-markdown";
import { runLoad } from "./run-load";
import { readRun, type RunRecord, writeRun } from "./run-record";
import { summarize } from "./summary";
import { type Target, targetOf } from "./target";

/** Where a load finds what it may load. */
export interface LoadedStack {
    /** As users type it. */
    readonly command: string;
    /** Name of the only stack that there is. @default - users name it: --stack */
    readonly stack?: string;
    /** The outputs of a stack, secrets in clear. */
    readonly outputs: (stack: string, signal: AbortSignal) => Promise<Record<string, unknown>>;
}

/** What the command line chose. */
export interface LoadOptions {
    readonly profile: Profile;
    readonly stack: string;
    /** A URL that the user meant, which must be the stack's own. */
    readonly url?: string | undefined;
    readonly repeats: number;
    /** Of the arrivals in the first run; each further run has the next one. */
    readonly seed: number;
    /** Path of the file of objectives. */
    readonly slo: string;
    /** Folder of an earlier load's results. */
    readonly baseline?: string | undefined;
    /** Folder for the results. */
    readonly output: string;
    readonly gpuHourPrice?: number | undefined;
}

const EXIT_CODES = { met: 0, notMet: 3, interrupted: 130 } as const;

function help({ command, stack }: LoadedStack): string {
    const profiles = Object.entries(PROFILES).map(
        ([name, { purpose }]) => `                         ${name.padEnd(8)} ${purpose}`,
    );
    return `Loads a stack's own service, observes clients, pods and autoscaler meanwhile, and judges the figures by the
environment's service level objectives. Nothing but the stack's output txt2imgUrl is loaded.

Usage: ${command} --profile NAME${stack === undefined ? " --stack NAME" : ""} [OPTIONS]

Options
  --profile NAME         what to send:
${profiles.join("\n")}
${stack === undefined ? "  --stack NAME           Pulumi stack, which is up; its outputs are read with your pulumi\n" : ""}  --repeats N            runs, one after the other, each from minScale (default: 1; intervals need several)
  --seed N               of arrivals by chance, to repeat them (default: chosen, and shown in the report)
  --slo FILE             objectives (default: slo/<stack>.json)
  --baseline FOLDER      results of an earlier load to compare with; keep a copy of one as your baseline
  --gpu-hour-price N     of one GPU, to show costs
  --url URL              the endpoint that you mean; refused unless it is the stack's own
  --output FOLDER        for the results (default: a new one in .load/)
  -h, --help             this text

Results: run-N.json (everything that was observed; docs/load.md has the format), summary.json, report.md and
report.html. Ctrl-C ends the load and still leaves them, marked as interrupted; once more ends at once.
Exit codes: ${EXIT_CODES.met} objectives met, 1 error, 2 wrong command line, ${EXIT_CODES.notMet} objectives not met, ${EXIT_CODES.interrupted} interrupted.`;
}

/**
 * Runs the command.
 *
 * @param args of its command line
 * @returns the exit code
 * @throws UsageError naming the option, its value and what is allowed; Error when no load was possible
 */
export async function loadCommand(args: readonly string[], loaded: LoadedStack): Promise<number> {
    if (args.includes("--help") || args.includes("-h")) {
        process.stdout.write(`${help(loaded)}\n`);
        return EXIT_CODES.met;
    }
    const options = readOptions(args, loaded);
    const interruption = new AbortController();
    const interrupt = (signal: NodeJS.Signals): void => {
        if (interruption.signal.aborted) {
            process.exit(EXIT_CODES.interrupted);
        }
        process.stderr.write(`\n${signal}: ending the load; once more ends at once\n`);
        interruption.abort(new Error(`stopped by ${signal}`));
    };
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
    for (const signal of signals) {
        process.on(signal, interrupt);
    }
    try {
        return await load(options, loaded, interruption.signal);
    } finally {
        for (const signal of signals) {
            process.off(signal, interrupt);
        }
    }
}

/**
 * Reads the command line of a load.
 *
 * @throws UsageError naming the option, its value and what is allowed
 */
export function readOptions(args: readonly string[], { stack: only }: LoadedStack): LoadOptions {
    const text = { type: "string" } as const;
    const { values } = parseArgs({
        args: [...args],
        options: {
            profile: text,
            ...(only === undefined ? { stack: text } : {}),
            url: text,
            repeats: text,
            seed: text,
            slo: text,
            baseline: text,
            output: text,
            "gpu-hour-price": text,
        },
    });
    const number = (
        name: "repeats" | "seed" | "gpu-hour-price",
        isAllowed: (value: number) => boolean,
        allowed: string,
    ): number | undefined => {
        const given = values[name];
        const value = given?.trim() === "" ? NaN : Number(given);
        if (given !== undefined && !isAllowed(value)) {
            throw new UsageError(`--${name} is ${JSON.stringify(given)}; allowed: ${allowed}`);
        }
        return given === undefined ? undefined : value;
    };
    const stack = only ?? (values as { stack?: string }).stack;
    if (stack === undefined || !/^[\w./-]+$/.test(stack)) {
        const given = stack === undefined ? "missing" : JSON.stringify(stack);
        throw new UsageError(`--stack is ${given}; allowed: the name of a Pulumi stack`);
    }
    const profile = chosenProfile(values.profile);
    const isWhole = (least: number, most: number) => (value: number) =>
        Number.isInteger(value) && value >= least && value <= most;
    const begun = new Date().toISOString().replaceAll(":", "-").slice(0, 19);
    return {
        profile,
        stack,
        url: values.url,
        repeats: number("repeats", isWhole(1, 100), "a whole number from 1 to 100") ?? 1,
        seed:
            number("seed", isWhole(0, 2 ** 31), "a whole number from 0 to 2147483648") ??
            randomInt(2 ** 31),
        slo: values.slo ?? join(REPOSITORY, "slo", `${stack.split("/").at(-1) ?? stack}.json`),
        baseline: values.baseline,
        output: values.output ?? join(LOAD_RESULTS, `${profile.name}-${begun}`),
        gpuHourPrice: number(
            "gpu-hour-price",
            (price) => price >= 0 && price < Infinity,
            "a number from 0",
        ),
    };
}

function chosenProfile(name: string | undefined): Profile {
    try {
        const profile = profileOf(name ?? "");
        checkProfile(profile);
        return profile;
    } catch (error) {
        throw new UsageError((error as Error).message);
    }
}

/** What can be wrong is read before any request is sent. */
async function load(
    options: LoadOptions,
    loaded: LoadedStack,
    signal: AbortSignal,
): Promise<number> {
    const { profile, stack, output, baseline, gpuHourPrice } = options;
    const objectives = await readObjectives(options.slo, profile.name);
    const before = baseline === undefined ? undefined : await readRuns(baseline);
    const target = targetOf(await loaded.outputs(stack, signal), options.url);
    await mkdir(output, { recursive: true });
    say(`loading ${target.url.href} of the stack ${stack}: ${profile.purpose}`);
    const runs = await repeated(options, target, signal);

    const interrupted = signal.aborted ? (signal.reason as Error).message : undefined;
    const summary = summarize(runs, { gpuHourPrice, interrupted });
    const report: Report = {
        runs,
        summary,
        verdict: judge(summary, objectives),
        comparison: before && compare(summary, summarize(before, { gpuHourPrice })),
    };
    await writeReport(output, report);
    process.stdout.write(`${markdownReport(report)}\nResults: ${output}\n`);
    if (summary.interrupted !== undefined) {
        return EXIT_CODES.interrupted;
    }
    return report.verdict?.met ? EXIT_CODES.met : EXIT_CODES.notMet;
}

/** Runs one after the other; each is on the disk before the next begins. */
async function repeated(
    { profile, stack, seed, repeats, output }: LoadOptions,
    target: Target,
    signal: AbortSignal,
): Promise<RunRecord[]> {
    const runs: RunRecord[] = [];
    for (let repeat = 1; repeat <= repeats; repeat += 1) {
        const prefix = repeats === 1 ? "" : `run ${repeat} of ${repeats}, `;
        try {
            const run = await runLoad({
                target,
                stack,
                profile,
                seed: seed + repeat - 1,
                onProgress: (line) => {
                    say(`${prefix}${line}`);
                },
                signal,
            });
            const file = join(output, `run-${repeat}.json`);
            await writeRun(file, run);
            // The report is of what anybody can read.
            runs.push(await readRun(file));
        } catch (error) {
            // The runs before are worth a report.
            if (!signal.aborted || runs.length === 0) {
                throw error;
            }
        }
        if (signal.aborted) {
            break;
        }
    }
    return runs;
}

async function readRuns(folder: string): Promise<RunRecord[]> {
    const files = (await readdir(folder)).filter((file) => /^run-\d+\.json$/.test(file));
    if (files.length === 0) {
        throw new UsageError(`--baseline is ${folder}; allowed: a folder with run-1.json in it`);
    }
    return Promise.all(files.map((file) => readRun(join(folder, file))));
}

async function writeReport(folder: string, report: Report): Promise<void> {
    const { summary, verdict, comparison } = report;
    await writeFile(
        join(folder, "summary.json"),
        `${JSON.stringify({ ...summary, verdict, comparison }, undefined, 2)}\n`,
    );
    await writeFile(join(folder, "report.md"), markdownReport(report));
    await writeFile(join(folder, "report.html"), htmlReport(report));
}

function say(line: string): void {
    process.stderr.write(`  · ${line}\n`);
}
