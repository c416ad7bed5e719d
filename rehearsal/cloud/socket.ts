import { closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";

/** Name of the cloud's socket in its folder. */
const SOCKET = "cloud.sock";

/** Longest path of a Unix socket in bytes, without the zero at its end. */
const MAX_PATH = 107;

/**
 * Calls `use` with a path of the socket in this folder by which it can be bound and connected to, and which is
 * valid until what `use` returns settles. On Linux it leads through an open folder, because paths of sockets
 * end at 107 bytes and those of checkouts do not.
 *
 * @throws Error where that is not to be had and the path is too long
 */
export async function withSocketPath<T>(
    folder: string,
    use: (path: string) => Promise<T>,
): Promise<T> {
    if (process.platform !== "linux") {
        const path = join(folder, SOCKET);
        if (Buffer.byteLength(path) > MAX_PATH) {
            throw new Error(
                `${path} has ${Buffer.byteLength(path)} bytes; allowed for the path of a socket: ${MAX_PATH}`,
            );
        }
        return use(path);
    }
    const descriptor = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
        return await use(`/proc/self/fd/${descriptor}/${SOCKET}`);
    } finally {
        closeSync(descriptor);
    }
}
