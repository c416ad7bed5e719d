/** The properties of a resource, of which nothing is taken for granted but that they are named. */
export type Props = Readonly<Record<string, unknown>>;

/** The value, if it has named properties; otherwise nothing. */
export function propsOf(value: unknown): Props {
    return typeof value === "object" && value !== null && !Array.isArray(value)
        ? (value as Props)
        : {};
}

/** The value, if it is a list; otherwise an empty one. */
export function listOf(value: unknown): readonly unknown[] {
    return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

/** The texts of a list. */
export function textsOf(value: unknown): readonly string[] {
    return listOf(value).filter((each) => typeof each === "string");
}

/** A value as its author wrote it, for messages: strings in quotes. */
export function show(value: unknown): string {
    return value === undefined ? "unset" : JSON.stringify(value);
}
