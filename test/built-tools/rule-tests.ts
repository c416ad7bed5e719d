import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { promtool } from "../../rehearsal/cluster/prometheus-tools";

/** Seconds between two samples, and between two evaluations of the rules. */
export const INTERVAL_SECONDS = 15;

/** Series by their selector, in promtool's notation: `0+1x10` are eleven samples, each one more than the last. */
export type InputSeries = Readonly<Record<string, string>>;

/** What an expression gives at a time: samples by their labels, such as `{pod="a"}`. */
export interface Expectation {
    readonly expression: string;
    /** Seconds after the first sample. */
    readonly at: number;
    readonly samples: Readonly<Record<string, number>>;
}

/**
 * Has Prometheus itself evaluate rules and expressions over series.
 *
 * @throws Error with promtool's report, where something else comes out
 */
export async function expectOf(
    rules: object,
    series: InputSeries,
    expectations: readonly Expectation[],
): Promise<void> {
    await inFolder({ "rules.yaml": rules, "tests.yaml": testFile(series, expectations) }, [
        "test",
        "rules",
        "tests.yaml",
    ]);
}

/**
 * Has Prometheus read a rule file.
 *
 * @throws Error with promtool's report, where it does not understand it
 */
export async function checkRules(rules: object): Promise<void> {
    await inFolder({ "rules.yaml": rules }, ["check", "rules", "--lint-fatal", "rules.yaml"]);
}

/** Looked for once: its digest is verified each time. */
let tool: Promise<string> | undefined;

function testFile(series: InputSeries, expectations: readonly Expectation[]): object {
    return {
        rule_files: ["rules.yaml"],
        evaluation_interval: `${INTERVAL_SECONDS}s`,
        fuzzy_compare: true,
        tests: [
            {
                interval: `${INTERVAL_SECONDS}s`,
                input_series: Object.entries(series).map(([selector, values]) => ({
                    series: selector,
                    values,
                })),
                promql_expr_test: expectations.map(({ expression, at, samples }) => ({
                    expr: expression,
                    eval_time: `${at}s`,
                    exp_samples: Object.entries(samples).map(([labels, value]) => ({
                        labels,
                        value,
                    })),
                })),
            },
        ],
    };
}

async function inFolder(
    files: Readonly<Record<string, object>>,
    args: readonly string[],
): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), "promtool-"));
    try {
        for (const [name, content] of Object.entries(files)) {
            await writeFile(join(folder, name), stringify(content));
        }
        tool ??= promtool();
        await promisify(execFile)(await tool, args, { cwd: folder });
    } catch (error) {
        const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
        throw new Error(`promtool ${args.join(" ")}: ${stdout}${stderr}`, { cause: error });
    } finally {
        await rm(folder, { recursive: true });
    }
}
