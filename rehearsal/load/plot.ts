/** A plot with one pair of axes. */
export interface Plot {
    readonly title: string;
    /** With its unit. */
    readonly xLabel: string;
    /** With its unit. */
    readonly yLabel: string;
    readonly marks: readonly Mark[];
}

/** Something drawn in a plot, from data in the units of its axes. */
export interface Mark {
    /** What the legend calls it. */
    readonly name: string;
    /** `steps` holds each value until the next; `bars` stand from one x to the next, the last as wide as the one before. */
    readonly kind: "points" | "line" | "steps" | "bars";
    /** @default the next of the palette */
    readonly color?: string;
    readonly data: readonly (readonly [x: number, y: number])[];
}

const WIDTH = 760;
const HEIGHT = 300;
/** Room for ticks, labels and the legend around the axes' rectangle. */
const MARGIN = { top: 44, right: 16, bottom: 46, left: 58 };
/** Of Okabe and Ito, which people with colour blindness can tell apart. */
const PALETTE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/** Draws a plot as an SVG element that stands alone. Axes begin at 0; endless values are left out. */
export function drawPlot({ title, xLabel, yLabel, marks }: Plot): string {
    const drawn = marks.map((mark, index) => ({
        ...mark,
        color: mark.color ?? PALETTE[index % PALETTE.length] ?? "black",
        data: mark.data.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y)),
    }));
    const points = drawn.flatMap(({ data }) => data);
    const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeXml(title)}"><text x="${WIDTH / 2}" y="16" text-anchor="middle" font-weight="bold">${escapeXml(title)}</text>`;
    if (points.length === 0) {
        return `${head}<text x="${WIDTH / 2}" y="${HEIGHT / 2}" text-anchor="middle">no data</text></svg>`;
    }
    const xTicks = ticks(Math.max(...points.map(([x]) => x)));
    const yTicks = ticks(Math.max(...points.map(([, y]) => y)));
    const x = scale(xTicks, MARGIN.left, WIDTH - MARGIN.right);
    const y = scale(yTicks, HEIGHT - MARGIN.bottom, MARGIN.top);
    const axes = [
        ...xTicks.map(
            (tick) =>
                `<line x1="${x(tick)}" x2="${x(tick)}" y1="${y(0)}" y2="${y(0) + 4}"/><text x="${x(tick)}" y="${y(0) + 17}" text-anchor="middle" stroke="none">${tick}</text>`,
        ),
        ...yTicks.map(
            (tick) =>
                `<line x1="${x(0)}" x2="${WIDTH - MARGIN.right}" y1="${y(tick)}" y2="${y(tick)}" opacity="${tick === 0 ? 1 : 0.2}"/><text x="${x(0) - 6}" y="${y(tick) + 4}" text-anchor="end" stroke="none">${tick}</text>`,
        ),
        `<text x="${(MARGIN.left + WIDTH - MARGIN.right) / 2}" y="${HEIGHT - 8}" text-anchor="middle" stroke="none">${escapeXml(xLabel)}</text>`,
        `<text transform="translate(14 ${(MARGIN.top + HEIGHT - MARGIN.bottom) / 2}) rotate(-90)" text-anchor="middle" stroke="none">${escapeXml(yLabel)}</text>`,
    ];
    const legend = drawn.map(
        ({ name, color }, index) =>
            `<rect x="${MARGIN.left + index * 170}" y="24" width="10" height="10" fill="${color}"/><text x="${MARGIN.left + index * 170 + 15}" y="33">${escapeXml(name)}</text>`,
    );
    return [
        head,
        `<g stroke="currentColor" fill="currentColor">${axes.join("")}</g>`,
        ...legend,
        ...drawn.map((mark) => drawMark(mark, x, y)),
        "</svg>",
    ].join("");
}

type Scale = (value: number) => number;

function drawMark({ kind, color, data }: Mark, x: Scale, y: Scale): string {
    const at = (value: number): string => value.toFixed(1);
    switch (kind) {
        case "points":
            return data
                .map(
                    ([px, py]) =>
                        `<circle cx="${at(x(px))}" cy="${at(y(py))}" r="3" fill="${color}" fill-opacity="0.6"/>`,
                )
                .join("");
        case "bars":
            return data
                .map(([from, count], index) => {
                    const [before] = data[index - 1] ?? [from - 1];
                    const [to] = data[index + 1] ?? [from + (from - before)];
                    const width = Math.max(1, x(to) - x(from) - 1);
                    return `<rect x="${at(x(from))}" y="${at(y(count))}" width="${at(width)}" height="${at(y(0) - y(count))}" fill="${color}" fill-opacity="0.55"/>`;
                })
                .join("");
        default: {
            const path = data.map(([px, py], index) => {
                const [cx, cy] = [at(x(px)), at(y(py))];
                return index === 0
                    ? `M${cx} ${cy}`
                    : kind === "line"
                      ? `L${cx} ${cy}`
                      : `H${cx}V${cy}`;
            });
            return `<path d="${path.join("")}" fill="none" stroke="${color}" stroke-width="1.8"/>`;
        }
    }
}

/** From 0 to at least `most` in steps of 1, 2 or 5 times a power of ten, four to ten of them. */
export function ticks(most: number): number[] {
    const largest = most > 0 ? most : 1;
    const power = 10 ** Math.floor(Math.log10(largest / 4));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => largest / each <= 9);
    if (step === undefined) {
        throw new Error(`no ticks up to ${most}`);
    }
    const count = Math.ceil(largest / step - 1e-9);
    // Without the dust of binary fractions.
    return Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

function scale(of: readonly number[], from: number, to: number): Scale {
    const most = of.at(-1) ?? 1;
    return (value) => from + (value / most) * (to - from);
}

/** Makes text safe inside HTML and SVG, attributes included. */
export function escapeXml(text: string): string {
    const names: Readonly<Record<string, string>> = {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "'": "&#39;",
    };
    return text.replace(/[&<>"']/g, (each) => names[each] ?? each);
}
