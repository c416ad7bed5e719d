import { inflateSync } from "node:zlib";

/** What the rehearsal looks at in a PNG. */
export interface Png {
    /** Width in pixels. */
    readonly width: number;
    /** Height in pixels. */
    readonly height: number;
    /** Texts of the `tEXt` and `iTXt` chunks by keyword; the WebUI writes its infotext as `parameters`. */
    readonly texts: Readonly<Record<string, string>>;
    /** The filtered scan lines, to tell two pictures apart by what they show and not by their metadata. */
    readonly pixels: Buffer;
}

const SIGNATURE = Buffer.from("89504e470d0a1a0a", "hex");

/**
 * Reads size, texts and pixel data of a PNG.
 *
 * @throws Error when it is none, or is cut off
 */
export function readPng(file: Buffer): Png {
    if (!file.subarray(0, SIGNATURE.length).equals(SIGNATURE)) {
        throw new Error("the image is not a PNG: it lacks the signature");
    }
    const data: Buffer[] = [];
    const texts: Record<string, string> = {};
    let width = 0;
    let height = 0;
    let ended = false;
    for (let offset = SIGNATURE.length; offset + 8 <= file.length && !ended;) {
        const length = file.readUInt32BE(offset);
        const type = file.toString("latin1", offset + 4, offset + 8);
        const chunk = file.subarray(offset + 8, offset + 8 + length);
        offset += 12 + length;
        if (type === "IHDR") {
            width = chunk.readUInt32BE(0);
            height = chunk.readUInt32BE(4);
        } else if (type === "tEXt") {
            const end = chunk.indexOf(0);
            texts[chunk.toString("latin1", 0, end)] = chunk.toString("latin1", end + 1);
        } else if (type === "iTXt") {
            const end = chunk.indexOf(0);
            // Compression flag and method, then language tag and translated keyword, each ended by a NUL.
            const language = chunk.indexOf(0, end + 3);
            const translated = chunk.indexOf(0, language + 1);
            texts[chunk.toString("latin1", 0, end)] = chunk.toString("utf8", translated + 1);
        } else if (type === "IDAT") {
            data.push(chunk);
        }
        ended = type === "IEND";
    }
    if (!ended) {
        throw new Error("the image is not a complete PNG: it has no end");
    }
    return { width, height, texts, pixels: inflateSync(Buffer.concat(data)) };
}
