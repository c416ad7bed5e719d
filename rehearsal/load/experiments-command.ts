import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { EXPERIMENT_RESULTS } from "../paths";
import { UsageError } from "../usage-error";
import { applySettings } from "./experiment-settings";
import { EXPERIMENTS, type Experiment, experimentsOf } from "./experiments";
import type { LoadedStack } from "./load-command";
import { checkProfile } from "./profiles";
import { runLoad } from "./run-load";
import { writeRun } from "./run-record";
import { type Target, targetOf } from "./target";

const HELP = `Measures the rehearsal that was kept under the settings of docs/performance.md, and keeps what was observed in
docs/performance/. What is there already is not measured again: a batch that was interrupted goes on where it ended.

Usage: npm run rehearse -- experiments [ID ...]     (default: all that are missing)

${EXPERIMENTS.map(({ id, title, repeats }) => `  ${id.padEnd(18)} ${title} (${repeats === 1 ? "once" : `${repeats} times`})`).join("\n")}

They need a rehearsal with room for ten pods: maxScale and gpuNodesMax of Pulumi.rehearsal.yaml. Then write the tables
with: npm run performance-docs`;

/**
 * Runs the command.
 *
 * @returns the exit code
 * @throws UsageError for an unknown experiment; Error when one cannot be run; the abort reason when interrupted
 */
export async function experimentsCommand(
    args: readonly string[],
    { stack, outputs }: LoadedStack & { readonly stack: string },
): Promise<number> {
    const { values, positionals } = parseArgs({
        args: [...args],
        allowPositionals: true,
        options: { help: { type: "boolean", short: "h", default: false } },
    });
    if (values.help) {
        process.stdout.write(`${HELP}\n`);
        return 0;
    }
    const experiments = chosen(positionals);
    const interruption = new AbortController();
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
        process.once(signal, () => {
            process.stderr.write(
                `\n${signal}: putting the settings back; once more ends at once\n`,
            );
            interruption.abort(new Error(`stopped by ${signal}`));
        });
    }
    const { signal } = interruption;
    await mkdir(EXPERIMENT_RESULTS, { recursive: true });
    const target = targetOf(await outputs(stack, signal));
    for (const experiment of experiments) {
        await measure(experiment, stack, target, signal);
    }
    return 0;
}

function chosen(ids: readonly string[]): readonly Experiment[] {
    try {
        return experimentsOf(ids);
    } catch (error) {
        throw new UsageError((error as Error).message);
    }
}

/** File of one repeat. */
export function resultFile({ id }: Experiment, repeat: number): string {
    return join(EXPERIMENT_RESULTS, `${id}-${repeat}.json`);
}

/**
 * Numbers of the repeats that have no result yet.
 *
 * @param exists whether there is a file
 */
export function missingRepeats(
    experiment: Experiment,
    exists: (file: string) => boolean = existsSync,
): number[] {
    return Array.from({ length: experiment.repeats }, (_, index) => index + 1).filter(
        (repeat) => !exists(resultFile(experiment, repeat)),
    );
}

/** Runs what is missing of an experiment. */
async function measure(
    experiment: Experiment,
    stack: string,
    target: Target,
    signal: AbortSignal,
): Promise<void> {
    const { id, settings, profile, repeats } = experiment;
    const missing = missingRepeats(experiment);
    if (missing.length === 0) {
        say(`${id}: has its ${repeats} results`);
        return;
    }
    checkProfile(profile);
    const changed = targetUnder(experiment, target);
    const restore = await applySettings(target, settings, signal);
    try {
        for (const repeat of missing) {
            const run = await runLoad({
                target: changed,
                stack,
                profile,
                seed: repeat,
                onProgress: (line) => {
                    say(`${id} ${repeat}: ${line}`);
                },
                signal,
            });
            // Half a run is no result: the next batch measures it anew.
            signal.throwIfAborted();
            await writeRun(resultFile(experiment, repeat), run);
        }
    } finally {
        await restore();
    }
}

/** What the experiment's annotations make of the outputs. @throws Error when there are too few GPUs for it */
function targetUnder({ id, settings, profile }: Experiment, target: Target): Target {
    const minScale = Number(settings.autoscaling["min-scale"]);
    const maxScale = Number(settings.autoscaling["max-scale"]);
    const clients = profile.arrivals.kind === "closed" ? profile.arrivals.clients : maxScale;
    const needed = Math.min(maxScale, clients);
    if (target.gpuCapacity < needed) {
        throw new Error(
            `${id} needs ${needed} GPUs, and there are ${target.gpuCapacity} at most: raise gpuNodesMax`,
        );
    }
    return { ...target, minScale, podsMost: Math.min(maxScale, target.gpuCapacity) };
}

function say(line: string): void {
    process.stderr.write(`  · ${line}\n`);
}
