import type { ResourceValidationPolicy } from "@pulumi/policy";
import { revisionRule, servingContainers } from "./knative-service";
import { type Props, propsOf, show } from "./props";

/** `knative-readiness-probe`: a pod that gets requests can answer them. */
export const readinessProbe: ResourceValidationPolicy = revisionRule<{ guardedPaths: string[] }>(
    {
        name: "knative-readiness-probe",
        displayName: "Knative Service has a readiness probe that can succeed",
        description:
            "The first container has a readiness probe, by HTTP on a path that answers without credentials, or by TCP or gRPC; never by exec, with which Knative's activator does without its own quick probes.",
        enforcementLevel: "mandatory",
        severity: "high",
        tags: ["knative", "reliability"],
        remediationSteps:
            "Set readinessProbe.httpGet.path to a path that answers without credentials, such as /internal/ping.",
        parameters: {
            guardedPaths: {
                type: "array",
                items: { type: "string", pattern: "^/" },
                uniqueItems: true,
                default: ["/sdapi"],
                description:
                    "Paths that answer only with credentials, with all below them: a pod that is probed there never turns Ready.",
            },
        },
    },
    (service, { config: { guardedPaths }, report }) => {
        const [container] = servingContainers(service);
        if (container === undefined) {
            return;
        }
        const path = `${container.path}.readinessProbe`;
        const probe = propsOf(container.props["readinessProbe"]);
        if (probe["exec"] !== undefined) {
            report(`${path}.exec is set; set httpGet instead.`);
            return;
        }
        const httpGet = probe["httpGet"];
        if (httpGet === undefined) {
            if (probe["tcpSocket"] === undefined && probe["grpc"] === undefined) {
                report(
                    `${path} is unset; set its httpGet to a path that answers without credentials.`,
                );
            }
            return;
        }
        const asked = propsOf(httpGet)["path"];
        const guarded = guardedPaths.find((each) => isBelow(asked, each));
        if (guarded !== undefined) {
            report(
                `${path}.httpGet.path is ${show(asked)}, which answers only with credentials; set it to a path that is not below ${guarded}.`,
            );
        }
    },
);

function isBelow(path: unknown, folder: string): boolean {
    return (
        typeof path === "string" &&
        (path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`))
    );
}

/** `knative-readiness-http`: an open port is not a loaded model. */
export const readinessHttp: ResourceValidationPolicy = revisionRule(
    {
        name: "knative-readiness-http",
        displayName: "Knative Service is probed by HTTP",
        description:
            "The readiness probe asks by HTTP: an open port does not show that the server behind it answers. Images without a path that answers without credentials have to do with TCP.",
        enforcementLevel: "advisory",
        severity: "low",
        tags: ["knative", "reliability"],
        remediationSteps:
            "Set readinessProbe.httpGet instead of tcpSocket, if the image has a path that answers without credentials.",
    },
    (service, { report }) => {
        const [container] = servingContainers(service);
        const probe = propsOf(container?.props["readinessProbe"]);
        if (container !== undefined && probe["tcpSocket"] !== undefined) {
            report(
                `${container.path}.readinessProbe.tcpSocket is set; set httpGet to a path that answers without credentials.`,
            );
        }
    },
);

/** What Kubernetes takes where a probe does not say. */
const PROBE_DEFAULTS = { periodSeconds: 10, failureThreshold: 3 } as const;

/** `knative-liveness-probe`: a busy pod is not killed. */
export const livenessProbe: ResourceValidationPolicy = revisionRule<{ minSeconds: number }>(
    {
        name: "knative-liveness-probe",
        displayName: "Knative Service is patient with a busy pod",
        description:
            "A liveness probe, where there is one, is another than the readiness probe and fails only after a time far longer than one request, for which the WebUI may answer nothing else.",
        enforcementLevel: "mandatory",
        severity: "high",
        tags: ["knative", "reliability"],
        remediationSteps:
            "Take livenessProbe away, or set its failureThreshold so that failureThreshold × periodSeconds is long enough.",
        parameters: {
            minSeconds: {
                type: "integer",
                minimum: 1,
                maximum: 3600,
                default: 60,
                description: "Fewest seconds for which a pod must not answer before it is killed.",
            },
        },
    },
    (service, { config: { minSeconds }, report }) => {
        for (const { path, props } of servingContainers(service)) {
            if (props["livenessProbe"] === undefined) {
                continue;
            }
            const liveness = propsOf(props["livenessProbe"]);
            const seconds =
                numberOf(liveness, "periodSeconds") * numberOf(liveness, "failureThreshold");
            if (seconds < minSeconds) {
                report(
                    `${path}.livenessProbe kills the pod after ${seconds} s (periodSeconds × failureThreshold); set failureThreshold to at least ${Math.ceil(minSeconds / numberOf(liveness, "periodSeconds"))}.`,
                );
            }
            if (
                props["readinessProbe"] !== undefined &&
                asksTheSame(liveness, propsOf(props["readinessProbe"]))
            ) {
                report(
                    `${path}.livenessProbe asks the same as readinessProbe, so a pod that is only busy is killed; take it away, or let it ask something that a busy pod answers.`,
                );
            }
        }
    },
);

/** Unset and 0 are Kubernetes' default. */
function numberOf(probe: Props, key: keyof typeof PROBE_DEFAULTS): number {
    const value = probe[key];
    return typeof value === "number" && value > 0 ? value : PROBE_DEFAULTS[key];
}

function asksTheSame(one: Props, other: Props): boolean {
    const question = ({ httpGet, tcpSocket, grpc, exec }: Props): string =>
        JSON.stringify([httpGet, tcpSocket, grpc, exec]);
    return question(one) === question(other);
}
