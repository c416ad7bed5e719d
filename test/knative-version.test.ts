import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { installedMetricNames, installedVersion } from "../components/knative-version";
import { installed, serveApi } from "./support/api-server";
import { recordResources } from "./support/mocks";

const DEPLOYMENT = "/apis/apps/v1/namespaces/knative-serving/deployments/controller";
const DEFINITION =
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/services.serving.knative.dev";
const CONFIG_MAP = "/api/v1/namespaces/knative-serving/configmaps/config-observability";
const NAMESPACE = "/api/v1/namespaces/knative-serving";

const labelled = (version: string): object => ({
    metadata: { labels: { "app.kubernetes.io/version": version } },
});

async function withApi<T>(
    objects: Readonly<Record<string, unknown>>,
    use: (kubeconfig: string) => Promise<T>,
    status = 200,
): Promise<T> {
    const api = await serveApi(objects, status);
    try {
        return await use(api.kubeconfig);
    } finally {
        await api.close();
    }
}

describe("installedVersion", () => {
    it("is that of the controller, which runs, before that of what lies around", async () => {
        const everywhere = {
            [DEPLOYMENT]: labelled("1.23.0"),
            [DEFINITION]: labelled("1.18.0"),
            [CONFIG_MAP]: labelled("1.17.0"),
            [NAMESPACE]: labelled("1.16.0"),
        };
        assert.equal(await withApi(everywhere, installedVersion), "1.23.0");
    });

    for (const [what, path] of [
        ["definitions of its objects", DEFINITION],
        ["ConfigMap", CONFIG_MAP],
        ["namespace", NAMESPACE],
    ] as const) {
        it(`is that of the ${what} where the control plane is hosted elsewhere`, async () => {
            assert.equal(
                await withApi({ [path]: labelled("v1.8.2-aliyun.1") }, installedVersion),
                "v1.8.2-aliyun.1",
            );
        });
    }

    it("passes over what is built from source", async () => {
        const objects = { [DEPLOYMENT]: labelled("devel"), [NAMESPACE]: labelled("1.19.3") };
        assert.equal(await withApi(objects, installedVersion), "1.19.3");
    });

    it("is undefined where nothing says it", async () => {
        const objects = { [DEPLOYMENT]: { metadata: {} }, [NAMESPACE]: labelled("devel") };
        assert.equal(await withApi(objects, installedVersion), undefined);
        assert.equal(await withApi({}, installedVersion), undefined);
    });

    it("does not take a refusal for an absence", async () => {
        await assert.rejects(
            withApi({ [DEPLOYMENT]: { kind: "Status", message: "no" } }, installedVersion, 403),
            /Knative's version and metrics cannot be read: HTTP 403/,
        );
    });
});

describe("installedMetricNames", () => {
    const namesIn = (
        objects: Readonly<Record<string, unknown>>,
        knativeVersion?: string,
        manageKnativeConfig = true,
    ): Promise<unknown> =>
        withApi(objects, (kubeconfig) =>
            installedMetricNames({
                kubeconfig: pulumi.secret(kubeconfig),
                knativeVersion,
                manageKnativeConfig,
            }),
        );

    it("are those of the version that is installed", async () => {
        await recordResources();
        assert.equal(await namesIn(installed("1.18.1")), "opencensus");
        assert.equal(await namesIn(installed("1.23.0")), "opentelemetry");
    });

    it("are those of the version that the configuration says, whatever is installed", async () => {
        await recordResources();
        assert.equal(await namesIn(installed("1.23.0"), "1.18"), "opencensus");
    });

    it("are asked for at up where nothing tells the version", async () => {
        await recordResources();
        await assert.rejects(
            namesIn({}),
            /no object of Knative .* label app\.kubernetes\.io\/version .* pulumi config set knativeVersion 1\.23$/,
        );
    });

    it("may be unknown in a preview: of a Knative to come, and of a cluster to come", async () => {
        await recordResources({ preview: true });
        assert.equal(await namesIn({}), undefined);
        const unknown = pulumi.secret(pulumi.unknown as unknown as string);
        const args = { kubeconfig: unknown, manageKnativeConfig: false };
        assert.equal(await installedMetricNames(args), undefined);
        assert.equal(await installedMetricNames({ ...args, knativeVersion: "1.18" }), "opencensus");
    });

    it("are known in a preview of a cluster that is there", async () => {
        await recordResources({ preview: true });
        assert.equal(await namesIn(installed("1.18.1")), "opencensus");
    });

    const unmanaged = (version: string, data: Record<string, string>): Promise<unknown> =>
        namesIn({ ...installed(version), [CONFIG_MAP]: { data } }, undefined, false);

    it("are no help where metrics are off and the program may not switch them on", async () => {
        await recordResources();
        await assert.rejects(
            unmanaged("1.23.0", { "metrics-protocol": "prometheus" }),
            /Knative's metrics are switched off, .* -p '\{"data":\{"request-metrics-protocol":"prometheus"\}\}'.* manageKnativeConfig true, .* monitoring none$/,
        );
        await assert.rejects(
            unmanaged("1.18.0", { "metrics.backend-destination": "opencensus" }),
            /-p '\{"data":\{"metrics\.backend-destination":"prometheus"\}\}'/,
        );
    });

    it("count as off where there is no ConfigMap of them", async () => {
        await recordResources();
        await assert.rejects(
            namesIn({ [NAMESPACE]: labelled("1.23.0") }, undefined, false),
            /Knative's metrics are switched off/,
        );
    });

    it("are enough where metrics are on: by configuration since 1.19, by default before", async () => {
        await recordResources();
        const on = { "metrics-protocol": "prometheus", "request-metrics-protocol": "prometheus" };
        assert.equal(await unmanaged("1.23.0", on), "opentelemetry");
        assert.equal(await unmanaged("1.18.0", {}), "opencensus");
    });
});
