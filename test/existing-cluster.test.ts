import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { ExistingCluster } from "../components/existing-cluster";
import { cluster, serveApi } from "./support/api-server";
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

describe("ExistingCluster", () => {
    it("hands its provider the kubeconfig as a secret, and counts the GPUs", async () => {
        const api = await serveApi(cluster({ gpus: [0, 2, 1] }));
        try {
            const seen = await recordResources();
            const existing = new ExistingCluster("cluster", {
                kubeconfig: pulumi.secret(api.kubeconfig),
                requirements: REQUIREMENTS,
            });
            assert.equal(await promiseOf(existing.gpuCapacity), 3);
            await promiseOf(existing.provider.urn);
            assert.deepEqual(only(seen, "pulumi:providers:kubernetes").inputs["kubeconfig"], {
                "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
                value: api.kubeconfig,
            });
            const count = existing.gpuCapacity as unknown as { isSecret: Promise<boolean> };
            assert.equal(await count.isSecret, false);
        } finally {
            await api.close();
        }
    });

    it("asks nothing of a cluster that is still to come", async () => {
        const seen = await recordResources({ preview: true });
        const existing = new ExistingCluster("cluster", {
            kubeconfig: pulumi.secret(pulumi.unknown as unknown as string),
            requirements: REQUIREMENTS,
        });
        await promiseOf(existing.provider.urn);
        assert.equal(only(seen, "pulumi:providers:kubernetes").name, "cluster");
        assert.equal(
            await (existing.gpuCapacity as unknown as { isKnown: Promise<boolean> }).isKnown,
            false,
        );
    });
});
