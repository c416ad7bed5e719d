import { KubeConfig } from "@kubernetes/client-node";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Target } from "../../../load/target";

/** A request that the server got. */
export interface Received {
    readonly authorization: string | undefined;
    readonly host: string | undefined;
    readonly contentType: string | undefined;
    readonly userAgent: string | undefined;
    readonly body: string;
    /** Port of the client's connection. */
    readonly connection: number | undefined;
}

/**
 * A server of `POST /sdapi/v1/txt2img` inside the test's process: as many requests as it has pods are worked on at
 * a time, the others wait in one queue. It knows nothing of images, and of the model server's stand-in it has the
 * headers only.
 *
 * @param seconds of one request
 * @param answer status by the number of the request; 0 breaks the connection halfway through the answer
 */
export async function serveTextToImage({
    pods = 1,
    seconds = 0.01,
    answer = () => 200,
}: {
    readonly pods?: number;
    readonly seconds?: number;
    readonly answer?: (number: number) => number;
} = {}): Promise<{
    readonly address: string;
    readonly received: readonly Received[];
    /** Requests whose client went away before their answer. */
    readonly gone: () => number;
    readonly close: () => Promise<void>;
}> {
    const received: Received[] = [];
    const waiting: (() => void)[] = [];
    let free = pods;
    let gone = 0;
    const begin = (work: () => void): void => {
        if (free > 0) {
            free -= 1;
            work();
        } else {
            waiting.push(work);
        }
    };
    const end = (): void => {
        free += 1;
        const next = waiting.shift();
        if (next !== undefined) {
            begin(next);
        }
    };
    const server: Server = createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on("data", (chunk: Buffer) => chunks.push(chunk));
        request.on("end", () => {
            const number = received.push({
                authorization: request.headers.authorization,
                host: request.headers.host,
                contentType: request.headers["content-type"],
                userAgent: request.headers["user-agent"],
                body: Buffer.concat(chunks).toString(),
                connection: request.socket.remotePort,
            });
            const arrived = performance.now();
            begin(() => {
                const waited = (performance.now() - arrived) / 1000;
                const timer = setTimeout(() => {
                    end();
                    const status = answer(number);
                    response.writeHead(status === 0 ? 200 : status, {
                        "content-type": "application/json",
                        "stand-in-pod": `pod-${number % pods}`,
                        "stand-in-in-flight": "1",
                        "stand-in-waited-seconds": waited.toFixed(6),
                        "stand-in-drew-seconds": seconds.toFixed(6),
                    });
                    if (status === 0) {
                        response.write("{", () => response.destroy());
                    } else {
                        response.end('{"images": []}');
                    }
                }, seconds * 1000);
                response.on("close", () => {
                    if (!response.writableEnded && !response.headersSent) {
                        gone += 1;
                        clearTimeout(timer);
                        end();
                    }
                });
            });
        });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return {
        address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
        received,
        gone: () => gone,
        close: () =>
            new Promise((resolve) => {
                server.close(() => {
                    resolve();
                });
                server.closeAllConnections();
            }),
    };
}

/** A stack's target at a server of the test's own. */
export function targetAt(address: string): Target {
    return {
        url: new URL("http://sd.example.test/sdapi/v1/txt2img"),
        gatewayAddress: address,
        authorization: `Basic ${Buffer.from("me:secret").toString("base64")}`,
        namespace: "sd",
        serviceName: "web",
        podsMost: 5,
        gpuCapacity: 5,
        minScale: 0,
        containerConcurrency: 1,
        cluster: new KubeConfig(),
    };
}
