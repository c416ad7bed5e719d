import assert from "node:assert/strict";
import { retryFailedRevision } from "../components/revision-retry";
import { serveApi } from "./support/api-server";

const SERVICE = "/apis/serving.knative.dev/v1/namespaces/sd/services/web";
const REVISION = "/apis/serving.knative.dev/v1/namespaces/sd/revisions/web-00002";

/** What was deleted for a Service and its latest revision of these states. Knative makes the revision anew. */
async function deletions(
    service: Record<string, unknown> | undefined,
    ready: string | undefined,
): Promise<{ retried: string | undefined; deleted: string[] }> {
    let looks = 0;
    const objects: Record<string, unknown> = {};
    if (service) {
        objects[SERVICE] = { metadata: { resourceVersion: "1" }, status: service };
    }
    if (ready !== undefined) {
        Object.defineProperty(objects, REVISION, {
            get: () => {
                looks += 1;
                return {
                    // The second and the third look still find the one that is being deleted.
                    metadata: { uid: looks < 4 ? "first" : "second" },
                    status: { conditions: [{ type: "Ready", status: ready }] },
                };
            },
        });
    }
    const api = await serveApi(objects);
    try {
        const retried = await retryFailedRevision(api.kubeconfig, "sd", "web");
        const deleted = api.requests
            .filter(({ method }) => method === "DELETE")
            .map(({ path }) => path);
        if (retried !== undefined) {
            assert.ok(looks > 3, "it returned before the revision was made anew");
        }
        return { retried, deleted };
    } finally {
        await api.close();
    }
}

const FAILED = { latestCreatedRevisionName: "web-00002", latestReadyRevisionName: "web-00001" };

describe("retryFailedRevision", () => {
    it("deletes the latest revision when it failed and never was ready", async () => {
        assert.deepEqual(await deletions(FAILED, "False"), {
            retried: "web-00002",
            deleted: [REVISION],
        });
        const first = { latestCreatedRevisionName: "web-00002" };
        assert.deepEqual((await deletions(first, "False")).deleted, [REVISION]);
    });

    const KEPT: readonly (readonly [
        what: string,
        service: Record<string, unknown> | undefined,
        ready: string | undefined,
    ])[] = [
        [
            "has been ready, whatever it is now",
            { ...FAILED, latestReadyRevisionName: "web-00002" },
            "False",
        ],
        ["may yet become ready", FAILED, "Unknown"],
        ["is ready", FAILED, "True"],
        ["is gone", FAILED, undefined],
        ["was not made yet", {}, undefined],
        ["is of a Service that is not there", undefined, undefined],
    ];
    for (const [what, service, ready] of KEPT) {
        it(`deletes nothing when the latest revision ${what}`, async () => {
            assert.deepEqual(await deletions(service, ready), { retried: undefined, deleted: [] });
        });
    }
});
