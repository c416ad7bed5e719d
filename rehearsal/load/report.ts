import type { Comparison } from "./comparison";
import type { Judgement, Verdict } from "./objectives";
import { RECIPE } from "./recipe";
import type { RunRecord } from "./run-record";
import { type Estimate, HEY_PERCENTAGES, type HeyFigures } from "./statistics";
import { type Figure, FIGURES, type Summary } from "./summary";

/** Everything that a report shows. */
export interface Report {
    readonly runs: readonly RunRecord[];
    readonly summary: Summary;
    /** @default - nothing was asked of the load */
    readonly verdict?: Verdict | undefined;
    /** @default - there is no baseline */
    readonly comparison?: readonly Comparison[] | undefined;
}

/** A part of a report: Markdown and HTML are made from the same ones. */
export interface Section {
    readonly title: string;
    readonly paragraphs: readonly string[];
    /** @default - it has none */
    readonly table?: Table | undefined;
}

/** Rows of texts below a head. */
export interface Table {
    readonly head: readonly string[];
    readonly rows: readonly (readonly string[])[];
}

/** The words and tables of a report, in order. */
export function sectionsOf(report: Report): Section[] {
    const { summary, verdict, comparison } = report;
    return [
        resultSection(report),
        ...(verdict ? [objectivesSection(verdict)] : []),
        figuresSection(summary),
        ...(summary.hey ? [recipeSection(summary.hey, report)] : []),
        ...(comparison ? [comparisonSection(comparison)] : []),
        settingsSection(report.runs),
        ...(summary.coldStarts.length > 0 ? [coldStartSection(summary)] : []),
        ...(summary.unobserved.length > 0 ? [unobservedSection(summary)] : []),
    ];
}

function resultSection({ summary, verdict, runs }: Report): Section {
    const outcomes = Object.entries(summary.outcomes).map(
        ([outcome, count]) => `${outcome}: ${count}`,
    );
    const purpose = runs[0]?.profile.purpose ?? "";
    return {
        title: `Load ${summary.profile} on the stack ${summary.stack}`,
        paragraphs: [
            `${purpose}; ${summary.runs === 1 ? "one run" : `${summary.runs} runs`}, the first begun at ${runs[0]?.startedAt ?? ""}.`,
            ...(summary.interrupted === undefined
                ? []
                : [
                      `INTERRUPTED (${summary.interrupted}): the figures are of what was sent until then.`,
                  ]),
            ...(verdict === undefined
                ? []
                : [verdict.met ? "All objectives are met." : "The objectives are NOT met."]),
            `${summary.requests} requests: ${outcomes.join(", ") || "none"}.`,
        ],
    };
}

function objectivesSection({ judgements }: Verdict): Section {
    return {
        title: "Objectives",
        paragraphs: [],
        table: {
            head: ["objective", "allowed", "measured", "met"],
            rows: judgements.map(({ objective, side, bound, value, met }: Judgement) => [
                FIGURES[objective],
                `${side === "most" ? "≤" : "≥"} ${bound}`,
                value === undefined ? "not observed" : shown(value),
                met ? "yes" : "NO",
            ]),
        },
    };
}

function figuresSection({ figures, runs }: Summary): Section {
    return {
        title: "Figures",
        paragraphs: [
            runs === 1
                ? "Latencies count from the moment at which a request was to be sent; a failed request counts as endless. The interval is drawn from the requests of one run, which depend on each other: it is too narrow for another run."
                : `Latencies count from the moment at which a request was to be sent; a failed request counts as endless. The 95 % interval is drawn from whole runs, ${runs} of them.`,
        ],
        table: {
            head: ["figure", "value", "95 % interval"],
            rows: present(figures).map(([figure, estimate]) => [
                FIGURES[figure],
                shown(estimate.value),
                interval(estimate),
            ]),
        },
    };
}

function present(figures: Summary["figures"]): [Figure, Estimate][] {
    return (Object.keys(FIGURES) as Figure[]).flatMap((figure) => {
        const estimate = figures[figure];
        return estimate === undefined ? [] : [[figure, estimate] as [Figure, Estimate]];
    });
}

function interval({ low, high }: Estimate): string {
    return low === high ? "" : `${shown(low)} – ${shown(high)}`;
}

function recipeSection(hey: HeyFigures, { runs }: Report): Section {
    const row = (name: string, of: (figures: HeyFigures) => number): string[] => [
        name,
        shown(of(RECIPE)),
        shown(of(hey)),
        of(RECIPE) === 0 || of(hey) === 0 ? "" : `${((of(hey) / of(RECIPE)) * 100).toFixed(0)} %`,
    ];
    const command = runs[0]?.hey?.command;
    return {
        title: "Beside the recipe's table",
        paragraphs: [
            command === undefined
                ? "Computed as hey computes its table, from the built-in sender's measurements. Only the profile recipe sends what the recipe sent."
                : `Computed as hey computes its table, from its own measurements: \`${command}\`, of the median run.`,
            "hey leaves out requests without an answer, and takes for P95 of 50 the 49th; it never reaches P99 of 50, and prints 0.",
        ],
        table: {
            head: ["", "recipe", "this run", "of the recipe's"],
            rows: [
                row("total, s", ({ total }) => total),
                row("slowest, s", ({ slowest }) => slowest),
                row("fastest, s", ({ fastest }) => fastest),
                row("average, s", ({ average }) => average),
                row("requests/s", ({ requestsPerSecond }) => requestsPerSecond),
                ...HEY_PERCENTAGES.map((percentage) =>
                    row(`${percentage} %, s`, ({ distribution }) => distribution[percentage]),
                ),
            ],
        },
    };
}

function comparisonSection(comparison: readonly Comparison[]): Section {
    return {
        title: "Beside the baseline",
        paragraphs: [
            "Different are figures whose 95 % intervals are apart; with one run on a side nothing can be said.",
        ],
        table: {
            head: ["figure", "baseline", "now", "change", "different"],
            rows: comparison.map(({ figure, baseline, now, differs }) => [
                FIGURES[figure],
                shown(baseline.value),
                shown(now.value),
                baseline.value > 0 && Number.isFinite(now.value / baseline.value)
                    ? `${((now.value / baseline.value - 1) * 100).toFixed(1)} %`
                    : "",
                differs === undefined ? "" : differs ? "yes" : "no",
            ]),
        },
    };
}

function settingsSection(runs: readonly RunRecord[]): Section {
    const [run] = runs;
    const settings = run?.settings;
    return {
        title: "Settings",
        paragraphs: [],
        table: {
            head: ["setting", "value"],
            rows: [
                ["pods at most", String(run?.podsMost ?? "")],
                ["activators", String(run?.activators ?? "not observed")],
                ["seed of the arrivals", runs.map(({ seed }) => seed).join(", ")],
                ["containerConcurrency", String(settings?.containerConcurrency ?? "")],
                ["timeoutSeconds", String(settings?.timeoutSeconds ?? "")],
                ["readinessProbe", JSON.stringify(settings?.readinessProbe ?? null)],
                ...Object.entries({ ...settings?.autoscaling, ...settings?.standIn }),
            ],
        },
    };
}

function coldStartSection({ coldStarts }: Summary): Section {
    return {
        title: "Cold starts",
        paragraphs: ["Seconds of each phase, as a watch saw them."],
        table: {
            head: ["pod", "waits for a node", "until its container runs", "until it is ready"],
            rows: coldStarts.map(({ pod, created, scheduled, started }) => [
                pod,
                shown(created),
                shown(scheduled),
                shown(started),
            ]),
        },
    };
}

function unobservedSection({ unobserved }: Summary): Section {
    return {
        title: "Not observed",
        paragraphs: unobserved,
    };
}

/** Two decimals for what is not whole. */
export function shown(value: number): string {
    return Number.isInteger(value)
        ? String(value)
        : Number.isFinite(value)
          ? value.toFixed(2)
          : "∞";
}
