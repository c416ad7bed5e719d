import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { openExistingCluster } from "../components/existing-cluster";
import { cluster, kubeconfigOf, serveApi } from "./support/api-server";
import { only, promiseOf, recordResources } from "./support/mocks";

const REQUIREMENTS = {
    namespace: "stable-diffusion",
    gpusPerPod: 1,
    gpuToleration: false,
    domain: "example.com",
    maxScale: 2,
    timeoutSeconds: 300,
    manageKnativeConfig: true,
};

describe("openExistingCluster", () => {
    it("hands its provider the kubeconfig as a secret, and counts the GPUs", async () => {
        const api = await serveApi(cluster({ gpus: [0, 2, 1] }));
        try {
            const seen = await recordResources();
            const existing = await openExistingCluster(
                "cluster",
                pulumi.secret(api.kubeconfig),
                REQUIREMENTS,
            );
            assert.equal(await promiseOf(existing.gpuCapacity), 3);
            await promiseOf(existing.provider.urn);
            assert.deepEqual(only(seen, "pulumi:providers:kubernetes").inputs["kubeconfig"], {
                "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
                value: api.kubeconfig,
            });
        } finally {
            await api.close();
        }
    });

    it("refuses a cluster that lacks something, with all of it, before anything is declared", async () => {
        const api = await serveApi(cluster({ gpus: [0], namespaceLabels: { team: "a" } }));
        try {
            const seen = await recordResources();
            await assert.rejects(
                openExistingCluster("cluster", pulumi.secret(api.kubeconfig), REQUIREMENTS),
                (error: Error) => {
                    assert.ok(pulumi.RunError.isInstance(error));
                    assert.match(
                        error.message,
                        /^the cluster does not fit; nothing was changed in it:\n {2}no node offers/,
                    );
                    assert.match(error.message, /\n {2}the namespace stable-diffusion exists/);
                    return true;
                },
            );
            assert.deepEqual(seen, []);
        } finally {
            await api.close();
        }
    });

    it("says that a cluster does not answer, without a stack trace", async () => {
        const seen = await recordResources();
        await assert.rejects(
            openExistingCluster(
                "cluster",
                pulumi.secret(kubeconfigOf("http://127.0.0.1:1")),
                REQUIREMENTS,
            ),
            (error: Error) =>
                pulumi.RunError.isInstance(error) && error.message.includes("does not answer"),
        );
        assert.deepEqual(seen, []);
    });

    it("asks nothing of a cluster that is still to come", async () => {
        const seen = await recordResources({ preview: true });
        const existing = await openExistingCluster("cluster", undefined, REQUIREMENTS);
        await promiseOf(existing.provider.urn);
        assert.equal(only(seen, "pulumi:providers:kubernetes").name, "cluster");
        for (const output of [existing.gpuCapacity, existing.kubeconfig]) {
            assert.equal(await (output as unknown as { isKnown: Promise<boolean> }).isKnown, false);
        }
        assert.equal(
            await (existing.kubeconfig as unknown as { isSecret: Promise<boolean> }).isSecret,
            true,
        );
    });
});
