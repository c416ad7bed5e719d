import { Ajv, type ErrorObject } from "ajv";
import { policies } from "./policies";
import { propsOf, show } from "./props";

/** Enforcement levels of Pulumi. */
const LEVELS = ["advisory", "mandatory", "remediate", "disabled"];

/**
 * What is wrong with a configuration of the pack, as given with `--policy-pack-config`, one line each: the key, the
 * value given and what is allowed. The engine checks types and bounds, but takes rules that there are not and
 * parameters that a rule does not have, and a slip in a name would leave the default in force.
 *
 * @param config the parsed JSON of the file
 */
export function configProblems(config: unknown): string[] {
    if (typeof config !== "object" || config === null || Array.isArray(config)) {
        return [`the configuration is ${show(config)}; allowed: an object of rules`];
    }
    return Object.entries(config).flatMap(([name, value]) => ruleProblems(name, value));
}

function ruleProblems(name: string, value: unknown): string[] {
    const policy = policies.find((each) => each.name === name);
    if (policy === undefined && name !== "all") {
        return [
            `${name} is ${show(value)}; allowed: all, ${policies.map((each) => each.name).join(", ")}`,
        ];
    }
    const given: unknown = typeof value === "string" ? { enforcementLevel: value } : value;
    const isRemediable = policy === undefined || "remediateResource" in policy;
    const schema = {
        type: "object",
        additionalProperties: false,
        properties: {
            ...policy?.configSchema?.properties,
            enforcementLevel: {
                enum: isRemediable ? LEVELS : LEVELS.filter((level) => level !== "remediate"),
            },
        },
    };
    const validate = new Ajv({ allErrors: true }).compile(schema);
    validate(given);
    return (validate.errors ?? []).map((error) =>
        describe(name, given, Object.keys(schema.properties), error),
    );
}

/** An error of the validation in the words of this project. */
function describe(
    name: string,
    given: unknown,
    known: readonly string[],
    error: ErrorObject,
): string {
    const path = error.instancePath.split("/").slice(1);
    const parameters = error.params as Readonly<Record<string, unknown>>;
    const extra = parameters["additionalProperty"];
    if (typeof extra === "string") {
        return `${name}.${extra} is ${show(propsOf(given)[extra])}; allowed: ${known.join(", ")}`;
    }
    const value = path.reduce<unknown>(
        (container, key) => (container as Readonly<Record<string, unknown>>)[key],
        given,
    );
    const allowed =
        error.keyword === "enum"
            ? (parameters["allowedValues"] as readonly string[]).join(", ")
            : (error.message ?? error.keyword).replace("must be", "a value that is");
    return `${[name, ...path].join(".")} is ${show(value)}; allowed: ${allowed}`;
}
