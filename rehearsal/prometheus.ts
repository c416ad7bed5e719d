import type { KubeConfig } from "@kubernetes/client-node";
import { type IncomingMessage, request as overHttp } from "node:http";
import { type RequestOptions, request as overHttps } from "node:https";

/** Labels of a series by name; `__name__` is that of the metric. */
export type Labels = Readonly<Record<string, string>>;

/** The value of a series at one moment. */
export interface Sample {
    readonly labels: Labels;
    readonly at: Date;
    /** May be NaN or infinite. */
    readonly value: number;
}

/** A series over a time, in the order of time; moments without a value are missing. */
export interface Series {
    readonly labels: Labels;
    readonly points: readonly { readonly at: Date; readonly value: number }[];
}

/** The moments of a range query: from the first to the last, both included. */
export interface Range {
    readonly start: Date;
    readonly end: Date;
    /** Seconds between two moments, above 0. */
    readonly stepSeconds: number;
}

/** Something that is scraped. */
export interface ScrapeTarget {
    /** Name of the entry of `scrape_configs`. */
    readonly job: string;
    readonly url: string;
    readonly health: "up" | "down" | "unknown";
    /** Of the last scrape; empty if it went well. */
    readonly error: string;
}

/** An alert whose expression has a result. */
export interface ActiveAlert {
    readonly name: string;
    /** Pending for as long as the rule's `for` has not passed. */
    readonly state: "pending" | "firing";
    readonly labels: Labels;
    readonly annotations: Labels;
    /** Since when the expression has had a result. */
    readonly activeAt: Date;
}

/**
 * The HTTP API of a Prometheus that runs in a cluster, reached through the API server's proxy, which works for
 * everybody who may use the cluster. Source of paths and answers: docs/querying/api.md of prometheus/prometheus.
 *
 * All methods throw an Error when Prometheus does not answer within 30 s, refuses the query or warns about it.
 */
export class Prometheus {
    private readonly path: string;
    private readonly options: Promise<RequestOptions>;
    private readonly server: URL;

    /**
     * @param config a kubeconfig whose user may get `services/proxy`
     * @param url address within the cluster, such as `http://prometheus.monitoring.svc:9090`: the output `prometheusUrl`
     * @throws Error when the URL is not that of a Service with a port, or the kubeconfig has no current cluster
     */
    constructor(config: KubeConfig, url: string) {
        const { service, namespace, port } = parseServiceUrl(url);
        const cluster = config.getCurrentCluster();
        if (cluster === null) {
            throw new Error("the kubeconfig has no current context with a cluster");
        }
        this.server = new URL(cluster.server);
        this.path = `/api/v1/namespaces/${namespace}/services/http:${service}:${port}/proxy/api/v1`;
        const options: RequestOptions = {};
        this.options = config.applyToHTTPSOptions(options).then(() => options);
    }

    /** The value of an expression now. */
    async query(expression: string): Promise<Sample[]> {
        const { resultType, result } = await this.get<QueryResult>(
            "query",
            { query: expression },
            expression,
        );
        const values =
            resultType === "vector"
                ? result
                : resultType === "scalar"
                  ? [{ metric: {}, value: result }]
                  : refuse(expression, resultType);
        return values.map(({ metric, value }) => ({ labels: metric, ...pointOf(value) }));
    }

    /** The values of an expression over a time. */
    async queryRange(expression: string, { start, end, stepSeconds }: Range): Promise<Series[]> {
        const { resultType, result } = await this.get<QueryResult>(
            "query_range",
            {
                query: expression,
                start: String(start.getTime() / 1000),
                end: String(end.getTime() / 1000),
                step: String(stepSeconds),
            },
            expression,
        );
        const series = resultType === "matrix" ? result : refuse(expression, resultType);
        return series.map(({ metric, values }) => ({
            labels: metric,
            points: values.map(pointOf),
        }));
    }

    /** What is scraped now, and how that goes. */
    async targets(): Promise<ScrapeTarget[]> {
        const { activeTargets } = await this.get<{
            activeTargets: {
                scrapePool: string;
                scrapeUrl: string;
                health: ScrapeTarget["health"];
                lastError: string;
            }[];
        }>("targets", { state: "active" }, "targets");
        return activeTargets.map(({ scrapePool, scrapeUrl, health, lastError }) => ({
            job: scrapePool,
            url: scrapeUrl,
            health,
            error: lastError,
        }));
    }

    /** The alerts that are pending or firing. */
    async alerts(): Promise<ActiveAlert[]> {
        const { alerts } = await this.get<{
            alerts: {
                labels: Labels;
                annotations: Labels;
                state: ActiveAlert["state"];
                activeAt: string;
            }[];
        }>("alerts", {}, "alerts");
        return alerts.map(({ labels, annotations, state, activeAt }) => ({
            name: labels["alertname"] ?? "",
            state,
            labels,
            annotations,
            activeAt: new Date(activeAt),
        }));
    }

    private async get<Data>(
        method: string,
        parameters: Readonly<Record<string, string>>,
        about: string,
    ): Promise<Data> {
        const url = new URL(this.server);
        url.pathname = `${url.pathname.replace(/\/$/, "")}${this.path}/${method}`;
        url.search = new URLSearchParams(parameters).toString();
        const { code, body } = await send(url, await this.options);
        let answer: Answer<Data>;
        try {
            answer = JSON.parse(body) as Answer<Data>;
        } catch {
            throw new Error(`Prometheus does not answer: HTTP ${code} ${body.slice(0, 500)}`);
        }
        if (answer.status === "error") {
            throw new Error(
                `Prometheus refused ${about}: ${String(answer.errorType)}: ${String(answer.error)}`,
            );
        }
        if (answer.status !== "success") {
            throw new Error(`Prometheus does not answer: HTTP ${code} ${body.slice(0, 500)}`);
        }
        if (answer.warnings !== undefined && answer.warnings.length > 0) {
            throw new Error(`Prometheus warns about ${about}: ${answer.warnings.join("; ")}`);
        }
        return answer.data;
    }
}

/**
 * The parts of a URL within the cluster, such as `http://prometheus.monitoring.svc:9090`.
 *
 * @throws Error when it is not that of a Service with a port
 */
export function parseServiceUrl(url: string): { service: string; namespace: string; port: string } {
    const [, service, namespace, port] =
        /^http:\/\/([a-z0-9-]+)\.([a-z0-9-]+)\.svc(?:\.cluster\.local)?:(\d+)\/?$/.exec(url) ?? [];
    if (service === undefined || namespace === undefined || port === undefined) {
        throw new Error(
            `${JSON.stringify(url)} is not the address of a Service such as http://prometheus.monitoring.svc:9090`,
        );
    }
    return { service, namespace, port };
}

/** What the API answers to everything. */
interface Answer<Data> {
    readonly status?: unknown;
    readonly data: Data;
    readonly errorType?: string;
    readonly error?: string;
    readonly warnings?: readonly string[];
}

/** Seconds since 1970, and the value as a text, since JSON has neither NaN nor infinity. */
type RawPoint = readonly [number, string];

type QueryResult =
    | {
          readonly resultType: "vector";
          readonly result: readonly { readonly metric: Labels; readonly value: RawPoint }[];
      }
    | { readonly resultType: "scalar"; readonly result: RawPoint }
    | {
          readonly resultType: "matrix";
          readonly result: readonly {
              readonly metric: Labels;
              readonly values: readonly RawPoint[];
          }[];
      };

function refuse(expression: string, resultType: string): never {
    throw new Error(`the result of ${expression} is a ${resultType}, which is no number`);
}

function pointOf([seconds, text]: RawPoint): { at: Date; value: number } {
    return { at: new Date(seconds * 1000), value: numberOf(text) };
}

function numberOf(text: string): number {
    const infinite: Readonly<Record<string, number>> = { "+Inf": Infinity, "-Inf": -Infinity };
    return infinite[text] ?? Number(text);
}

/** Milliseconds. */
const TIMEOUT = 30_000;

function send(url: URL, options: RequestOptions): Promise<{ code: number; body: string }> {
    return new Promise((resolve, reject) => {
        const receive = (response: IncomingMessage): void => {
            const chunks: Buffer[] = [];
            response.on("data", (chunk: Buffer) => chunks.push(chunk));
            response.on("error", reject);
            response.on("end", () => {
                const body = Buffer.concat(chunks).toString("utf8");
                resolve({ code: response.statusCode ?? 0, body });
            });
        };
        const all = { ...options, signal: AbortSignal.timeout(TIMEOUT) };
        const call =
            url.protocol === "http:" ? overHttp(url, all, receive) : overHttps(url, all, receive);
        call.on("error", (error) => {
            reject(new Error(`Prometheus does not answer: ${error.message}`, { cause: error }));
        });
        call.end();
    });
}
