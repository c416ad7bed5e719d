import * as pulumi from "@pulumi/pulumi";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

const ROOT = join(__dirname, "../..");

interface Declaration {
    readonly type: string;
    readonly description?: string;
    readonly default?: unknown;
    readonly items?: { readonly type: string };
}

interface ProjectFile {
    readonly name: string;
    readonly config: Readonly<Record<string, Declaration>>;
}

const projectFile = parse(readFileSync(join(ROOT, "Pulumi.yaml"), "utf8")) as ProjectFile;

/** Name of the Pulumi project, the namespace of its configuration keys. */
export const PROJECT = projectFile.name;

/** The configuration keys as Pulumi.yaml declares them. */
export const DECLARED = projectFile.config;

/** The least that a stack with the default target has to say. */
export const ACK_BASE = {
    "alicloud:region": "ap-southeast-1",
    zones: ["ap-southeast-1b", "ap-southeast-1c"],
} as const;

/**
 * Gives the SDK the configuration that the CLI would give it: the defaults of Pulumi.yaml, then those of a
 * stack's file, then `overrides`. An override of undefined takes the key away; one of another namespace is named
 * with it, as `alicloud:region`.
 */
export function configure(overrides: Readonly<Record<string, unknown>> = {}, stack?: string): void {
    const values = new Map<string, unknown>();
    for (const [key, { default: value }] of Object.entries(DECLARED)) {
        values.set(`${PROJECT}:${key}`, value);
    }
    if (stack !== undefined) {
        const file = parse(readFileSync(join(ROOT, `Pulumi.${stack}.yaml`), "utf8")) as {
            config: Record<string, unknown>;
        };
        for (const [key, value] of Object.entries(file.config)) {
            values.set(key, value);
        }
    }
    for (const [key, value] of Object.entries(overrides)) {
        values.set(key.includes(":") ? key : `${PROJECT}:${key}`, value);
    }
    const given = [...values].filter(([, value]) => value !== undefined);
    pulumi.runtime.setAllConfig(
        Object.fromEntries(
            given.map(([key, value]) => [
                key,
                typeof value === "string" ? value : JSON.stringify(value),
            ]),
        ),
    );
}
