import { ProgramError } from "../../engine/run";

/** What the engine says, after its findings, when a mandatory rule refuses something at preview. */
const REFUSED = "preview failed";

/** What a policy says of a resource, or of the stack, as the engine reports it. */
export interface Finding {
    readonly policy: string;
    readonly level: string;
    /** The resource's logical name; empty for the stack. */
    readonly resource: string;
    /** The rule's description, and what it found. */
    readonly message: string;
}

/** Environment with which `preview --json` prints the engine's events, one a line. */
export const STREAMED_EVENTS = { PULUMI_ENABLE_STREAMING_JSON_PREVIEW: "true" };

interface PolicyEvent {
    readonly resourceUrn?: string;
    readonly message: string;
    readonly policyName: string;
    readonly enforcementLevel: string;
}

interface EngineEvent {
    readonly policyEvent?: PolicyEvent;
    readonly diagnosticEvent?: { readonly severity: string; readonly message: string };
}

/**
 * What the policies said while a command ran that prints the engine's events (`preview --json`, `policy analyze
 * --json`), in the order of the names; and whether it failed.
 *
 * @throws Error when the command failed for another reason than what the policies found
 */
export async function findingsOf(
    command: Promise<string>,
): Promise<{ readonly failed: boolean; readonly findings: readonly Finding[] }> {
    const { printed, failure } = await command.then(
        (text) => ({ printed: text, failure: undefined }),
        (error: unknown) => {
            if (error instanceof ProgramError) {
                return { printed: error.stdout, failure: error };
            }
            throw error;
        },
    );
    const events = printed
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line) as EngineEvent);
    const errors = events
        .flatMap(({ diagnosticEvent }) => diagnosticEvent ?? [])
        .filter(({ severity, message }) => severity === "error" && message.trim() !== REFUSED)
        .map(({ message }) => message);
    if (errors.length > 0) {
        throw new Error(errors.join("\n"));
    }
    const findings = events
        .flatMap(({ policyEvent }) => policyEvent ?? [])
        .map(({ policyName, enforcementLevel, resourceUrn = "", message }) => ({
            policy: policyName,
            level: enforcementLevel,
            resource: resourceUrn.split("::").at(-1) ?? "",
            message: message.trim(),
        }));
    if (failure !== undefined && mandatory(findings).length === 0) {
        throw failure;
    }
    const key = ({ policy, resource, message }: Finding): string =>
        [policy, resource, message].join("\0");
    return {
        failed: failure !== undefined,
        findings: findings.sort((one, other) => (key(one) < key(other) ? -1 : 1)),
    };
}

/** The rules with which the engine refuses something, each once, in the order of the names. */
export function mandatory(findings: readonly Finding[]): string[] {
    return rules(findings.filter(({ level }) => level === "mandatory"));
}

/** The rules that the engine could not ask, since a value was not known. */
export function skipped(findings: readonly Finding[]): string[] {
    return rules(findings.filter(({ message }) => message.startsWith("can't run policy")));
}

function rules(findings: readonly Finding[]): string[] {
    return [...new Set(findings.map(({ policy }) => policy))];
}
