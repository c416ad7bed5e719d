import assert from "node:assert/strict";
import fc from "fast-check";
import { EventQueue } from "../../../capacity/event-queue";

describe("EventQueue", () => {
    it("lets events happen by time, and those of the same moment in the order of planning", () => {
        fc.assert(
            fc.property(fc.array(fc.nat(20)), (times) => {
                const events = new EventQueue();
                const happened: [number, number][] = [];
                times.forEach((at, index) => {
                    events.at(at, () => happened.push([events.now, index]));
                });
                while (events.step());
                assert.deepEqual(
                    happened,
                    times
                        .map((at, index): [number, number] => [at, index])
                        .sort((one, other) => one[0] - other[0] || one[1] - other[1]),
                );
            }),
        );
    });

    it("takes events that others plan", () => {
        const events = new EventQueue();
        const happened: number[] = [];
        events.at(1, () => {
            events.at(3, () => happened.push(events.now));
            events.at(2, () => happened.push(events.now));
            events.at(1, () => happened.push(events.now));
        });
        while (events.step());
        assert.deepEqual(happened, [1, 2, 3]);
    });

    for (const at of [4, Number.NaN]) {
        it(`refuses one at ${at} when it is 5`, () => {
            const events = new EventQueue();
            events.at(5, () => undefined);
            events.step();
            assert.throws(
                () => {
                    events.at(at, () => undefined);
                },
                new RangeError(`an event at ${at} is planned at 5`),
            );
        });
    }
});
