import { type Json, type JsonObject } from "../plugins/property-values";

// Reading properties whose types have been checked against the table.

/** The text of this name, or undefined. */
export function textIn(object: JsonObject, name: string): string | undefined {
    const value = object[name];
    return typeof value === "string" ? value : undefined;
}

/** The number of this name, or undefined. */
export function numberIn(object: JsonObject, name: string): number | undefined {
    const value = object[name];
    return typeof value === "number" ? value : undefined;
}

/** The object of this name; an empty one if there is none. */
export function objectIn(object: JsonObject, name: string): JsonObject {
    const value = object[name];
    return isObject(value) ? value : {};
}

/** The objects in the list of this name. */
export function objectsIn(object: JsonObject, name: string): JsonObject[] {
    const value = object[name];
    return Array.isArray(value) ? value.filter(isObject) : [];
}

/** The texts in the list of this name. */
export function textsIn(object: JsonObject, name: string): string[] {
    const value = object[name];
    return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

/** Whether this is an object of plain JSON. */
export function isObject(value: Json | undefined): value is JsonObject {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}
