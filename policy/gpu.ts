import type { ResourceValidationPolicy } from "@pulumi/policy";
import { allContainers, namespacedName, revisionRule, servingContainers } from "./knative-service";
import { LIMITS } from "./limits";
import { listOf, type Props, propsOf, show, textsOf } from "./props";
import { parseCount } from "./quantity";

/** Extended resource of a whole GPU. */
const GPU = "nvidia.com/gpu";

/** Extended resource of a part of a GPU's memory in GiB, with ACK's shared GPU scheduling. */
const GPU_MEMORY = "aliyun.com/gpu-mem";

/** `knative-gpu-limit`: a pod asks for the GPU that it needs, and for no more. */
export const gpuLimit: ResourceValidationPolicy = revisionRule<{
    max: number;
    withoutGpu: string[];
}>(
    {
        name: "knative-gpu-limit",
        displayName: "Knative Service asks for its GPUs",
        description: `A pod has a limit of ${GPU}, or of ${GPU_MEMORY}. Without one it may run on a node without a GPU and still turn Ready; with too high a one it takes GPUs from others.`,
        enforcementLevel: "mandatory",
        severity: "critical",
        tags: ["knative", "gpu", "cost", "reliability"],
        remediationSteps: `Set resources.limits["${GPU}"] of the container to "1". How many it needs only its author knows, so this is never done by itself.`,
        parameters: {
            max: {
                type: "integer",
                minimum: LIMITS.gpusPerPod.min,
                maximum: LIMITS.gpusPerPod.max,
                default: LIMITS.gpusPerPod.max,
                description: "Most GPUs of one pod.",
            },
            withoutGpu: {
                type: "array",
                items: { type: "string", pattern: "^[^/]+/[^/]+$" },
                uniqueItems: true,
                default: [],
                description: "Services that need no GPU and may ask for none, as namespace/name.",
            },
        },
    },
    (service, { config: { max, withoutGpu }, report }) => {
        const claims = servingContainers(service).flatMap(({ path, props }) => {
            const limits = propsOf(propsOf(props["resources"])["limits"]);
            return [GPU, GPU_MEMORY]
                .filter((resource) => limits[resource] !== undefined)
                .map((resource) => ({
                    path: `${path}.resources.limits["${resource}"]`,
                    resource,
                    value: limits[resource],
                }));
        });
        for (const { path, value } of claims) {
            if (!((parseCount(value) ?? 0) >= 1)) {
                report(`${path} is ${show(value)}; set it to a whole number of at least 1.`);
            }
        }
        if (claims.length === 0 && !withoutGpu.includes(namespacedName(service))) {
            report(
                `spec.template.spec.containers have no limit of ${GPU} (unset); set resources.limits["${GPU}"] of one to a whole number from 1 to ${max}.`,
            );
        }
        const gpus = gpusPerPod(service);
        if (gpus > max) {
            report(
                `spec.template.spec.containers have limits of ${gpus} ${GPU} together; set them to at most ${max}.`,
            );
        }
    },
);

/** GPUs that a pod of the Service holds: the whole ones among the limits of the containers that serve. */
export function gpusPerPod(service: Props): number {
    return servingContainers(service).reduce((total, { props }) => {
        const limits = propsOf(propsOf(props["resources"])["limits"]);
        return total + (parseCount(limits[GPU]) ?? 0);
    }, 0);
}

/** Flag with which the WebUI starts although it finds no GPU. */
const SKIP_CHECK = "--skip-torch-cuda-test";

/** `knative-cuda-check`: a pod without a GPU fails instead of drawing on the CPU. */
export const cudaCheck: ResourceValidationPolicy = revisionRule(
    {
        name: "knative-cuda-check",
        displayName: "Knative Service lets the WebUI check its GPU",
        description: `The WebUI is not started with ${SKIP_CHECK}, with which a pod that has no GPU turns Ready and draws on the CPU.`,
        enforcementLevel: "mandatory",
        severity: "high",
        tags: ["stable-diffusion", "gpu", "reliability"],
        remediationSteps: `Take ${SKIP_CHECK} out of command, args and env.`,
    },
    (service, { report }) => {
        for (const { path, props } of allContainers(service)) {
            const places = [
                ...["command", "args"].flatMap((key) =>
                    textsOf(props[key]).map((text, place) => [`${key}[${place}]`, text] as const),
                ),
                ...listOf(props["env"]).map(
                    (variable, place) =>
                        [`env[${place}].value`, String(propsOf(variable)["value"])] as const,
                ),
            ];
            for (const [place, text] of places) {
                if (text.split(/[\s"'=]+/).includes(SKIP_CHECK)) {
                    report(`${path}.${place} has ${SKIP_CHECK}; take it away.`);
                }
            }
        }
    },
);
