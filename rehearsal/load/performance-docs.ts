import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { REPOSITORY } from "../paths";
import { EXPERIMENTS, type Experiment } from "./experiments";
import { resultFile } from "./experiments-command";
import { shown } from "./report";
import { markdownTable } from "./report-markdown";
import { readRun, type RunRecord } from "./run-record";
import type { Estimate } from "./statistics";
import { type Figure, summarize } from "./summary";

/** The page whose generated part this module writes. */
export const PERFORMANCE_PAGE = join(REPOSITORY, "docs/performance.md");

const BEGIN = "<!-- Generated from docs/performance/*.json: npm run performance-docs -->";
const END = "<!-- End of what is generated -->";

/** Columns of the table, after id, settings and expectation. */
const COLUMNS: Readonly<Partial<Record<Figure, string>>> = {
    totalSeconds: "total, s",
    totalToFloor: "÷ floor",
    p50Seconds: "P50",
    p95Seconds: "P95",
    slowestSeconds: "slowest",
    gpuSecondsPerImage: "GPU-s per image",
    maxInFlight: "most in a pod",
    idleWhileWaitingSeconds: "wait beside idle, s",
};

/**
 * A page with its generated part made anew: a table with the figures of every experiment.
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
    const rows = await Promise.all(
        EXPERIMENTS.map(async (experiment) => row(experiment, await resultsOf(experiment))),
    );
    const table = markdownTable({
        head: ["", "settings", "expected", "runs", "answers", ...Object.values(COLUMNS)],
        rows,
    });
    return `${page.slice(0, begin)}${BEGIN}\n\n${table}\n\n${page.slice(end)}`;
}

function row({ id, title, expected }: Experiment, runs: readonly RunRecord[]): string[] {
    if (runs.length === 0) {
        return [
            id,
            title,
            expected,
            "0",
            "not measured yet",
            ...Object.keys(COLUMNS).map(() => ""),
        ];
    }
    const { figures, outcomes } = summarize(runs);
    return [
        id,
        title,
        expected,
        String(runs.length),
        Object.entries(outcomes)
            .map(([outcome, count]) => `${count} × ${outcome}`)
            .join(", "),
        ...Object.keys(COLUMNS).map((figure) => cell(figures[figure as Figure])),
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

if (require.main === module) {
    void (async () => {
        await writeFile(
            PERFORMANCE_PAGE,
            await withPerformanceTables(await readFile(PERFORMANCE_PAGE, "utf8")),
        );
    })();
}
