import type { Dashboard, Panel } from "../../components/monitoring/dashboard";
import type { Range } from "../prometheus";
import { escapeHtml } from "./escape-html";
import { type Line, plotLines } from "./plot-lines";

/** What the page of a run is made of. */
export interface ReportPage {
    readonly title: string;
    readonly range: Range;
    readonly dashboards: readonly Dashboard[];
    /** What each panel shows; none or an empty list for a panel without data. */
    readonly lines: ReadonlyMap<Panel, readonly Line[]>;
}

/**
 * The dashboards of a run as one HTML page with a plot for each panel. It needs nothing from outside, no script and no
 * network, so that it can be sent and kept.
 */
export function reportPage({ title, range, dashboards, lines }: ReportPage): string {
    const drawn = dashboards.map(
        (dashboard) => `<h2>${escapeHtml(dashboard.title)}</h2>
${dashboard.rows
    .map(
        (row) => `<section>
<h3>${escapeHtml(row.title)}</h3>
<div class="panels">
${row.panels.map((panel) => panelOf(panel, lines.get(panel) ?? [])).join("\n")}
</div>
</section>`,
    )
    .join("\n")}`,
    );
    return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
<p>From ${range.start.toISOString()} to ${range.end.toISOString()}, a value each ${range.stepSeconds} s. Each plot
begins at the start. A gap is a moment without data; percentiles and rates look back over the window that their query
names.</p>
${drawn.join("\n")}
</body>
</html>
`;
}

function panelOf(panel: Panel, lines: readonly Line[]): string {
    const { title, description, unit, queries } = panel;
    const plot =
        lines.length === 0
            ? '<p class="none">No data in this time.</p>'
            : plotLines({ title, unit, lines });
    const expressions = queries.map(({ legend, expression }) => {
        const name = legend === "" ? "" : `${escapeHtml(legend)}: `;
        return `<li>${name}<code>${escapeHtml(expression)}</code></li>`;
    });
    return `<article>
<h4>${escapeHtml(title)}</h4>
${plot}
<p>${escapeHtml(description)}</p>
<details><summary>Query</summary><ul>${expressions.join("")}</ul></details>
</article>`;
}

const STYLE = `
body { font: 15px/1.45 system-ui, sans-serif; color: #222; background: #fff; margin: 2rem auto; padding: 0 1rem; max-width: 80rem; }
h2 { margin-top: 3rem; border-bottom: 1px solid #ccc; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(36rem, 100%), 1fr)); gap: 1.5rem; }
article { border: 1px solid #ddd; border-radius: 6px; padding: 0.75rem 1rem; min-width: 0; }
h4 { margin: 0 0 0.5rem; }
figure { margin: 0; }
.none { color: #777; padding: 4rem 0; text-align: center; background: #f7f7f7; }
details { color: #555; font-size: 13px; }
code { white-space: pre-wrap; overflow-wrap: anywhere; }
`;
