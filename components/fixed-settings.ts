import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { userError } from "./user-error";
import { valueOf } from "./value-of";

/**
 * What a stack decides once. The key is that of the configuration, the value what it is now. In a list the
 * elements that were there at first stay where they were; others may follow them.
 */
export type FixedSettings = Readonly<Record<string, string | readonly string[]>>;

/**
 * Keeps what a stack was made with, and refuses a configuration that says otherwise: each of these settings
 * would replace or delete the network, the cluster or Knative, with all that is in them, and a slip in a
 * configuration file must not do that. It is the stack's first resource and comes before all others.
 *
 * @returns a text that no other stack has, for names that must be unique
 * @throws pulumi.RunError naming every such key, with the value that the stack was made with
 */
export async function requireFixedSettings(
    name: string,
    settings: FixedSettings,
): Promise<pulumi.Output<string>> {
    const made = new random.RandomString(
        name,
        {
            length: 8,
            special: false,
            upper: false,
            keepers: Object.fromEntries(
                Object.entries(settings).map(([key, value]) => [key, written(value)]),
            ),
        },
        // What it was made with is what it keeps.
        { ignoreChanges: ["keepers"] },
    );
    const changes = made.keepers.apply((keepers) => fixedChanges(keepers ?? {}, settings));
    if (pulumi.runtime.isDryRun()) {
        // A preview may not know them, and ends with the error all the same when it does.
        changes.apply(refuse);
    } else {
        refuse(await valueOf(changes));
    }
    return made.result;
}

function refuse(changes: readonly string[]): void {
    if (changes.length > 0) {
        throw userError(
            `these settings are fixed when a stack is made, since a change would replace what it holds:\n${changes.join("\n")}\nset them back, or make another stack`,
        );
    }
}

/** The settings that are no longer as the stack was made with, one line each. */
export function fixedChanges(
    made: Readonly<Record<string, string>>,
    settings: FixedSettings,
): string[] {
    return Object.entries(settings).flatMap(([key, value]) => {
        const before = made[key];
        // A setting that is fixed since a later version of the program was not kept by an earlier one.
        const same = before === undefined || keeps(before, value);
        return same
            ? []
            : [`  ${key} is ${JSON.stringify(written(value))}; allowed: ${JSON.stringify(before)}`];
    });
}

function keeps(before: string, now: string | readonly string[]): boolean {
    if (typeof now === "string") {
        return before === now;
    }
    const first = before === "" ? [] : before.split(",");
    return first.length > 0
        ? first.every((element, place) => now[place] === element)
        : now.length === 0;
}

function written(value: string | readonly string[]): string {
    return typeof value === "string" ? value : value.join(",");
}
