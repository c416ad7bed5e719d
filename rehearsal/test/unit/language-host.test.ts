import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ProgramInfo } from "@pulumi/pulumi/proto/language_pb";
import { type JavaScriptValue, Struct } from "google-protobuf/google/protobuf/struct_pb";
import { moduleOf, runtimeEnvironment } from "../../engine/language-host";

const RUN = "@pulumi/pulumi/cmd/run";

describe("the stand-in for the Node.js language host", () => {
    let folder: string;
    beforeEach(async () => {
        folder = await realpath(await mkdtemp(join(tmpdir(), "language-host-")));
    });
    afterEach(() => rm(folder, { recursive: true }));

    async function makeSdk(place: string): Promise<string> {
        const module = join(place, "node_modules", "@pulumi", "pulumi", "cmd", "run", "index.js");
        await mkdir(join(module, ".."), { recursive: true });
        await writeFile(module, "");
        return module;
    }

    it("takes the SDK of the folder that holds the program's", async () => {
        const module = await makeSdk(folder);
        await mkdir(join(folder, "policy"));
        assert.equal(moduleOf(RUN, join(folder, "policy")), module);
    });

    it("prefers the program's own SDK", async () => {
        await makeSdk(folder);
        const own = await makeSdk(join(folder, "policy"));
        assert.equal(moduleOf(RUN, join(folder, "policy")), own);
    });

    it("follows a link to packages elsewhere", async () => {
        const module = await makeSdk(join(folder, "elsewhere"));
        await mkdir(join(folder, "copy"));
        await symlink(
            join(folder, "elsewhere", "node_modules"),
            join(folder, "copy", "node_modules"),
        );
        assert.equal(moduleOf(RUN, join(folder, "copy")), module);
    });

    it("takes the SDK of a copy from the copy", async () => {
        await makeSdk(join(folder, "policy"));
        await cp(join(folder, "policy"), join(folder, "copy"), { recursive: true });
        assert.ok(moduleOf(RUN, join(folder, "copy")).startsWith(join(folder, "copy")));
    });

    it("says what to do for a program without SDK", () => {
        assert.throws(() => moduleOf(RUN, folder), {
            message: `${folder} does not find ${RUN}: run \`npm ci\` there, or where its node_modules should be`,
        });
    });

    const environmentOf = (options: Record<string, JavaScriptValue>): Record<string, string> =>
        runtimeEnvironment(new ProgramInfo().setOptions(Struct.fromJavaScript(options)));

    it("runs programs in TypeScript, with the compiler's options of the file that is named", () => {
        assert.deepEqual(runtimeEnvironment(undefined), { PULUMI_NODEJS_TYPESCRIPT: "true" });
        assert.deepEqual(environmentOf({ packagemanager: "npm", tsconfig: "tsconfig.own.json" }), {
            PULUMI_NODEJS_TYPESCRIPT: "true",
            PULUMI_NODEJS_TSCONFIG_PATH: "tsconfig.own.json",
        });
        assert.deepEqual(environmentOf({ typescript: false }), {});
    });

    for (const [options, message] of [
        [
            { nodeargs: "--inspect" },
            "the stand-in for the Node.js language host does not know the runtime options nodeargs; it knows typescript, tsconfig, packagemanager",
        ],
        [{ typescript: "no" }, "typescript option must be a boolean"],
        [{ tsconfig: true }, "tsconfig option must be a string"],
    ] as const) {
        it(`refuses the runtime options ${JSON.stringify(options)}`, () => {
            assert.throws(() => environmentOf(options), { message });
        });
    }
});
