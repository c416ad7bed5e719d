import assert from "node:assert/strict";
import * as fc from "fast-check";
import { failuresOf, random, randomText, rulesOf } from "../../plugins/random";
import { type PropertyMap, Secret, UNKNOWN } from "../../plugins/property-values";

const PASSWORD = "random:index/randomPassword:RandomPassword";
const STRING = "random:index/randomString:RandomString";
const resource = (type: string) => ({ urn: "urn", type, name: "name" });
const options = {
    preview: false,
    timeoutSeconds: undefined,
    signal: new AbortController().signal,
    report: () => undefined,
};

describe("stand-in for the random plugin", () => {
    it("draws texts of the length asked for, with at least the minimum of each class and nothing else", () => {
        const minimum = fc.nat({ max: 5 });
        const inputs = fc.record({
            minUpper: minimum,
            minLower: minimum,
            minNumeric: minimum,
            minSpecial: minimum,
            overrideSpecial: fc.constantFrom(undefined, "_-", "€"),
            extra: fc.integer({ min: 1, max: 40 }),
        });
        fc.assert(
            fc.property(inputs, ({ extra, ...rules }) => {
                const { minUpper, minLower, minNumeric, minSpecial, overrideSpecial } = rules;
                const length = minUpper + minLower + minNumeric + minSpecial + extra;
                const text = randomText(rulesOf({ ...rules, length }));
                const special = overrideSpecial ?? "!@#$%&*()-_=+[]{}<>:?";
                const count = (matches: (character: string) => boolean): number =>
                    Array.from(text).filter(matches).length;
                const isSpecial = (character: string): boolean => special.includes(character);
                assert.equal(text.length, length);
                assert.ok(count((character) => /[A-Z]/.test(character)) >= minUpper);
                assert.ok(count((character) => /[a-z]/.test(character)) >= minLower);
                assert.ok(count((character) => /[0-9]/.test(character)) >= minNumeric);
                assert.ok(count(isSpecial) >= minSpecial);
                assert.equal(
                    count((character) => /[A-Za-z0-9]/.test(character) || isSpecial(character)),
                    length,
                );
            }),
        );
    });

    it("leaves out the classes that are switched off, also by the old name of numeric", () => {
        const inputs = { length: 200, upper: false, special: false, number: false };
        assert.match(randomText(rulesOf(inputs)), /^[a-z]{200}$/);
    });

    it("puts the required characters anywhere, not always first", () => {
        const inputs = { length: 12, upper: false, special: false, numeric: true, minNumeric: 1 };
        const places = Array.from({ length: 400 }, () =>
            randomText(rulesOf(inputs)).search(/[0-9]/),
        );
        assert.ok(new Set(places).size >= 6, `first digits at ${[...new Set(places)].join(", ")}`);
    });

    it("does not repeat itself", () => {
        const texts = Array.from({ length: 200 }, () => randomText(rulesOf({ length: 16 })));
        assert.equal(new Set(texts).size, 200);
    });

    const wrong: [PropertyMap, string[]][] = [
        [{}, ["length"]],
        [{ length: 0 }, ["length"]],
        [{ length: 1.5 }, ["length"]],
        [{ length: "8" }, ["length"]],
        [{ length: 3, minUpper: 2, minSpecial: 2 }, ["length"]],
        [{ length: 8, minUpper: -1 }, ["minUpper"]],
        [{ length: 8, upper: false, minUpper: 1 }, ["minUpper"]],
        [{ length: 8, upper: false, lower: false, numeric: false, special: false }, [""]],
        [{ length: 8, minSpecial: 1, overrideSpecial: "" }, ["overrideSpecial"]],
    ];
    for (const [inputs, properties] of wrong) {
        it(`refuses ${JSON.stringify(inputs)}`, () => {
            assert.deepEqual(
                failuresOf(inputs).map(({ property }) => property),
                properties,
            );
        });
    }

    it("accepts what it can fulfil, and what is not known yet", async () => {
        assert.deepEqual(failuresOf({ length: 4, minUpper: 1, minLower: 3 }), []);
        const inputs = { length: UNKNOWN };
        const checked = await random.check(resource(PASSWORD), undefined, inputs, () => "");
        assert.deepEqual(checked, { inputs, failures: [] });
    });

    it("makes the text of a RandomPassword a secret that is not in its id", async () => {
        const { id, properties } = await random.create(resource(PASSWORD), { length: 20 }, options);
        assert.equal(id, "none");
        assert.ok(properties["result"] instanceof Secret);
        const { value } = properties["result"];
        assert.ok(typeof value === "string");
        assert.equal(value.length, 20);
    });

    it("makes the text of a RandomString its id", async () => {
        const { id, properties } = await random.create(resource(STRING), { length: 20 }, options);
        assert.equal(properties["result"], id);
        assert.equal(id.length, 20);
    });

    it("draws nothing at preview", async () => {
        const preview = { ...options, preview: true };
        const planned = await random.create(resource(PASSWORD), { length: 20 }, preview);
        assert.deepEqual(planned, { id: "", properties: { length: 20 } });
    });

    it("replaces on every change, keeper by keeper", async () => {
        const olds = { length: 8, keepers: { a: "1", b: "2" }, special: false };
        const news = { length: 9, keepers: { a: "1", b: UNKNOWN, c: "3" } };
        const { changes } = await random.diff(
            resource(PASSWORD),
            { inputs: olds, properties: {} },
            news,
            [],
        );
        assert.deepEqual(changes, {
            length: { kind: "update", replace: true },
            'keepers["b"]': { kind: "update", replace: true },
            'keepers["c"]': { kind: "add", replace: true },
            special: { kind: "delete", replace: true },
        });
    });

    it("finds no change between equal inputs", async () => {
        const inputs = { length: 8, keepers: { a: new Secret("1") } };
        const same = { length: 8, keepers: { a: new Secret("1") } };
        const diff = await random.diff(resource(STRING), { inputs, properties: {} }, same, []);
        assert.deepEqual(diff, { changes: {} });
    });

    it("refuses other types by name", async () => {
        await assert.rejects(
            async () =>
                random.check(resource("random:index/randomPet:RandomPet"), undefined, {}, () => ""),
            {
                message: `the stand-in for the random plugin has no random:index/randomPet:RandomPet; it has ${PASSWORD} and ${STRING}`,
            },
        );
    });
});
