import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { cachedBuild } from "../../rehearsal/cached-build";
import { command } from "../../rehearsal/cluster/command";

/**
 * Runs the tests of the extension for abandoned requests (components/abandoned-requests) with the packages that the
 * WebUI's API runs on, from PyPI, pinned by hash and kept in the cache.
 */
async function main(): Promise<number | null> {
    const requirements = join(__dirname, "requirements.txt");
    const packages = await cachedBuild({
        name: "webui-api-packages",
        key: [await readFile(requirements, "utf8")],
        build: async (folder, signal) => {
            const pip = ["-m", "pip", "install", "--no-compile", "--require-hashes", "--no-deps"];
            const options = ["--only-binary=:all:", "--target", folder, "-r", requirements];
            await command("python3", [...pip, ...options], { signal });
        },
    });
    const tests = spawn("python3", ["-W", "error", "-m", "unittest", ...process.argv.slice(2)], {
        cwd: __dirname,
        // Compiled files would make the cached packages look damaged.
        env: { ...process.env, PYTHONPATH: packages, PYTHONDONTWRITEBYTECODE: "1" },
        stdio: "inherit",
    });
    const [status] = (await once(tests, "exit")) as [number | null];
    return status;
}

void main().then((status) => {
    process.exitCode = status ?? 1;
});
