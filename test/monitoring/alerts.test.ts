import assert from "node:assert/strict";
import fc from "fast-check";
import { alerts } from "../../components/monitoring/alerts";
import type { MonitoredService } from "../../components/monitoring/monitored-service";
import { SERVICE, WORLDS } from "../support/monitored-service";

const namesOf = (service: MonitoredService): string[] => alerts(service).map(({ name }) => name);

const alertOf = (name: string, service: MonitoredService) => {
    const found = alerts(service).find((alert) => alert.name === name);
    assert.ok(found, name);
    return found;
};

describe("alerts", () => {
    it("have stable names of their own, and wait for whole minutes", () => {
        for (const world of WORLDS) {
            const names = namesOf(world);
            assert.equal(new Set(names).size, names.length);
            for (const { name, forSeconds } of alerts(world)) {
                assert.match(name, /^([A-Z][a-z0-9]+)+$/);
                assert.ok(forSeconds >= 60 && forSeconds % 60 === 0, `${name}: ${forSeconds}`);
            }
        }
    });

    it("are about the service, but for the control plane, which it shares", () => {
        for (const world of WORLDS) {
            for (const { name, expression } of alerts(world)) {
                if (name !== "ActivatorGone") {
                    assert.match(expression, /pictures/, name);
                    assert.match(expression, /webui-\[0-9\]\{5\}|"webui"/, name);
                }
                assert.doesNotMatch(expression, /\bjob\b/, name);
            }
        }
    });

    it("leave out what the installed Knative has no data for", () => {
        const all = namesOf(SERVICE);
        assert.deepEqual(
            all.filter(
                (name) => !namesOf({ ...SERVICE, metricNames: "opencensus" }).includes(name),
            ),
            ["RequestWaitsWhilePodIdle", "ActivatorGone"],
        );
        assert.deepEqual(
            all.filter((name) => !namesOf({ ...SERVICE, gpuMetrics: false }).includes(name)),
            ["GpuIdleWhileBusy", "GpuXidError"],
        );
        assert.deepEqual(namesOf({ ...SERVICE, gateway: "other" }), all);
    });

    it("judge slow responses by a bound that requests can exceed before they are cut off", () => {
        fc.assert(
            fc.property(
                fc.integer({ min: 2, max: 3600 }),
                fc.constantFrom(...WORLDS),
                (timeoutSeconds, world) => {
                    const { condition, expression } = alertOf("ResponsesSlow", {
                        ...world,
                        timeoutSeconds,
                    });
                    const bound = Number(/over ([0-9.]+) s/.exec(condition)?.[1]);
                    assert.ok(bound > 0 && bound < timeoutSeconds, condition);
                    assert.equal(/_bucket/.test(expression), condition.startsWith("P95"));
                },
            ),
        );
    });

    it("wait longer where the settings let requests or pods last longer", () => {
        const waits = (name: string, change: Partial<MonitoredService>): number =>
            alertOf(name, { ...SERVICE, ...change }).forSeconds;
        assert.equal(waits("ColdStartSlow", { timeoutSeconds: 600 }), 300);
        assert.equal(waits("ColdStartSlow", { timeoutSeconds: 10 }), 60);
        assert.equal(waits("RequestsWaitAtMaxScale", { timeoutSeconds: 600 }), 300);
        assert.equal(waits("LongAtMaxScale", { scaleDownDelaySeconds: 0 }), 1800);
        assert.equal(waits("LongAtMaxScale", { scaleDownDelaySeconds: 600 }), 2400);
        assert.equal(waits("IdleGpus", { scaleDownDelaySeconds: 600 }), 1500);
    });

    it("name the settings that they are about", () => {
        const { summary } = alertOf("IdleGpus", { ...SERVICE, gpusPerPod: 2, gpuHourPrice: 1.8 });
        assert.equal(summary, "{{ $value }} pods are ready and idle, at 3.6 USD an hour each");
        assert.match(alertOf("RequestsWaitAtMaxScale", SERVICE).summary, /all 4 pods of maxScale/);
    });
});
