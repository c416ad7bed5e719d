import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { posix } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { createGzip } from "node:zlib";
import { pack, type Header, type Pack } from "tar-stream";

/** A container image with one layer, made of files of this machine. */
export interface ImageSpec {
    /**
     * Full reference with a tag, such as `dev.local/knative-activator:v0.50.0`; or without one, such as
     * `dev.local/example`, for an image that is only known by its digest.
     */
    readonly name: string;
    /** Program and arguments; empty for an image whose users always give a command. */
    readonly entrypoint: readonly string[];
    /** Numeric `uid:gid`. */
    readonly user: string;
    /** @default only `PATH`, with the usual folders */
    readonly environment?: Readonly<Record<string, string>>;
    /** @default `/` */
    readonly workingDirectory?: string;
    /** Absolute path in the image → a file of this machine, the target of a symbolic link, or a text. */
    readonly files: Readonly<
        Record<
            string,
            { readonly source: string } | { readonly link: string } | { readonly text: string }
        >
    >;
}

/**
 * Packs an image, without Docker or a registry, as a tar file in the OCI image layout that
 * `ctr images import` reads. Folders and files have mode 0755 and belong to root, `/tmp` has mode 1777.
 * The same input gives the same digest: no times, no owners, sorted paths. Files are streamed, and
 * `output` appears only when it is complete.
 *
 * The kubelet finds an image with the pull policy IfNotPresent by exactly the reference returned here:
 * `name:tag`, or `name@sha256:…` (the digest of the manifest) when no tag was given.
 *
 * @param output the tar file to write; its folder must exist
 * @throws Error naming every path that cannot be in an image and every source that is not a readable file
 */
export async function packImage(
    spec: ImageSpec,
    output: string,
    signal?: AbortSignal,
): Promise<{ readonly reference: string; readonly digest: string }> {
    const partial = `${output}.partial`;
    const layerFile = `${output}.layer.partial`;
    try {
        const layer = await writeLayer(await layerEntries(spec), layerFile, signal);
        const config = json({
            architecture: architecture(),
            os: "linux",
            config: {
                User: spec.user,
                Env: Object.entries({ PATH: SEARCH_PATH, ...spec.environment })
                    .map(([name, value]) => `${name}=${value}`)
                    .sort(),
                Entrypoint: spec.entrypoint,
                WorkingDir: spec.workingDirectory ?? "/",
            },
            rootfs: { type: "layers", diff_ids: [layer.uncompressedDigest] },
            history: [{ created_by: "rehearsal/cluster/oci-image.ts" }],
        });
        const manifest = json({
            schemaVersion: 2,
            mediaType: MEDIA_TYPE.manifest,
            config: { mediaType: MEDIA_TYPE.config, ...descriptor(config) },
            layers: [{ mediaType: MEDIA_TYPE.layer, digest: layer.digest, size: layer.size }],
        });
        const { digest } = descriptor(manifest);
        const reference = hasTag(spec.name) ? spec.name : `${spec.name}@${digest}`;
        const index = json({
            schemaVersion: 2,
            mediaType: MEDIA_TYPE.index,
            manifests: [
                {
                    mediaType: MEDIA_TYPE.manifest,
                    ...descriptor(manifest),
                    platform: { architecture: architecture(), os: "linux" },
                    annotations: { "io.containerd.image.name": reference },
                },
            ],
        });
        const archive = createArchive([
            { name: "oci-layout", mode: 0o644, content: json({ imageLayoutVersion: "1.0.0" }) },
            { name: "index.json", mode: 0o644, content: index },
            { name: blobName(digest), mode: 0o644, content: manifest },
            { name: blobName(descriptor(config).digest), mode: 0o644, content: config },
            { name: blobName(layer.digest), mode: 0o644, source: layerFile, size: layer.size },
        ]);
        await pipeline(archive, createWriteStream(partial), { signal });
        await rename(partial, output);
        return { reference, digest };
    } finally {
        await Promise.all([rm(partial, { force: true }), rm(layerFile, { force: true })]);
    }
}

/**
 * The files of this machine that a dynamically linked program needs to run: its libraries and the
 * dynamic loader. Empty for a statically linked program. An image holds them under the same paths.
 *
 * @throws Error naming the libraries that this machine does not have
 */
export async function sharedLibraries(binary: string): Promise<string[]> {
    let libraries: string;
    try {
        ({ stdout: libraries } = await promisify(execFile)("ldd", [binary], {
            env: { LC_ALL: "C" },
        }));
    } catch (error) {
        if (String(error).includes("not a dynamic executable")) return [];
        throw new Error(`Cannot list the libraries of ${binary}.`, { cause: error });
    }
    const missing = [...libraries.matchAll(/^\s*(\S+) => not found$/gm)].map(([, name]) => name);
    if (missing.length > 0) {
        throw new Error(`${binary} needs ${missing.join(", ")}, which this machine does not have.`);
    }
    return [...libraries.matchAll(/(?:^|=>)\s*(\/\S+) \(0x/gm)].map(([, path]) => String(path));
}

const SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const MEDIA_TYPE = {
    index: "application/vnd.oci.image.index.v1+json",
    manifest: "application/vnd.oci.image.manifest.v1+json",
    config: "application/vnd.oci.image.config.v1+json",
    layer: "application/vnd.oci.image.layer.v1.tar+gzip",
};

/** One member of a tar file; without content, source or link it is a folder. */
interface Entry {
    readonly name: string;
    readonly mode: number;
    readonly content?: Buffer;
    readonly link?: string;
    readonly source?: string;
    /** Bytes of `source`. */
    readonly size?: number;
}

async function layerEntries({ files }: ImageSpec): Promise<Entry[]> {
    const problems: string[] = [];
    const entries = new Map<string, Entry>([["tmp", { name: "tmp", mode: 0o1777 }]]);
    for (const [path, file] of Object.entries(files)) {
        const name = path.slice(1);
        if (!path.startsWith("/") || posix.normalize(path) !== path || path.endsWith("/")) {
            problems.push(`${path} is not an absolute path of a file`);
        } else if (entries.has(name)) {
            problems.push(`${path} is always a folder`);
        } else if ("link" in file) {
            entries.set(name, { name, mode: 0o777, link: file.link });
        } else if ("text" in file) {
            entries.set(name, { name, mode: 0o755, content: Buffer.from(file.text) });
        } else {
            const source = await stat(file.source).catch(() => undefined);
            if (source?.isFile() !== true) problems.push(`${file.source} is not a readable file`);
            const size = source?.size ?? 0;
            entries.set(name, { name, mode: 0o755, source: file.source, size });
        }
        for (const folder of parents(name)) {
            if (`/${folder}` in files) {
                problems.push(`/${folder} is a file, but also the folder of ${path}`);
            } else if (!entries.has(folder)) {
                entries.set(folder, { name: folder, mode: 0o755 });
            }
        }
    }
    if (problems.length > 0) throw new Error(`Cannot pack the image: ${problems.join("; ")}.`);
    return [...entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function parents(name: string): string[] {
    const parts = name.split("/").slice(0, -1);
    return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

async function writeLayer(
    entries: readonly Entry[],
    file: string,
    signal: AbortSignal | undefined,
): Promise<{ uncompressedDigest: string; digest: string; size: number }> {
    const uncompressed = createHash("sha256");
    const compressed = createHash("sha256");
    let size = 0;
    await pipeline(
        createArchive(entries),
        async function* (chunks: AsyncIterable<Buffer>) {
            for await (const chunk of chunks) {
                uncompressed.update(chunk);
                yield chunk;
            }
        },
        // Level 1: the image is unpacked once on the same machine, so time counts and size does not.
        createGzip({ level: 1 }),
        async function* (chunks: AsyncIterable<Buffer>) {
            for await (const chunk of chunks) {
                compressed.update(chunk);
                size += chunk.length;
                yield chunk;
            }
        },
        createWriteStream(file),
        { signal },
    );
    return {
        uncompressedDigest: `sha256:${uncompressed.digest("hex")}`,
        digest: `sha256:${compressed.digest("hex")}`,
        size,
    };
}

/** A tar file as a stream of its bytes. */
async function* createArchive(entries: readonly Entry[]): AsyncGenerator<Buffer> {
    const archive = pack();
    const filled = fill(archive, entries);
    // An error also ends the iteration below, which reports it; without this it would be unhandled.
    filled.catch((error: unknown) => {
        archive.destroy(error as Error);
    });
    yield* archive as AsyncIterable<Buffer>;
    await filled;
}

async function fill(archive: Pack, entries: readonly Entry[]): Promise<void> {
    for (const { name, mode, content, link, source, size } of entries) {
        const header = { name, mode, mtime: new Date(0) };
        if (source !== undefined) {
            const entry: NodeJS.WritableStream = archive.entry({ ...header, size });
            await pipeline(createReadStream(source), entry);
        } else if (content !== undefined) {
            await addEntry(archive, header, content);
        } else if (link !== undefined) {
            await addEntry(archive, { ...header, type: "symlink", linkname: link });
        } else {
            await addEntry(archive, { ...header, type: "directory" });
        }
    }
    archive.finalize();
}

function addEntry(
    archive: Pack,
    header: Partial<Header> & { name: string },
    content: Uint8Array = new Uint8Array(),
): Promise<void> {
    return new Promise((resolve, reject) => {
        archive.entry(header, content, (error) => {
            if (error) reject(error);
            else resolve();
        });
    });
}

function json(value: unknown): Buffer {
    return Buffer.from(JSON.stringify(value));
}

function descriptor(blob: Buffer): { digest: string; size: number } {
    return {
        digest: `sha256:${createHash("sha256").update(blob).digest("hex")}`,
        size: blob.length,
    };
}

function blobName(digest: string): string {
    return `blobs/${digest.replace(":", "/")}`;
}

function hasTag(name: string): boolean {
    return name.slice(name.lastIndexOf("/") + 1).includes(":");
}

/** The architecture of this machine in Go's terms, as image configurations have it. */
function architecture(): string {
    return process.arch === "x64" ? "amd64" : process.arch;
}
