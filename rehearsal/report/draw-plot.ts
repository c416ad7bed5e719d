import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";

/** Draws a plot, with its legend, as HTML around an SVG: no script and nothing from outside. */
export function drawPlot(options: Plot.PlotOptions): string {
    const { document } = parseHTML("<html><body></body></html>");
    return Plot.plot({ ...options, document, figure: true }).outerHTML;
}

/** An axis shows at least this much, so that values which are all 0 are not blown up. */
const LEAST_TOP = 1;

/** What an axis spans: from 0, or what is below it, to the largest value. */
export function axisDomain(values: readonly number[]): [number, number] {
    const bottom = values.reduce((least, value) => Math.min(least, value), 0);
    const top = values.reduce((most, value) => Math.max(most, value), 0);
    return [bottom, top === bottom ? bottom + LEAST_TOP : top];
}
