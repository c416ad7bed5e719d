import assert from "node:assert/strict";
import * as fc from "fast-check";
import {
    type JsonObject,
    type PropertyMap,
    type PropertyValue,
    Secret,
    UNKNOWN,
    changedKeys,
    decode,
    encode,
    hasSecret,
    hasUnknown,
    revealed,
    secretTexts,
} from "../../plugins/property-values";

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4";

const { properties } = fc.letrec<{ value: PropertyValue; properties: PropertyMap }>((tie) => ({
    value: fc.oneof(
        { maxDepth: 4 },
        fc.constant(null),
        fc.boolean(),
        // JSON knows no negative zero.
        fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
        fc.string(),
        fc.constant(UNKNOWN),
        fc.array(tie("value"), { maxLength: 4 }),
        tie("properties"),
        tie("value").map((value) => new Secret(value)),
    ),
    properties: fc.dictionary(fc.string(), tie("value"), { maxKeys: 4, noNullPrototype: true }),
}));

describe("property values", () => {
    it("come back as they were from what is sent to the engine", () => {
        fc.assert(
            fc.property(properties, (original) => {
                const sent = JSON.parse(JSON.stringify(encode(original))) as JsonObject;
                assert.deepEqual(decode(sent), original);
            }),
        );
    });

    it("keep no secret text outside of a secret, and lose none", () => {
        fc.assert(
            fc.property(properties, fc.uuid(), (original, text) => {
                const holder = { original, planted: new Secret({ deep: [text] }) };
                assert.ok(secretTexts(holder).includes(text));
                assert.equal(secretTexts(revealed(holder)).length, 0);
                assert.ok(JSON.stringify(revealed(holder)).includes(text));
            }),
        );
    });

    it("decode secrets, unknowns of every type and output values", () => {
        const decoded = decode({
            secret: { [SIGNATURE]: SECRET, value: ["a"] },
            unknown: "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
            unknownNumber: "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
            output: { [SIGNATURE]: OUTPUT, value: 1, dependencies: [] },
            secretOutput: { [SIGNATURE]: OUTPUT, value: "b", secret: true },
            unknownOutput: { [SIGNATURE]: OUTPUT, secret: true },
            text: "04da6b54",
        });
        assert.deepEqual(decoded, {
            secret: new Secret(["a"]),
            unknown: UNKNOWN,
            unknownNumber: UNKNOWN,
            output: 1,
            secretOutput: new Secret("b"),
            unknownOutput: new Secret(UNKNOWN),
            text: "04da6b54",
        });
    });

    it("encode as the engine expects", () => {
        assert.deepEqual(encode({ a: new Secret(UNKNOWN), b: undefined, c: null, d: [1] }), {
            a: { [SIGNATURE]: SECRET, value: "04da6b54-80e4-46f7-96ec-b56ff0331ba9" },
            c: null,
            d: [1],
        });
    });

    for (const [signature, what] of [
        ["c44067f5952c0a294b673a41bacd8c17", "an asset"],
        ["0def7320c3a5731c473e5ecbe6d01bc7", "an archive"],
        ["5cf8f73096256a8f31e491e813e4eb8e", "a resource reference"],
        ["something else", "a value of an unknown kind"],
    ] as const) {
        it(`refuse ${what}, naming the property`, () => {
            assert.throws(() => decode({ a: { b: [0, { [SIGNATURE]: signature }] } }), {
                message: `a.b[1] holds ${what}, which the stand-in plugins do not support`,
            });
        });
    }

    it("tell whether they hold a secret or an unknown, however deep", () => {
        const plain = { a: [{ b: "c" }] };
        assert.equal(hasSecret(plain), false);
        assert.equal(hasUnknown(plain), false);
        assert.equal(hasSecret({ a: [{ b: new Secret("c") }] }), true);
        assert.equal(hasUnknown({ a: [{ b: new Secret([UNKNOWN]) }] }), true);
    });

    it("differ by what they hold, not by their secrecy", () => {
        const olds = { same: ["a"], hidden: "b", nothing: null, gone: 1, known: "c" };
        const news = { same: ["a"], hidden: new Secret("b"), known: UNKNOWN, other: new Secret(2) };
        assert.deepEqual(changedKeys(olds, news).sort(), ["gone", "known", "other"]);
        fc.assert(fc.property(properties, (each) => changedKeys(each, each).length === 0));
    });
});
