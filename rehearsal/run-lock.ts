import { connect, createServer } from "node:net";

/**
 * An abstract Unix socket: one per machine, as the cluster's addresses are, and the kernel gives it back
 * however the holder ends, so that no stale lock file survives a SIGKILL.
 */
const NAME = "\0sd-rehearsal";

/**
 * Makes this process the only one on the machine that works on the rehearsal's cluster, until it ends.
 *
 * @throws Error naming the process that does so already
 */
export async function takeRunLock(): Promise<void> {
    const server = createServer((connection) => {
        connection.end(String(process.pid));
    });
    // The lock must not keep a finished process alive.
    server.unref();
    await new Promise<void>((resolve, reject) => {
        server.once("error", (error: NodeJS.ErrnoException) => {
            if (error.code !== "EADDRINUSE") {
                reject(error);
                return;
            }
            void holder().then((pid) => {
                reject(
                    new Error(
                        `another rehearsal is running on this machine (process ${pid}); wait for it or stop it`,
                    ),
                );
            });
        });
        server.listen(NAME, resolve);
    });
}

function holder(): Promise<string> {
    return new Promise((resolve) => {
        const connection = connect(NAME);
        let answer = "";
        connection.on("data", (chunk: Buffer) => {
            answer += chunk.toString();
        });
        connection.on("error", () => {
            resolve("just ended");
        });
        connection.on("end", () => {
            resolve(answer);
        });
    });
}
