import assert from "node:assert/strict";
import {
    type Choice,
    type Expectation,
    expect,
    type Plan,
    planCapacity,
    type PlanRequest,
} from "../../../capacity/plan";
import type { PlanArguments } from "../../../capacity/plan-arguments";
import { planAsJson, planAsText } from "../../../capacity/plan-report";
import { projectChoice, stackChoices } from "../../../capacity/stack-choices";

const REQUEST: PlanRequest = {
    demand: { requestsPerHour: 360 },
    behaviour: { serviceSeconds: [10, 10], coldStartSeconds: [60, 60] },
    settings: { activators: 1, timeoutSeconds: 300 },
    p95Seconds: 25,
    maxGpus: 3,
    given: { targetUtilizationPercentage: 100, scaleDownDelaySeconds: 120 },
    seed: 1,
    onTried: () => undefined,
};

const ASKED: PlanArguments = { ...REQUEST, pricePerHour: 1.8, json: false };

describe("planCapacity", () => {
    let plan: Plan;
    let recommended: Expectation;

    before(() => {
        plan = planCapacity(REQUEST);
        assert.ok(plan.recommended);
        recommended = plan.recommended;
    });

    it("recommends the cheapest of the settings that keep the limit", () => {
        assert.ok(recommended.p95 <= 25);
        const cheaper = plan.alternatives.filter(
            ({ paidSecondsPerImage }) => paidSecondsPerImage < recommended.paidSecondsPerImage,
        );
        assert.ok(cheaper.length > 0);
        for (const { p95 } of cheaper) {
            assert.ok(p95 > 25);
        }
    });

    it("shows only alternatives for which there is none both cheaper and faster", () => {
        plan.alternatives.slice(1).forEach((each, index) => {
            const before = plan.alternatives[index];
            assert.ok(before && each.p95 < before.p95);
            assert.ok(each.paidSecondsPerImage >= before.paidSecondsPerImage);
        });
    });

    it("pays for no less than the work", () => {
        for (const { gpuSecondsPerImage, p50 } of plan.alternatives) {
            assert.ok(gpuSecondsPerImage >= 9.9, String(gpuSecondsPerImage));
            assert.ok(p50 >= 10 - 1e-9);
        }
    });

    it("gives the same plan again", () => {
        const again = planCapacity({ ...REQUEST, given: recommended.choice });
        assert.deepEqual(again.recommended, recommended);
        assert.equal(again.tried, 1);
    });

    it("tries each of the settings that are not given, and tells of it", () => {
        const triedWith = (given: Partial<Choice>): string[] => {
            const tried: string[] = [];
            planCapacity({
                ...REQUEST,
                given: { minScale: 0, maxScale: 2, ...given },
                onTried: (number, of) => tried.push(`${number} of ${of}`),
            });
            return tried;
        };
        const targets = triedWith({ scaleDownDelaySeconds: 0 });
        assert.deepEqual(targets, ["1 of 4", "2 of 4", "3 of 4", "4 of 4"]);
        assert.equal(triedWith({ targetUtilizationPercentage: 100 }).at(-1), "6 of 6");
    });

    it("recommends nothing if nothing is fast enough", () => {
        const { recommended: none, alternatives } = planCapacity({
            ...REQUEST,
            p95Seconds: 9,
            given: { ...REQUEST.given, maxScale: 2 },
        });
        assert.equal(none, undefined);
        assert.ok(alternatives.length > 0);
    });

    it("counts requests without an image as endless", () => {
        const choice = {
            minScale: 1,
            maxScale: 1,
            targetUtilizationPercentage: 100,
            scaleDownDelaySeconds: 0,
        };
        const settings = { activators: 1, timeoutSeconds: 20 };
        const { p99, failed } = expect({ ...REQUEST, settings }, choice);
        assert.equal(p99, Number.POSITIVE_INFINITY);
        assert.ok(failed > 0.01 && failed < 1, String(failed));
    });

    it("pays for nodes where they are planned: those that are idle too", () => {
        const choice = { ...recommended.choice, minScale: 0 };
        const without = expect(REQUEST, choice);
        assert.equal(without.paidSecondsPerImage, without.gpuSecondsPerImage);
        const nodes = { startSeconds: 120, idleSeconds: 600 };
        const behaviour = { ...REQUEST.behaviour, nodes };
        const withNodes = expect({ ...REQUEST, behaviour }, choice);
        assert.ok(withNodes.paidSecondsPerImage > withNodes.gpuSecondsPerImage);
    });

    it("is told as text: the settings as configuration keys, and what they cost", () => {
        const text = planAsText({ plan, stacks: new Map([["mine", recommended]]) }, ASKED);
        for (const [key, value] of Object.entries(recommended.choice)) {
            assert.match(text, new RegExp(`^  ${key}: ${value}$`, "m"));
        }
        // 1000 images of so many seconds each at 1.80 for 3600 of them.
        const cost = (recommended.gpuSecondsPerImage / 2).toFixed(2);
        assert.ok(text.includes(`${cost} per 1000 images`), text);
        assert.match(text, /^recommended .* yes /m);
        assert.match(text, /^mine .* yes /m);
        assert.match(text, /^ +1 .* no /m);
    });

    it("is told as text when there is none", () => {
        const none = { ...plan, recommended: undefined };
        const text = planAsText({ plan: none, stacks: new Map() }, ASKED);
        assert.match(
            text,
            /^No settings with at most 3 pods answer 95 of 100 requests within 25 s\./,
        );
        assert.match(text, /^The fastest need [0-9.]+ s\.$/m);
    });

    it("is told as JSON", () => {
        const result = planAsJson({ plan, stacks: new Map([["mine", recommended]]) }, ASKED);
        const { p50, p95, p99, gpuSecondsPerImage } = recommended;
        const json = JSON.parse(JSON.stringify(result)) as Record<string, unknown>;
        const row = {
            ...recommended.choice,
            p50,
            p95,
            p99,
            failed: 0,
            gpuSecondsPerImage,
            costPer1000Images: ((gpuSecondsPerImage * 1000) / 3600) * 1.8,
            podsStartedPerHour: recommended.podsStartedPerHour,
            inTime: true,
        };
        const { p95Interval, ...shown } = json["recommended"] as Record<string, unknown>;
        assert.deepEqual(shown, row);
        const { low, high } = p95Interval as { low: number; high: number };
        assert.ok(low <= p95 && p95 <= high && low < high);
        assert.deepEqual(json["stacks"], { mine: row });
        assert.equal(json["offeredLoad"], 1);
    });
});

describe("projectChoice", () => {
    it("has the defaults of Pulumi.yaml", () => {
        assert.deepEqual(projectChoice(), {
            minScale: 0,
            maxScale: 2,
            targetUtilizationPercentage: 85,
            panicWindowPercentage: 4,
            scaleDownDelaySeconds: 180,
        });
    });
});

describe("stackChoices", () => {
    it("has what the stacks are set to, with the defaults of Pulumi.yaml", () => {
        const choices = stackChoices();
        assert.deepEqual(choices.get("prod"), {
            minScale: 1,
            maxScale: 4,
            targetUtilizationPercentage: 100,
            panicWindowPercentage: 4,
            scaleDownDelaySeconds: 120,
        });
        assert.deepEqual(choices.get("recipe"), {
            minScale: 0,
            maxScale: 10,
            targetUtilizationPercentage: 100,
            panicWindowPercentage: 4,
            scaleDownDelaySeconds: 180,
        });
        assert.deepEqual([...choices.keys()], ["dev", "prod", "recipe"]);
    });
});
