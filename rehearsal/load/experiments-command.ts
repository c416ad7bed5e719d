import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { EXPERIMENT_RESULTS } from "../paths";
import { UsageError } from "../usage-error";
import { activatorReplicas, makeService, setActivators } from "./experiment-service";
import { EXPERIMENTS, type Experiment, experimentsOf } from "./experiments";
import type { LoadedStack } from "./load-command";
import { checkProfile } from "./profiles";
import { runLoad } from "./run-load";
import { writeRun } from "./run-record";
import { type Target, targetOf } from "./target";

/** Most experiments at a time: each has processes that send, and all share the machine's processors. */
const SIDE_BY_SIDE = 6;

const HELP = `Measures the rehearsal that was kept under the settings of docs/performance.md, and keeps what was observed in
docs/performance/. What is there already is not measured again: a batch that was interrupted goes on where it ended.

Usage: npm run rehearse -- experiments [ID ...]     (default: all that are missing)

${EXPERIMENTS.map(({ id, title, repeats }) => `  ${id.padEnd(18)} ${title} (${repeats === 1 ? "once" : `${repeats} times`})`).join("\n")}

They need room: npm run rehearse -- up --keep --stack experiments. Each has a Knative Service of its own beside the
stack's, and up to ${SIDE_BY_SIDE} run side by side. Then write the tables with: npm run performance-docs`;

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
    const missing = inTurns(experiments.filter((each) => missingRepeats(each).length > 0));
    say(`${experiments.length - missing.length} of ${experiments.length} have their results`);
    for (const experiment of missing) {
        checkProfile(experiment.profile);
        requireGpus(experiment, target);
    }
    const activators = await activatorReplicas(target);
    try {
        await measureAll(missing, stack, target, signal);
    } finally {
        await setActivators(target, activators);
    }
    return 0;
}

/** Those that may run side by side one after the other; of these, the longest first, beside which the others find room. */
export function inTurns(experiments: readonly Experiment[]): readonly Experiment[] {
    const seconds = ({ profile: { arrivals, seconds: most }, repeats }: Experiment): number =>
        arrivals.kind === "open" ? most * repeats : 0;
    return experiments.toSorted(
        (one, other) =>
            Number(one.alone) - Number(other.alone) ||
            one.settings.activators - other.settings.activators ||
            seconds(other) - seconds(one),
    );
}

/** @throws Error when there are too few GPUs for an experiment */
function requireGpus(experiment: Experiment, { gpuCapacity }: Target): void {
    const pods = podsOf(experiment);
    if (gpuCapacity < pods) {
        throw new Error(
            `${experiment.id} needs ${pods} GPUs, and there are ${gpuCapacity} at most; begin with: npm run rehearse -- up --keep --stack experiments`,
        );
    }
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

/**
 * Runs experiments, several of them side by side where they leave each other room: each has a Service of its own, and its
 * pods sleep where a GPU would work.
 */
async function measureAll(
    experiments: readonly Experiment[],
    stack: string,
    target: Target,
    signal: AbortSignal,
): Promise<void> {
    const failed = new AbortController();
    const running = new Map<Promise<void>, Experiment>();
    const begin = (experiment: Experiment): void => {
        const work = measure(experiment, stack, target, AbortSignal.any([signal, failed.signal]))
            .catch((error: unknown) => {
                failed.abort(error);
            })
            .finally(() => running.delete(work));
        running.set(work, experiment);
    };
    const waiting = [...experiments];
    while (waiting.length > 0 && !failed.signal.aborted) {
        const next = waiting.findIndex((each) =>
            hasRoom(each, [...running.values()], target.gpuCapacity),
        );
        if (next < 0) {
            await Promise.race(running.keys());
            continue;
        }
        const [experiment] = waiting.splice(next, 1) as [Experiment];
        if (running.size === 0) {
            await setActivators(target, experiment.settings.activators, signal);
        }
        begin(experiment);
    }
    await Promise.all(running.keys());
    failed.signal.throwIfAborted();
}

/** Whether an experiment may begin while the others go on. */
export function hasRoom(
    experiment: Experiment,
    others: readonly Experiment[],
    gpuCapacity: number,
): boolean {
    const held = others.reduce((sum, other) => sum + podsOf(other), 0);
    return (
        others.length === 0 ||
        (others.length < SIDE_BY_SIDE &&
            others.every(
                ({ alone, settings }) =>
                    !alone && settings.activators === experiment.settings.activators,
            ) &&
            !experiment.alone &&
            held + podsOf(experiment) <= gpuCapacity)
    );
}

/** Most pods that the clients of an experiment can bring; twice as many while a new revision takes over. */
function podsOf({ settings, profile: { arrivals }, disturbance }: Experiment): number {
    const { "min-scale": minScale, "max-scale": maxScale } = settings.autoscaling;
    const clients = arrivals.kind === "closed" ? arrivals.clients : Infinity;
    const pods = Math.max(Number(minScale), Math.min(Number(maxScale), clients));
    return disturbance?.kind === "rollout" ? 2 * pods : pods;
}

/** Runs what is missing of an experiment. */
async function measure(
    experiment: Experiment,
    stack: string,
    target: Target,
    signal: AbortSignal,
): Promise<void> {
    const { id, settings, profile, disturbance } = experiment;
    const service = await makeService(target, id, settings, signal);
    try {
        for (const repeat of missingRepeats(experiment)) {
            const run = await runLoad({
                target: service.target,
                stack,
                profile,
                seed: repeat,
                disturbance,
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
        await service.remove();
    }
}

function say(line: string): void {
    process.stderr.write(`  · ${line}\n`);
}
