import type { KubernetesObject } from "./kubernetes-api";
import type { PropertyChange } from "./provider-host";
import { type PropertyMap, type PropertyValue, isMap, propertyOf } from "./property-values";

/**
 * The part of `live` that has the shape of `inputs`: what the program said something about. All else
 * belongs to the API server, its webhooks and controllers, and is no difference. Items of lists match by
 * position; items beyond those of `inputs` are kept, since the program said how many there are.
 */
export function pruned(live: PropertyMap, inputs: PropertyMap): PropertyMap {
    const result: PropertyMap = {};
    for (const [key, value] of Object.entries(live)) {
        const wanted = propertyOf(inputs, key);
        if (value !== undefined && wanted !== undefined) {
            Object.defineProperty(result, key, {
                value: prunedValue(value, wanted),
                enumerable: true,
                configurable: true,
                writable: true,
            });
        }
    }
    return result;
}

function prunedValue(live: PropertyValue, wanted: PropertyValue): PropertyValue {
    if (isMap(live) && isMap(wanted)) {
        return pruned(live, wanted);
    }
    if (Array.isArray(live) && Array.isArray(wanted)) {
        return live.map((item, index) => {
            const counterpart = wanted[index];
            return counterpart === undefined ? item : prunedValue(item, counterpart);
        });
    }
    return live;
}

/**
 * What changes from `olds` to `news`, down to the single value: path in Pulumi's notation to kind of
 * change. A change at, above or below one of the `immutable` paths replaces the object.
 */
export function changesBetween(
    olds: PropertyMap,
    news: PropertyMap,
    immutable: readonly (readonly string[])[],
): Record<string, PropertyChange> {
    const changes: Record<string, PropertyChange> = {};
    const compare = (path: readonly Step[], old?: PropertyValue, now?: PropertyValue): void => {
        if (isMap(old) && isMap(now)) {
            for (const key of new Set([...Object.keys(old), ...Object.keys(now)])) {
                compare([...path, key], propertyOf(old, key), propertyOf(now, key));
            }
        } else if (Array.isArray(old) && Array.isArray(now)) {
            for (let index = 0; index < Math.max(old.length, now.length); index += 1) {
                compare([...path, index], old[index], now[index]);
            }
        } else if ((old ?? undefined) !== (now ?? undefined)) {
            // Null is as good as absent to the API server.
            const kind = old === undefined ? "add" : now === undefined ? "delete" : "update";
            changes[notation(path)] = { kind, replace: touches(path, immutable) };
        }
    };
    compare([], olds, news);
    return changes;
}

/** Name of a property or position in a list. */
type Step = string | number;

function touches(path: readonly Step[], immutable: readonly (readonly string[])[]): boolean {
    return immutable.some((fixed) =>
        fixed.slice(0, path.length).every((step, index) => step === path[index]),
    );
}

function notation(path: readonly Step[]): string {
    return path.reduce<string>((text, step) => {
        if (typeof step === "number") {
            return `${text}[${step}]`;
        }
        if (/[."[\]]/.test(step)) {
            return `${text}["${step.replaceAll('"', '\\"')}"]`;
        }
        return text === "" ? step : `${text}.${step}`;
    }, "");
}

/**
 * Fields of an object of this kind that cannot change in place. That ConfigMaps and Secrets are replaced
 * on every change of their contents is what the official plugin does unless it is told that they are
 * mutable. Source: provider/pkg/provider/diff.go of pulumi/pulumi-kubernetes.
 */
export function immutablePaths({ apiVersion, kind }: KubernetesObject): string[][] {
    const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
    return [
        ["metadata", "name"],
        ["metadata", "namespace"],
        ...(IMMUTABLE[`${group ?? ""}/${kind}`] ?? []),
    ];
}

const IMMUTABLE: Readonly<Record<string, string[][]>> = {
    "/ConfigMap": [["data"], ["binaryData"]],
    "/Secret": [["type"], ["data"], ["stringData"]],
    "/Service": [["spec", "clusterIP"]],
    "/PersistentVolumeClaim": [["spec"]],
    "apps/Deployment": [["spec", "selector"]],
    "apps/DaemonSet": [["spec", "selector"]],
    "apps/StatefulSet": [
        ["spec", "podManagementPolicy"],
        ["spec", "revisionHistoryLimit"],
        ["spec", "selector"],
        ["spec", "serviceName"],
        ["spec", "volumeClaimTemplates"],
    ],
    "batch/Job": [
        ["spec", "completions"],
        ["spec", "parallelism"],
        ["spec", "selector"],
        ["spec", "template"],
    ],
    "rbac.authorization.k8s.io/ClusterRoleBinding": [["roleRef"]],
    "rbac.authorization.k8s.io/RoleBinding": [["roleRef"]],
    "storage.k8s.io/StorageClass": [["parameters"], ["provisioner"]],
};
