import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Profile } from "./profiles";
import type { Sample } from "./run-record";
import type { Target } from "./target";
import type { Clock, Sender } from "./timed-request";

/** A server on the loopback interface that adds a target's credentials. */
export interface Relay {
    readonly port: number;
    readonly close: () => Promise<void>;
}

/**
 * Passes requests on to the target with its credentials, and nothing but what the profile asks for: any process of
 * this machine can reach it while it runs, so it takes the one route, and no more requests than the profile has.
 *
 * @param onSample gets each request as the relay measured it
 * @param signal ends the requests that are under way when aborted
 */
export async function startRelay(
    { requests, timeoutSeconds }: Profile,
    {
        target,
        sender,
        clock,
        onSample,
        signal,
    }: {
        readonly target: Target;
        readonly sender: Sender;
        readonly clock: Clock;
        readonly onSample: (sample: Sample) => void;
        readonly signal: AbortSignal;
    },
): Promise<Relay> {
    let taken = 0;
    const pass = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
        const scheduled = clock();
        const chunks: Buffer[] = [];
        for await (const chunk of request) {
            chunks.push(chunk as Buffer);
        }
        const gone = new AbortController();
        response.on("close", () => {
            gone.abort();
        });
        const sample = await sender.send(
            {
                body: Buffer.concat(chunks),
                contentType: request.headers["content-type"],
                timeoutSeconds,
                signal: AbortSignal.any([signal, gone.signal]),
                onAnswer: (answer) => {
                    response.writeHead(answer.statusCode ?? 502, {
                        "content-type":
                            answer.headers["content-type"] ?? "application/octet-stream",
                    });
                    answer.pipe(response);
                },
            },
            scheduled,
        );
        onSample(sample);
        if (sample.error !== undefined) {
            // hey must see a failure as one, and not as a short answer.
            response.destroy();
        }
    };
    const server: Server = createServer((request, response) => {
        if (request.method !== "POST" || request.url !== target.url.pathname) {
            response.writeHead(404).end();
        } else if (taken === requests) {
            response.writeHead(429).end();
        } else {
            taken += 1;
            pass(request, response).catch((error: unknown) => {
                // hey went away before its request was complete; the target has seen nothing of it.
                response.destroy(error as Error);
            });
        }
    });
    await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(0, "127.0.0.1", resolve);
    });
    return {
        port: (server.address() as AddressInfo).port,
        close: () =>
            new Promise((resolve) => {
                server.close(() => {
                    resolve();
                });
                server.closeAllConnections();
            }),
    };
}
