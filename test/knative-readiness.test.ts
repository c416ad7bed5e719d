import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { mock } from "node:test";
import { knativeGateway, untilKnativeAnswers } from "../components/knative-readiness";
import { KNATIVE_SERVICE } from "../policy/knative-service";
import { imageDigest } from "../policy/image";
import { gpuLimit } from "../policy/gpu";
import { containerConcurrency, maxScale } from "../policy/scaling";
import { verdict } from "../policy/test/support/verdict";
import { type Answer, gateway, kubeconfigOf, serveApi } from "./support/api-server";
import { promiseOf, recordResources } from "./support/mocks";

type Api = Awaited<ReturnType<typeof serveApi>>;

const GATEWAY = { gatewayNamespace: "kourier-system", gatewayService: "kourier" };

/** Runs a test against an API server with these objects and answers to creations. */
async function withApi<T>(
    {
        objects = gateway(),
        status,
        creations,
    }: {
        objects?: Readonly<Record<string, unknown>>;
        status?: number;
        creations?: readonly Answer[];
    },
    act: (api: Api) => Promise<T>,
): Promise<T> {
    const api = await serveApi(objects, status, creations);
    try {
        return await act(api);
    } finally {
        await api.close();
    }
}

const silent = (): Promise<void> => Promise.resolve();

/** One look, without waiting. */
const look = ({ kubeconfig }: Api): Promise<string> =>
    untilKnativeAnswers(kubeconfig, { ...GATEWAY, waitSeconds: 0 }, silent);

describe("untilKnativeAnswers", () => {
    it("returns the gateway's address once webhook and gateway are there", async () => {
        await withApi({}, async (api) => {
            assert.equal(await look(api), "192.0.2.10");
            const slices = api.requests.find(({ path }) => path.endsWith("/endpointslices"));
            assert.equal(slices?.query.get("labelSelector"), "kubernetes.io/service-name=kourier");
        });
    });

    it("asks the webhook by a creation that is not carried out", async () => {
        await withApi({}, async (api) => {
            await look(api);
            const creations = api.requests.filter(({ method }) => method !== "GET");
            assert.deepEqual(
                creations.map(({ method, query }) => [method, query.get("dryRun")]),
                [["POST", "All"]],
            );
        });
    });

    it("asks it for a Service that no policy refuses", async () => {
        await withApi({}, async (api) => {
            await look(api);
            const { body = "" } = api.requests.find(({ method }) => method === "POST") ?? {};
            const props = JSON.parse(body) as Record<string, unknown>;
            for (const policy of [containerConcurrency, maxScale, gpuLimit, imageDigest]) {
                assert.deepEqual(await verdict(policy, { type: KNATIVE_SERVICE, props }), []);
            }
        });
    });

    it("waits for a webhook that does not answer yet", async () => {
        await withApi({ creations: [500, 201] }, async (api) => {
            const { kubeconfig, requests } = api;
            assert.equal(
                await untilKnativeAnswers(kubeconfig, { ...GATEWAY, waitSeconds: 60 }, silent),
                "192.0.2.10",
            );
            assert.equal(requests.filter(({ method }) => method === "POST").length, 2);
            // Nothing is asked of a gateway that would have nothing to serve.
            assert.equal(requests.filter(({ method }) => method === "GET").length, 2);
        });
    });

    it("says what it waits for, but not at each look", async () => {
        const said: string[] = [];
        await withApi({ creations: [500, 500, 201] }, async ({ kubeconfig, requests }) => {
            // Seconds at the start and after each look.
            const seconds = [0, 20, 25, 30];
            const clock = mock.method(performance, "now", () => {
                const looks = requests.filter(({ method }) => method === "POST").length;
                return (seconds[looks] ?? 0) * 1000;
            });
            try {
                await untilKnativeAnswers(
                    kubeconfig,
                    { ...GATEWAY, waitSeconds: 60 },
                    (message) => {
                        said.push(message);
                        return Promise.resolve();
                    },
                );
            } finally {
                clock.mock.restore();
            }
        });
        assert.equal(said.length, 1);
        assert.match(
            said[0] ?? "",
            /^waiting for Knative, 20 s of at most 60: Knative's webhook does not answer \(HTTP 500: /,
        );
    });

    for (const code of [400, 409, 422]) {
        it(`takes a refusal (${code}) for an answer`, async () => {
            await withApi({ creations: [code] }, async (api) => {
                assert.equal(await look(api), "192.0.2.10");
            });
        });
    }

    for (const code of [401, 403]) {
        it(`gives up at once where the kubeconfig may not create Services (${code})`, async () => {
            await withApi({ creations: [code] }, async ({ kubeconfig, requests }) => {
                await assert.rejects(
                    untilKnativeAnswers(kubeconfig, { ...GATEWAY, waitSeconds: 60 }, silent),
                    (error: Error) => {
                        assert.ok(pulumi.RunError.isInstance(error));
                        assert.equal(
                            error.message,
                            `the kubeconfig may not create Knative Services in the namespace default (HTTP ${code}); use one of an administrator`,
                        );
                        return true;
                    },
                );
                assert.equal(requests.length, 1);
            });
        });
    }

    for (const [title, world, missing] of [
        [
            "the API server does not know Services",
            { creations: [404] },
            "the API server does not know Knative Services yet",
        ],
        [
            "the webhook is overrun",
            { creations: [429] },
            "Knative's webhook does not answer (HTTP 429",
        ],
        ["the webhook fails", { creations: [500] }, "Knative's webhook does not answer (HTTP 500"],
        [
            "there is no gateway",
            { objects: {} },
            "the gateway's Service kourier-system/kourier does not exist; if it has another name, set gatewayNamespace and gatewayService",
        ],
        [
            "the gateway cannot be read",
            { status: 403 },
            "the gateway's Service kourier-system/kourier cannot be read (HTTP 403",
        ],
        [
            "the gateway has no address",
            { objects: gateway({ ingress: [] }) },
            "the gateway's Service kourier-system/kourier has no load balancer address; where it never gets one, set that at which it is reached: pulumi config set gatewayAddress HOST:PORT",
        ],
        ...([null, [], [{ conditions: { ready: false } }]] as const).map(
            (endpoints) =>
                [
                    `the gateway's endpoints are ${JSON.stringify(endpoints)}`,
                    { objects: gateway({ endpoints }) },
                    "the gateway's Service kourier-system/kourier has no pod that is ready",
                ] as const,
        ),
    ] as const) {
        it(`says that ${title} when the time is over`, async () => {
            await withApi(world, async (api) => {
                await assert.rejects(look(api), (error: Error) => {
                    assert.ok(pulumi.RunError.isInstance(error));
                    assert.ok(
                        error.message.startsWith(`Knative does not answer after 0 s: ${missing}`),
                        error.message,
                    );
                    assert.match(error.message, /Nothing was put into it; the next up goes on/);
                    return true;
                });
            });
        });
    }

    it("says that the API server does not answer when the time is over", async () => {
        await assert.rejects(
            untilKnativeAnswers(
                kubeconfigOf("http://127.0.0.1:1"),
                { ...GATEWAY, waitSeconds: 0 },
                silent,
            ),
            /does not answer after 0 s: Knative's webhook does not answer \(.*ECONNREFUSED/,
        );
    });

    for (const [title, objects, address] of [
        [
            "the host name of a load balancer without an IP",
            gateway({ ingress: [{ hostname: "lb.example.com" }] }),
            "lb.example.com",
        ],
        [
            "the IP of one that has both",
            gateway({ ingress: [{ ip: "192.0.2.1", hostname: "lb.example.com" }] }),
            "192.0.2.1",
        ],
        ["a gateway whose pods have no conditions", gateway({ endpoints: [{}] }), "192.0.2.10"],
        [
            "a gateway with one pod of several ready",
            gateway({
                endpoints: [{ conditions: { ready: false } }, { conditions: { ready: true } }],
            }),
            "192.0.2.10",
        ],
    ] as const) {
        it(`takes ${title}`, async () => {
            await withApi({ objects }, async (api) => {
                assert.equal(await look(api), address);
            });
        });
    }

    it("takes a configured address, and asks for no gateway", async () => {
        await withApi({ objects: {} }, async ({ kubeconfig, requests }) => {
            const args = { ...GATEWAY, gatewayAddress: "10.0.0.1:31080", waitSeconds: 0 };
            assert.equal(await untilKnativeAnswers(kubeconfig, args, silent), "10.0.0.1:31080");
            assert.deepEqual(
                requests.map(({ method }) => method),
                ["POST"],
            );
        });
    });

    it("looks for the gateway where it is configured", async () => {
        const objects = gateway({ namespace: "knative-serving", name: "ingress" });
        await withApi({ objects }, async ({ kubeconfig }) => {
            const args = {
                gatewayNamespace: "knative-serving",
                gatewayService: "ingress",
                waitSeconds: 0,
            };
            assert.equal(await untilKnativeAnswers(kubeconfig, args, silent), "192.0.2.10");
        });
    });
});

describe("knativeGateway", () => {
    const ask = (kubeconfig: pulumi.Output<string>): Promise<pulumi.Output<string>> =>
        knativeGateway({ ...GATEWAY, kubeconfig, waitSeconds: 0 });

    const isKnown = (output: pulumi.Output<string>): Promise<boolean> =>
        (output as unknown as { isKnown: Promise<boolean> }).isKnown;

    it("waits before it returns, so that nothing else is declared meanwhile", async () => {
        await recordResources();
        await withApi({ creations: [500] }, async ({ kubeconfig }) => {
            await assert.rejects(ask(pulumi.secret(kubeconfig)), /Knative does not answer/);
        });
        await withApi({}, async ({ kubeconfig }) => {
            const address = await ask(pulumi.secret(kubeconfig));
            assert.equal(await promiseOf(address), "192.0.2.10");
        });
    });

    it("asks nothing of the webhook in a preview", async () => {
        await recordResources({ preview: true });
        await withApi({ creations: [403] }, async ({ kubeconfig, requests }) => {
            assert.equal(await promiseOf(await ask(pulumi.output(kubeconfig))), "192.0.2.10");
            assert.deepEqual(
                requests.filter(({ method }) => method !== "GET"),
                [],
            );
        });
    });

    it("leaves the address unknown in a preview where the gateway is not there yet", async () => {
        await recordResources({ preview: true });
        await withApi({ objects: {} }, async ({ kubeconfig }) => {
            assert.equal(await isKnown(await ask(pulumi.output(kubeconfig))), false);
        });
    });

    it("leaves it unknown in a preview of a cluster to come", async () => {
        await recordResources({ preview: true });
        const unknown = pulumi.output(pulumi.unknown as unknown as string);
        assert.equal(await isKnown(await ask(unknown)), false);
    });
});
