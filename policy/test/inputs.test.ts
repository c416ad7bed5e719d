import assert from "node:assert/strict";
import { CONFIG_MAP_PATCH, tls } from "../exposure";
import { maxScale } from "../scaling";
import { gpuCapacity } from "../stack";
import { poolWith, serviceWith } from "./support/candidates";
import { type Candidate, stackVerdict, UNKNOWN, verdict } from "./support/verdict";

const MAX_SCALE = "autoscaling.knative.dev/max-scale";

/** The same resource as the engine hands it to rules about a stack while its provider is not configured. */
function withoutOutputs(candidate: Candidate): Candidate {
    return { ...candidate, props: {} };
}

describe("a rule about a stack", () => {
    const greedy: Candidate = {
        ...serviceWith({ annotations: { [MAX_SCALE]: "4" } }),
        name: "greedy",
    };
    const found =
        "4 GPUs may be claimed (sd/sd 4), and there are at most 3; lower max-scale, or raise scalingConfig.maxSize of a GPU node pool.";

    it("judges inputs where there are no outputs yet", async () => {
        await verdict(maxScale, greedy);
        const resources = [withoutOutputs(greedy), poolWith()];
        assert.deepEqual(await stackVerdict(gpuCapacity, resources), [found]);
    });

    it("judges inputs of types that no rule about one resource is for", async () => {
        const redirects: Candidate = {
            type: CONFIG_MAP_PATCH,
            name: "network",
            props: {
                metadata: { name: "config-network" },
                data: { "http-protocol": "Redirected" },
            },
        };
        const resources = [serviceWith(), withoutOutputs(redirects)];
        assert.equal((await stackVerdict(tls, resources)).length, 1);
        assert.equal(await verdict(maxScale, redirects), "not applicable");
        assert.deepEqual(await stackVerdict(tls, resources), []);
    });

    it("judges outputs where there are some", async () => {
        await verdict(maxScale, greedy);
        const modest = { ...serviceWith(), name: "greedy" };
        assert.deepEqual(await stackVerdict(gpuCapacity, [modest, poolWith()]), []);
    });

    it("leaves an input that is unknown to the engine", async () => {
        const unknown = {
            ...serviceWith({ annotations: { [MAX_SCALE]: UNKNOWN } }),
            name: "unknown",
        };
        await assert.rejects(verdict(maxScale, unknown));
        await assert.rejects(
            stackVerdict(gpuCapacity, [withoutOutputs(unknown), poolWith()]),
            /can't be known during preview/,
        );
    });

    it("judges nothing of a resource of which nothing is known", async () => {
        const stranger = { ...withoutOutputs(greedy), name: "stranger" };
        assert.deepEqual(await stackVerdict(gpuCapacity, [stranger, poolWith()]), []);
    });
});
