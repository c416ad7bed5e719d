import assert from "node:assert/strict";
import { admissionValidations, KnativeAdmission } from "../components/knative-admission";
import { ANNOTATIONS, type Spellings } from "../policy/annotations";
import { LIMITS, PINNED_IMAGE } from "../policy/limits";
import { only, promiseOf, recordResources, type Registered } from "./support/mocks";

interface Policy {
    readonly metadata: { readonly name: string };
    readonly spec: {
        readonly failurePolicy: string;
        readonly matchConstraints: unknown;
        readonly matchConditions: unknown;
        readonly variables: readonly { readonly name: string; readonly expression: string }[];
        readonly validations: readonly { readonly expression: string }[];
    };
}

const GROUP = "kubernetes:admissionregistration.k8s.io/v1";

describe("KnativeAdmission", () => {
    let seen: Registered[];
    let policy: Policy;

    before(async () => {
        seen = await recordResources();
        const admission = new KnativeAdmission("admission", { namespace: "sd" });
        assert.equal(await promiseOf(admission.policyName), "stable-diffusion-knative-sd");
        policy = only(seen, `${GROUP}:ValidatingAdmissionPolicy`).inputs as unknown as Policy;
    });

    it("matches Services and Configurations that are made, or whose spec changes", () => {
        assert.deepEqual(policy.spec.matchConstraints, {
            resourceRules: [
                {
                    apiGroups: ["serving.knative.dev"],
                    apiVersions: ["v1"],
                    operations: ["CREATE", "UPDATE"],
                    resources: ["services", "configurations"],
                },
            ],
        });
        assert.deepEqual(policy.spec.matchConditions, [
            {
                name: "spec-changed",
                expression: "oldObject == null || object.spec != oldObject.spec",
            },
        ]);
        assert.equal(policy.spec.failurePolicy, "Fail");
    });

    it("denies, but not in exempted namespaces", () => {
        const { inputs } = only(seen, `${GROUP}:ValidatingAdmissionPolicyBinding`);
        assert.deepEqual(inputs["spec"], {
            policyName: policy.metadata.name,
            validationActions: ["Deny"],
            matchResources: {
                namespaceSelector: {
                    matchExpressions: [
                        {
                            key: "stable-diffusion-knative/admission",
                            operator: "NotIn",
                            values: ["exempt"],
                        },
                    ],
                },
            },
        });
    });

    it("uses each variable that it declares, and none else, after its declaration", () => {
        const { variables, validations } = policy.spec;
        const expressions = [
            ...variables.map(({ expression }) => expression),
            ...validations.map(({ expression }) => expression),
        ];
        const used = new Set<string>();
        for (const [place, expression] of expressions.entries()) {
            const declared = variables.slice(0, place).map(({ name }) => name);
            for (const [, name = ""] of expression.matchAll(/variables\.(\w+)/g)) {
                assert.ok(declared.includes(name), `${name} in ${expression}`);
                used.add(name);
            }
        }
        assert.deepEqual([...used].sort(), variables.map(({ name }) => name).sort());
    });

    it("takes its bounds from the definitions of the policies", () => {
        const text = admissionValidations().map(({ expression }) => expression);
        const of = (part: string): number => text.filter((it) => it.includes(part)).length;
        assert.equal(of(`.sum() <= ${LIMITS.gpusPerPod.max}`), 1);
        assert.equal(of(`image.matches(r'${PINNED_IMAGE.source}')`), 1);
        const { expression = "" } = policy.spec.variables.find(isContradictions) ?? {};
        for (const [preferred, legacy] of Object.values<Spellings>(ANNOTATIONS)) {
            assert.equal(
                expression.includes(`['${preferred}', '${legacy ?? ""}']`),
                legacy !== undefined,
            );
        }
    });

    it("says what to write instead, with and without what it found", () => {
        for (const { message, messageExpression = message } of admissionValidations()) {
            assert.match(message, /\b(set|keep)\b.*\.$/);
            assert.match(messageExpression, /\b(set|keep)\b/);
        }
    });
});

const isContradictions = ({ name }: { readonly name: string }): boolean =>
    name === "contradictions";
