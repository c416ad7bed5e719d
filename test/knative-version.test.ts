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
            /the version of Knative cannot be read: HTTP 403/,
        );
    });
});

describe("installedMetricNames", () => {
    const namesIn = (
        objects: Readonly<Record<string, unknown>>,
        knativeVersion?: string,
    ): Promise<unknown> =>
        withApi(objects, (kubeconfig) =>
            installedMetricNames({ kubeconfig: pulumi.secret(kubeconfig), knativeVersion }),
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
        assert.equal(await installedMetricNames({ kubeconfig: unknown }), undefined);
    });

    it("are known in a preview of a cluster that is there", async () => {
        await recordResources({ preview: true });
        assert.equal(await namesIn(installed("1.18.1")), "opencensus");
    });
});
