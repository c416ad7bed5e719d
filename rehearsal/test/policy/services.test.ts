import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { BAD_SERVICES, BAD_SERVICES_CONFIG } from "../../../policy/test/support/bad-services";
import { badServicesPage, clusterMessages, PAGE } from "./bad-services-page";
import { type Finding, findingsOf, mandatory, skipped } from "./findings";
import { type PolicyEngine, startPolicyEngine } from "./policy-engine";

const FORMS = ["generic", "typed", "yaml"] as const;

/** What is found in the bad stack: rule, resource and message. */
const FOUND_IN_BAD_STACK = [
    ["alicloud-deletion-protection", "cluster", "deletionProtection is false; set it to true."],
    [
        "alicloud-deletion-protection",
        "cluster",
        "the resource option protect is false; set it to true.",
    ],
    ["alicloud-node-pool", "gpus", "management.autoRepair is false; set it to true."],
    [
        "knative-gpu-capacity",
        "other-program-bad-stack",
        "6 GPUs may be claimed (sd/one 2, sd/three 2, sd/two 2), and there are at most 4; lower max-scale, or raise scalingConfig.maxSize of a GPU node pool.",
    ],
    [
        "knative-monthly-cost",
        "other-program-bad-stack",
        "what never scales to zero costs 8760 a month (6 GPUs at 2 and 0 other nodes at 0.2 an hour, 730 hours), more than 1000; lower min-scale or the sizes of the pools, or raise ceiling.",
    ],
    ...["one", "three", "two"].map((service) => [
        "knative-tls",
        service,
        'the Service answers plain HTTP: http-protocol in config-network is "Enabled"; set http-protocol to "redirected".',
    ]),
    [
        "kubernetes-load-balancer-sources",
        "load-balancer",
        'spec.loadBalancerSourceRanges is ["0.0.0.0/0"], so everybody may come; set it to the ranges of those who may, or the annotation service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type to "intranet".',
    ],
];

describe("the engine, with the pack, at the preview of other programs", () => {
    let policies: PolicyEngine;
    before(async () => {
        policies = await startPolicyEngine();
    });
    after(() => policies.remove());

    describe("with Services that are declared in several ways", () => {
        /** What it says of each, by the name of the Service and the form. */
        async function judged(stack: string): Promise<readonly Finding[]> {
            await policies.runInstead("services");
            await policies.configurePack(stack, BAD_SERVICES_CONFIG);
            const deployment = await policies.stack(stack);
            const { failed, findings } = await findingsOf(deployment.preview("--json"));
            assert.equal(failed, stack === "bad-services");
            assert.deepEqual(skipped(findings), []);
            return findings;
        }

        it("accepts a good one in each form", async () => {
            assert.deepEqual(await judged("good-services"), []);
        });

        describe("and are bad", () => {
            let findings: readonly Finding[];
            before(async () => {
                findings = await judged("bad-services");
            });

            for (const { name, rules } of BAD_SERVICES) {
                it(`refuses ${name} in each form, by ${rules.join(", ")}`, () => {
                    for (const form of FORMS) {
                        const found = findings.filter(
                            (each) => formOf(each) === form && nameOf(each) === name,
                        );
                        assert.deepEqual(mandatory(found), rules, form);
                    }
                });
            }

            it("says the same of each form", () => {
                const saidOf = (form: string): string[] =>
                    findings
                        .filter((each) => formOf(each) === form)
                        .map((each) => [each.policy, each.level, nameOf(each), each.message].join())
                        .sort();
                assert.ok(saidOf("generic").length >= BAD_SERVICES.length);
                assert.deepEqual(saidOf("typed"), saidOf("generic"));
                assert.deepEqual(saidOf("yaml"), saidOf("generic"));
            });

            it("says what docs/bad-services.md has; UPDATE_DOCS=1 rewrites it", () => {
                const generic = findings.filter((each) => formOf(each) === "generic");
                const page = badServicesPage(generic, nameOf, clusterMessages());
                if (process.env["UPDATE_DOCS"] === "1") {
                    writeFileSync(PAGE, page);
                }
                assert.equal(readFileSync(PAGE, "utf8"), page);
            });
        });
    });

    describe("with a stack whose resources are judged together", () => {
        async function judged(stack: string): Promise<readonly Finding[]> {
            await policies.runInstead("stack");
            await policies.configurePack(stack, {});
            const deployment = await policies.stack(stack);
            const { failed, findings } = await findingsOf(deployment.preview("--json"));
            assert.equal(failed, stack === "bad-stack");
            assert.deepEqual(skipped(findings), []);
            return findings.filter(({ level }) => level === "mandatory");
        }

        it("accepts a good one", async () => {
            assert.deepEqual(await judged("good-stack"), []);
        });

        it("refuses a bad one before anything is made", async () => {
            const found = (await judged("bad-stack")).map(({ policy, resource, message }) => [
                policy,
                resource,
                message.split("\n").slice(1).join("\n"),
            ]);
            assert.deepEqual(found, FOUND_IN_BAD_STACK);
        });
    });
});

/** The form in which a Service was declared, with which its logical name begins. */
function formOf({ resource }: Finding): string {
    return /^[a-z]+/.exec(resource)?.[0] ?? "";
}

/** The name of the Service, with which its logical name ends. */
function nameOf({ resource }: Finding): string {
    return resource.split("/").at(-1) ?? "";
}
