import {
    CoreV1Api,
    CustomObjectsApi,
    KubernetesObjectApi,
    PatchStrategy,
    setHeaderOptions,
    type KubeConfig,
    type KubernetesObject,
} from "@kubernetes/client-node";
import { join } from "node:path";
import { step } from "../progress";
import type { Binaries } from "./binaries";
import { adaptManifests, readManifests } from "./knative-manifests";
import { NETWORK } from "./network";
import { until } from "./until";

/**
 * Installs Knative Serving and Kourier and returns when both really answer.
 *
 * @param ready resolves when the node is Ready and has the images; a pod that lacks one waits 10 s
 * before it tries again
 */
export async function installKnative(
    kubeconfig: KubeConfig,
    binaries: Binaries,
    ready: Promise<unknown>,
    signal?: AbortSignal,
): Promise<void> {
    const api = KubernetesObjectApi.makeApiClient(kubeconfig);
    const manifests = await readManifests(join(binaries.knative, "manifests"));
    const { definitions, configuration, programs, webhooks } = adaptManifests(manifests);
    await step("Apply Knative and Kourier", async (note) => {
        await applyAll(api, definitions, signal);
        await Promise.all(
            definitions.map((definition) => hasCondition(api, definition, "Established", signal)),
        );
        note("custom resource definitions established");
        const [namespaces, rest] = partition(configuration, ({ kind }) => kind === "Namespace");
        await applyAll(api, namespaces, signal);
        await applyAll(api, rest, signal);
        note("configuration applied");
        await ready;
        await applyAll(api, programs, signal);
    });
    const deployments = programs.filter(({ kind }) => kind === "Deployment");
    await step("Wait for Knative and Kourier", async (note) => {
        const [webhook, others] = partition(
            deployments,
            ({ metadata }) => metadata?.name === "webhook",
        );
        await Promise.all(webhook.map((object) => hasCondition(api, object, "Available", signal)));
        note("webhook available");
        await applyAll(api, webhooks, signal);
        await Promise.all(others.map((object) => hasCondition(api, object, "Available", signal)));
        note("all deployments available");
        await Promise.all([webhookAnswers(kubeconfig, signal), serveGateway(kubeconfig, signal)]);
    });
}

function partition<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
    return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}

async function applyAll(
    api: KubernetesObjectApi,
    objects: readonly KubernetesObject[],
    signal?: AbortSignal,
): Promise<void> {
    signal?.throwIfAborted();
    await Promise.all(
        objects.map((object) =>
            api.patch(
                object,
                undefined,
                undefined,
                "sd-rehearsal",
                true,
                PatchStrategy.ServerSideApply,
            ),
        ),
    );
}

async function hasCondition(
    api: KubernetesObjectApi,
    object: KubernetesObject,
    type: string,
    signal?: AbortSignal,
): Promise<void> {
    await until(
        `${String(object.kind)} ${String(object.metadata?.name)} to be ${type}`,
        180,
        async () => {
            const { status } = await api.read<Conditioned>(object as Header);
            const condition = status?.conditions?.find((each) => each.type === type);
            return condition?.status === "True" ? true : undefined;
        },
        signal,
    );
}

type Header = Parameters<KubernetesObjectApi["read"]>[0];

interface Conditioned extends KubernetesObject {
    readonly status?: { readonly conditions?: readonly { type: string; status: string }[] };
}

/** An Available webhook may still lack its certificate in the configurations that call it. */
async function webhookAnswers(kubeconfig: KubeConfig, signal?: AbortSignal): Promise<void> {
    const api = kubeconfig.makeApiClient(CustomObjectsApi);
    await until(
        "Knative's webhook to answer",
        60,
        async () => {
            const created: unknown = await api.createNamespacedCustomObject({
                group: "serving.knative.dev",
                version: "v1",
                namespace: "default",
                plural: "services",
                dryRun: "All",
                body: {
                    apiVersion: "serving.knative.dev/v1",
                    kind: "Service",
                    metadata: { name: "webhook-probe" },
                    spec: { template: { spec: { containers: [{ image: "dev.local/probe:1" }] } } },
                },
            });
            // Set by the defaulting webhook.
            return JSON.stringify(created).includes("serving.knative.dev/creator")
                ? true
                : undefined;
        },
        signal,
    );
}

/**
 * Stand-in for a cloud's load balancer: gives the gateway's Service an address that this machine routes to
 * the node, where kube-proxy answers for it. It does not cover what a cloud adds, such as health checks
 * or more than one node.
 */
async function serveGateway(kubeconfig: KubeConfig, signal?: AbortSignal): Promise<void> {
    const status = { loadBalancer: { ingress: [{ ip: NETWORK.gatewayAddress }] } };
    await kubeconfig
        .makeApiClient(CoreV1Api)
        .patchNamespacedServiceStatus(
            { name: "kourier", namespace: "kourier-system", body: { status } },
            setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
        );
    await until("the gateway to answer", 60, gatewayAnswers, signal);
}

/** True if Envoy is reached at the gateway's address: it answers 404 for a host that nobody serves. */
export async function gatewayAnswers(): Promise<true | undefined> {
    const response = await fetch(`http://${NETWORK.gatewayAddress}/`, {
        signal: AbortSignal.timeout(2000),
    });
    return response.status === 404 && response.headers.get("server") === "envoy" ? true : undefined;
}
