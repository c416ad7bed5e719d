import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "mocha";
import { differences, hostState, type HostState } from "../../host-state";
import { CLUSTER_STATE, REPOSITORY, WORK } from "../../paths";

/** The steps of a run that are not those of booting the cluster, which have tests of their own. */
const PHASES = ["Prepare the Pulumi engine", "Up", "Draw an image", "Destroy"];

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
            await endRunIn(phase, "SIGKILL");
            await down();
            assert.deepEqual(differences(untouched, await hostState()), []);
            assert.ok(!existsSync(CLUSTER_STATE));
            assert.ok(!existsSync(join(WORK, "engine")));
        });
    }

    it("is not needed after Ctrl-C, which cleans up and fails", async () => {
        const { errors, code } = await endRunIn("Start the node", "SIGINT");
        assert.equal(code, 1);
        assert.match(errors, /SIGINT: cleaning up[\s\S]*error: stopped by SIGINT\n$/);
        assert.deepEqual(differences(untouched, await hostState()), []);
        assert.ok(!existsSync(CLUSTER_STATE));
        assert.ok(!existsSync(join(WORK, "engine")));
    });

    async function endRunIn(
        phase: string,
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
            if (line === `▸ ${phase}` && !reached) {
                reached = true;
                run.kill(signal);
                if (signal === "SIGKILL") {
                    // What it left behind goes on writing to this pipe.
                    break;
                }
            }
        }
        const [code] = await exit;
        assert.ok(reached, `the run ended before the phase "${phase}"`);
        return { errors: lines.join(""), code };
    }

    async function down(): Promise<void> {
        const removal = spawn(process.execPath, [...REHEARSE, "down"], { stdio: "inherit" });
        const [code] = (await once(removal, "exit")) as [number];
        assert.equal(code, 0);
    }
});
