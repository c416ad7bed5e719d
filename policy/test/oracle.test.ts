import type { ResourceValidationPolicy } from "@pulumi/policy";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
    autoscalerClass,
    metricAggregation,
    panic,
    podRetention,
    scaleDownDelay,
    stableWindow,
    target,
    targetBurstCapacity,
} from "../autoscaler";
import { parseDuration, parseFloat64, parseInt32 } from "../go-values";
import { parseQuantity } from "../quantity";
import { activationScale, initialScale, maxScale, minScale } from "../scaling";
import { serviceWith } from "./support/candidates";
import { verdict } from "./support/verdict";

type Reading = readonly [text: string, value: string | null];

interface Oracle {
    readonly int32: readonly Reading[];
    readonly float64: readonly Reading[];
    readonly duration: readonly Reading[];
    readonly quantity: readonly Reading[];
    readonly annotations: readonly {
        readonly annotations: Readonly<Record<string, string>>;
        readonly accepted: boolean;
    }[];
}

/** What Go, Kubernetes and Knative themselves say (oracle/main.go wrote it). */
const ORACLE = JSON.parse(readFileSync(join(__dirname, "oracle/values.json"), "utf8")) as Oracle;

/** Kubernetes' largest quantity with a binary suffix, in billionths. */
const LARGEST = (2n ** 63n - 1n) * 10n ** 9n;

describe("the policies read texts as Go and Kubernetes do:", () => {
    const reads = (
        readings: readonly Reading[],
        read: (text: string) => { toString: () => string } | undefined,
        expected: (reading: Reading) => string | null = ([, value]) => value,
    ): void => {
        assert.ok(readings.filter((reading) => expected(reading) !== null).length > 20);
        for (const reading of readings) {
            const [text] = reading;
            assert.equal(
                read(text)?.toString() ?? null,
                expected(reading),
                `of ${JSON.stringify(text)}`,
            );
        }
    };

    it("integers", () => {
        reads(ORACLE.int32, parseInt32);
    });

    it("decimal numbers, and none that nobody writes by hand", () => {
        reads(ORACLE.float64, parseFloat64, ([text, value]) =>
            value === null || /[xni_]/i.test(text) ? null : String(Number(value)),
        );
    });

    it("durations", () => {
        reads(ORACLE.duration, parseDuration);
    });

    it("the longest duration, and none beyond it", () => {
        assert.equal(parseDuration("9223372036854775807ns"), 2n ** 63n - 1n);
        assert.equal(parseDuration("9223372036854775808ns"), undefined);
    });

    it("quantities to the billionth, rounded up, and with an exponent of two digits", () => {
        assert.equal(parseQuantity("0.0000000010"), 1n);
        assert.equal(parseQuantity("0.0000000011"), 2n);
        assert.equal(parseQuantity("1e10"), 10n ** 19n);
    });

    it("quantities, but none without digits or of a size that no machine has", () => {
        const capped = (text: string): bigint | undefined => {
            const value = parseQuantity(text);
            return value !== undefined && text.endsWith("i") && value > LARGEST ? LARGEST : value;
        };
        reads(ORACLE.quantity, capped, ([text, value]) =>
            !/^[+-]?[.]?[0-9]/.test(text) || /[eE][+-]?[0-9]{3}/.test(text) ? null : value,
        );
    });
});

const RULES: readonly (readonly [ResourceValidationPolicy, Record<string, unknown>])[] = [
    [maxScale, { max: 10 }],
    [minScale, { max: 10 }],
    [activationScale, {}],
    [initialScale, {}],
    [stableWindow, {}],
    [scaleDownDelay, {}],
    [podRetention, {}],
    [panic, {}],
    [target, {}],
    [targetBurstCapacity, {}],
    [metricAggregation, {}],
    [autoscalerClass, { classes: ["kpa.autoscaling.knative.dev", "hpa.autoscaling.knative.dev"] }],
];

describe("the policies about autoscaling, beside Knative's own webhook with max-scale-limit 10", () => {
    it("reject what it refuses, and else only what they say they do", async () => {
        const taken = ORACLE.annotations.filter(({ accepted }) => accepted).length;
        assert.ok(taken > 300 && ORACLE.annotations.length - taken > 300);
        let passed = 0;
        for (const { annotations, accepted } of ORACLE.annotations) {
            const messages = await messagesAbout(annotations);
            const reasons = strictness(annotations);
            assert.equal(
                messages.length > 0,
                !accepted || reasons.length > 0,
                JSON.stringify({ annotations, accepted, reasons, messages }),
            );
            passed += messages.length === 0 ? 1 : 0;
        }
        assert.ok(passed > 50);
    });
});

async function messagesAbout(annotations: Readonly<Record<string, string>>): Promise<string[]> {
    const all: string[] = [];
    const service = serviceWith({
        // Above the concurrency for which the activator's one queue is demanded.
        spec: { containerConcurrency: 100 },
        annotations: {
            ...Object.fromEntries(DEFAULT_KEYS.map((key) => [key, undefined])),
            ...Object.fromEntries(
                Object.entries(annotations).map(([name, value]) => [AUTOSCALING + name, value]),
            ),
        },
    });
    for (const [rule, config] of RULES) {
        const found = await verdict(rule, service, config);
        assert.ok(found !== "not applicable");
        all.push(...found);
    }
    return all;
}

const AUTOSCALING = "autoscaling.knative.dev/";

/** The annotations of the good Service, which must not be there beside those of the oracle. */
const DEFAULT_KEYS = [
    "class",
    "min-scale",
    "max-scale",
    "target-utilization-percentage",
    "scale-down-delay",
    "target-burst-capacity",
].map((name) => AUTOSCALING + name);

/** Why the policies are stricter than Knative's webhook about these annotations. */
function strictness(annotations: Readonly<Record<string, string>>): string[] {
    const get = (...keys: string[]): string | undefined =>
        keys.map((key) => annotations[key]).find((value) => value !== undefined);
    const reasons: string[] = [];
    for (const [key, value] of Object.entries(annotations)) {
        const camel = key.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
        if (camel !== key && (annotations[camel] ?? value) !== value) {
            reasons.push(`${key} contradicts itself`);
        }
    }
    const max = get("max-scale", "maxScale");
    if (max === undefined) {
        reasons.push("max-scale is not bounded");
    }
    const scalingClass = get("class") ?? "kpa.autoscaling.knative.dev";
    if (!/^[kh]pa\.autoscaling\.knative\.dev$/.test(scalingClass)) {
        reasons.push("the class is not the cluster's");
    }
    if (scalingClass.startsWith("hpa.") && Number(get("min-scale", "minScale") ?? 0) < 1) {
        reasons.push("hpa does not scale to zero");
    }
    if ((get("metric") ?? "concurrency") !== "concurrency") {
        reasons.push("the metric is not concurrency");
    }
    if (Number(get("initial-scale", "initialScale") ?? 1) > Number(max)) {
        reasons.push("initial-scale is above max-scale");
    }
    if (Number(get("target") ?? 0) > 100) {
        reasons.push("the target is above containerConcurrency");
    }
    const algorithm = get("metric-aggregation-algorithm", "metricAggregationAlgorithm");
    if (!["linear", "weighted-exponential", undefined].includes(algorithm)) {
        reasons.push("the algorithm is of no autoscaler that is known");
    }
    const retention = get("scale-to-zero-pod-retention-period", "scaleToZeroPodRetentionPeriod");
    if (/\.\d+s$/.test(retention ?? "")) {
        reasons.push("the retention is not of whole seconds");
    }
    return reasons;
}
