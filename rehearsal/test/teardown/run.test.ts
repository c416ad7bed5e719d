import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "mocha";
import { differences, hostState, type HostState } from "../../host-state";
import { CLUSTER_STATE, REPOSITORY, WORK } from "../../paths";

/** The steps of a run; what happens in the cluster has tests of its own. */
const PHASES = [
    "Prepare the Pulumi engine",
    "Start the simulated cloud",
    "Up",
    "Draw an image",
    "Destroy",
];

const REHEARSE = ["--import", "tsx", join(REPOSITORY, "rehearsal/main.ts")];

describe("down", function () {
    this.timeout(300_000);
    let untouched: HostState;

    before(async () => {
        await down();
        untouched = await hostState();
    });
    after(down);

    for (const phase of PHASES) {
        it(`leaves nothing after SIGKILL of the run in the phase "${phase}"`, async () => {
            await endRun(isStep(phase), "SIGKILL");
            await down();
            assert.deepEqual(differences(untouched, await hostState()), []);
            assert.ok(!existsSync(CLUSTER_STATE));
            assert.ok(!existsSync(join(WORK, "engine")));
        });
    }

    it("is what an up asks for that finds something half made, and does itself", async () => {
        await endRun((line) => /Up: Creating c[0-9a-f]{32}: ACK cluster/.test(line), "SIGKILL");
        const up = spawn(process.execPath, [...REHEARSE, "up"], {
            stdio: ["ignore", "ignore", "pipe"],
        });
        const errors = text(up.stderr);
        const [code] = (await once(up, "exit")) as [number];
        assert.equal(code, 1);
        assert.match(
            await errors,
            /error: an earlier rehearsal was killed while it was making cluster-control-plane;/,
        );
        assert.deepEqual(differences(untouched, await hostState()), []);
        assert.ok(!existsSync(CLUSTER_STATE));
    });

    for (const phase of PHASES) {
        it(`is not needed after Ctrl-C in the phase "${phase}", which cleans up and fails`, async () => {
            const { errors, code } = await endRun(isStep(phase), "SIGINT");
            assert.equal(code, 1);
            assert.match(errors, /SIGINT: cleaning up[\s\S]*error: stopped by SIGINT\n$/);
            assert.deepEqual(differences(untouched, await hostState()), []);
            assert.ok(!existsSync(CLUSTER_STATE));
            assert.ok(!existsSync(join(WORK, "engine")));
        });
    }

    const isStep =
        (title: string) =>
        (line: string): boolean =>
            line === `▸ ${title}`;

    async function endRun(
        isMoment: (line: string) => boolean,
        signal: "SIGKILL" | "SIGINT",
    ): Promise<{ errors: string; code: number | null }> {
        const run = spawn(process.execPath, [...REHEARSE, "up"], {
            stdio: ["ignore", "ignore", "pipe"],
        });
        const exit = once(run, "exit") as Promise<[number | null]>;
        const lines: string[] = [];
        let reached = false;
        for await (const line of createInterface({ input: run.stderr })) {
            lines.push(`${line}\n`);
            if (isMoment(line) && !reached) {
                reached = true;
                run.kill(signal);
                if (signal === "SIGKILL") {
                    // What it left behind goes on writing to this pipe.
                    break;
                }
            }
        }
        const [code] = await exit;
        assert.ok(reached, `the run ended before that:\n${lines.slice(-20).join("")}`);
        return { errors: lines.join(""), code };
    }

    async function down(): Promise<void> {
        const removal = spawn(process.execPath, [...REHEARSE, "down"], { stdio: "inherit" });
        const [code] = (await once(removal, "exit")) as [number];
        assert.equal(code, 0);
    }
});
