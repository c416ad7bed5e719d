import { AppsV1Api, CoreV1Api, CustomObjectsApi } from "@kubernetes/client-node";
import { EXTENSION_VOLUME } from "../../components/abandoned-requests/extension";
import { KNATIVE_NAMESPACE } from "../../components/knative-config";
import { unlessMissing } from "../../components/unless-missing";
import { until } from "../cluster/until";
import type { ExperimentSettings } from "./experiments";
import { ofService, type Target } from "./target";

/** A revision must be ready within this: its GPU node joins, its model loads. Seconds. */
const READY_SECONDS = 900;

const ACTIVATOR = { namespace: KNATIVE_NAMESPACE, name: "activator" } as const;

/** End of the URL of a Service that Knative gives no domain of the stack's. */
const CLUSTER_LOCAL = ".svc.cluster.local";

const SERVICES = { group: "serving.knative.dev", version: "v1", plural: "services" } as const;

/** A Knative Service, as far as it is changed here. */
interface ServiceObject {
    readonly metadata: {
        readonly generation?: number;
        readonly labels?: Readonly<Record<string, string>>;
    };
    readonly spec: { readonly template: Template };
    readonly status?: {
        readonly url?: string;
        readonly observedGeneration?: number;
        readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    };
}

interface Template {
    readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
    readonly spec: {
        readonly timeoutSeconds?: number;
        readonly volumes?: readonly Named[];
        readonly containers: readonly Container[];
    };
}

interface Named {
    readonly name: string;
}

interface Container {
    readonly env?: readonly { readonly name: string; readonly value?: string }[];
    readonly readinessProbe?: Readonly<Record<string, unknown>>;
    readonly volumeMounts?: readonly Named[];
}

/** A Knative Service that one experiment has for itself. */
export interface ExperimentService {
    readonly target: Target;
    /** Removes it, and waits until its pods have given back their GPUs. */
    readonly remove: () => Promise<void>;
}

/**
 * Makes a Knative Service like the stack's, beside it, with the settings of an experiment: what the program does not
 * offer as configuration cannot be set otherwise. The stack's own stays as it is. What an interrupted batch left is
 * made anew.
 *
 * @param stack the stack's own
 * @param id of the experiment
 * @throws Error when the Service does not become Ready; the abort reason
 */
export async function makeService(
    stack: Target,
    id: string,
    settings: ExperimentSettings,
    signal: AbortSignal,
): Promise<ExperimentService> {
    const target = { ...stack, serviceName: `${stack.serviceName}-${id.toLowerCase()}` };
    const { metadata, spec } = await readService(stack);
    const { namespace, serviceName } = target;
    const remove = (): Promise<void> => removeService(target);
    await remove();
    try {
        await services(target).createNamespacedCustomObject({
            ...SERVICES,
            namespace,
            body: {
                apiVersion: `${SERVICES.group}/${SERVICES.version}`,
                kind: "Service",
                // Knative gives a domain to those that carry the stack's label.
                metadata: { namespace, name: serviceName, labels: metadata.labels },
                spec: { template: changedTemplate(spec.template, settings) },
            },
        });
        const url = await until(
            `the Service ${namespace}/${serviceName} to be Ready`,
            READY_SECONDS,
            async () => {
                const { metadata, status } = await readService(target);
                const isReady = (status?.conditions ?? []).some(
                    ({ type, status: value }) => type === "Ready" && value === "True",
                );
                return isReady && status?.observedGeneration === metadata.generation
                    ? status?.url
                    : undefined;
            },
            signal,
        );
        if (url.endsWith(CLUSTER_LOCAL)) {
            throw new Error(
                `the Service ${namespace}/${serviceName} is served at ${url} only, which the gateway does not serve to clients`,
            );
        }
        const minScale = Number(settings.autoscaling["min-scale"]);
        const maxScale = Number(settings.autoscaling["max-scale"]);
        if (minScale > 0 && settings.autoscaling["target-burst-capacity"] === "0") {
            await withoutActivator(target, signal);
        }
        return {
            target: {
                ...target,
                url: new URL(stack.url.pathname, url),
                minScale,
                podsMost: Math.min(maxScale, stack.gpuCapacity),
            },
            remove,
        };
    } catch (error) {
        await remove();
        throw error;
    }
}

/** Gives a Service a new revision, which differs from the last in nothing that matters. */
export async function rollOut(target: Target): Promise<void> {
    const { namespace, serviceName: name } = target;
    const service = await readService(target);
    const { template } = service.spec;
    const annotations = {
        ...template.metadata?.annotations,
        "stable-diffusion-knative/rolled-out": new Date().toISOString(),
    };
    await services(target).replaceNamespacedCustomObject({
        ...SERVICES,
        namespace,
        name,
        body: {
            ...service,
            spec: {
                ...service.spec,
                template: { ...template, metadata: { ...template.metadata, annotations } },
            },
        },
    });
}

/** A template with the settings of an experiment; what they do not name stays. */
export function changedTemplate(template: Template, settings: ExperimentSettings): Template {
    const { autoscaling, standIn, readiness, drawsAbandoned, timeoutSeconds } = settings;
    const annotations = Object.entries(autoscaling).map(
        ([name, value]) => [`autoscaling.knative.dev/${name}`, value] as const,
    );
    const variables = Object.entries(standIn).map(([name, value]) => ({
        name: `MODEL_SERVER_${name}`,
        value,
    }));
    const [container = {}, ...others] = template.spec.containers;
    const { tcpSocket, httpGet, ...timing } = container.readinessProbe ?? {};
    const { port } = (httpGet ?? tcpSocket ?? {}) as { port?: unknown };
    // Without its file the stand-in draws to the end, as the WebUI does.
    const kept = <T extends { readonly name: string }>(volumes: readonly T[] = []): readonly T[] =>
        volumes.filter(({ name }) => !drawsAbandoned || name !== EXTENSION_VOLUME);
    return {
        ...template,
        metadata: {
            ...template.metadata,
            annotations: {
                ...template.metadata?.annotations,
                ...Object.fromEntries(annotations),
                // The slowest start of an experiment takes three minutes.
                "serving.knative.dev/progress-deadline": `${READY_SECONDS}s`,
            },
        },
        spec: {
            ...template.spec,
            timeoutSeconds,
            volumes: kept(template.spec.volumes),
            containers: [
                {
                    ...container,
                    env: [
                        ...(container.env ?? []).filter(
                            ({ name }) => !variables.some((each) => each.name === name),
                        ),
                        ...variables,
                    ],
                    readinessProbe: {
                        ...timing,
                        ...(readiness === "tcp"
                            ? { tcpSocket: { port } }
                            : { httpGet: { path: readiness, port } }),
                    },
                    volumeMounts: kept(container.volumeMounts),
                },
                ...others,
            ],
        },
    };
}

/**
 * Gives the cluster so many activators.
 *
 * @throws Error when they are not there in time; the abort reason
 */
export async function setActivators(
    { cluster }: Target,
    replicas: number,
    signal?: AbortSignal,
): Promise<void> {
    const apps = cluster.makeApiClient(AppsV1Api);
    const scale = await apps.readNamespacedDeploymentScale(ACTIVATOR);
    scale.spec = { replicas };
    await apps.replaceNamespacedDeploymentScale({ ...ACTIVATOR, body: scale });
    await until(
        `${replicas} activators`,
        READY_SECONDS,
        async () => {
            const { status } = await apps.readNamespacedDeployment(ACTIVATOR);
            return status?.replicas === replicas && status.readyReplicas === replicas
                ? true
                : undefined;
        },
        signal,
    );
}

/** Activators that the cluster is to have. */
export async function activatorReplicas({ cluster }: Target): Promise<number> {
    const { spec } = await cluster.makeApiClient(AppsV1Api).readNamespacedDeployment(ACTIVATOR);
    return spec?.replicas ?? 1;
}

function services({ cluster }: Target): CustomObjectsApi {
    return cluster.makeApiClient(CustomObjectsApi);
}

async function readService(target: Target): Promise<ServiceObject> {
    const { namespace, serviceName: name } = target;
    const read: unknown = await services(target).getNamespacedCustomObject({
        ...SERVICES,
        namespace,
        name,
    });
    return read as ServiceObject;
}

/** Knative takes the activator out of the way seconds after a revision is Ready. */
async function withoutActivator(target: Target, signal: AbortSignal): Promise<void> {
    const { namespace, serviceName } = target;
    await until(
        `the gateway to send requests to the pods of ${namespace}/${serviceName} themselves`,
        READY_SECONDS,
        async () => {
            const { items } = (await services(target).listNamespacedCustomObject({
                group: "networking.internal.knative.dev",
                version: "v1alpha1",
                plural: "serverlessservices",
                namespace,
                labelSelector: ofService(target),
            })) as { items: readonly { readonly spec: { readonly mode?: string } }[] };
            return items.length > 0 && items.every(({ spec }) => spec.mode === "Serve")
                ? true
                : undefined;
        },
        signal,
    );
}

/** Not abortable: what is left would hold GPUs. */
async function removeService(target: Target): Promise<void> {
    const { namespace, serviceName } = target;
    await unlessMissing(
        services(target).deleteNamespacedCustomObject({
            ...SERVICES,
            namespace,
            name: serviceName,
        }),
    );
    const core = target.cluster.makeApiClient(CoreV1Api);
    const labelSelector = ofService(target);
    await until(`the pods of ${namespace}/${serviceName} to go`, READY_SECONDS, async () => {
        const { items } = await core.listNamespacedPod({ namespace, labelSelector });
        return items.length === 0 ? true : undefined;
    });
}
