import assert from "node:assert/strict";
import { stackNames } from "../../deployment";
import { findingsOf, mandatory, skipped } from "./findings";
import { type PolicyEngine, startPolicyEngine } from "./policy-engine";

/** Settings that the program takes and the environment does not, by stack, with what the policies say of them. */
const BEYOND_BOUNDS: Readonly<
    Record<
        string,
        {
            readonly settings: Readonly<Record<string, string>>;
            /** Rule, resource and what was found. */
            readonly found: readonly (readonly [string, string, string])[];
        }
    >
> = {
    dev: {
        settings: { minScale: "1", maxScale: "4", gpuNodesMax: "5", timeoutSeconds: "600" },
        found: [
            [
                "alicloud-node-pool",
                "gpu-nodes",
                "scalingConfig.maxSize is 5; set it to a whole number of at most 3.",
            ],
            [
                "knative-max-scale",
                "stable-diffusion-service",
                'the annotation autoscaling.knative.dev/max-scale is "4"; set autoscaling.knative.dev/max-scale to a string from "1" to "2".',
            ],
            [
                "knative-min-scale",
                "stable-diffusion-service",
                'the annotation autoscaling.knative.dev/min-scale is "1"; set autoscaling.knative.dev/min-scale to a string from "0" to "0".',
            ],
            [
                "knative-monthly-cost",
                "stable-diffusion-knative-dev",
                "what never scales to zero costs 1898 a month (1 GPUs at 2 and 3 other nodes at 0.2 an hour, 730 hours), more than 500; lower min-scale or the sizes of the pools, or raise ceiling.",
            ],
            [
                "knative-timeout",
                "stable-diffusion-service",
                "spec.template.spec.timeoutSeconds is 600; set it to a whole number from 60 to 300.",
            ],
        ],
    },
    prod: {
        settings: {
            protect: "false",
            scaleDownDelaySeconds: "30",
            image: `registry.example.com/sd@sha256:${"0".repeat(64)}`,
        },
        found: [
            [
                "alicloud-deletion-protection",
                "cluster-control-plane",
                "deletionProtection is false; set it to true.",
            ],
            [
                "alicloud-deletion-protection",
                "cluster-control-plane",
                "the resource option protect is false; set it to true.",
            ],
            [
                "knative-image-registry",
                "stable-diffusion-service",
                `spec.template.spec.containers[0].image is "registry.example.com/sd@sha256:${"0".repeat(64)}"; take it from yunqi-registry.cn-shanghai.cr.aliyuncs.com/lab.`,
            ],
            [
                "knative-scale-down-delay",
                "stable-diffusion-service",
                'the annotation autoscaling.knative.dev/scale-down-delay is "30s"; set autoscaling.knative.dev/scale-down-delay to a string of whole seconds from "60s" to "600s".',
            ],
        ],
    },
};

describe("the engine, with the pack, at the preview of this program", () => {
    let policies: PolicyEngine;
    before(async () => {
        policies = await startPolicyEngine();
    });
    after(() => policies.remove());

    it("accepts each stack, and leaves no rule for later", async () => {
        const stacks = await stackNames();
        assert.deepEqual(stacks.sort(), ["dev", "experiments", "prod", "recipe", "rehearsal"]);
        for (const name of stacks) {
            const stack = await policies.stack(name);
            const { failed, findings } = await findingsOf(stack.preview("--json"));
            assert.deepEqual([mandatory(findings), skipped(findings)], [[], []], name);
            assert.equal(failed, false, name);
            // It was asked: each stack does without some advice (test/policy-stacks.test.ts).
            assert.ok(
                findings.some(({ policy }) => policy === "knative-tls"),
                name,
            );
        }
    });

    for (const [name, { settings, found }] of Object.entries(BEYOND_BOUNDS)) {
        it(`refuses ${name} with settings beyond its environment's bounds`, async () => {
            const stack = await policies.stack(name);
            for (const [key, value] of Object.entries(settings)) {
                await stack.set(key, value);
            }
            const { failed, findings } = await findingsOf(stack.preview("--json"));
            assert.equal(failed, true);
            assert.deepEqual(
                findings
                    .filter(({ level }) => level === "mandatory")
                    .map(({ policy, resource, message }) => [
                        policy,
                        resource,
                        message.split("\n").slice(1).join("\n"),
                    ]),
                found,
            );
        });
    }
});
