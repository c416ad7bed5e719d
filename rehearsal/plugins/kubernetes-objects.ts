import type { KubernetesObject } from "./kubernetes-api";
import {
    type JsonObject,
    type PropertyMap,
    type PropertyValue,
    Secret,
    UNKNOWN,
    hasSecret,
    hasUnknown,
    isMap,
    propertyOf,
    revealed,
} from "./property-values";

/** What a type token of the `kubernetes` package stands for. */
export interface TypeToken {
    readonly apiVersion: string;
    readonly kind: string;
    /** Whether resources of this type change single fields of an object that others own. */
    readonly isPatch: boolean;
}

/** Modules of the package that are not groups of the API, but ways to make many objects of one resource. */
const NOT_GROUPS = ["helm.sh", "yaml", "kustomize"];

/**
 * Reads a type token such as `kubernetes:apps/v1:Deployment` or `kubernetes:core/v1:ConfigMapPatch`.
 *
 * @throws Error for what is no kind of object: Helm, YAML and Kustomize resources, lists
 */
export function parseType(type: string): TypeToken {
    const [, module, group, version, name] =
        /^kubernetes:(([^/:]+)\/(v\d+(?:(?:alpha|beta)\d+)?)):(\w+)$/.exec(type) ?? [];
    if (
        module === undefined ||
        group === undefined ||
        version === undefined ||
        name === undefined ||
        NOT_GROUPS.includes(group) ||
        name.endsWith("List")
    ) {
        throw new Error(
            `the stand-in for the kubernetes plugin has no ${type}; it has single objects of any kind that the API server knows (kubernetes:<group>/<version>:<Kind>) and patches of them (…Patch)`,
        );
    }
    const isPatch = name.endsWith("Patch");
    return {
        apiVersion: group === "core" ? version : module,
        kind: isPatch ? name.slice(0, -"Patch".length) : name,
        isPatch,
    };
}

/** Whether the kinds of this version are part of Kubernetes itself, as opposed to custom resources. */
export function isBuiltIn(apiVersion: string): boolean {
    const [group, version] = apiVersion.split("/");
    return version === undefined || !group?.includes(".") || group.endsWith(".k8s.io");
}

/** `namespace/name`, or the name alone for an object without namespace: its id in the engine's state. */
export function idOf({ metadata: { namespace, name } }: KubernetesObject): string {
    return namespace === undefined ? (name ?? "") : `${namespace}/${name ?? ""}`;
}

/** The parts of an id; a name alone has no namespace. */
export function parseId(id: string): { namespace: string | undefined; name: string } {
    const [first = "", second] = id.split("/");
    return second === undefined
        ? { namespace: undefined, name: first }
        : { namespace: first, name: second };
}

/** An annotation of an object; undefined if it has none of this name, or one that is not known yet. */
export function annotationOf(object: PropertyMap, name: string): string | undefined {
    const { metadata } = object;
    const annotations = isMap(metadata) ? metadata["annotations"] : undefined;
    const value = isMap(annotations) ? annotations[name] : undefined;
    return typeof value === "string" ? value : undefined;
}

/** Whether an annotation says `true`. */
export function isAnnotated(object: PropertyMap, name: string): boolean {
    return annotationOf(object, name) === "true";
}

const AUTONAMED = "pulumi.com/autonamed";

/** Whether the plugin made up the name of this object. */
export function isAutonamed(object: PropertyMap): boolean {
    return isAnnotated(object, AUTONAMED);
}

/**
 * The object with a name: its own, else that which an earlier update made up for it, else the proposed
 * one, marked as made up. A name that is not known yet stays so.
 */
export function named(
    object: PropertyMap,
    old: PropertyMap | undefined,
    proposeName: () => string,
): PropertyMap {
    const metadata = isMap(object["metadata"]) ? object["metadata"] : {};
    if (metadata["name"] !== undefined) {
        return object;
    }
    const oldMetadata = old?.["metadata"];
    const adopted = old && isAutonamed(old) && isMap(oldMetadata) ? oldMetadata["name"] : undefined;
    const annotations = isMap(metadata["annotations"]) ? metadata["annotations"] : {};
    return {
        ...object,
        metadata: {
            ...metadata,
            name: adopted ?? proposeName(),
            annotations: { ...annotations, [AUTONAMED]: "true" },
        },
    };
}

/** Metadata that only the API server writes. */
const READ_ONLY = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/**
 * The inputs in the one form in which they are compared and sent: without null values and fields that
 * only the API server writes, and with the `stringData` of a Secret as `data`, as the API server keeps it.
 * Takes and returns values without secrets.
 */
export function normalized(inputs: PropertyMap): PropertyMap {
    const object = withoutNull(inputs) as PropertyMap;
    const { metadata, stringData, data } = object;
    if (isMap(metadata)) {
        object["metadata"] = Object.fromEntries(
            Object.entries(metadata).filter(([key]) => !READ_ONLY.includes(key)),
        );
    }
    if (isSecretKind(object) && isMap(stringData)) {
        delete object["stringData"];
        object["data"] = { ...(isMap(data) ? data : {}), ...encodedTexts(stringData) };
    }
    return object;
}

function withoutNull(value: PropertyValue): PropertyValue {
    if (Array.isArray(value)) {
        return value.map(withoutNull);
    }
    if (!isMap(value)) {
        return value;
    }
    const entries = Object.entries(value).filter(
        (entry): entry is [string, PropertyValue] => entry[1] !== undefined && entry[1] !== null,
    );
    return Object.fromEntries(entries.map(([key, part]) => [key, withoutNull(part)]));
}

function encodedTexts(texts: PropertyMap): PropertyMap {
    return Object.fromEntries(
        Object.entries(texts).map(([key, text]) => [
            key,
            typeof text === "string" ? Buffer.from(text).toString("base64") : UNKNOWN,
        ]),
    );
}

function isSecretKind({ apiVersion, kind }: PropertyMap): boolean {
    return apiVersion === "v1" && kind === "Secret";
}

/** `kubectl apply` repeats the whole object here, a Secret's data included. */
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/**
 * The object with everything secret that `like` has as a secret in the same place; a list with a secret
 * is secret as a whole, since its items may move. The contents of a Secret are always secret.
 */
export function withSecrets(object: PropertyMap, like: PropertyMap): PropertyMap {
    const result = marked(object, like);
    if (isSecretKind(object)) {
        for (const key of ["data", "stringData"]) {
            const value = result[key];
            if (value !== undefined && !(value instanceof Secret)) {
                result[key] = new Secret(revealed(value));
            }
        }
        const metadata = result["metadata"];
        const annotations = isMap(metadata) ? metadata["annotations"] : undefined;
        const lastApplied = isMap(annotations) ? annotations[LAST_APPLIED] : undefined;
        if (isMap(metadata) && isMap(annotations) && typeof lastApplied === "string") {
            const secret = { ...annotations, [LAST_APPLIED]: new Secret(lastApplied) };
            result["metadata"] = { ...metadata, annotations: secret };
        }
    }
    return result;
}

function marked(object: PropertyMap, like: PropertyMap): PropertyMap {
    return Object.fromEntries(
        Object.entries(object).map(([key, value]) => {
            const model = propertyOf(like, key);
            if (value === undefined || model === undefined) {
                return [key, value];
            }
            if (isMap(value) && isMap(model)) {
                return [key, marked(value, model)];
            }
            return [key, hasSecret(model) ? new Secret(revealed(value)) : value];
        }),
    );
}

// What the engine's state holds of an object beside the object itself, as with the official plugin.
const INPUTS = "__inputs";
const INITIAL_API_VERSION = "__initialApiVersion";
const FIELD_MANAGER = "__fieldManager";
const KEPT = [INPUTS, INITIAL_API_VERSION, FIELD_MANAGER];

/** What the plugin keeps in the engine's state. */
export interface Checkpoint {
    /** The object as the API server had it. */
    readonly live: PropertyMap;
    /** What the program asked for. */
    readonly inputs: PropertyMap;
    readonly fieldManager: string | undefined;
}

/** The properties to keep in state; `inputs` say what in them is secret. */
export function checkpoint(
    live: KubernetesObject,
    inputs: PropertyMap,
    fieldManager: string,
): PropertyMap {
    const properties = withSecrets(live, inputs);
    properties[INPUTS] = withSecrets(revealed(inputs) as PropertyMap, inputs);
    properties[INITIAL_API_VERSION] = live.apiVersion;
    properties[FIELD_MANAGER] = fieldManager;
    return properties;
}

/** Reads properties from state, without secrecy. */
export function parseCheckpoint(properties: PropertyMap): Checkpoint {
    const plain = revealed(properties) as PropertyMap;
    const inputs = plain[INPUTS];
    const fieldManager = plain[FIELD_MANAGER];
    return {
        live: Object.fromEntries(Object.entries(plain).filter(([key]) => !KEPT.includes(key))),
        inputs: isMap(inputs) ? inputs : {},
        fieldManager: typeof fieldManager === "string" ? fieldManager : undefined,
    };
}

/**
 * Inputs without secrecy and unknowns as an object to send.
 *
 * @throws Error when something is unknown: nothing may be sent of which a part is missing
 */
export function sendable(inputs: PropertyMap): KubernetesObject {
    if (hasUnknown(inputs)) {
        throw new Error("an object with unknown values cannot be sent to the API server");
    }
    return revealed(inputs) as JsonObject as KubernetesObject;
}
