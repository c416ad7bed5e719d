import { isIPv4 } from "node:net";

/** A range of IPv4 addresses. */
export interface Cidr {
    /** First address as a number. */
    readonly first: number;
    /** Prefix length, 0 to 32. */
    readonly prefix: number;
}

/** Reads `a.b.c.d/n`; undefined for anything else, and where host bits are set. */
export function parseCidr(text: string): Cidr | undefined {
    const [address = "", length = "", ...rest] = text.split("/");
    const prefix = Number(length);
    if (rest.length > 0 || !isIPv4(address) || !/^[0-9]{1,2}$/.test(length) || prefix > 32) {
        return undefined;
    }
    const first = address.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);
    return first % size(prefix) === 0 ? { first, prefix } : undefined;
}

/** Whether two ranges have an address in common. */
export function overlaps(one: Cidr, other: Cidr): boolean {
    return one.first < end(other) && other.first < end(one);
}

/** Whether all addresses of `inner` are addresses of `outer`. */
export function contains(outer: Cidr, inner: Cidr): boolean {
    return inner.first >= outer.first && end(inner) <= end(outer);
}

/**
 * The part number `index` of a range that is cut into equal parts.
 *
 * @param bits how many bits longer the prefix of a part is; 4 makes 16 parts
 */
export function part(whole: Cidr, bits: number, index: number): Cidr {
    const prefix = whole.prefix + bits;
    return { first: whole.first + index * size(prefix), prefix };
}

/** The range as `a.b.c.d/n`. */
export function formatCidr({ first, prefix }: Cidr): string {
    const bytes = [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256);
    return `${bytes.join(".")}/${prefix}`;
}

function size(prefix: number): number {
    return 2 ** (32 - prefix);
}

function end({ first, prefix }: Cidr): number {
    return first + size(prefix);
}
