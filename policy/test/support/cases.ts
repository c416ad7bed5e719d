import type { ResourceValidationPolicy } from "@pulumi/policy";
import assert from "node:assert/strict";
import { type Candidate, verdict } from "./verdict";

type Config = Readonly<Record<string, unknown>>;

/** Resources and what a rule says of them. */
export interface RuleCases {
    /** What the rule accepts, by what is special about it, with the rule's configuration. */
    readonly passes: Readonly<Record<string, Candidate | readonly [Candidate, Config]>>;
    /** What the rule rejects, with the exact messages. */
    readonly fails: Readonly<
        Record<
            string,
            | readonly [Candidate, readonly string[]]
            | readonly [Candidate, readonly string[], Config]
        >
    >;
    /** Resources with a value that the rule needs and that is unknown at preview. */
    readonly unknown: Readonly<Record<string, Candidate>>;
    /** Resources that the rule is not about. @default - a Kubernetes Service */
    readonly others?: Readonly<Record<string, Candidate>>;
}

/** Declares a test for each case of a rule. */
export function describeRule(policy: ResourceValidationPolicy, cases: RuleCases): void {
    describe(policy.name, () => {
        const others = cases.others ?? {
            "a Kubernetes Service": { type: "kubernetes:core/v1:Service", props: {} },
        };
        for (const [title, other] of Object.entries(others)) {
            it(`does not apply to ${title}`, async () => {
                assert.equal(await verdict(policy, other), "not applicable");
            });
        }
        for (const [title, given] of Object.entries(cases.passes)) {
            it(`accepts ${title}`, async () => {
                const [candidate, config = {}] = "type" in given ? [given] : given;
                assert.deepEqual(await verdict(policy, candidate, config), []);
            });
        }
        for (const [title, [candidate, messages, config = {}]] of Object.entries(cases.fails)) {
            it(`rejects ${title}, saying what to write instead`, async () => {
                assert.ok(messages.length > 0);
                assert.deepEqual(await verdict(policy, candidate, config), messages);
            });
        }
        for (const [title, candidate] of Object.entries(cases.unknown)) {
            it(`leaves ${title} that is unknown at preview to the engine`, async () => {
                await assert.rejects(verdict(policy, candidate), /can't be known during preview/);
            });
        }
    });
}
