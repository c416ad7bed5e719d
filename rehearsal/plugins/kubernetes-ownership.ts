import { ApiError, type KubernetesObject } from "./kubernetes-api";
import type { Json, JsonObject } from "./property-values";

/** Who set which fields of an object, and how; an entry of `metadata.managedFields`. */
interface ManagedFields extends JsonObject {
    manager?: string;
    operation?: string;
    apiVersion?: string;
    subresource?: string;
    fieldsV1?: JsonObject;
}

/**
 * Field managers whose plain updates an apply takes over: those of this plugin's own creations, which are
 * not applies, and of kubectl, so that an edit by hand is overwritten and not a conflict. As with the
 * official plugin: fixCSAFieldManagers in provider/pkg/await/await.go of pulumi/pulumi-kubernetes.
 */
const ADOPTED = [
    "kubectl",
    "before-first-apply",
    "pulumi-kubernetes",
    "pulumi-resource-kubernetes",
];

/**
 * The managed fields of an object after `manager` has taken over what it may; undefined if there is nothing
 * to take over.
 */
export function adoptedFields(live: KubernetesObject, manager: string): JsonObject[] | undefined {
    const entries = (live.metadata["managedFields"] ?? []) as ManagedFields[];
    const isOurs = (entry: ManagedFields): boolean =>
        entry.manager === manager && entry.operation === "Apply" && !entry.subresource;
    const isAdopted = (entry: ManagedFields): boolean =>
        !isOurs(entry) && !entry.subresource && isAdoptable(entry.manager ?? "");
    const adopted = entries.filter(isAdopted);
    if (adopted.length === 0) {
        return undefined;
    }
    const own = entries.find(isOurs);
    const fields = [own, ...adopted].reduce<JsonObject>(
        (union, entry) => merged(union, entry?.fieldsV1 ?? {}),
        {},
    );
    const entry = { ...(own ?? adopted[0]), manager, operation: "Apply", fieldsV1: fields };
    return [entry, ...entries.filter((other) => !isOurs(other) && !isAdopted(other))];
}

function isAdoptable(manager: string): boolean {
    return ADOPTED.some((prefix) => manager.startsWith(prefix));
}

/** The union of two sets of fields, which FieldsV1 writes as nested objects. */
function merged(one: JsonObject, other: JsonObject): JsonObject {
    const result = { ...one };
    for (const [field, below] of Object.entries(other)) {
        result[field] = merged(asObject(result[field]), asObject(below));
    }
    return result;
}

function asObject(value: Json | undefined): JsonObject {
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

/** Whether an apply failed only because of fields that an update would take over before it applies. */
export function isAdoptableConflict(error: unknown): boolean {
    return (
        error instanceof ApiError &&
        error.reason === "Conflict" &&
        error.causes.length > 0 &&
        error.causes.every((cause) => isAdoptable(/conflict with "([^"]*)"/.exec(cause)?.[1] ?? ""))
    );
}

/** The error of an apply, with advice if other field managers own what it sets. */
export function explainedConflict(error: unknown, manager: string): unknown {
    return error instanceof ApiError && error.reason === "Conflict"
        ? new Error(
              `Server-Side Apply field conflict detected: others set fields that this resource sets to other values. ` +
                  `Set the annotation pulumi.com/patchForce: "true" to take them over. ` +
                  `The resource managed by field manager "${manager}" had an apply conflict: ${error.message}`,
              { cause: error },
          )
        : error;
}
