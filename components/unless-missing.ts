/**
 * What an API server answers to a read; undefined where it has no such object.
 *
 * @throws whatever the read throws otherwise
 */
export async function unlessMissing<T>(read: Promise<T>): Promise<T | undefined> {
    try {
        return await read;
    } catch (error) {
        // Not by its class: a client that was required and one that was imported have each their own.
        if (error instanceof Error && (error as Error & { code?: unknown }).code === 404) {
            return undefined;
        }
        throw error;
    }
}
