import { request } from "node:http";

/** The service as it is reached through its gateway. */
export interface ServiceAddress {
    /** Address of the gateway, HOST or HOST:PORT. */
    readonly gatewayAddress: string;
    /** Host name of the service, sent as the `Host` header, so that no DNS is needed. */
    readonly host: string;
}

/** What came back. */
export interface Answer {
    /** HTTP status code. */
    readonly status: number;
    /** Body as text. */
    readonly body: string;
}

/** Seconds an answer may take: a cold start, the queue and the drawing. */
const TIMEOUT_SECONDS = 300;

/**
 * Sends one request through the gateway.
 *
 * @param credentials `user:password` for HTTP Basic; none when undefined
 * @throws the abort reason when aborted; Error when there is no answer in 300 s
 */
export function callService(
    { gatewayAddress, host }: ServiceAddress,
    {
        method = "GET",
        path,
        body,
        form,
        credentials,
        signal,
    }: {
        readonly method?: "GET" | "POST";
        readonly path: string;
        /** Sent as JSON. */
        readonly body?: unknown;
        /** Sent as a form, in place of `body`. */
        readonly form?: Readonly<Record<string, string>>;
        readonly credentials?: string;
        readonly signal?: AbortSignal | undefined;
    },
): Promise<Answer> {
    const content =
        form === undefined
            ? { type: "application/json", text: body === undefined ? "" : JSON.stringify(body) }
            : {
                  type: "application/x-www-form-urlencoded",
                  text: new URLSearchParams(form).toString(),
              };
    return new Promise((resolve, reject) => {
        const fail = (error: Error): void => {
            reject(signal?.aborted ? (signal.reason as Error) : error);
        };
        const outgoing = request(
            `http://${gatewayAddress}${path}`,
            {
                method,
                signal,
                timeout: TIMEOUT_SECONDS * 1000,
                headers: {
                    host,
                    ...(content.text === "" ? {} : { "content-type": content.type }),
                },
                ...(credentials === undefined ? {} : { auth: credentials }),
            },
            (response) => {
                const chunks: Buffer[] = [];
                response.on("data", (chunk: Buffer) => chunks.push(chunk));
                response.on("error", fail);
                response.on("end", () => {
                    resolve({
                        status: response.statusCode ?? 0,
                        body: Buffer.concat(chunks).toString("utf8"),
                    });
                });
            },
        );
        outgoing.on("timeout", () => {
            outgoing.destroy(new Error(`no answer from ${host} in ${TIMEOUT_SECONDS} s`));
        });
        outgoing.on("error", fail);
        outgoing.end(content.text);
    });
}
