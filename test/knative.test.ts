import assert from "node:assert/strict";
import {
    Knative,
    type KnativeArgs,
    knativeConfig,
    loadBalancerAddress,
} from "../components/knative";
import { LIMITS } from "../policy/limits";
import { promiseOf, recordResources, type Registered } from "./support/mocks";

const ARGS: KnativeArgs = {
    manageConfig: true,
    domain: "sd.example.com",
    gatewayNamespace: "kourier-system",
    gatewayService: "kourier",
};

async function deploy(
    args: Partial<KnativeArgs> = {},
): Promise<{ seen: Registered[]; address: string }> {
    const seen = await recordResources();
    const knative = new Knative("knative", { ...ARGS, ...args });
    const address = await promiseOf(knative.gatewayAddress);
    // The component's own registration and its children's are under way at once: wait for the last.
    await promiseOf(knative.urn);
    return { seen, address };
}

describe("Knative", () => {
    it("changes nothing outside the namespace unless it manages the configuration", async () => {
        const { seen } = await deploy({ manageConfig: false });
        assert.deepEqual(seen.map(({ type }) => type).sort(), [
            "kubernetes:core/v1:Service",
            "sd:knative:Knative",
        ]);
    });

    it("patches the ConfigMaps by force, keeping the keys that are not its own", async () => {
        const { seen } = await deploy();
        const patches = seen.filter(({ type }) => type === "kubernetes:core/v1:ConfigMapPatch");
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

    it("takes the gateway's address from its Service's load balancer", async () => {
        const { seen, address } = await deploy();
        assert.equal(address, "192.0.2.10");
        assert.ok(seen.some(({ type }) => type === "kubernetes:core/v1:Service"));
    });

    it("takes a configured address instead, without asking for the Service", async () => {
        const { seen, address } = await deploy({ gatewayAddress: "10.0.0.1:31080" });
        assert.equal(address, "10.0.0.1:31080");
        assert.ok(!seen.some(({ type }) => type === "kubernetes:core/v1:Service"));
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

describe("loadBalancerAddress", () => {
    it("takes the IP, else the host name", () => {
        const status = (ingress: {
            ip?: string;
            hostname?: string;
        }): Parameters<typeof loadBalancerAddress>[0] => ({
            loadBalancer: { ingress: [ingress] },
        });
        assert.equal(
            loadBalancerAddress(status({ ip: "192.0.2.1", hostname: "lb" }), "a/b"),
            "192.0.2.1",
        );
        assert.equal(
            loadBalancerAddress(status({ hostname: "lb.example.com" }), "a/b"),
            "lb.example.com",
        );
    });

    for (const status of [undefined, {}, { loadBalancer: {} }, { loadBalancer: { ingress: [] } }]) {
        it(`says what to set when the status is ${JSON.stringify(status)}`, () => {
            assert.throws(
                () => loadBalancerAddress(status, "a/b"),
                /Service a\/b has no load balancer address; .*gatewayAddress/,
            );
        });
    }
});
