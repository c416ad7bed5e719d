import type { KubernetesObject } from "./kubernetes-api";
import type { Json, JsonObject } from "./property-values";

/** Whether an object is what was waited for, and if not, why not, in words for the user. */
export type Readiness =
    { readonly ready: true } | { readonly ready: false; readonly reason: string };

/** One thing to wait for, from the annotation `pulumi.com/waitFor`. */
export type Wait =
    | { readonly condition: string; readonly status: string }
    | {
          readonly path: readonly (string | number)[];
          readonly text: string;
          readonly value?: string;
      };

const READY: Readiness = { ready: true };

/**
 * Reads the annotation `pulumi.com/waitFor`: `condition=<type>[=<status>]`, `jsonpath={.a.b[0]['c.d']}[=<value>]`,
 * or a JSON list of these, all of which must hold.
 *
 * @throws Error naming the expression that is neither, or a JSONPath that selects more than one value
 */
export function parseWaitFor(annotation: string): Wait[] {
    const expressions = listOf(annotation) ?? [annotation];
    if (expressions.length === 0) {
        throw new Error("pulumi.com/waitFor is an empty list; name at least one condition");
    }
    return expressions.map(parseExpression);
}

function listOf(annotation: string): string[] | undefined {
    if (!annotation.trimStart().startsWith("[")) {
        return undefined;
    }
    const list: unknown = JSON.parse(annotation);
    if (Array.isArray(list) && list.every((item) => typeof item === "string")) {
        return list;
    }
    throw new Error(`pulumi.com/waitFor is ${annotation}; a list holds expressions as strings`);
}

function parseExpression(expression: string): Wait {
    const condition = /^condition=([^=]+)(?:=(.*))?$/.exec(expression);
    if (condition !== null) {
        return { condition: condition[1] ?? "", status: condition[2] ?? "True" };
    }
    const jsonPath = /^jsonpath=\{?(.*?)\}?(?:=([^}]*))?$/.exec(expression);
    if (jsonPath !== null) {
        const text = jsonPath[1] ?? "";
        const path = parsePath(text, expression);
        return { path, text, ...(jsonPath[2] === undefined ? {} : { value: jsonPath[2] }) };
    }
    throw new Error(
        `pulumi.com/waitFor has ${JSON.stringify(expression)}; expressions begin with "condition=" or "jsonpath="`,
    );
}

function parsePath(text: string, expression: string): (string | number)[] {
    const path: (string | number)[] = [];
    let rest = text;
    while (rest !== "") {
        const [match, name, quoted, index] =
            /^(?:\.?((?:\\.|[^.[\]'\\*?@$])+)|\['([^']*)'\]|\[(\d+)\])/.exec(rest) ?? [];
        if (match === undefined || match === "") {
            throw new Error(
                `the stand-in for the kubernetes plugin does not understand ${JSON.stringify(expression)} at ${JSON.stringify(rest)}; it knows .name, ['name'] and [0]`,
            );
        }
        path.push(name !== undefined ? name.replaceAll(/\\(.)/g, "$1") : (quoted ?? Number(index)));
        rest = rest.slice(match.length);
    }
    if (path.length === 0) {
        throw new Error(
            `pulumi.com/waitFor has ${JSON.stringify(expression)}, which names no field`,
        );
    }
    return path;
}

/** Whether everything that is waited for holds. A Ready=False ends nothing: it may yet become True. */
export function evaluateWaits(waits: readonly Wait[], live: KubernetesObject): Readiness {
    const missing = waits
        .map((wait) =>
            "condition" in wait ? evaluateCondition(wait, live) : evaluatePath(wait, live),
        )
        .filter((readiness) => !readiness.ready);
    return missing.length === 0
        ? READY
        : { ready: false, reason: missing.map(({ reason }) => reason).join("; ") };
}

interface Condition {
    readonly type?: string;
    readonly status?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly observedGeneration?: number;
}

function conditionsOf(live: KubernetesObject): readonly Condition[] | undefined {
    const status = live["status"] as { conditions?: Condition[] } | undefined;
    return status?.conditions;
}

function evaluateCondition(
    wait: { readonly condition: string; readonly status: string },
    live: KubernetesObject,
): Readiness {
    const conditions = conditionsOf(live);
    if (conditions === undefined) {
        return { ready: false, reason: "Has no .status.conditions" };
    }
    const found = conditions.find(({ type }) => isAlike(type, wait.condition));
    if (found === undefined) {
        return { ready: false, reason: `Has no condition ${wait.condition}` };
    }
    const stale = staleness(live, found.observedGeneration);
    if (stale !== undefined) {
        return { ready: false, reason: stale };
    }
    if (isAlike(found.status, wait.status)) {
        return READY;
    }
    const why = [found.reason, found.message].filter(Boolean).join(": ");
    return {
        ready: false,
        reason: `Resource has condition ${wait.condition}=${found.status ?? "Unknown"} (want ${wait.status})${why && ` ${why}`}`,
    };
}

function isAlike(one: string | undefined, other: string): boolean {
    return one?.toLowerCase() === other.toLowerCase();
}

/** Says so if the status is about an earlier generation of the object. */
function staleness(live: KubernetesObject, ofCondition?: number): string | undefined {
    const status = live["status"] as { observedGeneration?: number } | undefined;
    const observed = ofCondition ?? status?.observedGeneration;
    const generation = live.metadata["generation"];
    return typeof generation === "number" && observed !== undefined && observed < generation
        ? `Generation ${observed} is less than expected ${generation}`
        : undefined;
}

function evaluatePath(
    { path, text, value }: { path: readonly (string | number)[]; text: string; value?: string },
    live: KubernetesObject,
): Readiness {
    const found = path.reduce<Json | undefined>(
        (within, step) =>
            typeof within === "object" && within !== null
                ? (within as JsonObject)[step]
                : undefined,
        live,
    );
    const wanted = value === undefined ? `{${text}}` : `{${text}}=${value}`;
    if (found === undefined || found === null) {
        return { ready: false, reason: `Waiting for ${wanted}` };
    }
    const actual = typeof found === "object" ? JSON.stringify(found) : String(found);
    return value === undefined || actual === value
        ? READY
        : { ready: false, reason: `Waiting for ${wanted} (found ${JSON.stringify(actual)})` };
}

/**
 * Kinds for which the official plugin waits in ways of their own that this stand-in does not have. Source:
 * provider/pkg/await/awaiters.go of pulumi/pulumi-kubernetes.
 */
export const UNSUPPORTED_WAITS: readonly string[] = [
    "v1/PersistentVolume",
    "v1/PersistentVolumeClaim",
    "v1/Pod",
    "v1/ReplicationController",
    "v1/ResourceQuota",
    "apps/v1/DaemonSet",
    "apps/v1/StatefulSet",
    "batch/v1/Job",
    "networking.k8s.io/v1/Ingress",
];

/**
 * Whether an object of a kind that the official plugin waits for by itself has become what it waits for:
 * a Deployment rolled out and available; a Service with an address if it is a load balancer, and with ready
 * pods if it selects any. Everything else is ready at once.
 *
 * @param hasReadyEndpoints asks whether a Service has a ready endpoint
 */
export async function builtInReadiness(
    live: KubernetesObject,
    hasReadyEndpoints: () => Promise<boolean>,
): Promise<Readiness> {
    switch (`${live.apiVersion}/${live.kind}`) {
        case "apps/v1/Deployment":
            return deploymentReadiness(live);
        case "v1/Service":
            return serviceReadiness(live, hasReadyEndpoints);
        default:
            return READY;
    }
}

function deploymentReadiness(live: KubernetesObject): Readiness {
    const stale = staleness(live);
    if (stale !== undefined || conditionsOf(live) === undefined) {
        return { ready: false, reason: stale ?? "Has no .status.conditions" };
    }
    const spec = live["spec"] as { replicas?: number } | undefined;
    const status = live["status"] as { updatedReplicas?: number; replicas?: number };
    const wanted = spec?.replicas ?? 1;
    const updated = status.updatedReplicas ?? 0;
    const progressing = conditionsOf(live)?.find(({ type }) => type === "Progressing");
    if (progressing?.reason !== "NewReplicaSetAvailable" || progressing.status !== "True") {
        const why = [progressing?.reason, progressing?.message].filter(Boolean).join(": ");
        return { ready: false, reason: `Deployment is not rolled out${why && ` (${why})`}` };
    }
    if (updated < wanted) {
        return { ready: false, reason: `${updated} of ${wanted} replicas are updated` };
    }
    const available = conditionsOf(live)?.find(({ type }) => type === "Available");
    return available?.status === "True"
        ? READY
        : {
              ready: false,
              reason: `Minimum number of live Pods was not attained (${available?.message ?? "no condition Available"})`,
          };
}

interface ServiceShape {
    readonly spec?: {
        readonly type?: string;
        readonly clusterIP?: string;
        readonly selector?: JsonObject;
    };
    readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly unknown[] } };
}

async function serviceReadiness(
    live: KubernetesObject,
    hasReadyEndpoints: () => Promise<boolean>,
): Promise<Readiness> {
    const { spec = {}, status } = live as unknown as ServiceShape;
    const reasons: string[] = [];
    const selectsPods = Object.keys(spec.selector ?? {}).length > 0;
    const isProxied = spec.type !== "ExternalName" && spec.clusterIP !== "None";
    if (selectsPods && isProxied && !(await hasReadyEndpoints())) {
        reasons.push(
            "Service does not target any Pods. Selected Pods may not be ready, or field '.spec.selector' may not match labels on any Pods",
        );
    }
    if (spec.type === "LoadBalancer" && !status?.loadBalancer?.ingress?.length) {
        reasons.push(
            "Service was not allocated an IP address; does your cloud provider support this?",
        );
    }
    return reasons.length === 0 ? READY : { ready: false, reason: reasons.join("; ") };
}
