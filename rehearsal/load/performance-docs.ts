import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EXPERIMENT_RESULTS, REPOSITORY } from "../paths";
import { EXPERIMENTS, type Experiment, experimentsOf } from "./experiments";
import { resultFile } from "./experiments-command";
import { judge, readObjectives } from "./objectives";
import { shown } from "./report";
import { htmlReport } from "./report-html";
import { markdownTable } from "./report-markdown";
import { readRun, type RunRecord } from "./run-record";
import type { Estimate } from "./statistics";
import { type Figure, summarize } from "./summary";

/** The page whose generated part this module writes. */
export const PERFORMANCE_PAGE = join(REPOSITORY, "docs/performance.md");

/** The report of the recipe's load on this project's own settings. */
const EXAMPLE = join(EXPERIMENT_RESULTS, "recipe.html");

const BEGIN = "<!-- Generated from docs/performance/*.json: npm run performance-docs -->";
const END = "<!-- End of what is generated -->";

/** Experiments that are read together. */
interface Group {
    readonly title: string;
    /** First letters of their ids. */
    readonly ids: RegExp;
    /** Columns of their table, after id, settings, expectation, runs and answers. */
    readonly columns: Readonly<Partial<Record<Figure, string>>>;
}

const COSTS = { gpuSecondsPerImage: "GPU-s per image" } as const;
const WAITS = { idleWhileWaitingSeconds: "wait beside idle, s" } as const;

/** The tables of the page, in their order. */
const GROUPS: readonly Group[] = [
    {
        title: "The recipe's load, under settings that differ in one thing each",
        ids: /^E[0-8]\b/,
        columns: {
            totalSeconds: "total, s",
            totalToFloor: "÷ floor",
            p50Seconds: "P50",
            p90Seconds: "P90",
            p95Seconds: "P95",
            slowestSeconds: "slowest",
            ...COSTS,
            ...WAITS,
        },
    },
    {
        title: "The goals",
        ids: /^G/,
        columns: {
            totalSeconds: "total, s",
            totalToFloor: "÷ floor",
            p95Seconds: "P95",
            ...COSTS,
            maxInFlight: "most in a pod",
            ...WAITS,
        },
    },
    {
        title: "Arrivals by chance",
        ids: /^(E9|S\d)/,
        columns: {
            p50Seconds: "P50",
            p95Seconds: "P95",
            p99Seconds: "P99",
            slowestSeconds: "slowest",
            ...COSTS,
            maxInFlight: "most in a pod",
            ...WAITS,
        },
    },
    {
        title: "Clients that give up, and ten thousand requests",
        ids: /^(C|SOAK)/,
        columns: {
            totalSeconds: "total, s",
            p50Seconds: "P50",
            p90Seconds: "P90",
            slowestSeconds: "slowest",
            maxInFlight: "most in a pod",
            sentToBusyPod: "sent to a busy pod",
            waitedInPodSeconds: "wait in a pod, s",
            abandonedGpuSeconds: "GPU-s for nobody",
            savedGpuSeconds: "GPU-s saved",
        },
    },
    {
        title: "More than the fleet can do, and the loss of an activator",
        ids: /^(E10|Q|L)/,
        columns: {
            p50Seconds: "P50",
            slowestSeconds: "slowest",
            longestFailureSeconds: "longest to a failure, s",
            recoverySeconds: "to the next drawing, s",
        },
    },
];

/**
 * A page with its generated part made anew: tables with the figures of every experiment.
 *
 * @param resultsOf an experiment's runs that there are
 * @throws Error when the page has no such part
 */
export async function withPerformanceTables(
    page: string,
    resultsOf: (experiment: Experiment) => Promise<readonly RunRecord[]> = readResults,
): Promise<string> {
    const begin = page.indexOf(BEGIN);
    const end = page.indexOf(END);
    if (begin < 0 || end < begin) {
        throw new Error(`${PERFORMANCE_PAGE} has no part between ${BEGIN} and ${END}`);
    }
    const tables = await Promise.all(
        GROUPS.map(async ({ title, ids, columns }) => {
            const rows = EXPERIMENTS.filter(({ id }) => ids.test(id)).map(async (experiment) =>
                row(experiment, Object.keys(columns) as Figure[], await resultsOf(experiment)),
            );
            const table = markdownTable({
                head: ["", "settings", "expected", "runs", "answers", ...Object.values(columns)],
                rows: await Promise.all(rows),
            });
            return `### ${title}\n\n${table}\n`;
        }),
    );
    return `${page.slice(0, begin)}${BEGIN}\n\n${tables.join("\n")}\n${page.slice(end)}`;
}

function row(
    { id, title, expected }: Experiment,
    columns: readonly Figure[],
    runs: readonly RunRecord[],
): string[] {
    const begin = [id, title, expected, String(runs.length)];
    if (runs.length === 0) {
        return [...begin, "not measured yet", ...columns.map(() => "")];
    }
    const { figures, outcomes } = summarize(runs);
    return [
        ...begin,
        Object.entries(outcomes)
            .map(([outcome, count]) => `${count} × ${outcome}`)
            .join(", "),
        ...columns.map((figure) => cell(figures[figure])),
    ];
}

function cell(estimate: Estimate | undefined): string {
    if (estimate === undefined) {
        return "";
    }
    const { value, low, high } = estimate;
    return low === high ? shown(value) : `${shown(value)} (${shown(low)} – ${shown(high)})`;
}

/** The runs of an experiment that there are: an interrupted batch has left only some. */
export async function readResults(experiment: Experiment): Promise<RunRecord[]> {
    const files = Array.from({ length: experiment.repeats }, (_, index) =>
        resultFile(experiment, index + 1),
    );
    return Promise.all(files.filter(existsSync).map(readRun));
}

/** The report of an experiment, as `load` would have left it. */
async function writeExample(): Promise<void> {
    const [experiment] = experimentsOf(["G0"]);
    const runs = experiment === undefined ? [] : await readResults(experiment);
    if (experiment !== undefined && runs.length > 0) {
        const summary = summarize(runs);
        const slo = join(REPOSITORY, "slo/rehearsal.json");
        const verdict = judge(summary, await readObjectives(slo, experiment.profile.name));
        await writeFile(EXAMPLE, htmlReport({ runs, summary, verdict }));
    }
}

if (require.main === module) {
    void (async () => {
        await writeFile(
            PERFORMANCE_PAGE,
            await withPerformanceTables(await readFile(PERFORMANCE_PAGE, "utf8")),
        );
        await writeExample();
    })();
}
