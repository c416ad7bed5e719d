import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { Knative, type KnativeArgs, knativeConfig } from "../components/knative";
import { observabilityConfig } from "../components/knative-observability";
import { LIMITS } from "../policy/limits";
import { promiseOf, recordResources, type Registered } from "./support/mocks";

const PATCH = "kubernetes:core/v1:ConfigMapPatch";

const ARGS: KnativeArgs = {
    manageConfig: true,
    retainConfig: false,
    domain: "sd.example.com",
    metrics: "none",
};

async function deploy(args: Partial<KnativeArgs> = {}, preview = false): Promise<Registered[]> {
    const seen = await recordResources({ preview });
    const knative = new Knative("knative", { ...ARGS, ...args });
    // Whoever depends on a component comes after all its parts.
    const last = new pulumi.ComponentResource(
        "test:index:Last",
        "last",
        {},
        { dependsOn: knative },
    );
    await promiseOf(last.urn);
    return seen.filter(({ type }) => type !== "test:index:Last");
}

describe("Knative", () => {
    it("changes nothing outside the namespace unless it manages the configuration", async () => {
        const seen = await deploy({ manageConfig: false });
        assert.deepEqual(
            seen.map(({ type }) => type),
            ["sd:knative:Knative"],
        );
    });

    it("patches the ConfigMaps by force, keeping the keys that are not its own", async () => {
        const patches = (await deploy()).filter(({ type }) => type === PATCH);
        assert.deepEqual(
            new Map(patches.map(({ name, inputs }) => [name, inputs])),
            new Map(
                Object.entries(knativeConfig("sd.example.com")).map(([name, data]) => [
                    `knative-${name}`,
                    {
                        apiVersion: "v1",
                        kind: "ConfigMap",
                        metadata: {
                            name,
                            namespace: "knative-serving",
                            annotations: { "pulumi.com/patchForce": "true" },
                        },
                        data,
                    },
                ]),
            ),
        );
    });

    for (const metrics of ["opentelemetry", "opencensus"] as const) {
        it(`switches metrics on under the names of ${metrics}`, async () => {
            const seen = await deploy({ metrics });
            const found = seen.find(({ name }) => name === "knative-config-observability");
            assert.deepEqual(found?.inputs["data"], observabilityConfig(metrics));
        });
    }

    it("leaves metrics open in a preview that does not know the installed Knative", async () => {
        const seen = await deploy({ metrics: undefined }, true);
        const found = seen.find(({ name }) => name === "knative-config-observability");
        assert.ok(pulumi.isUnknown(found?.inputs["data"]));
    });

    it("takes its keys for metrics away when nobody watches any more, whatever becomes of the others", async () => {
        const seen = await deploy({ metrics: "opentelemetry", retainConfig: true });
        const retained = new Map(seen.map(({ name, retainOnDelete }) => [name, retainOnDelete]));
        assert.equal(retained.get("knative-config-observability"), false);
        assert.equal(retained.get("knative-config-features"), true);
    });

    it("leaves the ConfigMaps as they are on destroy only when told to", async () => {
        for (const retainConfig of [true, false]) {
            const patches = (await deploy({ retainConfig })).filter(({ type }) => type === PATCH);
            assert.equal(patches.length, 6);
            for (const { name, retainOnDelete } of patches) {
                assert.equal(retainOnDelete, retainConfig, name);
            }
        }
    });
});

describe("knativeConfig", () => {
    it("holds Knative to the limits that the policies keep", () => {
        const config = knativeConfig("example.com");
        assert.deepEqual(config["config-autoscaler"], {
            "max-scale-limit": String(LIMITS.maxScale.max),
            "max-scale": String(LIMITS.maxScale.max),
        });
        assert.deepEqual(config["config-defaults"], {
            "allow-container-concurrency-zero": "false",
            "container-concurrency": String(LIMITS.containerConcurrency.max),
            "container-concurrency-max-limit": String(LIMITS.containerConcurrency.max),
        });
    });

    it("gives its domain to its own services only", () => {
        assert.deepEqual(knativeConfig("sd.example.com")["config-domain"], {
            "sd.example.com": "selector:\n  app.kubernetes.io/part-of: stable-diffusion-knative\n",
        });
    });

    it("lets pods wait for GPU nodes and tolerate their taint", () => {
        const config = knativeConfig("example.com");
        assert.deepEqual(config["config-deployment"], { "pod-is-always-schedulable": "true" });
        assert.equal(config["config-features"]?.["kubernetes.podspec-tolerations"], "enabled");
    });
});
