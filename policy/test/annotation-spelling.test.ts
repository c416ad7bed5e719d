import assert from "node:assert/strict";
import { annotationSpelling } from "../annotation-spelling";
import { ANNOTATIONS } from "../annotations";
import { configurationWith, serviceWith } from "./support/candidates";
import { describeRule } from "./support/cases";
import { type Candidate, remedy, UNKNOWN } from "./support/verdict";

const KEBAB = "autoscaling.knative.dev/max-scale";
const CAMEL = "autoscaling.knative.dev/maxScale";
const annotated = (annotations: Record<string, unknown>): Candidate => serviceWith({ annotations });

describeRule(annotationSpelling, {
    passes: { "the spelling that Knative prefers": serviceWith() },
    fails: {
        "the legacy spelling": [
            annotated({ [KEBAB]: undefined, [CAMEL]: "2" }),
            [`the annotation ${CAMEL} is in the legacy spelling; rename it to ${KEBAB}.`],
        ],
        "both, even if they agree": [
            annotated({ [CAMEL]: "2" }),
            [
                `the annotation ${CAMEL} is in the legacy spelling; take it away, since ${KEBAB} is there.`,
            ],
        ],
    },
    unknown: { "an annotation": annotated({ [CAMEL]: UNKNOWN }) },
});

describe("the remediation of knative-annotation-spelling", () => {
    it("is off by default", () => {
        assert.equal(annotationSpelling.enforcementLevel, "advisory");
    });

    it("renames each legacy spelling and changes nothing else", async () => {
        for (const [preferred, legacy] of Object.values(ANNOTATIONS)) {
            if (legacy === undefined) {
                continue;
            }
            const value = preferred === KEBAB ? "2" : "7";
            const before = annotated({ [preferred]: undefined, [legacy]: value });
            const after = annotated({ [preferred]: value });
            assert.deepEqual(await remedy(annotationSpelling, before), after.props);
        }
    });

    it("takes a legacy spelling away beside the same value", async () => {
        assert.deepEqual(
            await remedy(annotationSpelling, annotated({ [CAMEL]: "2" })),
            serviceWith().props,
        );
    });

    it("leaves a contradiction to its author", async () => {
        assert.equal(await remedy(annotationSpelling, annotated({ [CAMEL]: "3" })), undefined);
    });

    it("mends what it can beside a contradiction", async () => {
        const minScale = "autoscaling.knative.dev/minScale";
        const before = annotated({
            [CAMEL]: "3",
            [minScale]: "0",
            "autoscaling.knative.dev/min-scale": undefined,
        });
        assert.deepEqual(
            await remedy(annotationSpelling, before),
            annotated({ [CAMEL]: "3" }).props,
        );
    });

    it("applies to Configurations", async () => {
        const before = configurationWith({ annotations: { [KEBAB]: undefined, [CAMEL]: "2" } });
        assert.deepEqual(await remedy(annotationSpelling, before), configurationWith().props);
    });

    it("changes nothing where nothing is wrong, nor in other resources", async () => {
        assert.equal(await remedy(annotationSpelling, serviceWith()), undefined);
        const other = { ...annotated({ [CAMEL]: "2" }), type: "kubernetes:core/v1:Pod" };
        assert.equal(await remedy(annotationSpelling, other), undefined);
    });

    it("leaves a value that is unknown at preview to the engine", async () => {
        await assert.rejects(
            remedy(annotationSpelling, annotated({ [CAMEL]: UNKNOWN })),
            /can't be known during preview/,
        );
    });
});
