import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { kill, processesWith } from "../cluster/processes";

/** How long killed processes may take to disappear, in milliseconds. */
const DEADLINE = 10_000;

/**
 * Ends what a killed run left behind of the engine in `folder`: its processes, which are recognised by the
 * Pulumi home in their environment, and the locks on its stacks. State stays. Call it only when no other
 * run may be using the folder.
 *
 * @throws Error naming the processes that do not end
 */
export async function stopEngine(folder: string): Promise<void> {
    const deadline = Date.now() + DEADLINE;
    for (;;) {
        const found = await processesWith("PULUMI_HOME", join(folder, "home"));
        const running = found.map(({ pid }) => pid).filter((pid) => pid !== process.pid);
        if (running.length === 0) {
            break;
        }
        if (Date.now() > deadline) {
            throw new Error(`processes of ${folder} do not end: ${running.join(", ")}`);
        }
        for (const pid of running) {
            kill(pid);
        }
        await delay(50);
    }
    await rm(join(folder, "state", ".pulumi", "locks"), { recursive: true, force: true });
}
