import assert from "node:assert/strict";
import {
    cp,
    mkdir,
    mkdtemp,
    readFile,
    readdir,
    rm,
    stat,
    symlink,
    writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { prepareEngine } from "../../engine/engine";
import { stopEngine } from "../../engine/stop-engine";
import { REPOSITORY } from "../../paths";
import { type ToyProgram, makeToyProgram } from "./toy-program";

const PACK = `
"use strict";
const { PolicyPack } = require("@pulumi/policy");
new PolicyPack("toy-pack", {
    policies: [{
        name: "short-texts", description: "Texts are short.", enforcementLevel: "mandatory",
        validateResource: (args, report) => {
            if (args.props.length > 10) {
                report("length is " + args.props.length + " (" + require.resolve("@pulumi/policy") + ")");
            }
        },
    }],
});
`;

const text = (length: number): string =>
    `exports.text = new random.RandomString("text", { length: ${length} }).result;`;

describe("the engine", () => {
    let toy: ToyProgram;
    before(async () => {
        process.env["ALICLOUD_ACCESS_KEY"] = "ambient";
        process.env["KUBECONFIG"] = "/ambient";
        process.env["PULUMI_ACCESS_TOKEN"] = "ambient";
        toy = await makeToyProgram();
    });
    after(async () => {
        for (const name of ["ALICLOUD_ACCESS_KEY", "KUBECONFIG", "PULUMI_ACCESS_TOKEN"]) {
            Reflect.deleteProperty(process.env, name);
        }
        await toy.remove();
    });

    it("runs a program in an environment of its own", async () => {
        await toy.write("exports.environment = process.env;");
        const { environment } = await toy.up();
        const seen = environment as Record<string, string>;
        assert.equal(JSON.stringify(seen).includes("ambient"), false);
        assert.equal(seen["PULUMI_HOME"], join(toy.folder, "home"));
        assert.equal(seen["HOME"], join(toy.folder, "home"));
    });

    it("keeps its passphrase in a file that only its owner can read", async () => {
        const { mode } = await stat(join(toy.folder, "passphrase"));
        assert.equal(mode & 0o777, 0o600);
    });

    it("repeats its output when a command fails", async () => {
        await toy.write('throw new Error("broken on purpose");');
        await assert.rejects(
            toy.engine.pulumi(["preview"]),
            /pulumi preview" failed .*broken on purpose/s,
        );
    });

    it("type-checks programs in TypeScript", async () => {
        const folder = await mkdtemp(join(tmpdir(), "typed-"));
        try {
            const program = join(folder, "program");
            await mkdir(program);
            await cp(join(REPOSITORY, "tsconfig.json"), join(program, "tsconfig.json"));
            await symlink(join(REPOSITORY, "node_modules"), join(program, "node_modules"));
            await writeFile(
                join(program, "package.json"),
                '{ "name": "typed", "main": "index.ts" }',
            );
            await writeFile(join(program, "Pulumi.yaml"), "name: typed\nruntime: nodejs\n");
            await writeFile(join(program, "index.ts"), 'export const a: number = "1";');
            const engine = await prepareEngine({ folder, program, plugins: "stand-in" });
            await engine.pulumi(["stack", "init", "test"]);
            await assert.rejects(
                engine.pulumi(["preview"]),
                /'string' is not assignable to type 'number'/,
            );
            await writeFile(join(engine.workspace, "index.ts"), 'export const a: string = "1";');
            await engine.pulumi(["preview"]);
        } finally {
            await rm(folder, { recursive: true });
        }
    });

    describe("starts a policy pack", () => {
        async function makePack(folder: string): Promise<void> {
            await mkdir(folder, { recursive: true });
            await writeFile(join(folder, "PulumiPolicy.yaml"), "runtime: nodejs\n");
            await writeFile(
                join(folder, "package.json"),
                '{ "name": "toy-pack", "version": "1.0.0", "main": "index.js" }',
            );
            await writeFile(join(folder, "index.js"), PACK);
        }

        async function assertEnforced(folder: string): Promise<void> {
            const preview = () => toy.engine.pulumi(["preview", "--policy-pack", folder]);
            await toy.write(text(10));
            await preview();
            await toy.write(text(11));
            await assert.rejects(preview(), /short-texts.*length is 11/s);
        }

        it("whose packages are those of the program", async () => {
            const folder = join(toy.engine.workspace, "policy");
            await makePack(folder);
            await assertEnforced(folder);
        });

        it("that has packages of its own", async () => {
            const folder = join(toy.engine.workspace, "policy");
            await makePack(folder);
            await symlink(join(REPOSITORY, "node_modules"), join(folder, "node_modules"));
            await assertEnforced(folder);
        });

        it("that is a copy outside of the repository", async () => {
            const folder = join(await mkdtemp(join(tmpdir(), "pack-")), "policy");
            await makePack(folder);
            await symlink(join(REPOSITORY, "node_modules"), join(folder, "node_modules"));
            await assertEnforced(folder);
            await rm(join(folder, ".."), { recursive: true });
        });

        it("that misses its packages, only to say so", async () => {
            const folder = join(await mkdtemp(join(tmpdir(), "pack-")), "policy");
            await makePack(folder);
            const preview = toy.engine.pulumi(["preview", "--policy-pack", folder]);
            await assert.rejects(
                preview,
                /does not find @pulumi\/pulumi\/cmd\/run-policy-pack: run `npm ci` there/,
            );
            await rm(join(folder, ".."), { recursive: true });
        });
    });

    it("goes on with state and secrets when it is prepared again", async () => {
        await toy.write(
            `exports.password = new random.RandomPassword("password", { length: 9 }).result;`,
        );
        const { password } = await toy.up();
        const again = await prepareEngine({
            folder: toy.folder,
            program: join(toy.folder, "program"),
            plugins: "stand-in",
        });
        const { stdout } = await again.pulumi([
            "stack",
            "output",
            "password",
            "--show-secrets",
            "--stack",
            "test",
        ]);
        assert.equal(stdout.trim(), password);
    });

    const HANGING = `
        require("node:fs").writeFileSync(\`\${process.env.HOME}/running\`, String(process.pid));
        setInterval(() => {}, 1000);
        exports.never = new Promise(() => {});`;

    async function programRunning(): Promise<number> {
        const file = join(toy.folder, "home", "running");
        const deadline = Date.now() + 60_000;
        while (Date.now() < deadline) {
            const pid = await readFile(file, "utf8").catch(() => "");
            if (pid !== "") {
                await rm(file);
                return Number(pid);
            }
            await delay(50);
        }
        throw new Error("the program did not start");
    }

    async function assertGone(pid: number): Promise<void> {
        const deadline = Date.now() + 20_000;
        while ((await readdir("/proc")).includes(String(pid))) {
            assert.ok(Date.now() < deadline, `process ${pid} still runs`);
            await delay(50);
        }
    }

    async function parentOf(pid: number): Promise<number> {
        const status = await readFile(`/proc/${pid}/status`, "utf8");
        return Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1]);
    }

    it("ends everything when it is aborted, and works afterwards", async () => {
        await toy.write(HANGING);
        const controller = new AbortController();
        const preview = toy.engine.pulumi(["up", "--yes", "--skip-preview"], {
            signal: controller.signal,
        });
        const rejected = assert.rejects(preview, { message: "interrupted" });
        const pid = await programRunning();
        controller.abort(new Error("interrupted"));
        await rejected;
        await assertGone(pid);
        await toy.write(text(5));
        await toy.up();
    });

    it("leaves no process and no lock after a kill, once it is stopped", async () => {
        await toy.write(HANGING);
        const failed = assert.rejects(toy.engine.pulumi(["up", "--yes", "--skip-preview"]));
        const pid = await programRunning();
        await stopEngine(toy.folder);
        await failed;
        await assertGone(pid);
        await toy.write(text(6));
        await toy.up();
    });

    it("takes plugins and programs with it when only the CLI is killed", async () => {
        await toy.write(HANGING);
        const failed = assert.rejects(toy.engine.pulumi(["up", "--yes", "--skip-preview"]));
        const pid = await programRunning();
        const cli = await parentOf(await parentOf(pid));
        process.kill(cli, "SIGKILL");
        await failed;
        await assertGone(pid);
        await stopEngine(toy.folder);
    });
});
