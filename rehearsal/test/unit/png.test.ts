import assert from "node:assert/strict";
import { crc32, deflateSync } from "node:zlib";
import { readPng } from "../../png";

function chunk(type: string, data: Buffer): Buffer {
    const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
}

const SIGNATURE = Buffer.from("89504e470d0a1a0a", "hex");
const HEADER = chunk("IHDR", Buffer.from("0000000200000001080000000", "hex"));
const PIXELS = Buffer.from([0, 10, 20]);
const END = chunk("IEND", Buffer.alloc(0));

function png(...chunks: Buffer[]): Buffer {
    return Buffer.concat([SIGNATURE, HEADER, ...chunks, END]);
}

describe("readPng", () => {
    it("reads the size, and pixels that are split over several chunks", () => {
        const data = deflateSync(PIXELS);
        const read = readPng(
            png(chunk("IDAT", data.subarray(0, 4)), chunk("IDAT", data.subarray(4))),
        );
        assert.deepEqual([read.width, read.height], [2, 1]);
        assert.deepEqual(read.pixels, PIXELS);
    });

    it("reads texts in Latin-1 and in UTF-8", () => {
        const latin = chunk("tEXt", Buffer.from("parameters\0pretty d\xf6g", "latin1"));
        const utf8 = chunk("iTXt", Buffer.from("other\0\0\0de\0anderes\0犬", "utf8"));
        const { texts } = readPng(png(latin, utf8, chunk("IDAT", deflateSync(PIXELS))));
        assert.deepEqual(texts, { parameters: "pretty dög", other: "犬" });
    });

    it("refuses what is no PNG, and one that is cut off", () => {
        assert.throws(() => readPng(Buffer.from("GIF89a")), /not a PNG/);
        const whole = png(chunk("IDAT", deflateSync(PIXELS)));
        assert.throws(
            () => readPng(whole.subarray(0, whole.length - END.length)),
            /not a complete PNG/,
        );
    });
});
