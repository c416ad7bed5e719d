import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { STACKS } from "../deployment";
import { REPOSITORY } from "../paths";
import type { Choice } from "./plan";
import type { ServiceSettings } from "./service";

/** What a stack sets of what decides how it scales. */
export type StackChoice = Choice & Pick<ServiceSettings, "panicWindowPercentage">;

interface Project {
    readonly name: string;
    readonly config: Readonly<Record<string, { readonly default?: unknown }>>;
}

const PROJECT_FILE = "Pulumi.yaml";

const KEYS = [
    "minScale",
    "maxScale",
    "targetUtilizationPercentage",
    "panicWindowPercentage",
    "scaleDownDelaySeconds",
] as const satisfies readonly (keyof StackChoice)[];

/** The defaults of this checkout's Pulumi.yaml. */
export function projectChoice(folder = REPOSITORY): StackChoice {
    return choiceIn(PROJECT_FILE, readProject(folder), {});
}

/**
 * What the stacks of this checkout are set to, by their names; those of the rehearsal are left out.
 *
 * @throws Error naming the file and the key whose value is no number
 */
export function stackChoices(folder = REPOSITORY): Map<string, StackChoice> {
    const project = readProject(folder);
    const choices = new Map<string, StackChoice>();
    for (const file of readdirSync(folder).sort()) {
        const stack = /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1];
        if (stack === undefined || STACKS.some((each) => each === stack)) {
            continue;
        }
        const { config = {} } = readYaml(join(folder, file)) as {
            readonly config?: Readonly<Record<string, unknown>>;
        };
        choices.set(stack, choiceIn(file, project, config));
    }
    return choices;
}

function choiceIn(
    file: string,
    project: Project,
    config: Readonly<Record<string, unknown>>,
): StackChoice {
    const values = KEYS.map((key) => {
        const value = config[`${project.name}:${key}`] ?? project.config[key]?.default;
        // `pulumi config set` writes numbers as strings.
        const number = Number(value);
        if (!Number.isInteger(number)) {
            throw new Error(`${file}: ${key} is ${JSON.stringify(value)}; allowed: a whole number`);
        }
        return [key, number] as const;
    });
    return Object.fromEntries(values) as Record<(typeof KEYS)[number], number>;
}

function readProject(folder: string): Project {
    return readYaml(join(folder, PROJECT_FILE)) as Project;
}

function readYaml(file: string): unknown {
    return parse(readFileSync(file, "utf8"));
}
