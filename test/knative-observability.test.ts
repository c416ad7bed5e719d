import assert from "node:assert/strict";
import fc from "fast-check";
import { metricNames, observabilityConfig } from "../components/knative-observability";

describe("metricNames", () => {
    for (const [version, names] of [
        ["1.18.0", "opencensus"],
        ["1.18.99", "opencensus"],
        ["1.19.0", "opentelemetry"],
        ["1.19", "opentelemetry"],
        ["v1.8.2-aliyun.1", "opencensus"],
        ["1.23.0", "opentelemetry"],
        ["0.26.0", "opencensus"],
        ["2.0.0", "opentelemetry"],
        ["1.20.0-rc1", "opentelemetry"],
    ] as const) {
        it(`of ${version} are those of ${names}`, () => {
            assert.equal(metricNames(version), names);
        });
    }

    for (const version of ["devel", "", "1", "1.x", "1.19.0 ", "a1.19", "1.19.0\nx"]) {
        it(`refuses ${JSON.stringify(version)}, which is no version`, () => {
            assert.throws(() => metricNames(version), /is no version of Knative such as 1\.23\.0/);
        });
    }

    it("change once, at 1.19, and never back", () => {
        const number = fc.integer({ min: 0, max: 9999 });
        fc.assert(
            fc.property(number, number, number, (major, minor, patch) => {
                const isNew = major > 1 || (major === 1 && minor >= 19);
                assert.equal(
                    metricNames(`v${major}.${minor}.${patch}`),
                    isNew ? "opentelemetry" : "opencensus",
                );
            }),
        );
    });
});

describe("observabilityConfig", () => {
    const keysOf = (names: "opentelemetry" | "opencensus"): Record<string, string> =>
        Object.fromEntries(
            Object.entries(observabilityConfig(names)).filter(
                ([key]) => !key.startsWith("logging."),
            ),
        );

    it("lets Prometheus scrape, by the keys of each world and none of the other", () => {
        assert.deepEqual(keysOf("opentelemetry"), {
            "metrics-protocol": "prometheus",
            "request-metrics-protocol": "prometheus",
        });
        assert.deepEqual(keysOf("opencensus"), {
            "metrics.backend-destination": "prometheus",
            "metrics.request-metrics-backend-destination": "prometheus",
        });
    });

    it("switches the request log on in both", () => {
        for (const names of ["opentelemetry", "opencensus"] as const) {
            assert.equal(observabilityConfig(names)["logging.enable-request-log"], "true");
        }
    });

    it("writes a request as one line of JSON, with latency and revision, without query and headers", () => {
        const template = observabilityConfig("opentelemetry")["logging.request-log-template"] ?? "";
        const values: Record<string, string> = {
            ".Request.Method": "POST",
            "js .Request.URL.Path": "/sdapi/v1/txt2img",
            ".Response.Code": "200",
            ".Response.Latency": "9.904",
            ".Response.Size": "421312",
            ".Revision.Namespace": "sd",
            ".Revision.Service": "sd",
            ".Revision.Name": "sd-00001",
            ".Revision.PodName": "sd-00001-deployment-x",
        };
        const line = template.replace(/\{\{(.*?)\}\}/g, (_, name: string) => {
            const value = values[name];
            assert.ok(value !== undefined, `${name} is not among the fields that are meant`);
            return value;
        });
        assert.ok(!line.includes("\n"));
        assert.deepEqual(JSON.parse(line), {
            log: "request",
            method: "POST",
            path: "/sdapi/v1/txt2img",
            status: 200,
            latencySeconds: 9.904,
            responseBytes: 421_312,
            namespace: "sd",
            service: "sd",
            revision: "sd-00001",
            pod: "sd-00001-deployment-x",
        });
    });
});
