import { type PropertyMap, type PropertyValue, isMap, revealed } from "../plugins/property-values";
import { Unknown } from "../plugins/property-values";
import type { PropertyChange } from "../plugins/provider-host";
import type { PropertySchema, PropertySchemas } from "./schema";

/**
 * What differs between the old and the new inputs of a resource, by path, and what of it replaces the resource.
 * A value that is not known yet counts as another one, as with the official plugin.
 */
export function changesBetween(
    olds: PropertyMap,
    news: PropertyMap,
    schemas: PropertySchemas,
): Record<string, PropertyChange> {
    const changes: Record<string, PropertyChange> = {};
    const compare = (
        old: PropertyValue | undefined,
        now: PropertyValue | undefined,
        schema: PropertySchema | undefined,
        path: string,
        replacing: boolean,
    ): void => {
        const replace = replacing || schema?.replaces === true;
        if (schema?.kind === "list" && Array.isArray(old) && Array.isArray(now)) {
            for (let index = 0; index < Math.max(old.length, now.length); index += 1) {
                compare(old[index], now[index], schema.items, `${path}[${index}]`, replace);
            }
        } else if (isMap(old) && isMap(now)) {
            for (const key of new Set([...Object.keys(old), ...Object.keys(now)])) {
                const inner = schema?.kind === "object" ? schema.properties[key] : undefined;
                compare(old[key], now[key], inner, nested(path, key), replace);
            }
        } else if (now instanceof Unknown || JSON.stringify(old) !== JSON.stringify(now)) {
            const kind = old === undefined ? "add" : now === undefined ? "delete" : "update";
            changes[path] = { kind, replace };
        }
    };
    const before = withoutNulls(olds);
    const after = withoutNulls(news);
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
        compare(before[key], after[key], schemas[key], key, false);
    }
    return changes;
}

function nested(path: string, key: string): string {
    return /^[\w-]+$/.test(key) ? `${path}.${key}` : `${path}["${key}"]`;
}

/** Without secrecy, and without properties that are null, which is how some SDKs leave one out. */
function withoutNulls(properties: PropertyMap): PropertyMap {
    const clean = (value: PropertyValue): PropertyValue => {
        if (Array.isArray(value)) {
            return value.map(clean);
        }
        if (!isMap(value)) {
            return value;
        }
        const entries = Object.entries(value).filter(
            (entry): entry is [string, PropertyValue] =>
                entry[1] !== undefined && entry[1] !== null,
        );
        return Object.fromEntries(entries.map(([key, item]) => [key, clean(item)]));
    };
    return clean(revealed(properties)) as PropertyMap;
}
