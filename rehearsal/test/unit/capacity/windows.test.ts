import assert from "node:assert/strict";
import fc from "fast-check";
import { WindowAverage } from "../../../capacity/window-average";
import { WindowMaximum } from "../../../capacity/window-maximum";

describe("WindowAverage", () => {
    it("averages a window that is not yet full over what there is of it", () => {
        const window = new WindowAverage(60);
        window.record(100, 1);
        window.record(100.9, 4);
        assert.equal(window.average(100.9), 5);
        window.record(101.9, 5);
        window.record(102.9, 8);
        assert.equal(window.average(103), 6);
    });

    it("counts a gap within the window as nothing", () => {
        const window = new WindowAverage(60);
        window.record(100, 6);
        window.record(105, 6);
        assert.equal(window.average(105), 2);
    });

    it("keeps what was when nothing is reported any more, until the window has passed", () => {
        const window = new WindowAverage(60);
        for (let second = 0; second < 200; second++) {
            window.record(second, 5);
        }
        assert.equal(window.average(199), 5);
        assert.equal(window.average(258), 5);
        assert.equal(window.average(259), 0);
        assert.equal(window.isEmpty(259), false);
        assert.equal(window.isEmpty(260), true);
    });

    it("fades when zeros are reported", () => {
        const window = new WindowAverage(60);
        for (let second = 0; second < 200; second++) {
            window.record(second, second < 140 ? 5 : 0);
        }
        assert.equal(window.average(199), 0);
        const half = new WindowAverage(60);
        for (let second = 0; second < 200; second++) {
            half.record(second, second < 170 ? 5 : 0);
        }
        assert.equal(half.average(199), 2.5);
    });

    it("begins anew after a window of silence", () => {
        const window = new WindowAverage(6);
        window.record(0, 100);
        window.record(6, 3);
        assert.equal(window.average(6), 3);
    });

    it("has no average before the first value", () => {
        const window = new WindowAverage(6);
        assert.equal(window.average(3), 0);
        assert.equal(window.isEmpty(3), true);
    });

    it("rounds to six digits, so that five whole pods stay five", () => {
        const window = new WindowAverage(60);
        for (let second = 0; second < 30; second++) {
            window.record(second, 0.1);
            window.record(second, 0.2);
            window.record(second, 4.7);
        }
        assert.equal(window.average(29), 5);
    });

    it("is the mean of the seconds from the first value on, if one comes each second", () => {
        fc.assert(
            fc.property(
                fc.array(fc.nat(100), { minLength: 1, maxLength: 40 }),
                fc.integer({ min: 1, max: 12 }),
                (values, seconds) => {
                    const window = new WindowAverage(seconds);
                    values.forEach((value, second) => {
                        window.record(second, value);
                    });
                    const last = values.slice(-seconds);
                    const mean = last.reduce((sum, value) => sum + value, 0) / last.length;
                    assert.equal(window.average(values.length - 1), Math.round(mean * 1e6) / 1e6);
                },
            ),
        );
    });
});

describe("WindowMaximum", () => {
    it("is the highest of the slots of the window", () => {
        const anyValues = fc.array(fc.tuple(fc.nat(5), fc.nat(9)), { minLength: 1 });
        fc.assert(
            fc.property(anyValues, fc.integer({ min: 1, max: 9 }), (steps, seconds) => {
                const window = new WindowMaximum(seconds, 2);
                const seen: { slot: number; value: number }[] = [];
                let now = 0;
                for (const [wait, value] of steps) {
                    now += wait;
                    const slot = Math.floor(now / 2);
                    seen.push({ slot, value });
                    const within = seen.filter((each) => slot - each.slot < Math.ceil(seconds / 2));
                    assert.equal(
                        window.record(now, value),
                        Math.max(...within.map((each) => each.value)),
                    );
                }
            }),
        );
    });
});
