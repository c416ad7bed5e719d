import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { extract } from "tar-stream";
import { type ImageSpec, packImage, sharedLibraries } from "../../cluster/oci-image";

describe("packing an image", () => {
    let folder: string;

    before(async () => {
        folder = await mkdtemp(join(tmpdir(), "oci-image-"));
        await writeFile(join(folder, "program"), "a program", { mode: 0o600 });
    });

    after(async () => {
        await rm(folder, { recursive: true });
    });

    const spec = (change: Partial<ImageSpec> = {}): ImageSpec => ({
        name: "dev.local/example:v1",
        entrypoint: ["/bin/program", "--flag"],
        user: "65532:65532",
        files: {
            "/usr/bin/program": { source: join(folder, "program") },
            "/bin/program": { link: "../usr/bin/program" },
            "/etc/words.txt": { text: "schöne Wörter" },
        },
        ...change,
    });

    it("gives an OCI image layout whose digests and sizes are those of its content", async () => {
        const image = await packed(spec(), join(folder, "image.tar"));

        assert.deepEqual(image.archive.get("oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
        const { annotations, platform, ...manifestDescriptor } = image.index.manifests[0] ?? {};
        assert.deepEqual(annotations, { "io.containerd.image.name": "dev.local/example:v1" });
        assert.deepEqual(platform, {
            architecture: process.arch === "x64" ? "amd64" : process.arch,
            os: "linux",
        });
        assert.deepEqual(manifestDescriptor, {
            mediaType: "application/vnd.oci.image.manifest.v1+json",
            digest: image.digest,
            size: image.blob(image.digest).length,
        });
        assert.equal(image.manifest.layers.length, 1);
        for (const { digest, size } of [image.manifest.config, ...image.manifest.layers]) {
            assert.equal(sha256(image.blob(digest)), digest);
            assert.equal(image.blob(digest).length, size);
        }
        assert.equal(sha256(image.blob(image.digest)), image.digest);
        assert.deepEqual(image.config.rootfs, { type: "layers", diff_ids: [sha256(image.layer)] });
        assert.equal(image.archive.size, 5);
    });

    it("takes entrypoint, user, environment and working directory into its configuration", async () => {
        const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        const output = join(folder, "image.tar");

        assert.deepEqual((await packed(spec(), output)).config.config, {
            User: "65532:65532",
            Env: [`PATH=${PATH}`],
            Entrypoint: ["/bin/program", "--flag"],
            WorkingDir: "/",
        });
        const environment = { PATH: "/bin", A: "1=2" };
        const changed = spec({ environment, workingDirectory: "/work", entrypoint: [] });
        assert.deepEqual((await packed(changed, output)).config.config, {
            User: "65532:65532",
            Env: ["A=1=2", "PATH=/bin"],
            Entrypoint: [],
            WorkingDir: "/work",
        });
    });

    it("gives every file, link and folder the mode that any user can work with, and root as owner", async () => {
        const { entries } = await packed(spec(), join(folder, "image.tar"));
        const owner = { uid: 0, gid: 0, uname: "", gname: "", mtime: 0 };

        assert.deepEqual(entries, [
            { ...owner, name: "bin", type: "directory", mode: 0o755, content: "" },
            {
                ...owner,
                name: "bin/program",
                type: "symlink",
                mode: 0o777,
                content: "../usr/bin/program",
            },
            { ...owner, name: "etc", type: "directory", mode: 0o755, content: "" },
            {
                ...owner,
                name: "etc/words.txt",
                type: "file",
                mode: 0o755,
                content: "schöne Wörter",
            },
            { ...owner, name: "tmp", type: "directory", mode: 0o1777, content: "" },
            { ...owner, name: "usr", type: "directory", mode: 0o755, content: "" },
            { ...owner, name: "usr/bin", type: "directory", mode: 0o755, content: "" },
            { ...owner, name: "usr/bin/program", type: "file", mode: 0o755, content: "a program" },
        ]);
    });

    it("names an image without tag by its digest, also where the registry has a port", async () => {
        const output = join(folder, "image.tar");
        for (const name of ["dev.local/example", "localhost:5000/example"]) {
            const image = await packed(spec({ name }), output);
            assert.equal(image.reference, `${name}@${image.digest}`);
            const annotations = image.index.manifests[0]?.annotations;
            assert.deepEqual(annotations, { "io.containerd.image.name": image.reference });
        }
        const tagged = await packed(spec({ name: "localhost:5000/example:v1" }), output);
        assert.equal(tagged.reference, "localhost:5000/example:v1");
    });

    it("gives the same bytes for the same files, in whatever order they are given", async () => {
        const big = join(folder, "big");
        await writeFile(big, pseudoRandom(3_000_000));
        const files = { ...spec().files, "/big": { source: big } };
        const reversed = Object.fromEntries(Object.entries(files).reverse());

        const first = await packed(spec({ files }), join(folder, "first.tar"));
        const second = await packed(spec({ files: reversed }), join(folder, "second.tar"));

        assert.equal(second.digest, first.digest);
        assert.deepEqual(
            await readFile(join(folder, "second.tar")),
            await readFile(join(folder, "first.tar")),
        );
        await writeFile(big, pseudoRandom(3_000_001));
        const other = await packed(spec({ files }), join(folder, "first.tar"));
        assert.notEqual(other.digest, first.digest);
    });

    it("reports every path and source that is wrong, and leaves no file", async () => {
        const files = {
            relative: { text: "" },
            "/a/../b": { text: "" },
            "/folder/": { text: "" },
            "/tmp": { text: "" },
            "/lib": { link: "usr/lib" },
            "/lib/x": { text: "" },
            "/missing": { source: join(folder, "missing") },
            "/directory": { source: folder },
        };
        const output = join(folder, "refused.tar");
        await assert.rejects(packImage(spec({ files }), output), {
            message:
                "Cannot pack the image: relative is not an absolute path of a file; " +
                "/a/../b is not an absolute path of a file; " +
                "/folder/ is not an absolute path of a file; /tmp is always a folder; " +
                "/lib is a file, but also the folder of /lib/x; " +
                `${join(folder, "missing")} is not a readable file; ` +
                `${folder} is not a readable file.`,
        });
        assert.deepEqual(
            (await readdir(folder)).filter((name) => name.startsWith("refused")),
            [],
        );
    });

    it("stops when it is told to, and leaves no file", async () => {
        const output = join(folder, "aborted.tar");
        const reason = new Error("enough");
        await assert.rejects(packImage(spec(), output, AbortSignal.abort(reason)), {
            name: "AbortError",
        });
        assert.deepEqual(
            (await readdir(folder)).filter((name) => name.startsWith("aborted")),
            [],
        );
    });

    it("holds any set of files", async () => {
        const name = fc.stringMatching(/^[a-zA-Zä ._-]{1,40}$/).filter((it) => !/^\.+$/.test(it));
        const path = fc
            .array(name, { minLength: 2, maxLength: 5 })
            .map((it) => `/d/${it.join("/")}.f`);
        const file = fc.oneof(
            fc.record({ text: fc.string({ unit: "grapheme" }) }),
            fc.record({ link: fc.stringMatching(/^[a-z/.]{1,120}$/) }),
        );
        const output = join(folder, "any.tar");
        await fc.assert(
            fc.asyncProperty(fc.dictionary(path, file, { maxKeys: 6 }), async (files) => {
                const paths = Object.keys(files);
                fc.pre(!paths.some((it) => paths.some((other) => other.startsWith(`${it}/`))));
                const { entries } = await packed(spec({ files }), output);
                const found = entries.filter(({ type }) => type !== "directory");
                assert.deepEqual(
                    Object.fromEntries(found.map((it) => [`/${it.name}`, it.content])),
                    Object.fromEntries(
                        Object.entries(files).map(([path, it]) => [
                            path,
                            "text" in it ? it.text : it.link,
                        ]),
                    ),
                );
                const names = entries.map((it) => it.name);
                for (const parent of names.flatMap((it) => it.split("/").slice(0, -1).join("/"))) {
                    assert.ok(parent === "" || names.includes(parent), `no folder ${parent}`);
                }
            }),
            { numRuns: 50 },
        );
    });
});

describe("libraries of a program", () => {
    it("are files of this machine, with the dynamic loader", async () => {
        const libraries = await sharedLibraries(process.execPath);
        assert.ok(libraries.some((path) => /\/ld-[^/]+\.so/.test(path)));
        assert.ok(libraries.some((path) => path.endsWith("/libc.so.6")));
        for (const path of libraries) assert.notEqual((await readFile(path)).length, 0);
    });

    it("are asked of a program, not of a missing file", async () => {
        await assert.rejects(sharedLibraries("/missing/program"), {
            message: "Cannot list the libraries of /missing/program.",
        });
    });
});

interface Descriptor {
    readonly digest: string;
    readonly size: number;
    readonly annotations?: Record<string, string>;
    readonly platform?: Record<string, string>;
}

async function packed(spec: ImageSpec, output: string) {
    const { reference, digest } = await packImage(spec, output);
    const archive = new Map<string, string>();
    for (const { name, content } of await tarEntries(await readFile(output), "latin1")) {
        archive.set(name, content);
    }
    const blob = (digest: string): Buffer => {
        const content = archive.get(`blobs/${digest.replace(":", "/")}`);
        assert.ok(content !== undefined, `no blob ${digest}`);
        return Buffer.from(content, "latin1");
    };
    const index = JSON.parse(archive.get("index.json") ?? "") as { manifests: Descriptor[] };
    const manifest = JSON.parse(blob(digest).toString()) as {
        config: Descriptor;
        layers: Descriptor[];
    };
    const config = JSON.parse(blob(manifest.config.digest).toString()) as Record<string, unknown>;
    const layer = gunzipSync(blob(manifest.layers[0]?.digest ?? ""));
    const entries = await tarEntries(layer, "utf8");
    return { reference, digest, archive, blob, index, manifest, config, layer, entries };
}

async function tarEntries(tar: Buffer, encoding: BufferEncoding) {
    const entries = [];
    const unpack = extract();
    Readable.from([tar]).pipe(unpack);
    for await (const entry of unpack) {
        const { name, type, mode, uid, gid, uname, gname, mtime, linkname } = entry.header;
        const chunks: Buffer[] = [];
        for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk);
        const content = type === "symlink" ? linkname : Buffer.concat(chunks).toString(encoding);
        entries.push({ name, type, mode, uid, gid, uname, gname, mtime: Number(mtime), content });
    }
    return entries;
}

function sha256(content: Buffer): string {
    return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

/** Bytes that do not compress to nothing, the same for the same length. */
function pseudoRandom(length: number): Buffer {
    const blocks = Math.ceil(length / 32);
    return Buffer.concat(
        Array.from({ length: blocks }, (_, index) =>
            createHash("sha256").update(`${index} of ${length}`).digest(),
        ),
    ).subarray(0, length);
}
