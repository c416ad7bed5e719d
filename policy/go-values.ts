/**
 * Reads text as Go's standard library does, and so Knative. Stricter in one thing: numbers that nobody would
 * write by hand (hexadecimal, NaN, infinite, with underscores) are not read, although Go reads them and Knative's
 * webhook even takes NaN for a percentage from 1 to 100.
 */

const MAX_INT32 = 2_147_483_647;

/** `strconv.ParseInt(text, 10, 32)`: digits with an optional sign, nothing else. */
export function parseInt32(text: string): number | undefined {
    const value = /^[+-]?[0-9]+$/.test(text) ? Number(text) : Number.NaN;
    return value >= -MAX_INT32 - 1 && value <= MAX_INT32 ? value : undefined;
}

/** `strconv.ParseFloat(text, 64)` for finite decimal numbers. */
export function parseFloat64(text: string): number | undefined {
    const value = /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/.test(text)
        ? Number(text)
        : Number.NaN;
    return Number.isFinite(value) ? value : undefined;
}

/** Nanoseconds of a unit of Go's durations. */
const UNITS: Readonly<Record<string, bigint>> = {
    ns: 1n,
    us: 1_000n,
    // U+00B5, the micro sign, and U+03BC, the Greek letter.
    "\u00b5s": 1_000n,
    "\u03bcs": 1_000n,
    ms: 1_000_000n,
    s: 1_000_000_000n,
    m: 60_000_000_000n,
    h: 3_600_000_000_000n,
};

const PART = /([0-9]*)(?:\.([0-9]*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y;

const MAX_INT64 = 2n ** 63n - 1n;

/** `time.ParseDuration(text)` in nanoseconds: `90s`, `1m30s`, `1.5h`, `0`; a number needs its unit. */
export function parseDuration(text: string): bigint | undefined {
    const isNegative = text.startsWith("-");
    const rest = isNegative || text.startsWith("+") ? text.slice(1) : text;
    if (rest === "0") {
        return 0n;
    }
    if (rest === "") {
        return undefined;
    }
    let total = 0n;
    PART.lastIndex = 0;
    while (PART.lastIndex < rest.length) {
        const [, whole = "", fraction = "", unit = ""] = PART.exec(rest) ?? [];
        const scale = UNITS[unit];
        if (scale === undefined || whole + fraction === "") {
            return undefined;
        }
        total += (BigInt(whole + fraction) * scale) / 10n ** BigInt(fraction.length);
    }
    if (total > MAX_INT64) {
        return undefined;
    }
    return isNegative ? -total : total;
}

/** Nanoseconds of a second, for what {@link parseDuration} returns. */
export const SECOND = 1_000_000_000n;

/** A duration of whole seconds; undefined for any other, as Knative's windows and delays must be. */
export function parseWholeSeconds(text: string): number | undefined {
    const duration = parseDuration(text);
    return duration !== undefined && duration % SECOND === 0n
        ? Number(duration / SECOND)
        : undefined;
}
