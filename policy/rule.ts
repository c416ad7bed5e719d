import type {
    EnforcementLevel,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationPolicy,
} from "@pulumi/policy";
import type { PolicyConfigJSONSchema } from "@pulumi/policy/schema";
import { judgedProps, keepInputs } from "./inputs";
import { type Props, show } from "./props";

/** What a rule says of itself; the table in README.md is made of it. */
export interface RuleFacts<Config extends object = object> {
    /** Stable name in kebab-case: the key of the rule's configuration. */
    readonly name: string;
    /** The rule in a few words. */
    readonly displayName: string;
    /** What the rule demands, and why. */
    readonly description: string;
    /** What a violation does, unless the configuration says otherwise. */
    readonly enforcementLevel: EnforcementLevel;
    /** How much a violation can cost. */
    readonly severity: Severity;
    /** What the rule is about. */
    readonly tags: readonly string[];
    /** How a violation is mended. */
    readonly remediationSteps: string;
    /** The rule's parameters, each with a default, a type and bounds. @default - none */
    readonly parameters?: { readonly [Key in keyof Config]: Parameter };
}

/** A parameter of a rule. */
export type Parameter = PolicyConfigJSONSchema & {
    readonly description: string;
    readonly default: NonNullable<PolicyConfigJSONSchema["default"]>;
};

/** What a rule's validation gets beside the properties. */
export interface RuleContext<Config> {
    /** The parameters' values. */
    readonly config: Config;
    /** Notes a violation of the resource. */
    readonly report: (message: string) => void;
    /** All that the SDK tells of the resource. */
    readonly args: ResourceValidationArgs;
}

/**
 * A rule for single resources.
 *
 * @param types Pulumi type tokens of the resources it applies to. (`validateResourceOfType` never matches a
 * custom resource: the SDK's class carries no type token.)
 */
export function resourceRule<Config extends object = object>(
    facts: RuleFacts<Config>,
    types: readonly string[],
    validate: (props: Props, context: RuleContext<Config>) => void,
): ResourceValidationPolicy {
    return {
        ...policyOf(facts),
        validateResource: (args, report) => {
            keepInputs(args.urn, args.props);
            if (!types.includes(args.type)) {
                args.notApplicable(`applies to ${types.join(", ")}`);
            }
            validate(args.props, {
                config: configOf(facts, args.getConfig()),
                report: (message) => {
                    report(message);
                },
                args,
            });
        },
    };
}

/** A rule for all resources of a stack together. */
export function stackRule<Config extends object>(
    facts: RuleFacts<Config>,
    validate: (
        resources: readonly PolicyResource[],
        config: Config,
        report: ReportViolation,
    ) => void,
): StackValidationPolicy {
    return {
        ...policyOf(facts),
        validateStack: (args, report) => {
            const resources = args.resources
                .map((each) => ({ ...each, props: judgedProps(each) }))
                // The engine's order differs from run to run, and messages list what was found.
                .sort((one, other) => (one.urn < other.urn ? -1 : 1));
            validate(resources, configOf(facts, args.getConfig()), report);
        },
    };
}

function policyOf<Config extends object>({ tags, parameters, ...facts }: RuleFacts<Config>) {
    const properties: Record<string, Parameter> = { ...parameters };
    return { ...facts, tags: [...tags], configSchema: { properties } };
}

/**
 * The configuration, once its keys are known to exist: the engine checks types and bounds, but takes any key.
 *
 * @throws Error naming a key that the rule does not have
 */
function configOf<Config extends object>(
    { name, parameters }: RuleFacts<Config>,
    config: Config,
): Config {
    const known = Object.keys(parameters ?? {});
    for (const [key, value] of Object.entries(config)) {
        if (!known.includes(key)) {
            throw new Error(
                `the configuration of ${name} has ${key} (${show(value)}); allowed: ${known.join(", ") || "no key but enforcementLevel"}`,
            );
        }
    }
    return config;
}
