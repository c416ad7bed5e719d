import { ApiException } from "@kubernetes/client-node";

/** The answer of the API server, or undefined if it does not have what was asked for. */
export async function unlessMissing<T>(request: Promise<T>): Promise<T | undefined> {
    try {
        return await request;
    } catch (error) {
        if (error instanceof ApiException && error.code === 404) {
            return undefined;
        }
        throw error;
    }
}
