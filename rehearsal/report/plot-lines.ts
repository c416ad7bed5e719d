import * as Plot from "@observablehq/plot";
import type { Unit } from "../../components/monitoring/dashboard";
import { axisDomain, drawPlot } from "./draw-plot";
import type { GridPoint } from "./timeline-grid";

/** One line of a plot. */
export interface Line {
    /** What the legend calls it; two of the same name are drawn in one colour. */
    readonly name: string;
    readonly points: readonly GridPoint[];
}

/** What is drawn. */
export interface LinePlot {
    /** Says to a screen reader what the plot is. */
    readonly title: string;
    readonly unit: Unit | "milliseconds";
    /** At least one, with at least one value. */
    readonly lines: readonly Line[];
}

/** Pixels. */
const [WIDTH, HEIGHT, MARGIN_LEFT] = [560, 220, 64];

/** Draws lines over the seconds of a run, with axes and legend. */
export function plotLines({ title, unit, lines }: LinePlot): string {
    const points = lines.flatMap(({ name, points: some }) =>
        some.map((point) => ({ ...point, name })),
    );
    const values = points.map(({ value }) => value).filter((value) => !Number.isNaN(value));
    const isRatio = unit === "ratio";
    return drawPlot({
        ariaLabel: title,
        width: WIDTH,
        height: HEIGHT,
        marginLeft: MARGIN_LEFT,
        color: { legend: true, scheme: "observable10", domain: lines.map(({ name }) => name) },
        x: { label: "seconds since the start", grid: true },
        y: {
            label: isRatio ? "%" : unit,
            percent: isRatio,
            // 200M in place of 200,000,000.
            ...(unit === "bytes" && { tickFormat: "~s" }),
            grid: true,
            nice: true,
            domain: axisDomain(isRatio ? [...values.map((value) => value * 100), 100] : values),
        },
        marks: [
            Plot.ruleY([0]),
            Plot.lineY(points, { x: "second", y: "value", stroke: "name", curve: "linear" }),
            // A value alone between two gaps has no line.
            Plot.dot(points, { x: "second", y: "value", stroke: "name", r: 0.5 }),
        ],
    });
}
