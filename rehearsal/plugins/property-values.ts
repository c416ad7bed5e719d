/** A value that is kept encrypted in state and never shown. */
export class Secret {
    constructor(readonly value: PropertyValue) {}
}

/** A value that only an update will know (a preview is under way). */
export class Unknown {
    /** Tells this class from others without members. */
    readonly unknown = true;
}

/** The one unknown value. */
export const UNKNOWN = new Unknown();

/** What a property can hold on its way between the Pulumi engine and a plugin. */
export type PropertyValue =
    null | boolean | number | string | Unknown | Secret | PropertyValue[] | PropertyMap;

/** Named properties; an absent one is undefined. */
export interface PropertyMap {
    [key: string]: PropertyValue | undefined;
}

/** A value of plain JSON. */
export type Json = null | boolean | number | string | Json[] | JsonObject;

/** An object of plain JSON. */
export interface JsonObject {
    [key: string]: Json | undefined;
}

// Source of the constants: sdk/go/common/resource/{plugin/rpc.go,sig/sig.go} of pulumi/pulumi, of which
// @pulumi/pulumi repeats a part in runtime/rpc.js.
const SIGNATURE_KEY = "4dabf18193072939515e22adb298388d";
const SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270";
const OUTPUT_SIGNATURE = "d0e6a833031e9bbcd3f4e8bde6ca49a4";
const REFUSED_SIGNATURES: Readonly<Record<string, string>> = {
    '"c44067f5952c0a294b673a41bacd8c17"': "an asset",
    '"0def7320c3a5731c473e5ecbe6d01bc7"': "an archive",
    '"5cf8f73096256a8f31e491e813e4eb8e"': "a resource reference",
};

/** The engine writes an unknown of type any so; the others are unknown booleans, numbers, strings, arrays, … */
const UNKNOWN_VALUE = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const UNKNOWN_VALUES = new Set([
    UNKNOWN_VALUE,
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
    "030794c1-ac77-496b-92df-f27374a8bd58",
    "e48ece36-62e2-4504-bad9-02848725956a",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
]);

/**
 * Reads properties as they come from the engine (a protobuf Struct as plain JSON).
 *
 * @throws Error naming the property that holds an asset, an archive or a resource reference
 */
export function decode(properties: JsonObject): PropertyMap {
    return decodeMap(properties, "");
}

function decodeMap(object: JsonObject, path: string): PropertyMap {
    return mapDefined(object, (value, key) => decodeValue(value, path ? `${path}.${key}` : key));
}

function decodeValue(value: Json, path: string): PropertyValue {
    if (typeof value === "string") {
        return UNKNOWN_VALUES.has(value) ? UNKNOWN : value;
    }
    if (value === null || typeof value !== "object") {
        return value;
    }
    if (Array.isArray(value)) {
        return value.map((item, index) => decodeValue(item, `${path}[${index}]`));
    }
    const signature = value[SIGNATURE_KEY];
    if (signature === SECRET_SIGNATURE) {
        return new Secret(decodeValue(value["value"] ?? null, path));
    }
    if (signature === OUTPUT_SIGNATURE) {
        const inner = value["value"] === undefined ? UNKNOWN : decodeValue(value["value"], path);
        return value["secret"] === true ? new Secret(inner) : inner;
    }
    if (signature !== undefined) {
        const what = REFUSED_SIGNATURES[JSON.stringify(signature)] ?? "a value of an unknown kind";
        throw new Error(`${path} holds ${what}, which the stand-in plugins do not support`);
    }
    return decodeMap(value, path);
}

/** Writes properties as the engine reads them; undefined properties are left out. */
export function encode(properties: PropertyMap): JsonObject {
    return mapDefined(properties, encodeValue);
}

function encodeValue(value: PropertyValue): Json {
    if (value === null || typeof value !== "object") {
        return value;
    }
    if (Array.isArray(value)) {
        return value.map(encodeValue);
    }
    if (value instanceof Unknown) {
        return UNKNOWN_VALUE;
    }
    if (value instanceof Secret) {
        return { [SIGNATURE_KEY]: SECRET_SIGNATURE, value: encodeValue(value.value) };
    }
    return encode(value);
}

/** The same value without secrecy: every {@link Secret} replaced by what it holds. Keeps unknowns. */
export function revealed(value: PropertyValue): PropertyValue {
    if (value instanceof Secret) {
        return revealed(value.value);
    }
    if (Array.isArray(value)) {
        return value.map(revealed);
    }
    return isMap(value) ? mapDefined(value, revealed) : value;
}

/** Keys whose values differ; a secret is compared by what it holds, and none is the same as null. */
export function changedKeys(olds: PropertyMap, news: PropertyMap): string[] {
    const text = (map: PropertyMap, key: string): string =>
        JSON.stringify(revealed(map[key] ?? null));
    return [...new Set([...Object.keys(olds), ...Object.keys(news)])].filter(
        (key) => text(olds, key) !== text(news, key),
    );
}

/** Whether something in this value is unknown. */
export function hasUnknown(value: PropertyValue): boolean {
    return value instanceof Unknown || parts(value).some(hasUnknown);
}

/** Whether something in this value is secret. */
export function hasSecret(value: PropertyValue): boolean {
    return value instanceof Secret || parts(value).some(hasSecret);
}

/** Every text that is secret in this value. */
export function secretTexts(value: PropertyValue, secret = false): string[] {
    if (typeof value === "string") {
        return secret ? [value] : [];
    }
    const within = secret || value instanceof Secret;
    return parts(value).flatMap((part) => secretTexts(part, within));
}

function parts(value: PropertyValue): PropertyValue[] {
    if (value instanceof Secret) {
        return [value.value];
    }
    if (Array.isArray(value)) {
        return value;
    }
    return isMap(value) ? Object.values(value).filter((part) => part !== undefined) : [];
}

/** Whether this value has named properties, as opposed to a list, a secret or an unknown. */
export function isMap(value: PropertyValue | undefined): value is PropertyMap {
    return (
        typeof value === "object" &&
        value !== null &&
        !Array.isArray(value) &&
        !(value instanceof Secret) &&
        !(value instanceof Unknown)
    );
}

/** A property of a map; unlike plain access, not what every object inherits, such as `toString`. */
export function propertyOf(map: PropertyMap, key: string): PropertyValue | undefined {
    return Object.hasOwn(map, key) ? map[key] : undefined;
}

/** The properties of a value that is unlike `undefined`, each put through `change`. */
function mapDefined<From, To>(
    object: Readonly<Record<string, From | undefined>>,
    change: (value: From, key: string) => To,
): Record<string, To> {
    const entries = Object.entries(object)
        .filter((entry): entry is [string, From] => entry[1] !== undefined)
        .map(([key, value]) => [key, change(value, key)] as const);
    // fromEntries defines properties, so that a key __proto__ is a key like any other.
    return Object.fromEntries(entries);
}
