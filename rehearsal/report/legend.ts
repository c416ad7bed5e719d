import type { Labels } from "../prometheus";

/**
 * The name of a series by a legend of Grafana's form: `{{label}}` becomes the label's value, nothing where there is
 * none. An empty legend names all labels, as Grafana does.
 */
export function legendOf(legend: string, labels: Labels): string {
    if (legend === "") {
        const { __name__: name = "", ...others } = labels;
        const pairs = Object.entries(others).map(([label, value]) => `${label}="${value}"`);
        return pairs.length === 0 ? name : `${name}{${pairs.join(", ")}}`;
    }
    return legend.replace(/\{\{\s*([A-Za-z_]\w*)\s*\}\}/g, (_, label: string) =>
        Object.hasOwn(labels, label) ? String(labels[label]) : "",
    );
}
