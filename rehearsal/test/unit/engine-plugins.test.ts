import assert from "node:assert/strict";
import {
    access,
    constants,
    mkdir,
    mkdtemp,
    readFile,
    realpath,
    rm,
    writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installPlugins } from "../../engine/plugins";
import { pluginVersion } from "../../plugins/plugin-version";

describe("installPlugins", () => {
    let folder: string;
    let home: string;
    let notes: string[];
    let downloads: (readonly string[])[];
    let pulumiHome: string | undefined;

    beforeEach(async () => {
        folder = await mkdtemp(join(tmpdir(), "plugins-"));
        home = join(folder, "home");
        await mkdir(home);
        notes = [];
        downloads = [];
        pulumiHome = process.env["PULUMI_HOME"];
        process.env["PULUMI_HOME"] = join(folder, "user");
    });
    afterEach(async () => {
        if (pulumiHome === undefined) {
            delete process.env["PULUMI_HOME"];
        } else {
            process.env["PULUMI_HOME"] = pulumiHome;
        }
        await rm(folder, { recursive: true });
    });

    const install = (choice?: "official" | "stand-in", reachable = false) =>
        installPlugins({
            home,
            choice,
            note: (detail) => notes.push(detail),
            download: (args) => {
                downloads.push(args);
                return reachable
                    ? Promise.resolve()
                    : Promise.reject(new Error("exit code 255\nerror: no such host"));
            },
        });
    const executable = (root: string, name: string): string =>
        join(
            root,
            "plugins",
            `resource-${name}-v${pluginVersion(name)}`,
            `pulumi-resource-${name}`,
        );

    it("takes the stand-ins where official ones cannot be had, and says why", async () => {
        assert.equal(await install(), "stand-in");
        assert.match(notes.join("\n"), /stand-in plugins, because .*: error: no such host/);
        for (const name of ["kubernetes", "random"]) {
            await access(executable(home, name), constants.X_OK);
            assert.match(
                await readFile(executable(home, name), "utf8"),
                new RegExp(`/${name}\\.ts'`),
            );
        }
    });

    for (const reachable of [true, false]) {
        it(`takes the stand-in for the cloud, official plugins or not (${reachable})`, async () => {
            await install(undefined, reachable);
            const launcher = await readFile(executable(home, "alicloud"), "utf8");
            assert.match(launcher, /\/plugins\/alicloud\.ts'/);
        });
    }

    it("downloads the official ones where that works", async () => {
        assert.equal(await install(undefined, true), "official");
        assert.deepEqual(downloads, [
            ["plugin", "install", "resource", "kubernetes", pluginVersion("kubernetes")],
            ["plugin", "install", "resource", "random", pluginVersion("random")],
        ]);
    });

    it("takes official ones of the user's plugin cache without a download", async () => {
        for (const name of ["kubernetes", "random"]) {
            const path = executable(join(folder, "user"), name);
            await mkdir(join(path, ".."), { recursive: true });
            await writeFile(path, "", { mode: 0o755 });
        }
        assert.equal(await install("official"), "official");
        assert.deepEqual(downloads, []);
        assert.equal(
            await realpath(executable(home, "random")),
            await realpath(executable(join(folder, "user"), "random")),
        );
    });

    it("fails when official ones are asked for and cannot be had", async () => {
        await assert.rejects(install("official"), /cannot be had here \(error: no such host\)/);
    });

    it("tries no download when stand-ins are asked for", async () => {
        assert.equal(await install("stand-in", true), "stand-in");
        assert.deepEqual(downloads, []);
    });

    it("stays with the choice of an earlier call, unless told otherwise", async () => {
        await install("stand-in");
        assert.equal(await install(undefined, true), "stand-in");
        assert.deepEqual(downloads, []);
        assert.equal(await install("official", true), "official");
        assert.equal(downloads.length, 2);
    });
});
