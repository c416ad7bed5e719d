import * as pulumi from "@pulumi/pulumi";

/**
 * An error that its reader can mend: Pulumi prints the message alone.
 *
 * The SDK formats the stack all the same, and Node 20 takes up to a minute for a frame such as
 * `node_modules/@pulumi/output.ts:519:25`, whose scope is followed by no further folder (`markNodeModules`
 * in its `util.inspect`, found by profiling). So it has none.
 */
export function userError(message: string): pulumi.RunError {
    const error = new pulumi.RunError(message);
    error.stack = message;
    return error;
}
