import { type Report, type Section, sectionsOf, type Table } from "./report";

/** The report as Markdown. */
export function markdownReport(report: Report): string {
    return sectionsOf(report)
        .map((section, index) => markdownSection(section, index === 0 ? "#" : "##"))
        .join("\n");
}

function markdownSection({ title, paragraphs, table }: Section, level: string): string {
    return [
        `${level} ${title}\n`,
        ...paragraphs.map((paragraph) => `${paragraph}\n`),
        ...(table ? [`${markdownTable(table)}\n`] : []),
    ].join("\n");
}

/** A table in Markdown, its columns aligned as Prettier does. */
export function markdownTable({ head, rows }: Table): string {
    const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
    const widths = head.map((_, column) =>
        Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)),
    );
    const line = (row: readonly string[], fill = " "): string =>
        `| ${widths.map((width, column) => (row[column] ?? "").padEnd(width, fill)).join(" | ")} |`;
    const [first = [], ...rest] = cells;
    return [line(first), line([], "-"), ...rest.map((row) => line(row))].join("\n");
}
