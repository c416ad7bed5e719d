import { rename, writeFile } from "node:fs/promises";
import type { Dashboard, Panel } from "../../components/monitoring/dashboard";
import type { Prometheus } from "../prometheus";
import { reportPage } from "./page";
import { panelLines } from "./panel-lines";
import type { Line } from "./plot-lines";

/** What a report is about. */
export interface Report {
    readonly title: string;
    readonly start: Date;
    readonly end: Date;
    readonly dashboards: readonly Dashboard[];
    /** The page to write. */
    readonly file: string;
}

/** Seconds between two values where that makes no more than {@link MOST_VALUES}. */
const STEP_SECONDS = 5;
/** Values of a line: more than a plot has room for. */
const MOST_VALUES = 400;

/** Queries that Prometheus works on at once; its default is 20 for all of its users. */
const AT_ONCE = 4;

/**
 * Draws the panels of the dashboards over a time, from what Prometheus knows, as one page.
 *
 * @returns titles of the panels without any data
 * @throws Error when Prometheus does not answer or refuses a query, naming the panel; nothing is written then
 */
export async function writeReport(
    prometheus: Pick<Prometheus, "queryRange">,
    { title, start, end, dashboards, file }: Report,
): Promise<string[]> {
    const seconds = (end.getTime() - start.getTime()) / 1000;
    const stepSeconds = Math.max(1, Math.ceil(seconds / MOST_VALUES / STEP_SECONDS)) * STEP_SECONDS;
    const range = { start, end, stepSeconds };
    const panels = dashboards.flatMap(({ rows }) => rows.flatMap((row) => row.panels));
    const lines = new Map<Panel, readonly Line[]>();
    const waiting = panels.values();
    const work = async (): Promise<void> => {
        for (const panel of waiting) {
            lines.set(panel, await panelLines(prometheus, panel, range));
        }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    // A reader, or an interrupted run, never meets half a page.
    await writeFile(`${file}.partial`, reportPage({ title, range, dashboards, lines }));
    await rename(`${file}.partial`, file);
    return panels.filter((panel) => lines.get(panel)?.length === 0).map((panel) => panel.title);
}
