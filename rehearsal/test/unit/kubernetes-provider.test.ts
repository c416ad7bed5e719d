import assert from "node:assert/strict";
import { kubernetesPlugin } from "../../plugins/kubernetes";
import { type PropertyMap, Secret, UNKNOWN } from "../../plugins/property-values";

/** A kubeconfig for a server, with the token that its user has got. */
const kubeconfig = (server: string, token: string): Secret =>
    new Secret(
        JSON.stringify({
            clusters: [{ name: "c", cluster: { server } }],
            users: [{ name: "u", user: { token } }],
            contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
            "current-context": "x",
        }),
    );
const FIRST = kubeconfig("https://192.0.2.1:6443", "first");
const RENEWED = kubeconfig("https://192.0.2.1:6443", "second");
const MOVED = kubeconfig("https://192.0.2.2:6443", "third");

describe("the provider of the stand-in for the kubernetes plugin", () => {
    /** Changed keys, and of them those that replace the provider. */
    const diff = (
        olds: PropertyMap,
        news: PropertyMap,
    ): { changed: string[]; replace: string[] } => {
        const { changes } = kubernetesPlugin().diffConfig(olds, news);
        const changed = Object.keys(changes).sort();
        return { changed, replace: changed.filter((key) => changes[key]?.replace) };
    };

    const one = { clusterIdentifier: "c1" };
    const cases: [string, PropertyMap, PropertyMap, string[], string[]][] = [
        [
            "changes nothing when nothing changes",
            { kubeconfig: FIRST },
            { kubeconfig: FIRST },
            [],
            [],
        ],
        [
            "updates for new credentials of the same cluster",
            { kubeconfig: FIRST },
            { kubeconfig: RENEWED },
            ["kubeconfig"],
            [],
        ],
        [
            "replaces for another server",
            { kubeconfig: FIRST },
            { kubeconfig: MOVED },
            ["kubeconfig"],
            ["kubeconfig"],
        ],
        [
            "replaces for a kubeconfig that is not known yet",
            { kubeconfig: FIRST },
            { kubeconfig: UNKNOWN },
            ["kubeconfig"],
            ["kubeconfig"],
        ],
        [
            "updates for another server of the cluster with the same identifier",
            { kubeconfig: FIRST, ...one },
            { kubeconfig: MOVED, ...one },
            ["kubeconfig"],
            [],
        ],
        [
            "updates for an unknown kubeconfig of the cluster with the same identifier",
            { kubeconfig: FIRST, ...one },
            { kubeconfig: UNKNOWN, ...one },
            ["kubeconfig"],
            [],
        ],
        [
            "replaces for another identifier, whatever the kubeconfig says",
            { kubeconfig: FIRST, ...one },
            { kubeconfig: FIRST, clusterIdentifier: "c2" },
            ["clusterIdentifier"],
            ["clusterIdentifier"],
        ],
        [
            "replaces for an identifier that is not known yet",
            { kubeconfig: FIRST, ...one },
            { kubeconfig: UNKNOWN, clusterIdentifier: UNKNOWN },
            ["clusterIdentifier", "kubeconfig"],
            ["clusterIdentifier", "kubeconfig"],
        ],
        [
            "updates for an identifier that is added",
            { kubeconfig: FIRST },
            { kubeconfig: RENEWED, ...one },
            ["clusterIdentifier", "kubeconfig"],
            [],
        ],
        [
            "updates for an identifier that is removed",
            { kubeconfig: FIRST, ...one },
            { kubeconfig: RENEWED },
            ["clusterIdentifier", "kubeconfig"],
            [],
        ],
        [
            "replaces for another server while an identifier is added",
            { kubeconfig: FIRST },
            { kubeconfig: MOVED, ...one },
            ["clusterIdentifier", "kubeconfig"],
            ["kubeconfig"],
        ],
        [
            "updates for another default namespace",
            { kubeconfig: FIRST, namespace: "a" },
            { kubeconfig: FIRST, namespace: "b" },
            ["namespace"],
            [],
        ],
    ];
    for (const [title, olds, news, changed, replace] of cases) {
        it(title, () => {
            assert.deepEqual(diff(olds, news), { changed, replace });
        });
    }

    it("takes a kubeconfig in one line, however long, without quoting it in an error", async () => {
        const token = "t".repeat(5000);
        await kubernetesPlugin().configure({
            kubeconfig: kubeconfig("https://192.0.2.1:6443", token),
        });
        await assert.rejects(
            async () => kubernetesPlugin().configure({ kubeconfig: new Secret(token) }),
            (error: Error) =>
                !error.message.includes("ttt") && /neither the path/.test(error.message),
        );
    });

    it("takes an identifier", async () => {
        await kubernetesPlugin().configure({ kubeconfig: FIRST, ...one, namespace: "a" });
    });

    it("takes plain HTTP only where TLS is left out on purpose", async () => {
        const plain = (cluster: object): Secret =>
            new Secret(
                JSON.stringify({
                    clusters: [{ name: "c", cluster }],
                    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
                    users: [{ name: "u", user: {} }],
                    "current-context": "x",
                }),
            );
        const server = "http://127.0.0.1:8080";
        await kubernetesPlugin().configure({
            kubeconfig: plain({ server, "insecure-skip-tls-verify": true }),
        });
        await assert.rejects(
            async () => kubernetesPlugin().configure({ kubeconfig: plain({ server }) }),
            new Error(
                "the kubeconfig's server is http://127.0.0.1:8080, plain HTTP; use https, or set insecure-skip-tls-verify to true",
            ),
        );
    });

    it("refuses credentials that cannot be read when it is configured", async () => {
        const kubeconfig = JSON.stringify({
            clusters: [
                {
                    name: "c",
                    cluster: {
                        server: "https://192.0.2.1:6443",
                        "certificate-authority": "/missing/ca.pem",
                    },
                },
            ],
            contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
            users: [{ name: "u", user: {} }],
            "current-context": "x",
        });
        await assert.rejects(
            async () => kubernetesPlugin().configure({ kubeconfig }),
            /ENOENT.*\/missing\/ca\.pem/,
        );
    });

    it("refuses options that it does not have, naming those that it has", async () => {
        await assert.rejects(
            async () => kubernetesPlugin().configure({ kubeconfig: FIRST, context: "x" }),
            /does not support the provider's context; it supports kubeconfig, clusterIdentifier, namespace and enableServerSideApply: true/,
        );
    });
});
