import { randomInt } from "node:crypto";
import type { CheckFailure, Plugin, PropertyChange } from "./provider-host";
import { serve } from "./provider-host";
import { pluginVersion } from "./plugin-version";
import { type PropertyMap, Secret, hasUnknown, isMap, revealed } from "./property-values";

/**
 * Stand-in for the official `random` plugin, for machines where that one cannot be had. It has
 * RandomPassword and RandomString and refuses every other type by name. Unlike the official one it does
 * not return `bcryptHash`, so that a program which reads it gets undefined.
 */
export const random: Plugin = {
    name: "random",
    version: pluginVersion("random"),
    configure: () => undefined,
    diffConfig: () => ({ changes: {} }),

    check: ({ type }, _olds, news) => {
        refuseUnknownType(type);
        const failures = hasUnknown(news) ? [] : failuresOf(revealed(news) as PropertyMap);
        return Promise.resolve({ inputs: news, failures });
    },

    // The official plugin replaces on every change too: another length or other keepers mean another text.
    diff: (_resource, { inputs }, news) => Promise.resolve({ changes: changesOf(inputs, news) }),

    create: ({ type }, inputs, { preview }) => {
        refuseUnknownType(type);
        if (preview) {
            return Promise.resolve({ id: "", properties: inputs });
        }
        const text = randomText(rulesOf(revealed(inputs) as PropertyMap));
        const isPassword = type === "random:index/randomPassword:RandomPassword";
        return Promise.resolve({
            id: isPassword ? "none" : text,
            properties: { ...inputs, result: isPassword ? new Secret(text) : text },
        });
    },

    read: ({ type }, id, known) => {
        refuseUnknownType(type);
        if (known === undefined) {
            throw new Error(`the stand-in for the random plugin cannot import ${type} ${id}`);
        }
        return Promise.resolve({ id, ...known });
    },

    // Every change replaces, so the engine has nothing to update.
    update: ({ urn }) => {
        throw new Error(`${urn} cannot be changed in place`);
    },

    // A random text lives in state only.
    delete: () => Promise.resolve(),
};

const TYPES = [
    "random:index/randomPassword:RandomPassword",
    "random:index/randomString:RandomString",
];

function refuseUnknownType(type: string): void {
    if (!TYPES.includes(type)) {
        throw new Error(
            `the stand-in for the random plugin has no ${type}; it has ${TYPES.join(" and ")}`,
        );
    }
}

/** What a random text is made of. */
export interface TextRules {
    /** Characters in all, at least 1 and at least the sum of all minimums. */
    readonly length: number;
    /** Classes to draw from, each with the least number of characters that come from it. */
    readonly classes: readonly { readonly characters: string; readonly minimum: number }[];
}

/**
 * Draws a text by these rules from the operating system's random source; every place has the same
 * chances.
 */
export function randomText({ length, classes }: TextRules): string {
    const all = classes.map(({ characters }) => characters).join("");
    const required = classes.flatMap(({ characters, minimum }) =>
        Array.from({ length: minimum }, () => oneOf(characters)),
    );
    const free = Array.from({ length: length - required.length }, () => oneOf(all));
    return shuffled([...required, ...free]).join("");
}

function oneOf(characters: string): string {
    return characters.charAt(randomInt(characters.length));
}

function shuffled(items: readonly string[]): string[] {
    const result = [...items];
    for (let last = result.length - 1; last > 0; last -= 1) {
        const other = randomInt(last + 1);
        [result[last], result[other]] = [result[other] ?? "", result[last] ?? ""];
    }
    return result;
}

const CLASSES = [
    { key: "upper", minimum: "minUpper", characters: "ABCDEFGHIJKLMNOPQRSTUVWXYZ" },
    { key: "lower", minimum: "minLower", characters: "abcdefghijklmnopqrstuvwxyz" },
    { key: "numeric", minimum: "minNumeric", characters: "0123456789" },
    { key: "special", minimum: "minSpecial", characters: "!@#$%&*()-_=+[]{}<>:?" },
] as const;

/** The rules that the inputs of a RandomPassword or RandomString stand for, defaults filled in. */
export function rulesOf(inputs: PropertyMap): TextRules {
    const classes = CLASSES.filter(({ key }) => isWanted(inputs, key)).map(
        ({ key, minimum, characters }) => ({
            characters:
                key === "special" && typeof inputs["overrideSpecial"] === "string"
                    ? inputs["overrideSpecial"]
                    : characters,
            minimum: numberIn(inputs, minimum) ?? 0,
        }),
    );
    return { length: numberIn(inputs, "length") ?? 0, classes };
}

function isWanted(inputs: PropertyMap, key: string): boolean {
    // `number` is the old name of `numeric`.
    const value = inputs[key] ?? (key === "numeric" ? inputs["number"] : undefined);
    return value === undefined || value === null || value === true;
}

function numberIn(inputs: PropertyMap, key: string): number | undefined {
    const value = inputs[key];
    return typeof value === "number" ? value : undefined;
}

const NUMBERS = ["length", ...CLASSES.map(({ minimum }) => minimum)];

/** Everything that is wrong with the inputs of a RandomPassword or RandomString. */
export function failuresOf(inputs: PropertyMap): CheckFailure[] {
    const notNumbers = NUMBERS.filter((key) => {
        const value = inputs[key];
        const optional = key !== "length" && (value === undefined || value === null);
        return !optional && !(Number.isInteger(value) && (value as number) >= 0);
    }).map((property) => ({
        property,
        reason: `${property} is ${JSON.stringify(inputs[property]) || "missing"}; give a whole number from 0 on`,
    }));
    if (notNumbers.length > 0) {
        return notNumbers;
    }

    const { length, classes } = rulesOf(inputs);
    const failures: CheckFailure[] = [];
    const least = CLASSES.reduce((sum, { minimum }) => sum + (numberIn(inputs, minimum) ?? 0), 0);
    if (length < Math.max(1, least)) {
        failures.push({
            property: "length",
            reason: `length is ${length}; give at least ${Math.max(1, least)} (1, and the sum of minUpper, minLower, minNumeric and minSpecial)`,
        });
    }
    for (const { key, minimum } of CLASSES) {
        if (!isWanted(inputs, key) && (numberIn(inputs, minimum) ?? 0) > 0) {
            failures.push({
                property: minimum,
                reason: `${minimum} is ${numberIn(inputs, minimum) ?? 0}, but ${key} is false`,
            });
        }
    }
    if (classes.every(({ characters }) => characters === "")) {
        failures.push({
            property: "",
            reason: "nothing is left to draw from: upper, lower, numeric and special are false or empty",
        });
    } else if (classes.some(({ characters, minimum }) => characters === "" && minimum > 0)) {
        failures.push({ property: "overrideSpecial", reason: "is empty, but minSpecial is not 0" });
    }
    return failures;
}

/** What differs between old and new inputs; keepers one by one, everything replaces. */
function changesOf(olds: PropertyMap, news: PropertyMap): Record<string, PropertyChange> {
    const changes: Record<string, PropertyChange> = {};
    const before = flat(olds);
    const after = flat(news);
    for (const path of new Set([...before.keys(), ...after.keys()])) {
        const [old, now] = [before.get(path), after.get(path)];
        if (old !== now) {
            const kind = old === undefined ? "add" : now === undefined ? "delete" : "update";
            changes[path] = { kind, replace: true };
        }
    }
    return changes;
}

/** Every input with a comparable value, keepers under their own keys. */
function flat(inputs: PropertyMap): Map<string, string> {
    const entries = Object.entries(revealed(inputs) as PropertyMap).flatMap(([key, value]) =>
        key === "keepers" && isMap(value)
            ? Object.entries(value).map(([keeper, kept]) => [`keepers["${keeper}"]`, kept] as const)
            : [[key, value] as const],
    );
    return new Map(
        entries
            .filter(([, value]) => value !== undefined && value !== null)
            .map(([key, value]) => [key, JSON.stringify(value)] as const),
    );
}

if (require.main === module) {
    void serve(random);
}
