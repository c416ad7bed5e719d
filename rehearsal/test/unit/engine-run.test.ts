import assert from "node:assert/strict";
import { ProgramError, run } from "../../engine/run";

describe("run", () => {
    it("repeats the end of what a failed program printed, and has all of it", async () => {
        const lines = (from: number): string[] =>
            Array.from({ length: 91 - from }, (_, index) => `line ${index + from}`);
        await assert.rejects(
            run({
                program: process.execPath,
                args: [
                    "-e",
                    "for (let i = 1; i <= 90; i += 1) console.log(`line ${i}`); process.exit(3)",
                ],
                cwd: "/",
                env: {},
            }),
            (error) => {
                assert.ok(error instanceof ProgramError);
                const [first = "", ...rest] = error.message.split("\n");
                assert.match(first, /^".+" failed \(exit code 3\)$/);
                assert.deepEqual(rest, lines(11));
                assert.deepEqual(error.stdout.split("\n"), lines(1));
                return true;
            },
        );
    });
});
