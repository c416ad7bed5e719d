import type { ResourceValidationPolicy } from "@pulumi/policy";
import { allContainers, podSpec, revisionRule } from "./knative-service";
import { listOf, propsOf, show, textsOf } from "./props";

/** `knative-pod-security`: a pod does not reach the node or other pods. */
export const podSecurity: ResourceValidationPolicy = revisionRule<{ capabilities: string[] }>(
    {
        name: "knative-pod-security",
        displayName: "Knative Service stays in its pod",
        description:
            "A pod has none of the node's namespaces, folders and ports, is not privileged and adds no capabilities (the Baseline of the Pod Security Standards).",
        enforcementLevel: "mandatory",
        severity: "critical",
        tags: ["knative", "kubernetes", "security"],
        remediationSteps: "Take away what the message names.",
        parameters: {
            capabilities: {
                type: "array",
                items: { type: "string", pattern: "^[A-Z_]+$" },
                uniqueItems: true,
                default: [],
                description: "Capabilities that may be added, such as NET_BIND_SERVICE.",
            },
        },
    },
    (service, { config: { capabilities }, report }) => {
        const pod = podSpec(service);
        for (const key of ["hostNetwork", "hostPID", "hostIPC"]) {
            if (pod[key] === true) {
                report(`spec.template.spec.${key} is true; take it away.`);
            }
        }
        for (const [place, volume] of listOf(pod["volumes"]).entries()) {
            const { hostPath } = propsOf(volume);
            if (hostPath !== undefined) {
                report(
                    `spec.template.spec.volumes[${place}].hostPath is ${show(hostPath)}; use an emptyDir or a persistent volume claim.`,
                );
            }
        }
        for (const { path, props } of allContainers(service)) {
            const context = propsOf(props["securityContext"]);
            if (context["privileged"] === true) {
                report(`${path}.securityContext.privileged is true; take it away.`);
            }
            const added = textsOf(propsOf(context["capabilities"])["add"]);
            const refused = added.filter((each) => !capabilities.includes(each));
            if (refused.length > 0) {
                report(
                    `${path}.securityContext.capabilities.add is ${show(added)}; ${capabilities.length === 0 ? "take it away" : `add none but ${capabilities.join(", ")}`}.`,
                );
            }
            const { procMount } = context;
            if (procMount !== undefined && procMount !== "Default") {
                report(`${path}.securityContext.procMount is ${show(procMount)}; take it away.`);
            }
            for (const [place, port] of listOf(props["ports"]).entries()) {
                const { hostPort } = propsOf(port);
                if (hostPort !== undefined && hostPort !== 0) {
                    report(`${path}.ports[${place}].hostPort is ${show(hostPort)}; take it away.`);
                }
            }
        }
    },
);

const SECCOMP = ["RuntimeDefault", "Localhost"];

/** `knative-privilege-escalation`: a container gains nothing that it did not start with. */
export const privilegeEscalation: ResourceValidationPolicy = revisionRule(
    {
        name: "knative-privilege-escalation",
        displayName: "Knative Service cannot gain privileges",
        description:
            "Each container forbids privilege escalation and has a seccomp profile, its own or the pod's (from the Restricted of the Pod Security Standards).",
        enforcementLevel: "mandatory",
        severity: "high",
        tags: ["knative", "kubernetes", "security"],
        remediationSteps:
            "Set securityContext of the container to { allowPrivilegeEscalation: false, seccompProfile: { type: RuntimeDefault } }.",
    },
    (service, { report }) => {
        const ofPod = propsOf(propsOf(podSpec(service)["securityContext"])["seccompProfile"]);
        for (const { path, props } of allContainers(service)) {
            const context = propsOf(props["securityContext"]);
            const escalation = context["allowPrivilegeEscalation"];
            if (escalation !== false) {
                report(
                    `${path}.securityContext.allowPrivilegeEscalation is ${show(escalation)}; set it to false.`,
                );
            }
            const type = propsOf(context["seccompProfile"])["type"] ?? ofPod["type"];
            if (typeof type !== "string" || !SECCOMP.includes(type)) {
                report(
                    `${path}.securityContext.seccompProfile.type is ${show(type)}; set it to "RuntimeDefault".`,
                );
            }
        }
    },
);

/** `knative-non-root`: a container does not run as root. */
export const nonRoot: ResourceValidationPolicy = revisionRule(
    {
        name: "knative-non-root",
        displayName: "Knative Service does not run as root",
        description:
            "Each container runs as another user than root. Images of the WebUI often have no other user, so this is advice.",
        enforcementLevel: "advisory",
        severity: "medium",
        tags: ["knative", "kubernetes", "security"],
        remediationSteps:
            "Build the image with a user, and set securityContext.runAsNonRoot of the container to true.",
    },
    (service, { report }) => {
        const ofPod = propsOf(podSpec(service)["securityContext"]);
        for (const { path, props } of allContainers(service)) {
            const context = propsOf(props["securityContext"]);
            const isNonRoot = context["runAsNonRoot"] ?? ofPod["runAsNonRoot"];
            const user = context["runAsUser"] ?? ofPod["runAsUser"];
            if (user === 0 || (isNonRoot !== true && user === undefined)) {
                report(
                    `${path}.securityContext.runAsNonRoot is ${show(isNonRoot)} and runAsUser is ${show(user)}; set runAsNonRoot to true, with an image or a runAsUser that is not root.`,
                );
            }
        }
    },
);
