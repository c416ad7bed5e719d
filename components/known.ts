import * as pulumi from "@pulumi/pulumi";
import { valueOf } from "./value-of";

/** The value of an output, secret or not; undefined in a preview that does not know it. */
export async function known<T>(output: pulumi.Output<T>): Promise<T | undefined> {
    const plain = pulumi.unsecret(output);
    if (pulumi.runtime.isDryRun() && !(await isKnown(plain))) {
        return undefined;
    }
    return valueOf(plain);
}

/** The SDK keeps this at an output, and does not declare it. */
function isKnown(output: pulumi.Output<unknown>): Promise<boolean> {
    return (output as unknown as { readonly isKnown: Promise<boolean> }).isKnown;
}
