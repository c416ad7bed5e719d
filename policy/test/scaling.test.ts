import assert from "node:assert/strict";
import fc from "fast-check";
import { KNATIVE_SERVICE } from "../knative-service";
import { LIMITS } from "../limits";
import {
    activationScale,
    containerConcurrency,
    initialScale,
    maxScale,
    minScale,
    warmPods,
} from "../scaling";
import { serviceWith } from "./support/candidates";
import { describeRule } from "./support/cases";
import { type Candidate, UNKNOWN, verdict } from "./support/verdict";

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

const MIN = "autoscaling.knative.dev/min-scale";
const ACTIVATION = "autoscaling.knative.dev/activation-scale";
const INITIAL = "autoscaling.knative.dev/initial-scale";
const annotated = (annotations: Record<string, unknown>): Candidate => serviceWith({ annotations });

describeRule(containerConcurrency, {
    passes: { "a Service without an init container": serviceWith() },
    fails: {
        "a Service without a spec": [
            { type: KNATIVE_SERVICE, props: {} },
            [
                "spec.template.spec.containerConcurrency is unset (unlimited); set it to a whole number from 1 to 1.",
            ],
        ],
        "a Configuration as well": [
            serviceWith({
                type: "kubernetes:serving.knative.dev/v1:Configuration",
                spec: { containerConcurrency: 0 },
            }),
            [
                "spec.template.spec.containerConcurrency is 0 (unlimited); set it to a whole number from 1 to 1.",
            ],
        ],
    },
    unknown: { "a concurrency": serviceWith({ spec: { containerConcurrency: UNKNOWN } }) },
});

describeRule(maxScale, {
    passes: { "a bound": serviceWith() },
    fails: {
        "a number beyond Knative's integers": [
            annotated({ [KEBAB]: "4294967297" }),
            [`the annotation ${KEBAB} is "4294967297"; set ${KEBAB} to a string from "1" to "10".`],
        ],
        "annotations that are no map": [
            {
                type: KNATIVE_SERVICE,
                props: { spec: { template: { metadata: { annotations: ["2"] } } } },
            },
            [
                `the annotation ${KEBAB} is unset (unlimited); set ${KEBAB} to a string from "1" to "10".`,
            ],
        ],
        "a Service without a spec": [
            { type: KNATIVE_SERVICE, props: {} },
            [
                `the annotation ${KEBAB} is unset (unlimited); set ${KEBAB} to a string from "1" to "10".`,
            ],
        ],
    },
    unknown: { "an annotation": annotated({ [KEBAB]: UNKNOWN }) },
});

describeRule(minScale, {
    passes: {
        "an unset annotation": annotated({ [MIN]: undefined }),
        "as many as max-scale": annotated({ [MIN]: "2" }),
        "the environment's bound": [annotated({ [MIN]: "1" }), { max: 1 }],
        "the bound where max-scale is not readable": annotated({ [MIN]: "10", [KEBAB]: "many" }),
        "the bound where max-scale is no string": annotated({ [MIN]: "10", [KEBAB]: 1 }),
        "the bound where max-scale is unlimited": annotated({ [MIN]: "10", [KEBAB]: "0" }),
    },
    fails: {
        "more than max-scale": [
            annotated({ [MIN]: "3" }),
            [`the annotation ${MIN} is "3"; set ${MIN} to a string from "0" to "2".`],
        ],
        "more than the environment allows": [
            annotated({ [MIN]: "2" }),
            [`the annotation ${MIN} is "2"; set ${MIN} to a string from "0" to "1".`],
            { max: 1 },
        ],
        "more than max-scale in its legacy spelling": [
            annotated({ [MIN]: "4", [KEBAB]: undefined, [CAMEL]: "3" }),
            [`the annotation ${MIN} is "4"; set ${MIN} to a string from "0" to "3".`],
        ],
        "fewer than none": [
            annotated({ [MIN]: "-1" }),
            [`the annotation ${MIN} is "-1"; set ${MIN} to a string from "0" to "2".`],
        ],
        "more than a max-scale of 1": [
            annotated({ [MIN]: "2", [KEBAB]: "1" }),
            [`the annotation ${MIN} is "2"; set ${MIN} to a string from "0" to "1".`],
        ],
        "a number that is no string": [
            annotated({ [MIN]: 1 }),
            [`the annotation ${MIN} is 1; set ${MIN} to a string from "0" to "2".`],
        ],
    },
    unknown: { "an annotation": annotated({ [MIN]: UNKNOWN }) },
});

describeRule(warmPods, {
    passes: {
        "scale to zero by default": serviceWith(),
        "an unset annotation by default": annotated({ [MIN]: undefined }),
        "the pods that are wanted": [annotated({ [MIN]: "1" }), { min: 1 }],
    },
    fails: {
        "scale to zero where a pod is wanted": [
            serviceWith(),
            [`the annotation ${MIN} is "0"; set ${MIN} to a string of at least "1".`],
            { min: 1 },
        ],
        "an unset annotation where a pod is wanted": [
            annotated({ [MIN]: undefined }),
            [`the annotation ${MIN} is unset; set ${MIN} to a string of at least "1".`],
            { min: 1 },
        ],
    },
    unknown: { "an annotation": annotated({ [MIN]: UNKNOWN }) },
});

describeRule(activationScale, {
    passes: {
        "an unset annotation": serviceWith(),
        "two up to max-scale": annotated({ [ACTIVATION]: "2" }),
        "as many as max-scale and min-scale": annotated({
            [ACTIVATION]: "3",
            [MIN]: "3",
            [KEBAB]: "3",
        }),
        "any number without max-scale": annotated({ [ACTIVATION]: "1000", [KEBAB]: undefined }),
    },
    fails: {
        "one, which Knative refuses": [
            annotated({ [ACTIVATION]: "1", [KEBAB]: undefined }),
            [`the annotation ${ACTIVATION} is "1"; set ${ACTIVATION} to a string of at least "2".`],
        ],
        "more than max-scale": [
            annotated({ [ACTIVATION]: "3" }),
            [`the annotation ${ACTIVATION} is "3"; set ${ACTIVATION} to a string from "2" to "2".`],
        ],
        "fewer than min-scale": [
            annotated({ [ACTIVATION]: "3", [MIN]: "4", [KEBAB]: "5" }),
            [`the annotation ${ACTIVATION} is "3"; set ${ACTIVATION} to a string from "4" to "5".`],
        ],
        "any with a max-scale of 1": [
            annotated({ [ACTIVATION]: "2", [KEBAB]: "1" }),
            [
                `the annotation ${ACTIVATION} is "2"; set ${ACTIVATION} to nothing: with max-scale 1 there is no room for it, take it away.`,
            ],
        ],
    },
    unknown: { "an annotation": annotated({ [ACTIVATION]: UNKNOWN }) },
});

describeRule(initialScale, {
    passes: {
        "an unset annotation": serviceWith(),
        one: annotated({ [INITIAL]: "1" }),
        "as many as max-scale": annotated({ [INITIAL]: "2" }),
        "none where the cluster allows it": [annotated({ [INITIAL]: "0" }), { allowZero: true }],
        "any number without max-scale": annotated({ [INITIAL]: "50", [KEBAB]: undefined }),
    },
    fails: {
        "none elsewhere": [
            annotated({ [INITIAL]: "0" }),
            [`the annotation ${INITIAL} is "0"; set ${INITIAL} to a string from "1" to "2".`],
        ],
        "fewer than none": [
            annotated({ [INITIAL]: "-1" }),
            [`the annotation ${INITIAL} is "-1"; set ${INITIAL} to a string from "0" to "2".`],
            { allowZero: true },
        ],
        "more than max-scale": [
            annotated({ "autoscaling.knative.dev/initialScale": "3" }),
            [
                `the annotation autoscaling.knative.dev/initialScale is "3"; set ${INITIAL} to a string from "1" to "2".`,
            ],
        ],
    },
    unknown: { "an annotation": annotated({ [INITIAL]: UNKNOWN }) },
});
