import type * as pulumi from "@pulumi/pulumi";

/** The value of an output, secret or not, once it is there; never where a preview does not know it. */
export function valueOf<T>(output: pulumi.Output<T>): Promise<T> {
    return new Promise((resolve) => {
        output.apply(resolve);
    });
}
