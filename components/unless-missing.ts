/**
 * What an API server answers to a read; undefined where it has no such object.
 *
 * @throws whatever the read throws otherwise
 */
export async function unlessMissing<T>(read: Promise<T>): Promise<T | undefined> {
    try {
        return await read;
    } catch (error) {
        const { ApiException } = await import("@kubernetes/client-node");
        if (error instanceof ApiException && error.code === 404) {
            return undefined;
        }
        throw error;
    }
}
