import * as policySdk from "@pulumi/policy";
import type { ResourceValidationArgs, ResourceValidationPolicy } from "@pulumi/policy";

class NotApplicable extends Error {}

/** A resource as a policy sees it. */
export interface Candidate {
    readonly type: string;
    readonly props: Record<string, unknown>;
}

// Exported at run time since 1.21, but stripped from the typings as @internal.
const { unknownCheckingProxy } = policySdk as unknown as {
    unknownCheckingProxy: <T extends object>(props: T) => T;
};

/** What stands for a value that is unknown at preview. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Runs one policy on one resource as the engine does; the messages, or that it does not apply. */
export async function verdict(
    policy: ResourceValidationPolicy,
    { type, props }: Candidate,
    config: Record<string, unknown> = {},
): Promise<string[] | "not applicable"> {
    const found: string[] = [];
    const args: ResourceValidationArgs = {
        type,
        name: "subject",
        props: unknownCheckingProxy(props),
        urn: `urn:pulumi:test::test::${type}::subject`,
        opts: {
            protect: false,
            ignoreChanges: [],
            aliases: [],
            additionalSecretOutputs: [],
            customTimeouts: { createSeconds: 0, updateSeconds: 0, deleteSeconds: 0 },
        },
        stackTags: new Map(),
        isType: () => false,
        asType: () => undefined,
        getConfig: () => ({ ...defaultsOf(policy), ...config }) as never,
        notApplicable: (reason) => {
            throw new NotApplicable(reason);
        },
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

function defaultsOf(policy: ResourceValidationPolicy): Record<string, unknown> {
    const properties = Object.entries(policy.configSchema?.properties ?? {});
    return Object.fromEntries(properties.map(([key, schema]) => [key, schema.default]));
}
