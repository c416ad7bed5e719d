import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { admissionInForce, untilAdmissionRefuses } from "../components/admission-readiness";
import { KnativeAdmission } from "../components/knative-admission";
import { type Answer, denied, kubeconfigOf, serveApi } from "./support/api-server";
import { recordResources } from "./support/mocks";

const DENIED = denied("sd");
const POLICY = "stable-diffusion-knative-sd";

type Api = Awaited<ReturnType<typeof serveApi>>;

/** Runs a test against an API server that answers creations so. */
async function withAnswers(
    answers: readonly Answer[],
    act: (api: Api) => Promise<void>,
): Promise<void> {
    const api = await serveApi({}, 200, answers);
    try {
        await act(api);
    } finally {
        await api.close();
    }
}

describe("untilAdmissionRefuses", () => {
    it("asks by a creation that is not carried out", async () => {
        await withAnswers([DENIED], async ({ kubeconfig, requests }) => {
            await untilAdmissionRefuses(kubeconfig, POLICY, 0);
            assert.deepEqual(
                requests.map(({ method, query }) => [method, query.get("dryRun")]),
                [["POST", "All"]],
            );
        });
    });

    it("waits while a bad Service is admitted", async () => {
        await withAnswers([201, DENIED], async ({ kubeconfig, requests }) => {
            await untilAdmissionRefuses(kubeconfig, POLICY);
            assert.equal(requests.length, 2);
        });
    });

    for (const [title, answer, missing] of [
        [
            "the Service is admitted",
            201,
            "a Service without a GPU limit is admitted; the namespace default must not have the label stable-diffusion-knative/admission: exempt",
        ],
        [
            "another policy refuses it",
            { code: 422, message: "ValidatingAdmissionPolicy 'theirs' denied request" },
            "a Service without a GPU limit is refused by another reason (HTTP 422: ",
        ],
    ] as const satisfies readonly (readonly [string, Answer, string])[]) {
        it(`gives up when the time is over and ${title}`, async () => {
            await withAnswers([answer], async ({ kubeconfig }) => {
                await assert.rejects(
                    untilAdmissionRefuses(kubeconfig, POLICY, 0),
                    (error: Error) => {
                        assert.ok(pulumi.RunError.isInstance(error));
                        assert.ok(
                            error.message.startsWith(
                                `the admission policy ${POLICY} is not in force after 0 s: ${missing}`,
                            ),
                            error.message,
                        );
                        assert.match(
                            error.message,
                            /The service was not touched; the next up goes on from here$/,
                        );
                        return true;
                    },
                );
            });
        });
    }
});

describe("admissionInForce", () => {
    it("returns only when the policy that was made is in force", async () => {
        await recordResources();
        await withAnswers([201, DENIED], async ({ kubeconfig, requests }) => {
            await admissionInForce(
                pulumi.output(kubeconfig),
                new KnativeAdmission("admission", { namespace: "sd" }),
            );
            assert.equal(requests.length, 2);
        });
    });

    it("asks nothing in a preview", async () => {
        await recordResources({ preview: true });
        await admissionInForce(
            pulumi.output(kubeconfigOf("http://127.0.0.1:1")),
            new KnativeAdmission("admission", { namespace: "sd" }),
        );
    });
});
