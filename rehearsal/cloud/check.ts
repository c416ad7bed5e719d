import {
    type PropertyMap,
    type PropertyValue,
    Secret,
    Unknown,
    isMap,
} from "../plugins/property-values";
import type { PropertySchema, PropertySchemas } from "./schema";

/** One property that is not as it must be. */
export interface Failure {
    /** Path of the property. */
    readonly property: string;
    readonly reason: string;
}

/**
 * Everything that is wrong with properties. At `preview` it is what the official plugin finds without asking the
 * cloud; at `creation`, what the cloud finds as well. Unknown values are not looked at.
 *
 * @param of what they are properties of, to end the sentence "… does not know X of …"
 */
export function failuresOf(
    properties: PropertyMap,
    schemas: PropertySchemas,
    stage: "preview" | "creation",
    of: string,
): Failure[] {
    return objectFailures(properties, schemas, stage, of, "");
}

function objectFailures(
    properties: PropertyMap,
    schemas: PropertySchemas,
    stage: "preview" | "creation",
    of: string,
    path: string,
): Failure[] {
    const at = (key: string): string => (path === "" ? key : `${path}.${key}`);
    const unknown = Object.keys(properties)
        .filter((key) => !Object.hasOwn(schemas, key) && isGiven(properties[key]))
        .map((key) => ({
            property: at(key),
            reason: `An argument named "${key}" is not expected here: the stand-in for the alicloud plugin does not know ${at(key)} of ${of}; it knows ${known(schemas).join(", ")}`,
        }));
    const wrong = Object.entries(schemas).flatMap(([key, schema]) => {
        const value = Object.hasOwn(properties, key) ? properties[key] : undefined;
        if (!isGiven(value)) {
            return schema.required
                ? [
                      {
                          property: at(key),
                          reason: `Missing required argument: The argument "${snakeCase(key)}" is required, but no definition was found; give ${at(key)} of ${of} ${expected(schema)}`,
                      },
                  ]
                : [];
        }
        if (schema.deprecated !== undefined) {
            return [
                {
                    property: at(key),
                    reason: `${at(key)} of ${of} is deprecated, and the stand-in for the alicloud plugin refuses it; ${schema.deprecated}`,
                },
            ];
        }
        return valueFailures(value, schema, stage, of, at(key));
    });
    return [...unknown, ...wrong];
}

function valueFailures(
    value: PropertyValue,
    schema: PropertySchema,
    stage: "preview" | "creation",
    of: string,
    path: string,
): Failure[] {
    if (value instanceof Secret) {
        return valueFailures(value.value, schema, stage, of, path);
    }
    if (value instanceof Unknown) {
        return [];
    }
    const fail = (reason: string): Failure[] => [{ property: path, reason }];
    const wrongType = (): Failure[] =>
        fail(`${path} of ${of} is ${JSON.stringify(value)}; give ${expected(schema)}`);
    switch (schema.kind) {
        case "text": {
            if (typeof value !== "string") {
                return wrongType();
            }
            if (schema.previewValues && !schema.previewValues.includes(value)) {
                return fail(
                    `expected ${snakeCase(path)} to be one of [${schema.previewValues.join(" ")}], got ${value}`,
                );
            }
            if (schema.previewPattern && !schema.previewPattern[0].test(value)) {
                return fail(
                    `invalid value for ${snakeCase(path)}: ${value}; ${schema.previewPattern[1]}`,
                );
            }
            if (stage === "creation" && schema.values && !schema.values.includes(value)) {
                return fail(`${path} is ${value}; allowed: ${schema.values.join(", ")}`);
            }
            if (stage === "creation" && schema.pattern && !schema.pattern[0].test(value)) {
                return fail(`${path} is ${value}; allowed: ${schema.pattern[1]}`);
            }
            return [];
        }
        case "number": {
            if (typeof value !== "number") {
                return wrongType();
            }
            const range = schema.previewRange ?? (stage === "creation" ? schema.range : undefined);
            if (range && !(Number.isInteger(value) && value >= range[0] && value <= range[1])) {
                return fail(
                    `expected ${snakeCase(path)} to be in the range (${range[0]} - ${range[1]}), got ${value}`,
                );
            }
            return [];
        }
        case "boolean":
            return typeof value === "boolean" ? [] : wrongType();
        case "list":
            return Array.isArray(value)
                ? value.flatMap((item, index) => {
                      const at = `${path}[${index}]`;
                      const reason = `${at} of ${of} is null; give ${expected(schema.items)}`;
                      return isGiven(item)
                          ? valueFailures(item, schema.items, stage, of, at)
                          : [{ property: at, reason }];
                  })
                : wrongType();
        case "textMap":
            return isMap(value)
                ? Object.entries(value).flatMap(([key, item]) =>
                      isGiven(item)
                          ? valueFailures(item, { kind: "text" }, stage, of, `${path}["${key}"]`)
                          : [],
                  )
                : wrongType();
        case "object":
            return isMap(value)
                ? objectFailures(value, schema.properties, stage, of, path)
                : wrongType();
    }
}

function isGiven(value: PropertyValue | undefined): value is PropertyValue {
    return value !== undefined && value !== null;
}

function known(schemas: PropertySchemas): string[] {
    return Object.keys(schemas).filter((key) => schemas[key]?.deprecated === undefined);
}

/** What to give, in words. */
function expected(schema: PropertySchema): string {
    switch (schema.kind) {
        case "text":
            return "a string";
        case "number":
            return "a number";
        case "boolean":
            return "true or false";
        case "list":
            return "a list";
        case "textMap":
            return "an object of strings";
        case "object":
            return `an object with ${known(schema.properties).join(", ")}`;
    }
}

/** The spelling of Terraform, in which the official plugin's messages are. */
function snakeCase(path: string): string {
    return path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
