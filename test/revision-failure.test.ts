import assert from "node:assert/strict";
import { describeFailure, revisionFailure } from "../components/revision-failure";
import { serveApi } from "./support/api-server";

const SERVICE = "/apis/serving.knative.dev/v1/namespaces/sd/services/web";
const REVISION = "/apis/serving.knative.dev/v1/namespaces/sd/revisions/web-00002";
const PODS = "/api/v1/namespaces/sd/pods";
const EVENTS = "/api/v1/namespaces/sd/events";

/** A warning about an object of this kind and name. */
function warning(kind: string, name: string, message: string): unknown {
    return { type: "Warning", reason: "FailedScheduling", message, involvedObject: { kind, name } };
}

describe("describeFailure", () => {
    it("gives the conditions that are not True and the pods' own reasons, each once", () => {
        const waiting = { pod: "web-1", reason: "ErrImagePull", message: "not found" };
        assert.equal(
            describeFailure(
                "web-00002",
                [
                    {
                        type: "Ready",
                        status: "False",
                        reason: "ContainerMissing",
                        message: "no image",
                    },
                    { type: "Active", status: "True" },
                    { type: "ResourcesAvailable", status: "Unknown" },
                ],
                [waiting, waiting],
            ),
            [
                "revision web-00002 did not become ready:",
                "  Ready is False: ContainerMissing no image",
                "  ResourcesAvailable is Unknown:",
                "  pod web-1: ErrImagePull not found",
            ].join("\n"),
        );
    });

    it("says nothing of a revision that is ready", () => {
        const conditions = [
            { type: "Ready", status: "True" },
            { type: "Active", status: "False", reason: "NoTraffic" },
        ];
        assert.equal(describeFailure("web-00002", conditions, []), undefined);
    });
});

describe("revisionFailure", () => {
    it("reads the latest created revision and its pods", async () => {
        const api = await serveApi({
            [SERVICE]: { status: { latestCreatedRevisionName: "web-00002" } },
            [REVISION]: {
                status: {
                    conditions: [
                        { type: "Ready", status: "False", reason: "ProgressDeadlineExceeded" },
                    ],
                },
            },
            [PODS]: {
                items: [
                    {
                        metadata: { name: "web-00002-a" },
                        status: {
                            conditions: [
                                {
                                    type: "PodScheduled",
                                    status: "False",
                                    reason: "Unschedulable",
                                    message: "Insufficient nvidia.com/gpu",
                                },
                            ],
                        },
                    },
                    {
                        metadata: { name: "web-00002-b" },
                        status: {
                            conditions: [{ type: "PodScheduled", status: "True" }],
                            containerStatuses: [
                                {
                                    state: { waiting: { reason: "CrashLoopBackOff" } },
                                    lastState: {
                                        terminated: {
                                            reason: "Error",
                                            message: "CUDA not found",
                                            exitCode: 1,
                                        },
                                    },
                                },
                            ],
                        },
                    },
                ],
            },
            [EVENTS]: {
                items: [
                    warning("Pod", "web-00001-c", "of another revision"),
                    warning("Revision", "web-00002-d", "of no pod"),
                    warning("Pod", "web-00002-a", "of a pod that speaks for itself"),
                    warning("Pod", "web-00002-gone", "Insufficient nvidia.com/gpu"),
                ],
            },
        });
        try {
            assert.equal(
                await revisionFailure(api.kubeconfig, "sd", "web"),
                [
                    "revision web-00002 did not become ready:",
                    "  Ready is False: ProgressDeadlineExceeded",
                    "  pod web-00002-a: Unschedulable Insufficient nvidia.com/gpu",
                    "  pod web-00002-b: CrashLoopBackOff",
                    "  pod web-00002-b: Error CUDA not found",
                    "  pod web-00002-gone: FailedScheduling Insufficient nvidia.com/gpu",
                ].join("\n"),
            );
            const events = api.requests.find(({ path }) => path === EVENTS);
            assert.equal(events?.query.get("fieldSelector"), "type=Warning");
        } finally {
            await api.close();
        }
    });

    it("says nothing where Knative has made no revision yet", async () => {
        const api = await serveApi({});
        try {
            assert.equal(await revisionFailure(api.kubeconfig, "sd", "web"), undefined);
        } finally {
            await api.close();
        }
    });
});
