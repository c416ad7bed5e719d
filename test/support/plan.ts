import { readFileSync } from "node:fs";
import { join } from "node:path";
import { leaves } from "./leaves";
import type { Registered } from "./mocks";

/** What is known of the arguments of a type of resource. */
export interface ArgumentFacts {
    readonly required: readonly string[];
    /** A change of these replaces the resource; `block.argument` within a block. */
    readonly replaces: readonly string[];
    readonly deprecated: readonly string[];
}

const FIXTURE = join(__dirname, "../fixtures/alicloud-arguments.json");

/** The arguments of the cloud's resources by type token. */
export const CLOUD_ARGUMENTS = (
    JSON.parse(readFileSync(FIXTURE, "utf8")) as { types: Record<string, ArgumentFacts> }
).types;

/** A change of these replaces any object. Source: provider of Pulumi for Kubernetes. */
const KUBERNETES_REPLACES = ["metadata.name", "metadata.namespace"];

/** A change of these replaces one of that kind. Source: the same; ConfigMaps and Secrets are not mutable by default. */
const KIND_REPLACES: Readonly<Record<string, readonly string[]>> = {
    "kubernetes:core/v1:ConfigMap": ["data"],
    "kubernetes:core/v1:Secret": ["stringData"],
    "kubernetes:core/v1:PersistentVolumeClaim": ["spec"],
};

/** What the engine would do to a resource. */
export interface Step {
    readonly action: "create" | "delete" | "replace" | "update";
    readonly type: string;
    readonly name: string;
    /** Paths of the arguments that differ, without positions in lists. */
    readonly paths: readonly string[];
    /** Those of them that replace it. */
    readonly replacing: readonly string[];
    /** Resource options that differ: these change the state only. */
    readonly options: readonly string[];
}

/**
 * What the engine would do after a program declared `before`, and now declares `after`: a model of it, by the table of
 * arguments. Components are left out. In the order of the names.
 */
export function planOf(before: readonly Registered[], after: readonly Registered[]): Step[] {
    const [old, now] = [byUrn(before), byUrn(after)];
    const removed = [...old].filter(([urn]) => !now.has(urn));
    const steps = [
        ...[...now].flatMap(([urn, each]) => {
            const one = old.get(urn);
            return one ? stepOf(one, each) : [whole("create", each)];
        }),
        ...removed.map(([, each]) => whole("delete", each)),
    ];
    return steps.sort((one, other) => one.name.localeCompare(other.name));
}

function whole(action: "create" | "delete", { type, name }: Registered): Step {
    return { action, type, name, paths: [], replacing: [], options: [] };
}

function stepOf(one: Registered, other: Registered): Step[] {
    const { type, name } = other;
    const paths = changedPaths(one, other).filter(
        (path) => !other.ignoreChanges.some((ignored) => isWithin(path, ignored)),
    );
    const options = (["protect", "retainOnDelete"] as const).filter(
        (option) => one[option] !== other[option],
    );
    if (paths.length + options.length === 0) {
        return [];
    }
    const replacing = paths.filter((path) => isCreateOnly(type, path));
    const action = replacing.length > 0 ? "replace" : "update";
    return [{ action, type, name, paths, replacing, options }];
}

/** Whether a change of this argument replaces the resource. */
export function isCreateOnly(type: string, path: string): boolean {
    const replaces = type.startsWith("kubernetes:")
        ? [...KUBERNETES_REPLACES, ...(KIND_REPLACES[type] ?? [])]
        : (CLOUD_ARGUMENTS[type]?.replaces ?? []);
    return replaces.some((each) => isWithin(path, each) || isWithin(each, path));
}

function isWithin(path: string, outer: string): boolean {
    return path === outer || path.startsWith(`${outer}.`);
}

function changedPaths(one: Registered, other: Registered): string[] {
    const [old, now] = [leaves(one.inputs), leaves(other.inputs)];
    const differing = [...new Set([...old.keys(), ...now.keys()])].filter(
        (path) => old.get(path) !== now.get(path),
    );
    return [...new Set(differing.map(withoutPositions))];
}

/** The path of an argument whatever element of a list it is in. */
export function withoutPositions(path: string): string {
    return path
        .split(".")
        .filter((step) => !/^[0-9]+$/.test(step))
        .join(".");
}

function byUrn(resources: readonly Registered[]): Map<string, Registered> {
    return new Map(
        resources
            .filter(({ type }) => !type.startsWith("sd:") && !type.startsWith("pulumi:pulumi:"))
            .map((each) => [each.urn, each]),
    );
}
