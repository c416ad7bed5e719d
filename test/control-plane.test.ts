import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { controlPlane, controlPlaneRestarted, untilRolledOut } from "../components/control-plane";
import { deployment, installed, kubeconfigOf, serveApi } from "./support/api-server";
import { recordResources } from "./support/mocks";

const PATH = "/apis/apps/v1/namespaces/knative-serving/deployments";

type Api = Awaited<ReturnType<typeof serveApi>>;

/** Runs a test against an API server with these objects. */
async function withApi(
    objects: Record<string, unknown>,
    act: (api: Api) => Promise<void>,
): Promise<void> {
    const api = await serveApi(objects);
    try {
        await act(api);
    } finally {
        await api.close();
    }
}

const unreachable = pulumi.output(kubeconfigOf("http://127.0.0.1:1"));

describe("controlPlane", () => {
    it("finds what has a port of metrics, but for the gateway, which has a job of its own", async () => {
        await recordResources();
        await withApi(installed(), async ({ kubeconfig }) => {
            assert.deepEqual(await controlPlane(pulumi.output(kubeconfig)), ["activator"]);
        });
    });

    it("finds nothing where the control plane is hosted elsewhere", async () => {
        await withApi({ [PATH]: { items: [] } }, async ({ kubeconfig }) => {
            assert.deepEqual(await controlPlane(pulumi.output(kubeconfig)), []);
        });
    });

    it("says nothing in a preview of a cluster to come", async () => {
        await recordResources({ preview: true });
        const unknown = pulumi.secret(pulumi.unknown as unknown as string);
        assert.deepEqual(await controlPlane(unknown), []);
    });

    it("says why it cannot be read", async () => {
        await recordResources();
        await assert.rejects(controlPlane(unreachable), (error: Error) => {
            assert.ok(pulumi.RunError.isInstance(error));
            assert.match(error.message, /^Knative's control plane cannot be read: .*ECONNREFUSED/);
            return true;
        });
    });
});

describe("untilRolledOut", () => {
    it("looks only at what was restarted", async () => {
        const items = [deployment("activator"), deployment("other", { status: { replicas: 2 } })];
        await withApi({ [PATH]: { items } }, async ({ kubeconfig, requests }) => {
            await untilRolledOut(kubeconfig, ["activator"], 0);
            assert.equal(requests.length, 1);
        });
    });

    for (const [title, status] of [
        ["has not been seen by its controller", { observedGeneration: 1 }],
        ["has an old pod left", { replicas: 2 }],
        ["has no new pod yet", { updatedReplicas: 0 }],
        ["has no pod that is available", { availableReplicas: 0 }],
    ] as const) {
        it(`waits for one that ${title}`, async () => {
            const items = [deployment("activator", { status })];
            await withApi({ [PATH]: { items } }, async ({ kubeconfig }) => {
                await assert.rejects(
                    untilRolledOut(kubeconfig, ["activator"], 0),
                    /^Error: Knative's control plane has not restarted after 0 s: activator not restarted yet\. The service was not touched/,
                );
            });
        });
    }
});

describe("controlPlaneRestarted", () => {
    it("asks nothing where nothing was restarted, or in a preview", async () => {
        await recordResources();
        await controlPlaneRestarted(unreachable, { restarted: pulumi.output<string[]>([]) });
        await recordResources({ preview: true });
        await controlPlaneRestarted(unreachable, { restarted: pulumi.output(["activator"]) });
    });

    it("waits for what was", async () => {
        await recordResources();
        await withApi(installed(), async ({ kubeconfig, requests }) => {
            const restarted = pulumi.output(["activator"]);
            await controlPlaneRestarted(pulumi.output(kubeconfig), { restarted });
            assert.deepEqual(
                requests.map(({ path }) => path),
                [PATH],
            );
        });
    });
});
