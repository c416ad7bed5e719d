import { join } from "node:path";
import { policies } from "./policies";
import type { Parameter } from "./rule";

/** The page that holds the table. */
export const README = join(__dirname, "README.md");

const START = "<!-- rules: npm run table -->\n<!-- prettier-ignore-start -->\n";
const END = "<!-- prettier-ignore-end -->";

/** The table of all rules, in Markdown, made of what they say of themselves. */
export function ruleTable(): string {
    const rows = policies.map(({ name, description, enforcementLevel, severity, configSchema }) => {
        const parameters = Object.entries(configSchema?.properties ?? {}).map(
            ([key, schema]) => `\`${key}\` ${bounds(schema as Parameter)}`,
        );
        return `| \`${name}\` | ${enforcementLevel ?? ""} | ${severity ?? ""} | ${description} | ${parameters.join("; ")} |`;
    });
    return [
        "| rule | level | severity | what it demands | parameters |",
        "| --- | --- | --- | --- | --- |",
        ...rows,
        "",
    ].join("\n");
}

/** A parameter's default and bounds. */
function bounds({ default: value, minimum, maximum }: Parameter): string {
    const from = minimum === undefined ? "" : `from ${minimum}`;
    const to = maximum === undefined ? "" : `to ${maximum}`;
    const range = [from, to].filter((each) => each !== "").join(" ");
    return `(\`${JSON.stringify(value)}\`${range === "" ? "" : `, ${range}`})`;
}

/**
 * A page with the table brought up to date.
 *
 * @throws Error if the page has no place for it
 */
export function withTable(page: string): string {
    const start = page.indexOf(START);
    const end = page.indexOf(END);
    if (start < 0 || end < start) {
        throw new Error(`the page has no place for the table, between ${START}and ${END}`);
    }
    return `${page.slice(0, start)}${START}${ruleTable()}${page.slice(end)}`;
}
