import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findCli, pinnedVersion } from "../../engine/cli";
import { run } from "../../engine/run";

const env = { PATH: "/usr/bin:/bin" };

describe("findCli", () => {
    let folder: string;
    let notes: string[];
    const outside = { PATH: process.env["PATH"], PULUMI_HOME: process.env["PULUMI_HOME"] };

    beforeEach(async () => {
        folder = await mkdtemp(join(tmpdir(), "cli-"));
        notes = [];
        process.env["PATH"] = [join(folder, "first"), join(folder, "second")].join(":");
        process.env["PULUMI_HOME"] = join(folder, "home");
    });
    afterEach(async () => {
        for (const [name, value] of Object.entries(outside)) {
            if (value === undefined) {
                Reflect.deleteProperty(process.env, name);
            } else {
                process.env[name] = value;
            }
        }
        await rm(folder, { recursive: true });
    });

    async function install(path: string, version: string): Promise<string> {
        const file = join(folder, path);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, `#!/bin/sh\necho ${version}\n`, { mode: 0o755 });
        return file;
    }
    const find = () =>
        findCli({ version: "3.1.4", environment: env, note: (detail) => notes.push(detail) });

    it("takes the CLI of PATH if it has the version", async () => {
        const cli = await install("second/pulumi", "v3.1.4");
        assert.equal(await find(), cli);
    });

    it("passes over other versions and says so", async () => {
        const wrong = await install("first/pulumi", "v3.1.40");
        const cli = await install("second/pulumi", "v3.1.4");
        assert.equal(await find(), cli);
        assert.equal(notes[0], `${wrong} is v3.1.40 and not used; v3.1.4 is needed`);
    });

    it("passes over what does not work", async () => {
        await install("first/pulumi", "; exit 3");
        const cli = await install("second/pulumi", "v3.1.4");
        assert.equal(await find(), cli);
        assert.match(notes[0] ?? "", /not a working CLI .*exit code 3/);
    });

    it("takes what the npm wrapper has downloaded, and never runs the wrapper itself", async () => {
        const wrapper = await install("node_modules/pulumi/run.js", "; exit 1; touch downloaded");
        await mkdir(join(folder, "first"));
        await symlink(wrapper, join(folder, "first", "pulumi"));
        const cli = await install("home/versions/3.1.4/bin/pulumi", "v3.1.4");
        assert.equal(await find(), cli);
        assert.deepEqual(notes, [`Pulumi CLI 3.1.4 of ${cli}`]);
    });

    it("asks for Go or the CLI where there is neither", async () => {
        await assert.rejects(
            find(),
            /no Pulumi CLI 3\.1\.4 .* install Go, or the Pulumi CLI 3\.1\.4/,
        );
    });
});

describe("pinnedVersion", () => {
    it("is that of the SDK", async () => {
        const sdk = await readFile(require.resolve("@pulumi/pulumi/package.json"), "utf8");
        assert.equal(await pinnedVersion(), (JSON.parse(sdk) as { version: string }).version);
    });
});

describe("run", () => {
    const shell = (script: string, more: object = {}) =>
        run({ program: "/bin/sh", args: ["-c", script], cwd: "/", env, ...more });

    it("passes input and exactly the given environment, and returns both outputs", async () => {
        const result = await shell("cat; env | grep -c .; echo no >&2", {
            input: "yes\n",
            env: {},
        });
        // The shell sets PWD and some more by itself, but knows nothing of ours.
        assert.match(result.stdout, /^yes\n[1-4]$/);
        assert.equal(result.stderr, "no");
    });

    it("fails with the command and the end of its output", async () => {
        const failing = shell("seq 100; echo 'error: broken' >&2; exit 7");
        await assert.rejects(failing, (error: Error) => {
            const lines = error.message.split("\n");
            assert.match(lines[0] ?? "", /^"\/bin\/sh -c .* failed \(.*exit code 7.*\)/);
            assert.equal(lines.at(-1), "error: broken");
            assert.ok(!lines.includes("1") && lines.includes("100"));
            return true;
        });
    });

    it("interrupts the program when aborted, and throws the reason", async () => {
        const controller = new AbortController();
        const folder = await mkdtemp(join(tmpdir(), "run-"));
        const script = `trap 'echo interrupted > ${folder}/trace; exit 0' INT; echo ready > ${folder}/ready; while :; do sleep 0.05; done`;
        const running = shell(script, { signal: controller.signal });
        const rejected = assert.rejects(running, { message: "stop" });
        for (;;) {
            if ((await readFile(join(folder, "ready"), "utf8").catch(() => "")) !== "") {
                break;
            }
        }
        controller.abort(new Error("stop"));
        await rejected;
        assert.equal(await readFile(join(folder, "trace"), "utf8"), "interrupted\n");
        await rm(folder, { recursive: true });
    });
});
