import * as pulumi from "@pulumi/pulumi";
import { afterEach, describe, it } from "mocha";
import assert from "node:assert/strict";
import { serveApi } from "../../../test/support/api-server";
import { configure } from "../../../test/support/project";
import { stackMonitoring } from "../../stack-monitoring";

describe("the monitoring of a stack", () => {
    const servers: Awaited<ReturnType<typeof serveApi>>[] = [];
    afterEach(() => Promise.all(servers.splice(0).map((server) => server.close())));

    /** The rehearsal's stack as it is deployed, with further settings. */
    const deployed = async (
        settings: Readonly<Record<string, unknown>> = {},
        version = "1.23.0",
    ): ReturnType<typeof stackMonitoring> => {
        const served = await serveApi({
            "/apis/apps/v1/namespaces/knative-serving/deployments/controller": {
                metadata: { labels: { "app.kubernetes.io/version": version } },
            },
            "/api/v1/namespaces/sd-monitoring/services/prometheus": {
                spec: { clusterIP: "10.96.1.2" },
            },
        });
        servers.push(served);
        const { kubeconfig } = served;
        const prometheusUrl = "http://prometheus.sd-monitoring.svc:9090";
        return stackMonitoring({
            configuration: () => {
                configure(settings, "rehearsal");
                return Promise.resolve(pulumi.runtime.allConfig() as Record<string, string>);
            },
            outputs: () => Promise.resolve({ kubeconfig, prometheusUrl }),
        });
    };

    it("knows the service by the stack's settings and its Knative", async () => {
        const monitoring = await deployed({
            namespace: "sd",
            maxScale: 2,
            timeoutSeconds: 180,
            gpuHourPrice: 2.5,
            currency: "CNY",
        });
        assert.ok(monitoring);
        const { namespace, serviceName, maxScale, timeoutSeconds } = monitoring.service;
        assert.deepEqual(
            [namespace, serviceName, maxScale, timeoutSeconds],
            ["sd", "stable-diffusion", 2, 180],
        );
        const { gpuHourPrice, currency, gateway, gpuMetrics, metricNames } = monitoring.service;
        assert.deepEqual(
            [gpuHourPrice, currency, gateway, gpuMetrics, metricNames],
            [2.5, "CNY", "kourier", false, "opentelemetry"],
        );
    });

    it("knows the names of an older Knative", async () => {
        assert.equal((await deployed({}, "1.18.2"))?.service.metricNames, "opencensus");
        assert.equal(
            (await deployed({ knativeVersion: "1.18" }))?.service.metricNames,
            "opencensus",
        );
    });

    it("says where Prometheus answers", async () => {
        assert.equal((await deployed())?.address, "http://10.96.1.2:9090");
    });

    it("is none where nobody watches, and where Alibaba Cloud does", async () => {
        for (const mode of ["none", "arms"]) {
            const monitoring = await deployed({ monitoring: mode });
            assert.ok(monitoring === undefined, mode);
        }
    });

    it("is refused for a Knative that does not say what it is", async () => {
        await assert.rejects(deployed({}, "devel"), /says which version it is/);
    });
});
