import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, readdir, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { copyWorkspace } from "../../engine/workspace";

describe("copyWorkspace", () => {
    let folder: string;
    let source: string;
    let workspace: string;

    beforeEach(async () => {
        folder = await mkdtemp(join(tmpdir(), "workspace-"));
        source = join(folder, "source");
        workspace = join(source, ".rehearsal", "workspace");
        for (const [path, text] of Object.entries({
            "Pulumi.yaml": "name: a\n",
            "Pulumi.dev.yaml": "# a comment\nconfig:\n  a:b: c\n",
            "components/rehearsal/index.ts": "export {};\n",
            "policy/index.ts": "export {};\n",
            "policy/node_modules/own/index.js": "",
            "node_modules/hoisted/index.js": "",
            "rehearsal/main.ts": "",
            ".git/HEAD": "",
            ".cache/big": "",
        })) {
            await mkdir(dirname(join(source, path)), { recursive: true });
            await writeFile(join(source, path), text);
        }
        await copyWorkspace(source, workspace);
    });
    afterEach(() => rm(folder, { recursive: true }));

    it("copies the program and nothing of the rehearsal, git or caches", async () => {
        assert.deepEqual((await readdir(workspace)).sort(), [
            "Pulumi.dev.yaml",
            "Pulumi.yaml",
            "components",
            "node_modules",
            "policy",
        ]);
        assert.deepEqual(await readdir(join(workspace, "components", "rehearsal")), ["index.ts"]);
    });

    it("links to installed packages, those of the policy pack included", async () => {
        for (const path of ["node_modules", "policy/node_modules"]) {
            assert.equal(await readlink(join(workspace, path)), join(source, path));
        }
    });

    it("takes over changes of the program and drops what is not in it any more", async () => {
        await writeFile(join(source, "Pulumi.yaml"), "name: b\n");
        await rm(join(source, "components"), { recursive: true });
        await copyWorkspace(source, workspace);
        assert.equal(await readFile(join(workspace, "Pulumi.yaml"), "utf8"), "name: b\n");
        assert.ok(!(await readdir(workspace)).includes("components"));
    });

    it("keeps the salts of stack settings, in files that the program has and in others", async () => {
        await writeFile(join(workspace, "Pulumi.dev.yaml"), "encryptionsalt: v1:dev\n");
        await writeFile(
            join(workspace, "Pulumi.test.yaml"),
            "encryptionsalt: v1:test\nconfig: {}\n",
        );
        await copyWorkspace(source, workspace);
        assert.equal(
            await readFile(join(workspace, "Pulumi.dev.yaml"), "utf8"),
            "# a comment\nconfig:\n  a:b: c\nencryptionsalt: v1:dev\n",
        );
        assert.equal(
            await readFile(join(workspace, "Pulumi.test.yaml"), "utf8"),
            "encryptionsalt: v1:test\n",
        );
    });
});
