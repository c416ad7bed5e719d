import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { readClusterFacts } from "../components/cluster-facts";
import { cluster, kubeconfigOf, serveApi } from "./support/api-server";

describe("readClusterFacts", () => {
    it("reads GPUs by node, Knative's ConfigMaps and the namespace's labels", async () => {
        const api = await serveApi(
            cluster({
                gpus: [0, 2],
                features: { "kubernetes.podspec-tolerations": "enabled" },
                namespaceLabels: { team: "images" },
            }),
        );
        try {
            const facts = await readClusterFacts(api.kubeconfig, "stable-diffusion");
            assert.deepEqual(facts.gpusPerNode, [0, 2]);
            assert.deepEqual(facts.knativeConfig?.["config-features"], {
                "kubernetes.podspec-tolerations": "enabled",
            });
            assert.deepEqual(facts.namespaceLabels, { team: "images" });
        } finally {
            await api.close();
        }
    });

    it("leaves out nodes that take no pods", async () => {
        const objects = cluster({ gpus: [4] });
        const nodes = objects["/api/v1/nodes"] as { items: { spec?: object }[] };
        for (const node of nodes.items) {
            node.spec = { unschedulable: true };
        }
        const api = await serveApi(objects);
        try {
            assert.deepEqual((await readClusterFacts(api.kubeconfig, "sd")).gpusPerNode, []);
        } finally {
            await api.close();
        }
    });

    it("tells a cluster without Knative and without the namespace from one that does not answer", async () => {
        const api = await serveApi({
            "/api/v1/nodes": { items: [] },
            "/version": { major: "1", minor: "34+" },
        });
        try {
            assert.deepEqual(await readClusterFacts(api.kubeconfig, "sd"), {
                gpusPerNode: [],
                kubernetesMinor: 34,
                knativeConfig: undefined,
                namespaceLabels: undefined,
            });
        } finally {
            await api.close();
        }
    });

    it("names the server that cannot be reached, and why", async () => {
        const api = await serveApi({});
        await api.close();
        await assert.rejects(
            readClusterFacts(api.kubeconfig, "sd"),
            /cluster of the kubeconfig \(http:\/\/127\.0\.0\.1:\d+\) does not answer: .*ECONNREFUSED/,
        );
    });

    it("gives up on a server that takes the connection and says nothing", async () => {
        const silent = createServer();
        await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
        const { port } = silent.address() as AddressInfo;
        const sockets: Socket[] = [];
        silent.on("connection", (socket) => sockets.push(socket));
        try {
            await assert.rejects(
                readClusterFacts(kubeconfigOf(`http://127.0.0.1:${port}`), "sd", 0.2),
                /does not answer: no answer in 0\.2 s/,
            );
        } finally {
            silent.close();
            for (const socket of sockets) {
                socket.destroy();
            }
        }
    });

    it("names the server that refuses, and its words", async () => {
        const refusal = { kind: "Status", message: "nodes is forbidden" };
        const api = await serveApi({ "/api/v1/nodes": refusal }, 403);
        try {
            await assert.rejects(
                readClusterFacts(api.kubeconfig, "sd"),
                /HTTP 403: .*nodes is forbidden/,
            );
        } finally {
            await api.close();
        }
    });

    it("refuses what is no kubeconfig without printing it", async () => {
        for (const [contents, message] of [
            ["{ token: top-secret", /cannot be parsed/],
            ["", /cannot be parsed|names no cluster/],
            [
                kubeconfigOf("http://127.0.0.1:1").replace(
                    '"current-context":"test"',
                    '"current-context":"x"',
                ),
                /names no cluster/,
            ],
        ] as const) {
            await assert.rejects(readClusterFacts(contents, "sd"), (error: Error) => {
                assert.match(error.message, message);
                assert.doesNotMatch(error.message, /top-secret/);
                return true;
            });
        }
    });
});
