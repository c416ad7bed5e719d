import { KubeConfig } from "@kubernetes/client-node";
import assert from "node:assert/strict";
import { afterEach, describe, it } from "mocha";
import { serveApi } from "../../../test/support/api-server";
import { Prometheus } from "../../prometheus";

const URL_WITHIN = "http://prometheus.sd-monitoring.svc:9090";
const BASE = "/api/v1/namespaces/sd-monitoring/services/http:prometheus:9090/proxy/api/v1";

describe("the client of Prometheus", () => {
    let served: Awaited<ReturnType<typeof serveApi>>;
    afterEach(() => served.close());

    const clientOf = async (
        answers: Readonly<Record<string, unknown>>,
        status = 200,
    ): Promise<Prometheus> => {
        const paths = Object.entries(answers).map(([method, answer]) => [
            `${BASE}/${method}`,
            answer,
        ]);
        served = await serveApi(Object.fromEntries(paths) as Record<string, unknown>, status);
        const config = new KubeConfig();
        config.loadFromString(served.kubeconfig);
        return new Prometheus(config, URL_WITHIN);
    };
    const success = (data: unknown, more: object = {}): unknown => ({
        status: "success",
        data,
        ...more,
    });

    it("asks for a value through the API server's proxy", async () => {
        const prometheus = await clientOf({
            query: success({
                resultType: "vector",
                result: [
                    { metric: { pod: "a" }, value: [1.5, "3.25"] },
                    { metric: { pod: "b" }, value: [1.5, "NaN"] },
                    { metric: { pod: "c" }, value: [1.5, "+Inf"] },
                    { metric: { pod: "d" }, value: [1.5, "-Inf"] },
                ],
            }),
        });
        const at = new Date(1500);
        assert.deepEqual(await prometheus.query('sum by (pod) (a{b="+ &"})'), [
            { labels: { pod: "a" }, at, value: 3.25 },
            { labels: { pod: "b" }, at, value: NaN },
            { labels: { pod: "c" }, at, value: Infinity },
            { labels: { pod: "d" }, at, value: -Infinity },
        ]);
        assert.equal(served.requests[0]?.query.get("query"), 'sum by (pod) (a{b="+ &"})');
    });

    it("takes a scalar for a value without labels", async () => {
        const prometheus = await clientOf({
            query: success({ resultType: "scalar", result: [2, "7"] }),
        });
        assert.deepEqual(await prometheus.query("7"), [
            { labels: {}, at: new Date(2000), value: 7 },
        ]);
    });

    it("asks for the values over a time", async () => {
        const prometheus = await clientOf({
            query_range: success({
                resultType: "matrix",
                result: [
                    {
                        metric: {},
                        values: [
                            [10, "1"],
                            [15, "2"],
                        ],
                    },
                ],
            }),
        });
        const range = { start: new Date(10_000), end: new Date(20_500), stepSeconds: 5 };
        assert.deepEqual(await prometheus.queryRange("up", range), [
            {
                labels: {},
                points: [
                    { at: new Date(10_000), value: 1 },
                    { at: new Date(15_000), value: 2 },
                ],
            },
        ]);
        assert.deepEqual(Object.fromEntries(served.requests[0]?.query ?? []), {
            query: "up",
            start: "10",
            end: "20.5",
            step: "5",
        });
    });

    it("says what is scraped, and which alerts there are", async () => {
        const prometheus = await clientOf({
            targets: success({
                activeTargets: [
                    {
                        scrapePool: "envoy",
                        scrapeUrl: "http://10.0.0.1:9000/stats/prometheus",
                        health: "down",
                        lastError: "connection refused",
                    },
                ],
            }),
            alerts: success({
                alerts: [
                    {
                        labels: { alertname: "SlowP95", severity: "warning" },
                        annotations: { summary: "slow" },
                        state: "firing",
                        activeAt: "2026-11-24T10:00:00.5Z",
                    },
                ],
            }),
        });
        assert.deepEqual(await prometheus.targets(), [
            {
                job: "envoy",
                url: "http://10.0.0.1:9000/stats/prometheus",
                health: "down",
                error: "connection refused",
            },
        ]);
        assert.equal(served.requests[0]?.query.get("state"), "active");
        assert.deepEqual(await prometheus.alerts(), [
            {
                name: "SlowP95",
                state: "firing",
                labels: { alertname: "SlowP95", severity: "warning" },
                annotations: { summary: "slow" },
                activeAt: new Date("2026-11-24T10:00:00.500Z"),
            },
        ]);
    });

    it("says why a query is refused", async () => {
        const refusal = { status: "error", errorType: "bad_data", error: "parse error" };
        const prometheus = await clientOf({ query: refusal }, 400);
        await assert.rejects(
            prometheus.query("sum("),
            /Prometheus refused sum\(: bad_data: parse error/,
        );
    });

    it("takes a warning for a mistake", async () => {
        const answer = success(
            { resultType: "vector", result: [] },
            { warnings: ["bad quantile"] },
        );
        const prometheus = await clientOf({ query: answer });
        await assert.rejects(prometheus.query("x"), /Prometheus warns about x: bad quantile/);
    });

    it("repeats what the API server says when Prometheus is not there", async () => {
        const prometheus = await clientOf({});
        await assert.rejects(prometheus.query("up"), /does not answer: HTTP 404 .*not found/);
    });

    it("refuses a text as a result", async () => {
        const answer = success({ resultType: "string", result: [1, "a"] });
        const prometheus = await clientOf({ query: answer });
        await assert.rejects(prometheus.query('"a"'), /result of "a" is a string/);
    });

    for (const url of ["", "prometheus:9090", "https://prometheus.a.svc:9090", "http://a.b.svc"]) {
        it(`refuses the address ${JSON.stringify(url)}`, async () => {
            await clientOf({});
            const config = new KubeConfig();
            config.loadFromString(served.kubeconfig);
            assert.throws(() => new Prometheus(config, url), /is not the address of a Service/);
        });
    }
});
