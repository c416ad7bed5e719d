import * as policySdk from "@pulumi/policy";
import type {
    PolicyResource,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationPolicy,
} from "@pulumi/policy";

class NotApplicable extends Error {}

/** A resource as a policy sees it. */
export interface Candidate {
    readonly type: string;
    readonly props: Readonly<Record<string, unknown>>;
    /** Pulumi's resource option. @default false */
    readonly protect?: boolean;
    /** @default "subject" */
    readonly name?: string;
}

/** What a rule says of one or more resources: its messages, or that it does not apply. */
export type Verdict = string[] | "not applicable";

// Exported at run time since 1.21, but stripped from the typings as @internal.
const { unknownCheckingProxy } = policySdk as unknown as {
    unknownCheckingProxy: <T extends object>(props: T) => T;
};

/** What stands for a value that is unknown at preview. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Runs one policy on one resource as the engine does. */
export async function verdict(
    policy: ResourceValidationPolicy,
    candidate: Candidate,
    config: Readonly<Record<string, unknown>> = {},
): Promise<Verdict> {
    const found: string[] = [];
    const args = {
        ...resourceOf(candidate),
        stackTags: new Map(),
        getConfig: () => ({ ...defaultsOf(policy), ...config }) as never,
        notApplicable,
    };
    for (const validate of [policy.validateResource ?? []].flat()) {
        try {
            await validate(args, (message) => {
                found.push(message);
            });
        } catch (error) {
            if (error instanceof NotApplicable) {
                return "not applicable";
            }
            throw error;
        }
    }
    return found;
}

/** Runs one policy on all resources of a stack as the engine does. */
export async function stackVerdict(
    policy: StackValidationPolicy,
    candidates: readonly Candidate[],
    config: Readonly<Record<string, unknown>> = {},
): Promise<string[]> {
    const found: string[] = [];
    await policy.validateStack(
        {
            resources: candidates.map((candidate): PolicyResource => ({
                ...resourceOf(candidate),
                dependencies: [],
                propertyDependencies: {},
            })),
            stackTags: new Map(),
            getConfig: () => ({ ...defaultsOf(policy), ...config }) as never,
            notApplicable,
        },
        (message, urn) => {
            found.push(urn === undefined ? message : `${urn.split("::").at(-1) ?? ""}: ${message}`);
        },
    );
    return found;
}

/** Runs a policy's remediation as the engine does; undefined if it changes nothing. */
export async function remedy(
    policy: ResourceValidationPolicy,
    candidate: Candidate,
): Promise<Record<string, unknown> | undefined> {
    const changed = await policy.remediateResource?.({
        ...resourceOf({ ...candidate, props: structuredClone(candidate.props) }),
        stackTags: new Map(),
        getConfig: () => defaultsOf(policy) as never,
        notApplicable,
    });
    return changed ?? undefined;
}

function resourceOf({ type, props, protect = false, name = "subject" }: Candidate): Omit<
    ResourceValidationArgs,
    "getConfig" | "notApplicable" | "stackTags"
> & {
    asType: () => undefined;
} {
    return {
        type,
        name,
        props: unknownCheckingProxy(props) as Record<string, unknown>,
        urn: `urn:pulumi:test::test::${type}::${name}`,
        opts: {
            protect,
            ignoreChanges: [],
            aliases: [],
            additionalSecretOutputs: [],
            customTimeouts: { createSeconds: 0, updateSeconds: 0, deleteSeconds: 0 },
        },
        isType: () => false,
        asType: () => undefined,
    };
}

function notApplicable(reason?: string): never {
    throw new NotApplicable(reason);
}

function defaultsOf(
    policy: ResourceValidationPolicy | StackValidationPolicy,
): Record<string, unknown> {
    const properties = Object.entries(policy.configSchema?.properties ?? {});
    return Object.fromEntries(properties.map(([key, schema]) => [key, schema.default]));
}
