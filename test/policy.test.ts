import assert from "node:assert/strict";
import fc from "fast-check";
import { KNATIVE_SERVICE } from "../policy/knative-service";
import { LIMITS } from "../policy/limits";
import { policies } from "../policy/policies";
import { containerConcurrency, maxScale } from "../policy/scaling";
import { type Candidate, UNKNOWN, verdict } from "./support/policy";

const KEBAB = "autoscaling.knative.dev/max-scale";
const CAMEL = "autoscaling.knative.dev/maxScale";

function withConcurrency(value?: unknown): Candidate {
    return {
        type: KNATIVE_SERVICE,
        props: {
            spec: {
                template: { spec: value === undefined ? {} : { containerConcurrency: value } },
            },
        },
    };
}

function withAnnotations(annotations?: Record<string, unknown>): Candidate {
    return {
        type: KNATIVE_SERVICE,
        props: { spec: { template: annotations ? { metadata: { annotations } } : {} } },
    };
}

describe("the policy pack", () => {
    it("has stable names, and every policy is mandatory and says how to mend a violation", () => {
        assert.deepEqual(
            policies.map(({ name }) => name),
            ["knative-container-concurrency", "knative-max-scale"],
        );
        for (const policy of policies) {
            assert.equal(policy.enforcementLevel, "mandatory");
            assert.ok(policy.severity && policy.remediationSteps && policy.tags?.length);
        }
    });

    for (const policy of policies) {
        it(`${policy.name} does not apply to other resources`, async () => {
            const service = { type: "kubernetes:core/v1:Service", props: {} };
            assert.equal(await verdict(policy, service), "not applicable");
        });

        it(`${policy.name} reports a Service without a spec`, async () => {
            const found = await verdict(policy, { type: KNATIVE_SERVICE, props: {} });
            assert.equal(found.length, 1);
            assert.match(found[0] ?? "", /unset \(unlimited\)/);
        });
    }
});

describe("knative-container-concurrency", () => {
    it("accepts the limit", async () => {
        assert.deepEqual(await verdict(containerConcurrency, withConcurrency(1)), []);
    });

    for (const [value, shown] of [
        [undefined, "unset (unlimited)"],
        [0, "0 (unlimited)"],
        [2, "2"],
        [-1, "-1"],
        [0.5, "0.5"],
        ["1", '"1"'],
        [null, "null"],
    ] as const) {
        it(`rejects ${shown}, saying what to write instead`, async () => {
            assert.deepEqual(await verdict(containerConcurrency, withConcurrency(value)), [
                `spec.template.spec.containerConcurrency is ${shown}; set it to a whole number from 1 to 1.`,
            ]);
        });
    }

    it("takes its bound from the pack's configuration", async () => {
        const service = withConcurrency(4);
        assert.deepEqual(await verdict(containerConcurrency, service, { max: 4 }), []);
        assert.equal((await verdict(containerConcurrency, service, { max: 3 })).length, 1);
    });

    it("leaves a value that is unknown at preview to the engine", async () => {
        await assert.rejects(
            verdict(containerConcurrency, withConcurrency(UNKNOWN)),
            /can't be known during preview/,
        );
    });
});

describe("knative-max-scale", () => {
    for (const key of [KEBAB, CAMEL]) {
        it(`accepts the bounds in ${key}`, async () => {
            assert.deepEqual(await verdict(maxScale, withAnnotations({ [key]: "1" })), []);
            assert.deepEqual(
                await verdict(maxScale, withAnnotations({ [key]: String(LIMITS.maxScale.max) })),
                [],
            );
        });

        for (const [value, shown] of [
            ["0", '"0" (unlimited)'],
            ["11", '"11"'],
            ["-1", '"-1"'],
            ["two", '"two"'],
            ["1.5", '"1.5"'],
            ["", '""'],
            [" 2", '" 2"'],
            [2, "2"],
        ] as const) {
            it(`rejects ${shown} in ${key}, saying what to write instead`, async () => {
                assert.deepEqual(await verdict(maxScale, withAnnotations({ [key]: value })), [
                    `the annotation ${key} is ${shown}; set ${KEBAB} to a string from "1" to "10".`,
                ]);
            });
        }
    }

    it("rejects an unset annotation", async () => {
        assert.deepEqual(await verdict(maxScale, withAnnotations({})), [
            `the annotation ${KEBAB} is unset (unlimited); set ${KEBAB} to a string from "1" to "10".`,
        ]);
    });

    it("rejects both spellings that differ, and accepts both that agree", async () => {
        assert.deepEqual(await verdict(maxScale, withAnnotations({ [KEBAB]: "2", [CAMEL]: "3" })), [
            `${KEBAB} is "2" and ${CAMEL} is "3"; keep only ${KEBAB}.`,
        ]);
        assert.deepEqual(
            await verdict(maxScale, withAnnotations({ [KEBAB]: "2", [CAMEL]: "2" })),
            [],
        );
    });

    it("takes its bound from the pack's configuration", async () => {
        const service = withAnnotations({ [KEBAB]: "3" });
        assert.deepEqual(await verdict(maxScale, service, { max: 3 }), []);
        assert.equal((await verdict(maxScale, service, { max: 2 })).length, 1);
    });

    it("leaves a value that is unknown at preview to the engine", async () => {
        await assert.rejects(
            verdict(maxScale, withAnnotations({ [KEBAB]: UNKNOWN })),
            /can't be known during preview/,
        );
    });

    it("accepts exactly the strings that Knative reads as a number within the bounds", async () => {
        const value = fc.option(
            fc.oneof(fc.integer({ min: -3, max: 15 }).map(String), fc.string({ maxLength: 3 })),
            { nil: undefined },
        );
        await fc.assert(
            fc.asyncProperty(
                value,
                value,
                fc.integer({ min: 1, max: 12 }),
                async (kebab, camel, max) => {
                    const annotations = {
                        ...(kebab === undefined ? {} : { [KEBAB]: kebab }),
                        ...(camel === undefined ? {} : { [CAMEL]: camel }),
                    };
                    const found = await verdict(maxScale, withAnnotations(annotations), { max });
                    assert.equal(found.length === 0, oracle(kebab, camel, max));
                },
            ),
            { numRuns: 500 },
        );
    });
});

/** The verdict by enumeration instead of by parsing. */
function oracle(kebab: string | undefined, camel: string | undefined, max: number): boolean {
    if (kebab !== undefined && camel !== undefined && kebab !== camel) {
        return false;
    }
    const spelt = kebab ?? camel;
    const good = Array.from({ length: max }, (_, index) => index + 1);
    return good.some((pods) =>
        [`${pods}`, `+${pods}`, `0${pods}`, `00${pods}`, `+0${pods}`].includes(spelt ?? ""),
    );
}
