/** One value of a metric. */
export interface Series {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: -?\d+)?$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?/gy;

/**
 * Reads Prometheus' text format 0.0.4, as far as names, labels and values go.
 *
 * @param isWanted tells by the name which series to read; the others may be of any shape
 * @throws Error naming a line of a wanted series that is not of this format
 */
export function parsePrometheusText(text: string, isWanted: (name: string) => boolean): Series[] {
    return text
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("#") && isWanted(nameOf(line)))
        .map((line) => {
            const [, name, labels = "", value = ""] = LINE.exec(line) ?? [];
            const parsed = parseLabels(labels);
            if (name === undefined || parsed === undefined) {
                throw new Error(`not a line of Prometheus' text format: ${line}`);
            }
            return { name, labels: parsed, value: numberOf(value) };
        });
}

function nameOf(line: string): string {
    return /^[^{ ]*/.exec(line)?.[0] ?? "";
}

function parseLabels(text: string): Record<string, string> | undefined {
    const labels: Record<string, string> = {};
    let end = 0;
    for (const match of text.matchAll(LABEL)) {
        const [whole, name = "", value = ""] = match;
        labels[name] = value.replace(/\\(.)/g, (_, escaped: string) =>
            escaped === "n" ? "\n" : escaped,
        );
        end = match.index + whole.length;
    }
    return end === text.length ? labels : undefined;
}

function numberOf(text: string): number {
    const special: Readonly<Record<string, number>> = { "+Inf": Infinity, "-Inf": -Infinity };
    return special[text] ?? Number(text);
}
