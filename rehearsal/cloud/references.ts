import type { Json, JsonObject } from "../plugins/property-values";
import { isObject } from "./inputs";
import type { ResourceType } from "./resource-types";
import type { PropertySchema, PropertySchemas, Reference } from "./schema";
import type { CloudResource } from "./store";

/** A property that names another resource. */
export interface FoundReference {
    /** Path of the property. */
    readonly property: string;
    readonly reference: Reference;
    /** What it names the resource by. */
    readonly name: string;
}

/** All references in the inputs of a resource. */
export function referencesIn(inputs: JsonObject, schemas: PropertySchemas): FoundReference[] {
    const within = (
        value: Json | undefined,
        schema: PropertySchema,
        path: string,
    ): FoundReference[] => {
        if (schema.kind === "text") {
            return schema.refersTo && typeof value === "string"
                ? [{ property: path, reference: schema.refersTo, name: value }]
                : [];
        }
        if (schema.kind === "list" && Array.isArray(value)) {
            return value.flatMap((item, index) => within(item, schema.items, `${path}[${index}]`));
        }
        if (schema.kind === "object" && isObject(value)) {
            return Object.entries(schema.properties).flatMap(([key, inner]) =>
                within(value[key], inner, `${path}.${key}`),
            );
        }
        return [];
    };
    return Object.entries(schemas).flatMap(([key, schema]) => within(inputs[key], schema, key));
}

/** Whether the reference is to this resource. */
export function refersTo({ reference, name }: FoundReference, resource: CloudResource): boolean {
    const { type, output } = reference;
    return (
        resource.type === type &&
        (output === undefined ? resource.id : resource.outputs[output]) === name
    );
}

/** Whether the resource goes when `owner` does, instead of keeping it from going. */
export function goesWith(
    resource: CloudResource,
    { actions, inputs }: ResourceType,
    owner: CloudResource,
): boolean {
    const isOwned = actions.delete === undefined || resource.outputs["required"] === true;
    return isOwned && referencesIn(resource.inputs, inputs).some((found) => refersTo(found, owner));
}
