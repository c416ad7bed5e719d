import { readFile, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cachedBuild } from "../cached-build";
import { buildModelServer, modelServerImage } from "../model-server/image";
import type { Binaries } from "./binaries";
import { command } from "./command";
import { PAUSE_IMAGE } from "./containerd";
import { packImage, sharedLibraries, type ImageSpec } from "./oci-image";
import { VERSIONS } from "./versions";

/** A packed image. */
export interface Image {
    readonly reference: string;
    /** The tar file, in the cache. */
    readonly archive: string;
}

/**
 * Images of Knative's programs: never `latest`, which would always be pulled, and below `dev.local/`,
 * where Knative does not ask a registry for digests.
 */
export const KNATIVE_IMAGES: Readonly<Record<string, string>> = {
    ...Object.fromEntries(
        ["activator", "autoscaler", "controller", "webhook", "queue"].map((name) => [
            name,
            `dev.local/knative-${name}:${VERSIONS.knativeServing}`,
        ]),
    ),
    kourier: `dev.local/kourier:${VERSIONS.netKourier}`,
};

/** The image of the gateway. */
export const ENVOY_IMAGE = `dev.local/envoy:v${VERSIONS.envoy}`;

/** Packs what is not in the cache. The pause image comes first. */
export async function packImages(
    binaries: Binaries,
    signal?: AbortSignal,
): Promise<{ readonly images: readonly Image[]; readonly model: Image }> {
    const pause: ImageSpec = {
        name: PAUSE_IMAGE,
        entrypoint: ["/pause"],
        user: "65535:65535",
        files: { "/pause": { source: join(binaries.node, "node-init") } },
    };
    const knative = Object.entries(KNATIVE_IMAGES).map(([name, reference]): ImageSpec => ({
        name: reference,
        entrypoint: [`/ko-app/${name}`],
        user: "65532:65532",
        files: { [`/ko-app/${name}`]: { source: join(binaries.knative, name) } },
    }));
    const specs = [pause, ...knative, await envoy(binaries)];
    const [model, ...images] = await Promise.all([
        packModelServer(signal),
        ...specs.map((spec) => packed(spec, signal)),
    ]);
    return { images: [...images, model], model };
}

async function envoy(binaries: Binaries): Promise<ImageSpec> {
    const program = join(binaries.envoy, "envoy");
    const libraries = await sharedLibraries(program);
    return {
        name: ENVOY_IMAGE,
        entrypoint: ["/usr/local/bin/envoy"],
        user: "65534:65534",
        files: {
            "/usr/local/bin/envoy": { source: program },
            ...Object.fromEntries(libraries.map((path) => [path, { source: path }])),
            // The hook that drains the gateway before it stops runs these two and curl.
            "/bin/busybox": { source: "/bin/busybox" },
            "/bin/sh": { link: "busybox" },
            "/bin/sleep": { link: "busybox" },
            "/usr/bin/curl": {
                text: `#!/bin/sh
# Stand-in for curl that understands what the hook calls: curl -X POST URL
exec /bin/busybox wget -q -O - --post-data= "$3"
`,
            },
        },
    };
}

async function packModelServer(signal: AbortSignal | undefined): Promise<Image> {
    const source = join(__dirname, "../model-server");
    const names = (await readdir(source)).filter((name) => /\.(go|mod|sum)$/.test(name)).sort();
    const sources = await Promise.all(names.map((name) => readFile(join(source, name), "utf8")));
    const toolchain = await command("go", ["env", "GOVERSION", "GOARCH", "GOFLAGS"], {
        cwd: source,
        signal,
    });
    const folder = await cachedBuild({
        name: "model-server",
        key: [...names, ...sources, toolchain],
        build: buildModelServer,
        signal,
    });
    return packed(modelServerImage(folder), signal);
}

async function packed(spec: ImageSpec, signal: AbortSignal | undefined): Promise<Image> {
    const sources = Object.values(spec.files).flatMap((file) =>
        "source" in file ? [file.source] : [],
    );
    const name = spec.name.replace(/^.*\//, "").replace(/:.*$/, "");
    const folder = await cachedBuild({
        name: `image-${name}`,
        key: [JSON.stringify(spec), ...(await Promise.all(sources.map(identity)))],
        build: async (unfinished) => {
            const { reference } = await packImage(spec, join(unfinished, ARCHIVE), signal);
            await writeFile(join(unfinished, REFERENCE), reference);
        },
        signal,
    });
    return {
        reference: await readFile(join(folder, REFERENCE), "utf8"),
        archive: join(folder, ARCHIVE),
    };
}

const ARCHIVE = "image.tar";
const REFERENCE = "reference";

/** Tells versions of a file apart without reading it, which would take a second per gigabyte. */
async function identity(file: string): Promise<string> {
    const { size, mtimeMs } = await stat(file);
    return `${file} ${size} ${mtimeMs}`;
}
