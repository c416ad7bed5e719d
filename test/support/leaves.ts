/** The scalar values of a tree by their path, whose steps are joined by dots. */
export function leaves(tree: unknown, path: readonly string[] = []): Map<string, unknown> {
    if (typeof tree !== "object" || tree === null) {
        return new Map([[path.join("."), tree]]);
    }
    return new Map(
        Object.entries(tree).flatMap(([key, value]) => [...leaves(value, [...path, key])]),
    );
}
