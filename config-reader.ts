import * as pulumi from "@pulumi/pulumi";
import { userError } from "./components/user-error";

/**
 * Reads the keys of the project's configuration and collects what is wrong with them, so that a user sees every
 * problem at once. A value that is wrong is read as something of the right type; nobody may use it, since
 * {@link ConfigReader.finish} throws.
 */
export class ConfigReader {
    private readonly config = new pulumi.Config();
    private readonly problems: string[] = [];
    private readonly known = new Set<string>();

    /** Notes that a key has a value that is not allowed. */
    problem(key: string, value: unknown, allowed: string): void {
        const given = value === undefined ? "" : ` is ${JSON.stringify(value)}`;
        this.problems.push(`  ${qualified(this.config, key)}${given}; allowed: ${allowed}`);
    }

    /** The text of a key, judged by `accept`. */
    checked(key: string, accept: (value: string) => boolean, allowed: string): string {
        this.known.add(key);
        const value = this.config.get(key);
        if (value === undefined || !accept(value)) {
            this.problem(key, value, allowed);
        }
        return value ?? "";
    }

    /** A text that matches a pattern. */
    text(key: string, pattern: RegExp, allowed: string): string {
        return this.checked(key, (value) => pattern.test(value), allowed);
    }

    /** One of several texts. */
    oneOf<T extends string>(key: string, values: readonly T[]): T {
        const accepted = (value: string): boolean => values.some((each) => each === value);
        return this.checked(key, accepted, values.join(", ")) as T;
    }

    /** A whole number within bounds, which belong to them; NaN if refused, so that nothing follows from it. */
    integer(key: string, min: number, max: number): number {
        const number = (value: string): number => {
            const read = /^-?[0-9]+$/.test(value) ? Number(value) : Number.NaN;
            return read >= min && read <= max ? read : Number.NaN;
        };
        const accepted = (value: string): boolean => !Number.isNaN(number(value));
        return number(this.checked(key, accepted, `a whole number from ${min} to ${max}`));
    }

    /** true or false. */
    flag(key: string): boolean {
        return this.oneOf(key, ["true", "false"]) === "true";
    }

    /** A list of different texts. */
    list(
        key: string,
        { min, max }: { readonly min: number; readonly max: number },
        accept: (element: string) => boolean,
        allowed: string,
    ): string[] {
        const isList = (value: unknown): value is string[] =>
            isTexts(value) &&
            value.length >= min &&
            value.length <= max &&
            new Set(value).size === value.length &&
            value.every(accept);
        const found = this.json(key, isList, `a list of ${min} to ${max} different ${allowed}`);
        return (found ?? []) as string[];
    }

    /** A list of words, in which one may come again. */
    words(key: string, allowed: string): string[] {
        const isWords = (value: unknown): boolean => isTexts(value) && !value.includes("");
        return (this.json(key, isWords, allowed) ?? []) as string[];
    }

    /** A map of names to texts. */
    map(key: string, name: RegExp, allowed: string): Record<string, string> {
        const isMap = (value: unknown): boolean =>
            typeof value === "object" &&
            value !== null &&
            !Array.isArray(value) &&
            Object.entries(value).every(
                ([each, content]) => name.test(each) && typeof content === "string",
            );
        return (this.json(key, isMap, allowed) ?? {}) as Record<string, string>;
    }

    /** A secret, which never enters a message; undefined where it is empty. */
    secret(key: string): pulumi.Output<string> | undefined {
        this.known.add(key);
        // Read as a secret from the start.
        const secret = this.config.getSecret(key);
        return pulumi.runtime.allConfig()[qualified(this.config, key)] ? secret : undefined;
    }

    /** A secret that matches a pattern; neither it nor a part of it enters a message. Undefined where it is empty. */
    secretText(key: string, pattern: RegExp, allowed: string): pulumi.Output<string> | undefined {
        const secret = this.secret(key);
        const value = pulumi.runtime.allConfig()[qualified(this.config, key)];
        if (value && !pattern.test(value)) {
            this.problem(key, undefined, allowed);
        }
        return secret;
    }

    /** A key of a provider, which the provider reads as well; empty if refused. */
    foreign(key: string, pattern: RegExp, allowed: string): string {
        const value = pulumi.runtime.allConfig()[key];
        if (value === undefined || !pattern.test(value)) {
            const given = value === undefined ? "" : ` is ${JSON.stringify(value)}`;
            this.problems.push(`  ${key}${given}; allowed: ${allowed}`);
            return "";
        }
        return value;
    }

    /**
     * Ends the reading.
     *
     * @throws pulumi.RunError naming every problem: the key, the value given and what is allowed
     */
    finish(): void {
        const prefix = qualified(this.config, "");
        for (const key of Object.keys(pulumi.runtime.allConfig())) {
            if (key.startsWith(prefix) && !this.known.has(key.slice(prefix.length))) {
                this.problem(
                    key.slice(prefix.length),
                    undefined,
                    `no such key; known are ${[...this.known].sort().join(", ")}`,
                );
            }
        }
        const { length } = this.problems;
        if (length > 0) {
            throw userError(
                `the configuration of this stack has ${length === 1 ? "a problem" : `${length} problems`}:\n${this.problems.join("\n")}`,
            );
        }
    }

    private json(key: string, accept: (value: unknown) => boolean, allowed: string): unknown {
        const found: unknown[] = [];
        this.checked(
            key,
            (text) => {
                const value = parsed(text);
                if (value === undefined || !accept(value)) {
                    return false;
                }
                found.push(value);
                return true;
            },
            allowed,
        );
        return found[0];
    }
}

/** Undefined for what is not JSON. */
function parsed(text: string): unknown {
    try {
        return JSON.parse(text) as unknown;
    } catch {
        return undefined;
    }
}

function qualified(config: pulumi.Config, key: string): string {
    return `${config.name}:${key}`;
}

function isTexts(value: unknown): value is string[] {
    return Array.isArray(value) && value.every((each) => typeof each === "string");
}
