import type { ResourceValidationPolicy } from "@pulumi/policy";
import { revisionRule, servingContainers } from "./knative-service";
import { show, textsOf } from "./props";

const SHELLS = ["sh", "bash", "dash", "ash"];

/** `knative-signal-handling`: a pod that is taken away gives its GPU back at once. */
export const signalHandling: ResourceValidationPolicy = revisionRule<{ inits: string[] }>(
    {
        name: "knative-signal-handling",
        displayName: "Knative Service ends on SIGTERM",
        description:
            "The first process of a pod ends on SIGTERM: an init, or a shell with a trap. Python as first process ignores it, and each scale-down holds the GPU for timeoutSeconds more.",
        enforcementLevel: "advisory",
        severity: "medium",
        tags: ["knative", "gpu", "cost"],
        remediationSteps:
            'Start the server with an init, such as command: ["tini", "--", "python3", "launch.py"], or by a shell that traps TERM.',
        parameters: {
            inits: {
                type: "array",
                items: { type: "string", minLength: 1 },
                uniqueItems: true,
                default: ["tini", "dumb-init"],
                description: "Programs that pass SIGTERM on, by their file names.",
            },
        },
    },
    (service, { config: { inits }, report }) => {
        for (const { path, props } of servingContainers(service)) {
            const command = textsOf(props["command"]);
            const program = command[0]?.split("/").at(-1) ?? "";
            const isTrap =
                SHELLS.includes(program) &&
                command.some((text) => /\btrap\b[\s\S]*\b(SIG)?TERM\b/.test(text));
            if (!inits.includes(program) && !isTrap) {
                report(
                    `${path}.command starts with ${show(command[0])}; start with ${inits.join(" or ")}, or with a shell that traps TERM.`,
                );
            }
        }
    },
);
