/** The command line is wrong: nothing was begun, and the help is worth a look. */
export class UsageError extends Error {}

/** Whether an error says so, node's own of `parseArgs` included. */
export function isUsageError(error: unknown): boolean {
    const { code } = error as { code?: unknown };
    return (
        error instanceof UsageError ||
        (typeof code === "string" && code.startsWith("ERR_PARSE_ARGS"))
    );
}
