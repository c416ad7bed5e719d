const DECIMAL: Readonly<Record<string, number>> = {
    n: -9,
    u: -6,
    m: -3,
    "": 0,
    k: 3,
    M: 6,
    G: 9,
    T: 12,
    P: 15,
    E: 18,
};

const BINARY: Readonly<Record<string, bigint>> = {
    Ki: 2n ** 10n,
    Mi: 2n ** 20n,
    Gi: 2n ** 30n,
    Ti: 2n ** 40n,
    Pi: 2n ** 50n,
    Ei: 2n ** 60n,
};

/** What {@link parseQuantity} returns for 1. */
export const ONE = 10n ** 9n;

/**
 * A Kubernetes quantity that is not negative, such as `500m`, `3`, `12Gi` or `1e3`, in billionths, rounded up, as
 * Kubernetes itself keeps it: `1000m` and `1` are the same. Stricter in two things: a suffix without digits, which
 * Kubernetes takes for 0, and exponents of more than two digits are not read.
 *
 * @param value a string, or a number as YAML has it
 */
export function parseQuantity(value: unknown): bigint | undefined {
    const text = typeof value === "number" ? String(value) : value;
    const match =
        typeof text === "string"
            ? /^\+?([0-9]+)?(?:\.([0-9]*))?(?:([KMGTPE]i)|[eE]([+-]?[0-9]{1,2})|([numkMGTPE]?))$/.exec(
                  text,
              )
            : null;
    if (match === null) {
        return undefined;
    }
    const [, whole = "", fraction = "", binary, exponent, decimal = ""] = match;
    const digits = whole + fraction;
    if (digits === "") {
        return undefined;
    }
    const factor = binary === undefined ? 1n : BINARY[binary];
    const power = exponent === undefined ? DECIMAL[decimal] : Number(exponent);
    if (factor === undefined || power === undefined) {
        return undefined;
    }
    const shift = 9 + power - fraction.length;
    const unscaled = BigInt(digits) * factor;
    if (shift >= 0) {
        return unscaled * 10n ** BigInt(shift);
    }
    const divisor = 10n ** BigInt(-shift);
    return (unscaled + divisor - 1n) / divisor;
}

/** A quantity that counts things, such as GPUs; undefined for a fraction. */
export function parseCount(value: unknown): number | undefined {
    const quantity = parseQuantity(value);
    return quantity !== undefined && quantity % ONE === 0n ? Number(quantity / ONE) : undefined;
}
