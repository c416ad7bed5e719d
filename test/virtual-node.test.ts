import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { StableDiffusion } from "../components/stable-diffusion";
import { virtualNode } from "../components/virtual-node";
import { readSettings } from "../config";
import { KNATIVE_SERVICE } from "../policy/knative-service";
import { only, promiseOf, recordResources } from "./support/mocks";
import { configure } from "./support/project";

describe("virtualNode", () => {
    it("is ACK's add-on, which may take its instances with it when it goes", async () => {
        const seen = await recordResources();
        await promiseOf(virtualNode("virtual-node", "c1", { protect: true }).id);
        const addon = only(seen, "alicloud:cs/kubernetesAddon:KubernetesAddon");
        assert.deepEqual(addon.inputs, {
            clusterId: "c1",
            name: "ack-virtual-node",
            cleanupCloudResources: true,
        });
        assert.equal(addon.protect, true);
    });
});

describe("the service with gpuSupply eci", () => {
    async function template(overrides: Readonly<Record<string, unknown>>): Promise<{
        labels?: Record<string, string>;
        eci: Record<string, string>;
    }> {
        const seen = await recordResources({ domain: "dev.example.com" });
        configure(overrides, "dev");
        const service = new StableDiffusion("sd", {
            ...readSettings(true),
            kubeconfig: pulumi.output("unused"),
        });
        await promiseOf(service.url);
        const { spec } = only(seen, KNATIVE_SERVICE).inputs as {
            spec: {
                template: {
                    metadata: {
                        labels?: Record<string, string>;
                        annotations: Record<string, string>;
                    };
                };
            };
        };
        const { labels, annotations } = spec.template.metadata;
        const eci = Object.entries(annotations).filter(([key]) =>
            key.startsWith("k8s.aliyun.com/eci-"),
        );
        return { ...(labels ? { labels } : {}), eci: Object.fromEntries(eci) };
    }

    const TYPES = "ecs.gn6i-c8g1.2xlarge,ecs.gn7i-c8g1.2xlarge";

    it("runs on elastic container instances of the types, in their order", async () => {
        assert.deepEqual(await template({ gpuSupply: "eci", gpuSpotStrategy: "NoSpot" }), {
            labels: { "alibabacloud.com/eci": "true" },
            eci: { "k8s.aliyun.com/eci-use-specs": TYPES },
        });
    });

    it("asks for spot instances, and others where there are none, when told to", async () => {
        assert.deepEqual(await template({ gpuSupply: "eci", gpuSpotStrategy: "SpotAsPriceGo" }), {
            labels: { "alibabacloud.com/eci": "true" },
            eci: {
                "k8s.aliyun.com/eci-use-specs": TYPES,
                "k8s.aliyun.com/eci-spot-strategy": "SpotAsPriceGo",
                "k8s.aliyun.com/eci-spot-fallback": "true",
            },
        });
    });

    it("runs on nodes otherwise", async () => {
        assert.deepEqual(await template({ gpuSupply: "node-pool" }), { eci: {} });
    });
});
