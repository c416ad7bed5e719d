import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Sample, StandInSample } from "./run-record";
import type { Target } from "./target";

/** Seconds since a run began. */
export type Clock = () => number;

/** A clock that begins now. */
export function startClock(): Clock {
    const start = performance.now();
    return () => (performance.now() - start) / 1000;
}

/** Sends requests to one target and measures each. */
export interface Sender {
    /**
     * Sends one request. It never throws: what goes wrong is part of the sample.
     *
     * @param scheduled when it was to be sent
     */
    readonly send: (request: TimedRequest, scheduled: number) => Promise<Sample>;
    /** Requests that are not over. */
    readonly underWay: () => number;
    /** Closes the connections that wait for further requests. */
    readonly close: () => void;
}

/** What is sent, and when it is given up. */
export interface TimedRequest {
    readonly body: string | Buffer;
    /** @default application/json */
    readonly contentType?: string | undefined;
    /** Seconds until a request without a complete answer has failed. */
    readonly timeoutSeconds: number;
    /** Seconds after which its client goes away. @default - it stays */
    readonly cancelAfterSeconds?: number | undefined;
    /** Closes the connection when aborted. */
    readonly signal: AbortSignal;
    /** Gets the answer's head, of which the body may be read as well. @default - nobody else reads the answer */
    readonly onAnswer?: (answer: IncomingMessage) => void;
}

/**
 * A sender of POST requests with the target's credentials. Connections are kept, as `hey` keeps them, and there is
 * no limit to their number: a request waits for no other one. Redirects are not followed, so that none leads the
 * load elsewhere.
 */
export function sender({ url, gatewayAddress, authorization }: Target, clock: Clock): Sender {
    const isTls = url.protocol === "https:";
    const address = new URL(`${url.protocol}//${gatewayAddress}`);
    const options = { keepAlive: true, maxSockets: Infinity };
    const agent = isTls ? new HttpsAgent(options) : new HttpAgent(options);
    let underWay = 0;
    const send: Sender["send"] = (sending, scheduled) =>
        new Promise((resolve) => {
            const { body, contentType = "application/json", timeoutSeconds } = sending;
            const { cancelAfterSeconds, signal } = sending;
            const sent = clock();
            underWay += 1;
            let isOver = false;
            let firstByte: number | undefined;
            let head: IncomingMessage | undefined;
            let bytes = 0;
            let cancelled = false;
            const outgoing = (isTls ? httpsRequest : httpRequest)({
                method: "POST",
                protocol: url.protocol,
                hostname: address.hostname,
                port: address.port,
                path: url.pathname,
                servername: url.hostname,
                agent,
                headers: {
                    host: url.host,
                    authorization,
                    "content-type": contentType,
                    "content-length": Buffer.byteLength(body),
                },
            });
            const giveUp = (reason: string): void => {
                outgoing.destroy(new Error(reason));
            };
            const stop = (): void => {
                giveUp("the load was stopped");
            };
            const timeout = setTimeout(
                giveUp,
                timeoutSeconds * 1000,
                `no answer in ${timeoutSeconds} s`,
            );
            const cancel =
                cancelAfterSeconds === undefined
                    ? undefined
                    : setTimeout(() => {
                          cancelled = true;
                          giveUp("given up by its client");
                      }, cancelAfterSeconds * 1000);
            const finish = (error?: string): void => {
                // A request that fails halfway through its answer says so twice.
                if (isOver) {
                    return;
                }
                isOver = true;
                underWay -= 1;
                clearTimeout(timeout);
                clearTimeout(cancel);
                signal.removeEventListener("abort", stop);
                resolve({
                    scheduled,
                    sent,
                    firstByte,
                    done: clock(),
                    status: head?.statusCode,
                    error,
                    cancelled: cancelled || undefined,
                    bytes,
                    standIn: head && standInSample(head),
                });
            };
            outgoing.on("error", (error: NodeJS.ErrnoException) => {
                finish(error.code ?? error.message);
            });
            outgoing.on("response", (answer) => {
                firstByte = clock();
                head = answer;
                answer.on("data", (chunk: Buffer) => {
                    bytes += chunk.length;
                });
                answer.on("end", () => {
                    finish();
                });
                answer.on("error", (error: NodeJS.ErrnoException) => {
                    finish(error.code ?? error.message);
                });
                sending.onAnswer?.(answer);
            });
            signal.addEventListener("abort", stop, { once: true });
            if (signal.aborted) {
                stop();
            }
            outgoing.end(body);
        });
    return {
        send,
        underWay: () => underWay,
        close: () => {
            agent.destroy();
        },
    };
}

/** Headers of the stand-in (rehearsal/model-server/README.md). */
const STAND_IN_HEADERS = {
    pod: "stand-in-pod",
    inFlight: "stand-in-in-flight",
    waited: "stand-in-waited-seconds",
    drew: "stand-in-drew-seconds",
} as const;

function standInSample({ headers }: IncomingMessage): StandInSample | undefined {
    const pod = headers[STAND_IN_HEADERS.pod];
    if (typeof pod !== "string") {
        return undefined;
    }
    return {
        pod,
        inFlight: Number(headers[STAND_IN_HEADERS.inFlight]),
        waited: Number(headers[STAND_IN_HEADERS.waited]),
        drew: Number(headers[STAND_IN_HEADERS.drew]),
    };
}
