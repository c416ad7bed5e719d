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
import type { Binaries } from "./binaries";
import { adaptManifests, readManifests, type Stages } from "./knative-manifests";
import { NETWORK } from "./network";
import { unlessMissing } from "../../components/unless-missing";
import { until } from "./until";

/**
 * Applies Knative Serving and Kourier, up to their programs, and returns while these start.
 *
 * @param ready resolves when a node is Ready and has the images; a pod that lacks one waits 10 s before it
 * tries again
 * @param note is told what has been done
 */
export async function applyKnative(
    kubeconfig: KubeConfig,
    binaries: Binaries,
    ready: Promise<unknown>,
    note: (what: string) => void,
    signal?: AbortSignal,
): Promise<void> {
    const api = KubernetesObjectApi.makeApiClient(kubeconfig);
    const { definitions, configuration, programs } = await stages(binaries);
    await applyAll(api, definitions, signal);
    await Promise.all(
        definitions.map((definition) => hasCondition(api, definition, "Established", 180, signal)),
    );
    note("custom resource definitions established");
    const [namespaces, rest] = partition(configuration, ({ kind }) => kind === "Namespace");
    await applyAll(api, namespaces, signal);
    await applyAll(api, rest, signal);
    note("configuration applied");
    await ready;
    await applyAll(api, programs, signal);
}

/**
 * Goes on after {@link applyKnative} and returns when webhook and gateway really answer. It can be done again.
 *
 * @param seconds how long the programs may take to be Available
 * @param note is told what has been done
 */
export async function completeKnative(
    kubeconfig: KubeConfig,
    binaries: Binaries,
    seconds: number,
    note: (what: string) => void,
    signal?: AbortSignal,
): Promise<void> {
    const api = KubernetesObjectApi.makeApiClient(kubeconfig);
    const { programs, webhooks } = await stages(binaries);
    const [webhook, others] = partition(
        programs.filter(({ kind }) => kind === "Deployment"),
        ({ metadata }) => metadata?.name === "webhook",
    );
    const available = (objects: readonly KubernetesObject[]): Promise<unknown> =>
        Promise.all(
            objects.map((object) => hasCondition(api, object, "Available", seconds, signal)),
        );
    await available(webhook);
    note("webhook available");
    await applyAll(api, webhooks, signal);
    await available(others);
    note("all deployments available");
    await Promise.all([webhookAnswers(kubeconfig, signal), serveGateway(kubeconfig, signal)]);
}

/** Whether {@link applyKnative} has been done or begun, and {@link completeKnative} has not come to its end. */
export async function isKnativeIncomplete(kubeconfig: KubeConfig): Promise<boolean> {
    const core = kubeconfig.makeApiClient(CoreV1Api);
    const namespace = await unlessMissing(core.readNamespace({ name: SERVING }));
    const gateway = await unlessMissing(core.readNamespacedService(GATEWAY));
    return namespace !== undefined && gateway?.status?.loadBalancer?.ingress === undefined;
}

/**
 * Deletes everything that {@link applyKnative} and {@link completeKnative} have made, and with the custom
 * resource definitions all Knative Services and their pods. Nothing drains: pods are deleted at once. Returns
 * when all of it is gone.
 *
 * @throws Error naming what is not gone after two minutes
 */
export async function removeKnative(
    kubeconfig: KubeConfig,
    binaries: Binaries,
    signal?: AbortSignal,
): Promise<void> {
    const api = KubernetesObjectApi.makeApiClient(kubeconfig);
    const { definitions, configuration, programs, webhooks } = await stages(binaries);
    // Without their programs, they would refuse every change.
    await deleteAll(api, webhooks, "Background", signal);
    // While everybody knows these kinds: the garbage collector would not get to what they own afterwards.
    const deadline = performance.now() + FINALIZER_SECONDS * 1000;
    const end = async (): Promise<void> => {
        await deletePods(kubeconfig, { labelSelector: "serving.knative.dev/revision" });
        if (performance.now() > deadline) {
            await dropFinalizers(kubeconfig, definitions);
        }
    };
    const services = await instances(
        kubeconfig,
        definitions.filter(({ metadata }) => metadata?.name === "services.serving.knative.dev"),
    );
    for (const objects of [services, definitions]) {
        await deleteAll(api, objects, "Foreground", signal);
        await untilGone(api, objects, end, signal);
    }
    const rest = [...programs, ...configuration].filter(
        ({ apiVersion = "" }) => !apiVersion.includes("knative.dev/"),
    );
    await deleteAll(api, rest, "Background", signal);
    await untilGone(
        api,
        rest,
        async () => {
            for (const namespace of [SERVING, KOURIER]) {
                const fieldSelector = `metadata.namespace=${namespace}`;
                await deletePods(kubeconfig, { fieldSelector });
            }
        },
        signal,
    );
}

/**
 * Seconds that Knative's controllers, if they run, and the garbage collector get to finish with what they look
 * after: the latter learns of new kinds every 30 seconds.
 */
const FINALIZER_SECONDS = 45;

const SERVING = "knative-serving";
const KOURIER = "kourier-system";
const GATEWAY = { name: "kourier", namespace: KOURIER };

async function stages(binaries: Binaries): Promise<Stages> {
    return adaptManifests(await readManifests(join(binaries.knative, "manifests")));
}

async function deleteAll(
    api: KubernetesObjectApi,
    objects: readonly KubernetesObject[],
    propagation: "Background" | "Foreground",
    signal?: AbortSignal,
): Promise<void> {
    signal?.throwIfAborted();
    await Promise.all(
        objects.map((object) =>
            unlessMissing(
                api.delete(object, undefined, undefined, undefined, undefined, propagation),
            ),
        ),
    );
}

/** @param help is called again and again meanwhile */
async function untilGone(
    api: KubernetesObjectApi,
    objects: readonly KubernetesObject[],
    help: () => Promise<void>,
    signal?: AbortSignal,
): Promise<void> {
    let left = objects;
    await until(
        "Knative to be gone",
        120,
        async () => {
            await help();
            const found = await Promise.all(
                left.map((object) => unlessMissing(api.read(object as Header))),
            );
            left = left.filter((_, index) => found[index] !== undefined);
            if (left.length > 0) {
                const names = left.map(
                    ({ kind, metadata }) => `${String(kind)} ${String(metadata?.name)}`,
                );
                throw new Error(`left: ${names.join(", ")}`);
            }
            return true;
        },
        signal,
    );
}

/** Deletes at once the pods that are selected, of all namespaces. */
async function deletePods(
    kubeconfig: KubeConfig,
    selected: { readonly labelSelector: string } | { readonly fieldSelector: string },
): Promise<void> {
    const core = kubeconfig.makeApiClient(CoreV1Api);
    const { items } = await core.listPodForAllNamespaces(selected);
    for (const { metadata } of items) {
        const { name = "", namespace = "" } = metadata ?? {};
        await unlessMissing(core.deleteNamespacedPod({ name, namespace, gracePeriodSeconds: 0 }));
    }
}

/** Without a controller nobody else would do so. */
async function dropFinalizers(
    kubeconfig: KubeConfig,
    definitions: readonly KubernetesObject[],
): Promise<void> {
    const api = KubernetesObjectApi.makeApiClient(kubeconfig);
    for (const { apiVersion, kind, metadata } of await instances(kubeconfig, definitions)) {
        if (metadata?.finalizers !== undefined) {
            const { name, namespace } = metadata;
            // The type has no null, which is what removes a field.
            const header = { name, namespace, finalizers: null } as unknown as typeof metadata;
            await unlessMissing(
                api.patch(
                    { apiVersion, kind, metadata: header },
                    undefined,
                    undefined,
                    undefined,
                    undefined,
                    PatchStrategy.MergePatch,
                ),
            );
        }
    }
}

/** The objects of all namespaces that are of the kinds that these definitions define. */
async function instances(
    kubeconfig: KubeConfig,
    definitions: readonly KubernetesObject[],
): Promise<KubernetesObject[]> {
    const api = kubeconfig.makeApiClient(CustomObjectsApi);
    const lists = await Promise.all(
        definitions.map(async (definition) => {
            const { spec } = definition as Definition;
            const { group, names, versions } = spec;
            const version = versions.find(({ storage }) => storage)?.name ?? "";
            const list = (await unlessMissing<unknown>(
                api.listCustomObjectForAllNamespaces({
                    group,
                    version,
                    plural: names.plural,
                }),
            )) as { items: KubernetesObject[] } | undefined;
            const { kind } = names;
            return (list?.items ?? []).map((item) => ({
                ...item,
                apiVersion: `${group}/${version}`,
                kind,
            }));
        }),
    );
    return lists.flat();
}

interface Definition extends KubernetesObject {
    readonly spec: {
        readonly group: string;
        readonly names: { readonly plural: string; readonly kind: string };
        readonly versions: readonly { readonly name: string; readonly storage: boolean }[];
    };
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
    seconds: number,
    signal?: AbortSignal,
): Promise<void> {
    await until(
        `${String(object.kind)} ${String(object.metadata?.name)} to be ${type}`,
        seconds,
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
 * Stand-in for a cloud's load balancer: gives the gateway's Service an address that is routed to a worker,
 * where kube-proxy answers for it. It does not cover what a cloud adds, such as health checks, or spreading
 * requests over the nodes.
 */
async function serveGateway(kubeconfig: KubeConfig, signal?: AbortSignal): Promise<void> {
    const status = { loadBalancer: { ingress: [{ ip: NETWORK.gatewayAddress }] } };
    await kubeconfig
        .makeApiClient(CoreV1Api)
        .patchNamespacedServiceStatus(
            { ...GATEWAY, body: { status } },
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
