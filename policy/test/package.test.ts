import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";

const FOLDER = join(__dirname, "..");

interface Package {
    readonly version?: string;
    readonly dependencies: Readonly<Record<string, string>>;
    readonly devDependencies: Readonly<Record<string, string>>;
}

const pack = JSON.parse(readFileSync(join(FOLDER, "package.json"), "utf8")) as Package;

describe("the pack's folder", () => {
    const files = readdirSync(FOLDER, { recursive: true, encoding: "utf8" }).filter(
        (file) => file.endsWith(".ts") && !file.split(sep).includes("node_modules"),
    );

    it("imports nothing from outside but the packages that it names", () => {
        let imports = 0;
        for (const file of files) {
            const isTest = file.startsWith(`test${sep}`);
            const known = {
                ...pack.dependencies,
                ...(isTest ? pack.devDependencies : {}),
            };
            for (const name of importsOf(readFileSync(join(FOLDER, file), "utf8"))) {
                imports += 1;
                if (name.startsWith(".")) {
                    const target = resolve(dirname(join(FOLDER, file)), name);
                    assert.ok(target.startsWith(`${FOLDER}${sep}`), `${file} imports ${name}`);
                    assert.ok(
                        isTest || !target.startsWith(join(FOLDER, "test") + sep),
                        `${file} imports ${name}`,
                    );
                } else if (!name.startsWith("node:")) {
                    const of = name.split("/").slice(0, name.startsWith("@") ? 2 : 1);
                    assert.ok(of.join("/") in known, `${file} imports ${name}`);
                }
            }
        }
        assert.ok(files.length > 40 && imports > 100);
    });

    it("has limits without an import, for programs to take from", () => {
        assert.deepEqual(importsOf(readFileSync(join(FOLDER, "limits.ts"), "utf8")), []);
    });

    it("names its version, which Pulumi shows and demands", () => {
        assert.match(pack.version ?? "", /^\d+\.\d+\.\d+$/);
    });

    it("names exact versions of its packages", () => {
        for (const version of Object.values({ ...pack.dependencies, ...pack.devDependencies })) {
            assert.match(version, /^\d+\.\d+\.\d+$/);
        }
    });
});

function importsOf(source: string): string[] {
    return [...source.matchAll(/(?:^import\b[^;]*?|\bimport\(|\brequire\()"([^"]+)"/gm)].map(
        ([, name]) => name ?? "",
    );
}
