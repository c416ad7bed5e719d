import type * as pulumi from "@pulumi/pulumi";

/** What is said of a property whatever its type. */
interface Common {
    /** Whether it must be there. @default false */
    readonly required?: boolean;
    /** Whether changing it, or anything in it, replaces the resource. @default false */
    readonly replaces?: boolean;
    /** What to do in its place, as `use vpcName`: this one is refused. */
    readonly deprecated?: string;
}

/** Whole numbers from the first to the second, both included. */
export type Range = readonly [number, number];

/** A text. */
export interface TextSchema extends Common {
    readonly kind: "text";
    /** The only values that the plugin lets through. */
    readonly previewValues?: readonly string[];
    /** The only values that the cloud takes; the plugin lets others through. */
    readonly values?: readonly string[];
    /** What the plugin lets through: a pattern, and how its message describes it. */
    readonly previewPattern?: readonly [RegExp, string];
    /** What the cloud takes. */
    readonly pattern?: readonly [RegExp, string];
    /** The resources of which the text names one. */
    readonly refersTo?: Reference;
}

/** The resources of which a text names one. */
export interface Reference {
    /** Type token. */
    readonly type: string;
    /** Output that is named. @default - the resource's id */
    readonly output?: string;
    /** Error code of the cloud when there is none. */
    readonly notFound: string;
}

/** A number. */
export interface NumberSchema extends Common {
    readonly kind: "number";
    /** What the plugin lets through. */
    readonly previewRange?: Range;
    /** What the cloud takes. */
    readonly range?: Range;
}

/** True or false. */
export interface BooleanSchema extends Common {
    readonly kind: "boolean";
}

/** Values of one kind, in order. */
export interface ListSchema<Item = PropertySchema> extends Common {
    readonly kind: "list";
    readonly items: Item;
}

/** Texts under names that the user chooses. */
export interface TextMapSchema extends Common {
    readonly kind: "textMap";
}

/** Properties of their own. */
export interface ObjectSchema<Properties = PropertySchemas> extends Common {
    readonly kind: "object";
    readonly properties: Properties;
}

/** What is known of a property. */
export type PropertySchema =
    TextSchema | NumberSchema | BooleanSchema | ListSchema | TextMapSchema | ObjectSchema;

/** Properties by name. */
export type PropertySchemas = Readonly<Record<string, PropertySchema>>;

/** The schema that fits a property of this type. */
type SchemaFor<T> = [T] extends [string]
    ? TextSchema
    : [T] extends [number]
      ? NumberSchema
      : [T] extends [boolean]
        ? BooleanSchema
        : [T] extends [readonly (infer Item)[]]
          ? ListSchema<SchemaFor<NonNullable<Item>>>
          : string extends keyof T
            ? TextMapSchema
            : ObjectSchema<SchemasFor<T>>;

/** Schemas for properties of these arguments: none that the SDK does not have, and each of the SDK's type. */
export type SchemasFor<Args> = {
    readonly [Key in keyof Args]?: SchemaFor<NonNullable<pulumi.Unwrap<Args[Key]>>>;
};
