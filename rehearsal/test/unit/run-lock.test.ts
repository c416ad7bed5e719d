import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { REPOSITORY } from "../../paths";

const TAKE = `require(${JSON.stringify(join(REPOSITORY, "rehearsal/run-lock.ts"))}).takeRunLock()`;

describe("takeRunLock", () => {
    it("is refused while another process holds it, naming that, and given once it was killed", async () => {
        const { execa } = await import("execa");
        const holder = spawn(
            process.execPath,
            [
                "--import",
                "tsx",
                "-e",
                `${TAKE}.then(() => { console.log("held"); setInterval(() => {}, 1e6); })`,
            ],
            { stdio: ["ignore", "pipe", "inherit"] },
        );
        try {
            await once(holder.stdout, "data");
            const refused = await execa(process.execPath, ["--import", "tsx", "-e", TAKE], {
                reject: false,
            });
            assert.match(
                refused.stderr,
                new RegExp(`another rehearsal is running .*process ${holder.pid ?? 0}`),
            );
        } finally {
            holder.kill("SIGKILL");
        }
        await once(holder, "exit");
        const taken = await execa(process.execPath, [
            "--import",
            "tsx",
            "-e",
            `${TAKE}.then(() => console.log("held"))`,
        ]);
        assert.equal(taken.stdout, "held");
    });
});
