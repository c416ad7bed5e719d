import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { existsSync } from "node:fs";
import {
    chmod,
    mkdtemp,
    readFile,
    readdir,
    rm,
    symlink,
    unlink,
    writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CachedBuild, cachedBuild } from "../../cached-build";

describe("cachedBuild", () => {
    let cache: string;
    let builds: number;
    let request: CachedBuild;

    beforeEach(async () => {
        cache = await mkdtemp(join(tmpdir(), "cached-build-"));
        builds = 0;
        request = {
            name: "tool",
            key: ["v1", "flags"],
            cache,
            build: async (folder) => {
                builds += 1;
                await writeFile(join(folder, "tool"), "the tool", { mode: 0o755 });
                await symlink("tool", join(folder, "alias"));
            },
        };
    });
    afterEach(() => rm(cache, { recursive: true }));

    it("builds once and returns the same folder afterwards", async () => {
        const folder = await cachedBuild(request);
        assert.equal(await readFile(join(folder, "tool"), "utf8"), "the tool");
        assert.equal(await cachedBuild(request), folder);
        assert.equal(builds, 1);
        assert.equal((await readdir(cache)).length, 1);
    });

    it("removes what it built from earlier keys, and nothing else", async () => {
        const earlier = await cachedBuild(request);
        const [other, longer] = [
            await cachedBuild({ ...request, name: "other" }),
            await cachedBuild({ ...request, name: "tool-kit" }),
        ];
        const folder = await cachedBuild({ ...request, key: ["v2"] });
        assert.ok(!existsSync(earlier));
        assert.deepEqual([folder, other, longer].map(existsSync), [true, true, true]);
    });

    it("builds in another folder for another key", async () => {
        const folder = await cachedBuild(request);
        assert.notEqual(await cachedBuild({ ...request, key: ["v1 flags"] }), folder);
        assert.equal(builds, 2);
    });

    const damages: Record<string, (folder: string) => Promise<void>> = {
        "a file with other contents": (folder) => writeFile(join(folder, "tool"), "the toll"),
        "a file that is not executable any more": (folder) => chmod(join(folder, "tool"), 0o644),
        "a missing file": (folder) => unlink(join(folder, "tool")),
        "an additional file": (folder) => writeFile(join(folder, "other"), ""),
        "a link that leads elsewhere": async (folder) => {
            await unlink(join(folder, "alias"));
            await symlink("/bin/false", join(folder, "alias"));
        },
        "a missing manifest": (folder) => unlink(join(folder, ".manifest")),
    };
    for (const [damage, inflict] of Object.entries(damages)) {
        it(`builds again after ${damage}`, async () => {
            const folder = await cachedBuild(request);
            await inflict(folder);
            assert.equal(await cachedBuild(request), folder);
            assert.equal(builds, 2);
            assert.equal(await readFile(join(folder, "tool"), "utf8"), "the tool");
            assert.deepEqual((await readdir(folder)).sort(), [".manifest", "alias", "tool"]);
            assert.equal((await readdir(cache)).length, 1);
        });
    }

    it("leaves nothing of a build that failed and passes its reason on", async () => {
        const failing = cachedBuild({
            ...request,
            build: async (folder) => {
                await writeFile(join(folder, "half"), "");
                throw new Error("go: no such module");
            },
        });
        await assert.rejects(failing, { message: "tool could not be built: go: no such module" });
        assert.deepEqual(await readdir(cache), []);
    });

    it("stops with the reason of an abort and leaves nothing", async () => {
        const controller = new AbortController();
        const aborted = cachedBuild({
            ...request,
            signal: controller.signal,
            build: async (folder) => {
                await writeFile(join(folder, "half"), "");
                controller.abort(new Error("interrupted by the user"));
            },
        });
        await assert.rejects(aborted, { message: "interrupted by the user" });
        assert.deepEqual(await readdir(cache), []);
    });

    it("starts afresh after a build was killed, and removes what that one left", async () => {
        const module = JSON.stringify(join(__dirname, "../../cached-build.ts"));
        const script = `
            const { cachedBuild } = require(${module});
            void cachedBuild({ name: "tool", key: ["v1", "flags"], cache: ${JSON.stringify(cache)},
                build: async (folder) => {
                    require("node:fs").writeFileSync(folder + "/half", "");
                    console.log("building");
                    await new Promise(() => setInterval(() => {}, 1000));
                } });`;
        const child = spawn(process.execPath, ["--import", "tsx", "--eval", script], {
            stdio: ["ignore", "pipe", "ignore"],
        });
        await once(child.stdout, "data");
        child.kill("SIGKILL");
        await once(child, "exit");
        assert.equal((await readdir(cache)).length, 1);

        const folder = await cachedBuild(request);
        assert.equal(builds, 1);
        assert.deepEqual(await readdir(cache), [folder.slice(cache.length + 1)]);
    });

    it("leaves the folder of a build alone that is still under way", async () => {
        const events = new EventEmitter();
        const started = once(events, "started");
        const slow = cachedBuild({
            ...request,
            build: async (folder) => {
                await writeFile(join(folder, "tool"), "from the slow one");
                const released = once(events, "release");
                events.emit("started");
                await released;
            },
        });
        await started;
        const folder = await cachedBuild(request);
        events.emit("release");
        assert.equal(await slow, folder);
        assert.equal(await readFile(join(folder, "tool"), "utf8"), "the tool");
        assert.equal((await readdir(cache)).length, 1);
    });

    it("names a full disk as such", async () => {
        const full = cachedBuild({ ...request, build: () => writeFile("/dev/full", "x") });
        await assert.rejects(
            full,
            /tool could not be built because a disk is full \(\d+ MiB are free at /,
        );
        assert.deepEqual(await readdir(cache), []);
    });
});
