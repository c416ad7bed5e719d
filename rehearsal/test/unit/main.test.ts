import assert from "node:assert/strict";
import { join } from "node:path";
import { REPOSITORY } from "../../paths";

async function rehearse(
    ...args: readonly string[]
): Promise<{ exitCode?: number; stdout: string; stderr: string }> {
    const { execa } = await import("execa");
    return execa(
        process.execPath,
        ["--import", "tsx", join(REPOSITORY, "rehearsal/main.ts"), ...args],
        {
            cwd: REPOSITORY,
            reject: false,
        },
    );
}

describe("the command line", () => {
    it("prints its help on stdout", async () => {
        const { exitCode, stdout } = await rehearse("--help");
        assert.equal(exitCode, 0);
        for (const word of ["plan", "cluster up", "--keep", "--plugins", "--kubeconfig"]) {
            assert.ok(stdout.includes(word), word);
        }
    });

    for (const [args, message] of [
        [["dance"], /no command "dance"; there are plan, up, load/],
        [["cluster"], /no command "cluster"/],
        [["plan", "--plugins", "mine"], /--plugins is "mine"; allowed: official, stand-in/],
        [["up", "--image", "a"], /--image goes with --kubeconfig/],
        [["up", "--fast"], /--fast/],
        [["load", "--profile", "storm"], /--profile is "storm"; allowed: recipe, burst, steady/],
        [["load", "--stack", "prod"], /--stack/],
    ] as const) {
        it(`refuses ${args.join(" ")} before it does anything`, async () => {
            const { exitCode, stderr } = await rehearse(...args);
            assert.equal(exitCode, 2);
            assert.match(stderr, message);
            assert.match(stderr, /See: npm run rehearse -- --help/);
        });
    }
});
