import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

const ROOT = join(__dirname, "..");

const readOptions = (
    file: string,
): { extends?: string; compilerOptions: Record<string, unknown> } =>
    JSON.parse(readFileSync(join(ROOT, file), "utf8")) as ReturnType<typeof readOptions>;

describe("the options of TypeScript", () => {
    it("are those of the type check when Pulumi runs the program, but for the check itself", () => {
        const project = parse(readFileSync(join(ROOT, "Pulumi.yaml"), "utf8")) as {
            runtime: { options: { tsconfig: string } };
        };
        const used = readOptions(project.runtime.options.tsconfig);
        const checked = readOptions("tsconfig.json");
        // Pulumi does not follow `extends` and has a target of its own for a file that names none.
        assert.deepEqual(used, {
            extends: "./tsconfig.json",
            compilerOptions: { target: checked.compilerOptions["target"], noCheck: true },
        });
        assert.equal(checked.compilerOptions["noCheck"], undefined);
    });
});
