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

/** The images of a cluster. */
export interface PackedImages {
    /** All of them. */
    readonly images: readonly Image[];
    /** Reference, by digest, of each image that the program's configuration names, by its key there. */
    readonly configured: Readonly<Record<ConfiguredImage, string>>;
}

/** Keys of the program's configuration whose images cannot be had here, so that ones of our own replace them. */
export type ConfiguredImage = "image" | "prometheusImage" | "kubeStateMetricsImage";

/** Packs what is not in the cache. The pause image comes first. */
export async function packImages(binaries: Binaries, signal?: AbortSignal): Promise<PackedImages> {
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
    const [model, prometheus, kubeStateMetrics, ...images] = await Promise.all([
        packModelServer(signal),
        packed(prometheusApiOnly(binaries), signal),
        packed(kubeStateMetricsStandIn(binaries), signal),
        ...specs.map((spec) => packed(spec, signal)),
    ]);
    return {
        images: [...images, model, prometheus, kubeStateMetrics],
        configured: {
            image: model.reference,
            prometheusImage: prometheus.reference,
            kubeStateMetricsImage: kubeStateMetrics.reference,
        },
    };
}

/**
 * Prometheus without the pages of its web interface, which its Go module does not hold; the API is whole. The path of
 * the program, user and working directory are those of the official image. It has no arguments, so that they must be
 * given, no configuration and no shell.
 */
function prometheusApiOnly(binaries: Binaries): ImageSpec {
    return {
        name: "dev.local/prometheus-api-only",
        entrypoint: ["/bin/prometheus"],
        user: "65534:65534",
        workingDirectory: "/prometheus",
        files: {
            "/bin/prometheus": { source: join(binaries.prometheus, "prometheus") },
        },
    };
}

/** The stand-in for kube-state-metrics, under the path and with the entrypoint of the official image. */
function kubeStateMetricsStandIn(binaries: Binaries): ImageSpec {
    return {
        name: "dev.local/kube-state-metrics-stand-in",
        entrypoint: ["/kube-state-metrics", "--port=8080", "--telemetry-port=8081"],
        user: "65534:65534",
        files: {
            "/kube-state-metrics": {
                source: join(binaries.kubeStateMetrics, "kube-state-metrics-stand-in"),
            },
        },
    };
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
