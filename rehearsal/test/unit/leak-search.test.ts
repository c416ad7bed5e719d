import fc from "fast-check";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { leakForms, searchCommandLines, searchFiles } from "../../leak-search";

const SECRET = "correct-horse-battery";

describe("leakForms", () => {
    it("finds a secret inside any Base64 text, whatever stands around it", () => {
        const text = fc.string({ unit: "grapheme-ascii", maxLength: 9 });
        fc.assert(
            fc.property(text, text, (before, after) => {
                const encoded = Buffer.from(before + SECRET + after).toString("base64");
                assert.ok(leakForms(SECRET).some((form) => encoded.includes(form)));
            }),
        );
    });

    it("finds nothing in the Base64 of another text", () => {
        const encoded = Buffer.from("correct-house-battery".repeat(3)).toString("base64");
        assert.ok(!leakForms(SECRET).some((form) => encoded.includes(form)));
    });
});

describe("searchFiles", () => {
    let folder: string;

    beforeEach(async () => {
        folder = await mkdtemp(join(tmpdir(), "leaks-"));
        await mkdir(join(folder, "history"));
        await writeFile(join(folder, "history", "clean.json"), "{}");
    });

    afterEach(() => rm(folder, { recursive: true }));

    it("finds nothing where nothing is, and names file and search text where something is", async () => {
        assert.deepEqual(await searchFiles(folder, ["other-text", SECRET]), []);
        const leak = join(folder, "history", "state.json.bak");
        await writeFile(leak, `{"password":"${SECRET}"}`);
        assert.deepEqual(await searchFiles(folder, ["other-text", SECRET]), [`${leak}: 1`]);
    });

    it("finds a secret that lies across two pieces of a large file", async () => {
        const leak = join(folder, "large.log");
        await writeFile(leak, "x".repeat((1 << 20) - 5) + SECRET + "x".repeat(10));
        assert.deepEqual(await searchFiles(folder, [SECRET]), [`${leak}: 0`]);
    });

    it("refuses a search text that is too short to tell anything, and none at all", async () => {
        await assert.rejects(searchFiles(folder, ["short"]), /too short/);
        await assert.rejects(searchFiles(folder, []), /too short/);
    });
});

describe("searchCommandLines", () => {
    it("finds a secret among the arguments of a running process", async () => {
        const planted = `planted-${Math.random().toString(36).slice(2)}-control`;
        assert.deepEqual(await searchCommandLines([planted]), []);
        const child = spawn(process.execPath, [
            "-e",
            "console.log(1);process.stdin.resume()",
            planted,
        ]);
        try {
            await once(child.stdout, "data");
            assert.deepEqual(await searchCommandLines([planted]), [`process ${child.pid ?? 0}: 0`]);
        } finally {
            child.kill();
        }
    });
});
