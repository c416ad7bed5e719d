import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { STACKS } from "../deployment";
import { REPOSITORY } from "../paths";
import type { Choice } from "./plan";

const KEYS = [
    "minScale",
    "maxScale",
    "targetUtilizationPercentage",
    "scaleDownDelaySeconds",
] as const satisfies readonly (keyof Choice)[];

/**
 * What the stacks of this checkout are set to, by their names; those of the rehearsal are left out.
 *
 * @throws Error naming the file and the key whose value is no number
 */
export function stackChoices(folder = REPOSITORY): Map<string, Choice> {
    const project = readYaml(join(folder, "Pulumi.yaml")) as {
        readonly name: string;
        readonly config: Readonly<Record<string, { readonly default?: unknown }>>;
    };
    const choices = new Map<string, Choice>();
    for (const file of readdirSync(folder).sort()) {
        const stack = /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1];
        if (stack === undefined || STACKS.some((each) => each === stack)) {
            continue;
        }
        const { config = {} } = readYaml(join(folder, file)) as {
            readonly config?: Readonly<Record<string, unknown>>;
        };
        const values = KEYS.map((key) => {
            const value = config[`${project.name}:${key}`] ?? project.config[key]?.default;
            // `pulumi config set` writes numbers as strings.
            const number = Number(value);
            if (!Number.isInteger(number)) {
                throw new Error(
                    `${file}: ${key} is ${JSON.stringify(value)}; allowed: a whole number`,
                );
            }
            return [key, number] as const;
        });
        choices.set(stack, Object.fromEntries(values) as Record<(typeof KEYS)[number], number>);
    }
    return choices;
}

function readYaml(file: string): unknown {
    return parse(readFileSync(file, "utf8"));
}
