import { AppsV1Api, CustomObjectsApi } from "@kubernetes/client-node";
import { KNATIVE_NAMESPACE } from "../../components/knative-config";
import { until } from "../cluster/until";
import type { ExperimentSettings } from "./experiments";
import type { Target } from "./target";

/** A revision must be ready within this: its GPU node joins, its model loads. Seconds. */
const READY_SECONDS = 900;

const ACTIVATOR = { namespace: KNATIVE_NAMESPACE, name: "activator" } as const;

const SERVICES = { group: "serving.knative.dev", version: "v1", plural: "services" } as const;

/** A Knative Service, as far as it is changed here. */
interface ServiceObject {
    readonly metadata: { readonly generation?: number };
    readonly spec: { readonly template: Template };
    readonly status?: {
        readonly observedGeneration?: number;
        readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    };
}

interface Template {
    readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
    readonly spec: { readonly containers: readonly Container[] };
}

interface Container {
    readonly env?: readonly { readonly name: string; readonly value?: string }[];
    readonly readinessProbe?: Readonly<Record<string, unknown>>;
}

/**
 * Gives the Service of a rehearsal the settings of an experiment, in the cluster itself: what the program does not
 * offer as configuration cannot be set otherwise.
 *
 * @returns puts back what was there before, and waits for it
 * @throws Error when the Service does not become Ready with them; the abort reason
 */
export async function applySettings(
    target: Target,
    settings: ExperimentSettings,
    signal: AbortSignal,
): Promise<() => Promise<void>> {
    const template = (await readService(target)).spec.template;
    const activators = await activatorReplicas(target);
    const restore = async (): Promise<void> => {
        await setActivators(target, activators);
        await setTemplate(target, template);
    };
    try {
        await setActivators(target, settings.activators, signal);
        await setTemplate(target, changedTemplate(template, settings), signal);
    } catch (error) {
        await restore();
        throw error;
    }
    return restore;
}

/** A template with the settings of an experiment; what they do not name stays. */
export function changedTemplate(template: Template, settings: ExperimentSettings): Template {
    const { autoscaling, standIn, readiness } = settings;
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
    return {
        ...template,
        metadata: {
            ...template.metadata,
            annotations: {
                ...template.metadata?.annotations,
                ...Object.fromEntries(annotations),
                // The slowest start of an experiment takes three minutes, beside the node's.
                "serving.knative.dev/progress-deadline": `${READY_SECONDS}s`,
            },
        },
        spec: {
            ...template.spec,
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
                },
                ...others,
            ],
        },
    };
}

async function readService({ cluster, namespace, serviceName }: Target): Promise<ServiceObject> {
    const read: unknown = await cluster
        .makeApiClient(CustomObjectsApi)
        .getNamespacedCustomObject({ ...SERVICES, namespace, name: serviceName });
    return read as ServiceObject;
}

async function setTemplate(
    target: Target,
    template: Template,
    signal?: AbortSignal,
): Promise<void> {
    const { cluster, namespace, serviceName } = target;
    const service = await readService(target);
    await cluster.makeApiClient(CustomObjectsApi).replaceNamespacedCustomObject({
        ...SERVICES,
        namespace,
        name: serviceName,
        body: { ...service, spec: { ...service.spec, template } },
    });
    await until(
        `the Service ${namespace}/${serviceName} to be Ready`,
        READY_SECONDS,
        async () => {
            const { metadata, status } = await readService(target);
            const isReady = (status?.conditions ?? []).some(
                ({ type, status: value }) => type === "Ready" && value === "True",
            );
            return isReady && status?.observedGeneration === metadata.generation ? true : undefined;
        },
        signal,
    );
}

async function activatorReplicas({ cluster }: Target): Promise<number> {
    const { spec } = await cluster.makeApiClient(AppsV1Api).readNamespacedDeployment(ACTIVATOR);
    return spec?.replicas ?? 1;
}

async function setActivators(
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
