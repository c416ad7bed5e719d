import assert from "node:assert/strict";
import fc from "fast-check";
import { type Cidr, contains, formatCidr, overlaps, parseCidr, part } from "../components/cidr";

/** A range with its host bits zero. */
const anyCidr = (prefixes = { min: 0, max: 32 }): fc.Arbitrary<Cidr> =>
    fc
        .tuple(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer(prefixes))
        .map(([address, prefix]) => ({ first: address - (address % 2 ** (32 - prefix)), prefix }));

const last = ({ first, prefix }: Cidr): number => first + 2 ** (32 - prefix) - 1;

describe("parseCidr", () => {
    it("reads what formatCidr writes", () => {
        fc.assert(
            fc.property(anyCidr(), (cidr) => {
                assert.deepEqual(parseCidr(formatCidr(cidr)), cidr);
            }),
        );
    });

    it("reads an address as a number of base 256", () => {
        assert.deepEqual(parseCidr("10.1.2.0/24"), { first: 0x0a010200, prefix: 24 });
        assert.deepEqual(parseCidr("255.255.255.255/32"), { first: 2 ** 32 - 1, prefix: 32 });
        assert.deepEqual(parseCidr("0.0.0.0/0"), { first: 0, prefix: 0 });
    });

    for (const text of [
        "",
        "10.0.0.0",
        "10.0.0.0/",
        "10.0.0.0/8/8",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/8.0",
        "10.0.0/8",
        "10.0.0.256/32",
        "010.0.0.0/8",
        "::/0",
        "10.0.0.1/24",
        " 10.0.0.0/8",
    ]) {
        it(`refuses ${JSON.stringify(text)}`, () => {
            assert.equal(parseCidr(text), undefined);
        });
    }

    it("refuses a range whose host bits are set", () => {
        fc.assert(
            fc.property(anyCidr({ min: 0, max: 31 }), fc.nat(), (cidr, offset) => {
                const bits = 1 + (offset % (2 ** (32 - cidr.prefix) - 1));
                const shifted = formatCidr({ ...cidr, first: cidr.first + bits });
                assert.equal(parseCidr(shifted), undefined);
            }),
        );
    });
});

describe("overlaps", () => {
    it("is having an address in common: the first of one lies within the other", () => {
        fc.assert(
            fc.property(anyCidr(), anyCidr(), (one, other) => {
                const isIn = (address: number, { first, prefix }: Cidr): boolean =>
                    address >= first && address <= last({ first, prefix });
                const common = isIn(one.first, other) || isIn(other.first, one);
                assert.equal(overlaps(one, other), common);
                assert.equal(overlaps(other, one), common);
            }),
        );
    });

    it("is not to touch", () => {
        const range = (text: string): Cidr => parseCidr(text) ?? assert.fail(text);
        assert.equal(overlaps(range("10.0.0.0/16"), range("10.1.0.0/16")), false);
        assert.equal(overlaps(range("10.0.0.0/15"), range("10.1.0.0/16")), true);
    });
});

describe("contains", () => {
    it("is to have the first and the last address of the inner range", () => {
        fc.assert(
            fc.property(anyCidr(), anyCidr(), (outer, inner) => {
                assert.equal(
                    contains(outer, inner),
                    outer.first <= inner.first && last(inner) <= last(outer),
                );
            }),
        );
    });
});

describe("part", () => {
    const cut = fc
        .tuple(anyCidr({ min: 0, max: 28 }), fc.integer({ min: 0, max: 4 }))
        .chain(([whole, bits]) =>
            fc.tuple(
                fc.constant(whole),
                fc.constant(bits),
                fc.nat(2 ** bits - 1),
                fc.nat(2 ** bits - 1),
            ),
        );

    it("lies within the whole, and is a range", () => {
        fc.assert(
            fc.property(cut, ([whole, bits, index]) => {
                const one = part(whole, bits, index);
                assert.ok(contains(whole, one));
                assert.deepEqual(parseCidr(formatCidr(one)), one);
            }),
        );
    });

    it("has no address in common with another part", () => {
        fc.assert(
            fc.property(cut, ([whole, bits, one, other]) => {
                const common = overlaps(part(whole, bits, one), part(whole, bits, other));
                assert.equal(common, one === other);
            }),
        );
    });

    it("leaves nothing over", () => {
        fc.assert(
            fc.property(cut, ([whole, bits]) => {
                assert.equal(part(whole, bits, 0).first, whole.first);
                assert.equal(last(part(whole, bits, 2 ** bits - 1)), last(whole));
            }),
        );
    });
});
