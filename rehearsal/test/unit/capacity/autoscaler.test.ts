import assert from "node:assert/strict";
import fc from "fast-check";
import { Autoscaler, type DeciderSettings } from "../../../capacity/autoscaler";

const SETTINGS: DeciderSettings = {
    target: 10,
    total: 12,
    targetBurstCapacity: 100,
    stableWindowSeconds: 60,
    panicThreshold: 2,
    maxScaleUpRate: 10,
    maxScaleDownRate: 10,
    scaleDownDelaySeconds: 0,
};

const autoscaler = (settings: Partial<DeciderSettings> = {}, readyPods = 1): Autoscaler =>
    new Autoscaler({ ...SETTINGS, ...settings }, { now: 0, readyPods });

/** What one that has seen nothing decides. */
const firstDecision = (
    settings: Partial<DeciderSettings>,
    readyPods: number,
    stable: number,
    panic: number,
) => autoscaler(settings).decide({ now: 0, readyPods, stable, panic });

/** The cases are those of Knative's own autoscaler_test.go, with other numbers. */
describe("the autoscaler", () => {
    for (const [what, settings, readyPods, stable, panic, desired, excess] of [
        ["wants no pod without load", {}, 1, 0, 0, 0, -88],
        ["wants no pod without load and pods", {}, 0, 0, 0, 0, -100],
        ["wants a pod for each target, rounded up", {}, 4, 31, 30, 4, -82],
        ["goes by the stable window when the panic window has less", {}, 4, 58, 20, 6, -72],
        ["panics at twice the load that its pods are for", {}, 2, 25, 40, 4, -116],
        ["does not panic below that", {}, 2, 25, 30, 3, -106],
        ["takes the higher of the windows in panic", {}, 1, 70, 40, 7, -128],
        ["grows by its rate at most", { maxScaleUpRate: 3 }, 2, 500, 500, 6, -576],
        ["grows by a pod at least", { target: 1, maxScaleUpRate: 1.1 }, 2, 3, 3, 3, -79],
        ["shrinks by its rate at most", { maxScaleDownRate: 1.25 }, 50, 10, 10, 40, 490],
        [
            "shrinks at once when no route leads to it",
            { maxScaleDownRate: 1.25, reachable: false },
            50,
            10,
            10,
            1,
            490,
        ],
        ["has no excess if any burst may come", { targetBurstCapacity: -1 }, 4, 30, 30, 3, -1],
        ["needs no activator if no burst may come", { targetBurstCapacity: 0 }, 4, 90, 90, 9, 0],
        ["keeps an activation scale", { activationScale: 3 }, 1, 1, 1, 3, -89],
        ["has no activation scale without load", { activationScale: 3 }, 1, 0, 0, 0, -88],
    ] as const) {
        it(what, () => {
            assert.deepEqual(firstDecision(settings, readyPods, stable, panic), {
                desired,
                excessBurstCapacity: excess,
            });
        });
    }

    it("takes no pod away in panic, and ends it a stable window after the last surge", () => {
        const scaler = autoscaler();
        const at = (now: number, readyPods: number, load: number): number =>
            scaler.decide({ now, readyPods, stable: load, panic: load }).desired;
        assert.equal(at(0, 1, 100), 10);
        assert.equal(at(30, 10, 10), 10);
        assert.equal(at(60, 10, 10), 10);
        assert.equal(scaler.panicking, true);
        assert.equal(at(62, 10, 10), 1);
        assert.equal(scaler.panicking, false);
    });

    it("goes on panicking while the surge goes on", () => {
        const scaler = autoscaler();
        scaler.decide({ now: 0, readyPods: 1, stable: 100, panic: 100 });
        scaler.decide({ now: 50, readyPods: 10, stable: 150, panic: 300 });
        scaler.decide({ now: 62, readyPods: 30, stable: 10, panic: 10 });
        assert.equal(scaler.panicking, true);
        scaler.decide({ now: 112, readyPods: 30, stable: 10, panic: 10 });
        assert.equal(scaler.panicking, false);
    });

    it("remembers no pods of an earlier panic", () => {
        const scaler = autoscaler();
        scaler.decide({ now: 0, readyPods: 1, stable: 100, panic: 100 });
        scaler.decide({ now: 62, readyPods: 10, stable: 10, panic: 10 });
        const { desired } = scaler.decide({ now: 100, readyPods: 1, stable: 20, panic: 20 });
        assert.equal(desired, 2);
    });

    it("begins in panic when it finds more than one pod", () => {
        const scaler = autoscaler({}, 5);
        assert.equal(scaler.decide({ now: 2, readyPods: 5, stable: 0, panic: 0 }).desired, 5);
        assert.equal(scaler.decide({ now: 62, readyPods: 5, stable: 0, panic: 0 }).desired, 0);
    });

    it("takes pods away only when the delay has passed at the lower load", () => {
        const scaler = autoscaler({ scaleDownDelaySeconds: 120 });
        const at = (now: number, load: number): number =>
            scaler.decide({ now, readyPods: 4, stable: load, panic: load }).desired;
        assert.equal(at(2, 40), 4);
        assert.equal(at(62, 20), 4);
        assert.equal(at(120, 0), 4);
        assert.equal(at(122, 0), 2);
        assert.equal(at(180, 0), 2);
        assert.equal(at(182, 0), 0);
    });

    it("delays nothing where no route leads to it", () => {
        const scaler = autoscaler({ scaleDownDelaySeconds: 120, reachable: false });
        scaler.decide({ now: 2, readyPods: 4, stable: 40, panic: 40 });
        assert.equal(scaler.decide({ now: 4, readyPods: 4, stable: 0, panic: 0 }).desired, 0);
    });

    it("wants more pods for more load, within its rates", () => {
        const anyLoad = fc.nat(1000);
        fc.assert(
            fc.property(fc.integer({ min: 1, max: 60 }), anyLoad, anyLoad, (pods, one, other) => {
                const [less = 0, more = 0] = [one, other].sort((a, b) => a - b);
                const few = firstDecision({}, pods, less, less).desired;
                const many = firstDecision({}, pods, more, more).desired;
                assert.ok(few <= many);
                assert.ok(few >= Math.floor(pods / SETTINGS.maxScaleDownRate));
                assert.ok(many <= Math.ceil(pods * SETTINGS.maxScaleUpRate));
            }),
        );
    });
});
