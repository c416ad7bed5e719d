import type { Panel } from "../../components/monitoring/dashboard";
import type { Prometheus, Range } from "../prometheus";
import { legendOf } from "./legend";
import type { Line } from "./plot-lines";
import { onGrid } from "./timeline-grid";

/**
 * What a panel shows over a time: a line for each series of its queries that has a value.
 *
 * @throws Error when Prometheus does not answer or refuses a query, naming the panel
 */
export async function panelLines(
    prometheus: Pick<Prometheus, "queryRange">,
    { title, queries }: Panel,
    range: Range,
): Promise<Line[]> {
    const lines = await Promise.all(
        queries.map(async ({ legend, expression }) => {
            const series = await prometheus.queryRange(expression, range);
            return series.map((each) => ({
                name: legendOf(legend, each.labels),
                points: onGrid(each, range),
            }));
        }),
    ).catch((error: unknown) => {
        throw new Error(`panel ${JSON.stringify(title)}: ${(error as Error).message}`, {
            cause: error,
        });
    });
    return lines.flat().filter(({ points }) => points.some(({ value }) => !Number.isNaN(value)));
}
