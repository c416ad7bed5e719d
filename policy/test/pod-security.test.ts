import { nonRoot, podSecurity, privilegeEscalation } from "../pod-security";
import { serviceWith } from "./support/candidates";
import { describeRule } from "./support/cases";
import { type Candidate, UNKNOWN } from "./support/verdict";

const PATH = "spec.template.spec.containers[0]";
const container = (changes: Record<string, unknown>): Candidate =>
    serviceWith({ container: changes });
const context = (securityContext: unknown): Candidate => container({ securityContext });

describeRule(podSecurity, {
    passes: {
        "a plain pod": serviceWith(),
        "what is said to be off": serviceWith({
            spec: {
                hostNetwork: false,
                hostPID: false,
                hostIPC: false,
                volumes: [{ emptyDir: {} }],
            },
            container: {
                securityContext: {
                    privileged: false,
                    procMount: "Default",
                    capabilities: { drop: ["ALL"] },
                },
                ports: [{ containerPort: 80, hostPort: 0 }],
            },
        }),
        "a capability of the configuration": [
            context({ capabilities: { add: ["NET_BIND_SERVICE"] } }),
            { capabilities: ["NET_BIND_SERVICE"] },
        ],
    },
    fails: {
        "the node's namespaces": [
            serviceWith({ spec: { hostNetwork: true, hostPID: true, hostIPC: true } }),
            [
                "spec.template.spec.hostNetwork is true; take it away.",
                "spec.template.spec.hostPID is true; take it away.",
                "spec.template.spec.hostIPC is true; take it away.",
            ],
        ],
        "a folder of the node": [
            serviceWith({ spec: { volumes: [{ emptyDir: {} }, { hostPath: { path: "/" } }] } }),
            [
                'spec.template.spec.volumes[1].hostPath is {"path":"/"}; use an emptyDir or a persistent volume claim.',
            ],
        ],
        "a privileged container": [
            context({ privileged: true }),
            [`${PATH}.securityContext.privileged is true; take it away.`],
        ],
        "a privileged init container": [
            serviceWith({ spec: { initContainers: [{ securityContext: { privileged: true } }] } }),
            [
                "spec.template.spec.initContainers[0].securityContext.privileged is true; take it away.",
            ],
        ],
        "a capability": [
            context({ capabilities: { add: ["SYS_ADMIN"] } }),
            [`${PATH}.securityContext.capabilities.add is ["SYS_ADMIN"]; take it away.`],
        ],
        "another capability than those of the configuration": [
            context({ capabilities: { add: ["CHOWN", "SYS_ADMIN"] } }),
            [
                `${PATH}.securityContext.capabilities.add is ["CHOWN","SYS_ADMIN"]; add none but CHOWN, KILL.`,
            ],
            { capabilities: ["CHOWN", "KILL"] },
        ],
        "the node's view of processes": [
            context({ procMount: "Unmasked" }),
            [`${PATH}.securityContext.procMount is "Unmasked"; take it away.`],
        ],
        "a port of the node": [
            container({ ports: [{ containerPort: 1 }, { containerPort: 2, hostPort: 80 }] }),
            [`${PATH}.ports[1].hostPort is 80; take it away.`],
        ],
    },
    unknown: {
        "a flag of the pod": serviceWith({ spec: { hostNetwork: UNKNOWN } }),
        "a flag of a container": context({ privileged: UNKNOWN }),
    },
});

const RUNTIME = { type: "RuntimeDefault" };
const escalation = (shown: string): string =>
    `${PATH}.securityContext.allowPrivilegeEscalation is ${shown}; set it to false.`;
const seccomp = (shown: string): string =>
    `${PATH}.securityContext.seccompProfile.type is ${shown}; set it to "RuntimeDefault".`;

describeRule(privilegeEscalation, {
    passes: {
        "a container of its own": context({
            allowPrivilegeEscalation: false,
            seccompProfile: { type: "Localhost", localhostProfile: "sd.json" },
        }),
        "a profile of the pod": serviceWith({
            spec: { securityContext: { seccompProfile: RUNTIME } },
            container: { securityContext: { allowPrivilegeEscalation: false } },
        }),
    },
    fails: {
        "nothing said": [context(undefined), [escalation("unset"), seccomp("unset")]],
        escalation: [
            context({ allowPrivilegeEscalation: true, seccompProfile: RUNTIME }),
            [escalation("true")],
        ],
        "no confinement, whatever the pod says": [
            serviceWith({
                spec: { securityContext: { seccompProfile: RUNTIME } },
                container: {
                    securityContext: {
                        allowPrivilegeEscalation: false,
                        seccompProfile: { type: "Unconfined" },
                    },
                },
            }),
            [seccomp('"Unconfined"')],
        ],
        "a profile that is a list": [
            context({
                allowPrivilegeEscalation: false,
                seccompProfile: { type: ["RuntimeDefault"] },
            }),
            [seccomp('["RuntimeDefault"]')],
        ],
        "an init container": [
            serviceWith({
                spec: { initContainers: [{ securityContext: { seccompProfile: RUNTIME } }] },
            }),
            [escalation("unset").replace("containers", "initContainers")],
        ],
    },
    unknown: { "a flag": context({ allowPrivilegeEscalation: UNKNOWN }) },
});

const root = (flag: string, user: string): string =>
    `${PATH}.securityContext.runAsNonRoot is ${flag} and runAsUser is ${user}; set runAsNonRoot to true, with an image or a runAsUser that is not root.`;

describeRule(nonRoot, {
    passes: {
        "another user": context({ runAsNonRoot: true }),
        "another user by number": context({ runAsUser: 1000 }),
        "the pod's user": serviceWith({
            spec: { securityContext: { runAsUser: 1000 } },
            container: { securityContext: undefined },
        }),
        "the pod's flag": serviceWith({
            spec: { securityContext: { runAsNonRoot: true } },
            container: { securityContext: undefined },
        }),
    },
    fails: {
        "nothing said": [context(undefined), [root("unset", "unset")]],
        "root allowed": [context({ runAsNonRoot: false }), [root("false", "unset")]],
        "root by number": [context({ runAsNonRoot: true, runAsUser: 0 }), [root("true", "0")]],
        "root in a pod of another user": [
            serviceWith({
                spec: { securityContext: { runAsUser: 1000, runAsNonRoot: true } },
                container: { securityContext: { runAsUser: 0, runAsNonRoot: false } },
            }),
            [root("false", "0")],
        ],
        "an init container": [
            serviceWith({ spec: { initContainers: [{}] } }),
            [root("unset", "unset").replace("containers", "initContainers")],
        ],
    },
    unknown: { "a user": context({ runAsUser: UNKNOWN }) },
});
