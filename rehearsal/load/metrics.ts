import { CoreV1Api } from "@kubernetes/client-node";
import { KNATIVE_NAMESPACE } from "../../components/knative-config";
import { KNATIVE_NAMES, type KnativeNames } from "../../components/monitoring/metric-names";
import { parsePrometheusText, type Series } from "./prometheus-text";
import type { MetricsPoint } from "./run-record";
import type { Target } from "./target";

/** Where the figures of autoscaler and activators come from. Another source is Prometheus, where the stack has it. */
export interface MetricsSource {
    /** What they say now, and why those who cannot be asked say nothing. It never throws. */
    readonly read: () => Promise<MetricsReading>;
    /** Pods of the activator, when they were last looked for. */
    readonly activators: () => number | undefined;
}

/** One reading. */
export interface MetricsReading {
    readonly figures: Omit<MetricsPoint, "at">;
    readonly failures: readonly string[];
}

/** Container port "metrics" of all parts of Knative. */
const PORT = 9090;

type Figure = keyof Omit<MetricsPoint, "at">;

/** A figure's metric, and whose it is. Where several series match, they add up. */
const METRICS = {
    desired: { app: "autoscaler", metric: "desiredPods" },
    actual: { app: "autoscaler", metric: "readyPods" },
    panic: { app: "autoscaler", metric: "panicMode" },
    stable: { app: "autoscaler", metric: "stableConcurrency" },
    queued: { app: "activator", metric: "waitingRequests" },
    active: { app: "activator", metric: "runningRequests" },
} as const satisfies Readonly<
    Record<
        Figure,
        { readonly app: "autoscaler" | "activator"; readonly metric: keyof KnativeNames }
    >
>;

/** No name means one thing in one version of Knative and another in the other, so the version is not asked for. */
const VOCABULARIES = Object.values(KNATIVE_NAMES);

/**
 * Asks the pods of autoscaler and activator themselves, through the API server. Their metrics are off by default
 * (config-observability), and ACK's managed Knative may keep these pods out of the cluster.
 */
export function scrapedMetrics({ cluster, namespace, serviceName }: Target): MetricsSource {
    const core = cluster.makeApiClient(CoreV1Api);
    let activators: number | undefined;

    const seriesOf = async (app: "autoscaler" | "activator"): Promise<Series[]> => {
        const { items } = await core.listNamespacedPod({
            namespace: KNATIVE_NAMESPACE,
            labelSelector: `app=${app}`,
            fieldSelector: "status.phase=Running",
        });
        if (app === "activator") {
            activators = items.length;
        }
        if (items.length === 0) {
            throw new Error(`no pod of the ${app} runs in the namespace ${KNATIVE_NAMESPACE}`);
        }
        const wanted = new Set(
            Object.values(METRICS)
                .filter((each) => each.app === app)
                .flatMap(({ metric }) => namesOf(metric)),
        );
        const texts = await Promise.all(
            items.map(({ metadata }) =>
                core.connectGetNamespacedPodProxyWithPath({
                    name: `${metadata?.name ?? ""}:${PORT}`,
                    namespace: KNATIVE_NAMESPACE,
                    path: "metrics",
                }),
            ),
        );
        return texts
            .flatMap((text) => parsePrometheusText(text, (name) => wanted.has(name)))
            .filter(({ labels }) => isOfService(labels, namespace, serviceName));
    };

    return {
        read: async () => {
            const figures: Partial<Record<Figure, number>> = {};
            const failures: string[] = [];
            for (const app of ["autoscaler", "activator"] as const) {
                try {
                    const series = await seriesOf(app);
                    for (const [figure, { app: owner, metric }] of Object.entries(METRICS)) {
                        if (owner === app) {
                            figures[figure as Figure] = sumOf(series, namesOf(metric));
                        }
                    }
                } catch (error) {
                    failures.push(`metrics of the ${app}: ${firstLine(error)}`);
                }
            }
            return { figures, failures };
        },
        activators: () => activators,
    };
}

function namesOf(metric: (typeof METRICS)[Figure]["metric"]): string[] {
    return VOCABULARIES.flatMap((names) => names[metric] ?? []);
}

/** Activator series name no Service; Knative names a revision by its Service and a number of five digits. */
function isOfService(
    labels: Readonly<Record<string, string>>,
    namespace: string,
    serviceName: string,
): boolean {
    return VOCABULARIES.some(({ namespaceLabel, revisionLabel }) => {
        const revision = labels[revisionLabel] ?? "";
        return (
            labels[namespaceLabel] === namespace &&
            revision.startsWith(`${serviceName}-`) &&
            /^\d{5,}$/.test(revision.slice(serviceName.length + 1))
        );
    });
}

/** Undefined where no series has one of the names: a service at zero has none. */
function sumOf(series: readonly Series[], names: readonly string[]): number | undefined {
    const found = series.filter(({ name }) => names.includes(name));
    return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0);
}

/** The client's errors repeat the answer's headers below their first line. */
function firstLine(error: unknown): string {
    return (error as Error).message.split("\n")[0] ?? "";
}
