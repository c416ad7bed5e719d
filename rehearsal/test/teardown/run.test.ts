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

/** Moments of an `up` in which something is being made: the cloud goes on with it when the engine is gone. */
const MOMENTS: readonly (readonly [what: string, line: RegExp])[] = [
    ["the cluster is being made", /Up: Creating c[0-9a-f]{32}: ACK cluster/],
    ["the first pod waits for its GPU node", /Up: NodeRequested .* waits for 1 GPU/],
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

    for (const [what, moment] of MOMENTS) {
        it(`is not needed after SIGKILL while ${what}: up goes on and completes`, async () => {
            await endRun((line) => moment.test(line), "SIGKILL");
            const up = spawn(process.execPath, [...REHEARSE, "up"], {
                stdio: ["ignore", "ignore", "pipe"],
            });
            const errors = text(up.stderr);
            const [code] = (await once(up, "exit")) as [number];
            // Destroyed again: the state held all that there was, or the cloud would not have been empty.
            assert.equal(code, 0, await errors);
            assert.match(await errors, /Destroy: nothing is left in the cloud/);
            assert.deepEqual(differences(untouched, await hostState()), []);
        });
    }

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
