import assert from "node:assert/strict";
import { policies, resourcePolicies, stackPolicies } from "../policies";
import { poolWith, serviceWith } from "./support/candidates";
import { stackVerdict, verdict } from "./support/verdict";

/** The names, which are keys of users' configurations: one that is missing here was renamed. */
const NAMES = [
    "alicloud-deletion-protection",
    "alicloud-encryption",
    "alicloud-gpu-taint",
    "alicloud-node-pool",
    "alicloud-required-tags",
    "alicloud-security-group",
    "knative-activation-scale",
    "knative-annotation-placement",
    "knative-annotation-spelling",
    "knative-authentication",
    "knative-autoscaler-class",
    "knative-container-concurrency",
    "knative-cookie-affinity",
    "knative-cookie-affinity-queue",
    "knative-cuda-check",
    "knative-elastic-instances",
    "knative-elastic-instances-spot",
    "knative-gpu-capacity",
    "knative-gpu-limit",
    "knative-gpu-rollout-capacity",
    "knative-guaranteed-resources",
    "knative-image-digest",
    "knative-image-registry",
    "knative-initial-scale",
    "knative-liveness-probe",
    "knative-max-scale",
    "knative-metric-aggregation",
    "knative-min-scale",
    "knative-monthly-cost",
    "knative-namespace",
    "knative-non-root",
    "knative-panic",
    "knative-pod-retention",
    "knative-pod-security",
    "knative-privilege-escalation",
    "knative-readiness-http",
    "knative-readiness-probe",
    "knative-required-labels",
    "knative-scale-down-delay",
    "knative-signal-handling",
    "knative-stable-window",
    "knative-target",
    "knative-target-burst-capacity",
    "knative-target-utilization",
    "knative-timeout",
    "knative-tls",
    "knative-warm-pods",
    "kubernetes-load-balancer-sources",
];

/** The rules that only advise, by default. */
const ADVISORY = [
    "alicloud-encryption",
    "alicloud-gpu-taint",
    "alicloud-required-tags",
    "alicloud-security-group",
    "knative-annotation-spelling",
    "knative-cookie-affinity-queue",
    "knative-gpu-rollout-capacity",
    "knative-non-root",
    "knative-readiness-http",
    "knative-required-labels",
    "knative-signal-handling",
    "knative-target-utilization",
    "knative-warm-pods",
];

describe("the policy pack", () => {
    it("has stable names", () => {
        assert.deepEqual(policies.map(({ name }) => name).sort(), NAMES);
    });

    it("is mandatory but for what advises", () => {
        assert.deepEqual(
            policies
                .filter(({ enforcementLevel }) => enforcementLevel === "advisory")
                .map(({ name }) => name)
                .sort(),
            ADVISORY,
        );
        for (const { name, enforcementLevel = "" } of policies) {
            assert.ok(["advisory", "mandatory"].includes(enforcementLevel), name);
        }
    });

    for (const policy of policies) {
        it(`${policy.name} says what it is and how a violation is mended`, () => {
            assert.ok(policy.displayName && policy.severity && policy.tags?.length);
            for (const tag of policy.tags) {
                assert.match(tag, /^[a-z][a-z-]+$/);
            }
            // Sentences of some length, for a table and for people.
            for (const text of [policy.description, policy.remediationSteps ?? ""]) {
                assert.match(text, /^[^|\n]{20,}$/);
            }
        });

        it(`${policy.name} has parameters with a description, a type and a default within bounds`, () => {
            for (const schema of Object.values(policy.configSchema?.properties ?? {})) {
                assert.match(schema.description ?? "", /^[A-Z][^|\n]{10,}[\w)]\.$/);
                assert.ok(schema.type);
                const { default: value, minimum, maximum } = schema;
                if (schema.type === "integer" || schema.type === "number") {
                    assert.ok(typeof value === "number" && minimum !== undefined);
                    assert.ok(value >= minimum && value <= (maximum ?? Infinity));
                }
                assert.notEqual(value, undefined);
            }
        });
    }

    it("accepts a good Service with a good node pool", async () => {
        let judged = 0;
        for (const policy of resourcePolicies) {
            for (const candidate of [serviceWith(), poolWith()]) {
                const found = await verdict(policy, candidate);
                if (found !== "not applicable") {
                    assert.deepEqual(found, [], policy.name);
                    judged += 1;
                }
            }
        }
        assert.equal(judged, 41);
        for (const policy of stackPolicies) {
            const config = policy.name === "knative-tls" ? { clusterRedirects: true } : {};
            assert.deepEqual(await stackVerdict(policy, [serviceWith(), poolWith()], config), []);
        }
    });

    it("refuses parameters that a rule does not have", async () => {
        const [first, second] = [resourcePolicies[0], resourcePolicies[4]];
        assert.ok(first && second);
        await assert.rejects(
            verdict(first, serviceWith(), { maximum: 4 }),
            new Error(
                "the configuration of knative-container-concurrency has maximum (4); allowed: max",
            ),
        );
        await assert.rejects(
            verdict(second, serviceWith(), { min: 4 }),
            new Error(
                "the configuration of knative-activation-scale has min (4); allowed: no key but enforcementLevel",
            ),
        );
    });

    it("says which parameters a rule has, if it has several", async () => {
        const policy = stackPolicies.at(-1);
        assert.ok(policy);
        await assert.rejects(
            stackVerdict(policy, [], { budget: 1 }),
            new Error(
                "the configuration of knative-monthly-cost has budget (1); allowed: gpusOfInstanceTypes, ceiling, gpuHour, nodeHour",
            ),
        );
    });

    it("says which resources a rule is for", async () => {
        const reasons: (string | undefined)[] = [];
        for (const policy of resourcePolicies) {
            const validate = [policy.validateResource ?? []].flat()[0];
            assert.ok(validate);
            const args = {
                type: "other",
                notApplicable: (reason?: string): never => {
                    reasons.push(reason);
                    throw new Error("not applicable");
                },
            } as unknown as Parameters<typeof validate>[0];
            await assert.rejects(
                async () => validate(args, () => undefined),
                new Error("not applicable"),
            );
        }
        assert.equal(reasons.length, resourcePolicies.length);
        assert.equal(
            reasons[0],
            "applies to kubernetes:serving.knative.dev/v1:Service, kubernetes:serving.knative.dev/v1:Configuration",
        );
    });
});
