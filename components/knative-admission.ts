import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { ANNOTATIONS } from "../policy/annotations";
import { LIMITS, PINNED_IMAGE } from "../policy/limits";
import { GPU_MEMORY_RESOURCE, GPU_RESOURCE } from "./gpu";

/** What the names of our policies begin with. */
const ADMISSION = "stable-diffusion-knative";

/** Arguments for {@link KnativeAdmission}. */
export interface KnativeAdmissionArgs {
    /** Namespace of the service; policy and binding are called after it, so that stacks may share a cluster. */
    readonly namespace: string;
}

/** Label of a namespace whose Services are left alone: `stable-diffusion-knative/admission: exempt`. */
export const EXEMPT = { key: `${ADMISSION}/admission`, value: "exempt" } as const;

/** One condition, as the API has it: `message` stands in if `messageExpression` fails. */
interface Validation {
    readonly expression: string;
    readonly message: string;
    readonly messageExpression?: string;
}

/** A text in CEL that may have backslashes in it. */
const raw = (text: string): string => `r'${text}'`;

/** The annotations that have two spellings, as a list of pairs in CEL. */
const SPELLINGS = `[${Object.values(ANNOTATIONS)
    .filter((spellings) => spellings.length === 2)
    .map(([preferred, legacy]) => `['${preferred}', '${legacy}']`)
    .join(", ")}]`;

/** What the conditions look at in a Service or Configuration: each may use those before it. */
const VARIABLES = [
    { name: "template", expression: "object.spec.template" },
    {
        name: "annotations",
        expression:
            "has(variables.template.metadata) && has(variables.template.metadata.annotations) ? variables.template.metadata.annotations : {}",
    },
    {
        name: "contradictions",
        expression: `${SPELLINGS}.filter(pair, pair[0] in variables.annotations && pair[1] in variables.annotations && variables.annotations[pair[0]] != variables.annotations[pair[1]])`,
    },
    { name: "containers", expression: "variables.template.spec.containers" },
    {
        name: "images",
        expression:
            "(variables.containers + (has(variables.template.spec.initContainers) ? variables.template.spec.initContainers : [])).map(container, has(container.image) ? container.image : '')",
    },
    {
        name: "limits",
        expression:
            "variables.containers.filter(container, has(container.resources) && has(container.resources.limits)).map(container, container.resources.limits)",
    },
    {
        name: "gpus",
        expression: `variables.limits.filter(limits, '${GPU_RESOURCE}' in limits).map(limits, string(limits['${GPU_RESOURCE}']))`,
    },
    {
        name: "gpuMemory",
        expression: `variables.limits.filter(limits, '${GPU_MEMORY_RESOURCE}' in limits).map(limits, string(limits['${GPU_MEMORY_RESOURCE}']))`,
    },
] as const;

/** A whole number of at least 1, without leading zeros, small enough for any sum. */
const COUNT = "^[1-9][0-9]{0,3}$";

/**
 * What no Knative Service of the cluster may be, whoever applies it: the part of the policies in policy/ that
 * Knative's own limits (knative.ts) cannot say, from the same definitions.
 */
export function admissionValidations(): Validation[] {
    const { gpusPerPod } = LIMITS;
    const remedy = `set resources.limits["${GPU_RESOURCE}"] of one container to a whole number from ${gpusPerPod.min} to ${gpusPerPod.max}`;
    return [
        {
            expression: "variables.contradictions.size() == 0",
            message: "an annotation is there in both spellings with two values; keep the first.",
            messageExpression:
                "variables.contradictions.map(pair, 'the annotations ' + pair[0] + ' and ' + pair[1] + ' differ (\"' + variables.annotations[pair[0]] + '\", \"' + variables.annotations[pair[1]] + '\"); keep only ' + pair[0]).join('; ') + '.'",
        },
        {
            expression: "(variables.gpus + variables.gpuMemory).size() > 0",
            message: `no container of spec.template.spec has a limit of ${GPU_RESOURCE}, so its pods may run on nodes without a GPU; ${remedy}.`,
        },
        {
            expression: `(variables.gpus + variables.gpuMemory).all(count, count.matches('${COUNT}'))`,
            message: `a limit of ${GPU_RESOURCE} or ${GPU_MEMORY_RESOURCE} is no whole number of at least 1; ${remedy}.`,
            messageExpression: `'the limits of ${GPU_RESOURCE} and ${GPU_MEMORY_RESOURCE} are ' + (variables.gpus + variables.gpuMemory).join(', ') + '; ${remedy}.'`,
        },
        {
            // What is no number is refused above.
            expression: `variables.gpus.filter(count, count.matches('${COUNT}')).map(count, int(count)).sum() <= ${gpusPerPod.max}`,
            message: `the containers of a pod have limits of more than ${gpusPerPod.max} ${GPU_RESOURCE} together; ${remedy}.`,
        },
        {
            expression: `variables.images.all(image, image.matches(${raw(PINNED_IMAGE.source)}))`,
            message: "an image is not pinned; set it to NAME@sha256:<64 hexadecimal digits>.",
            messageExpression: `variables.images.filter(image, !image.matches(${raw(PINNED_IMAGE.source)})).map(image, 'the image "' + image + '" is not pinned').join(', ') + '; set it to NAME@sha256:<64 hexadecimal digits>.'`,
        },
    ];
}

/**
 * Refuses bad Knative Services at the API server, also those that `kubectl apply` brings: a
 * `ValidatingAdmissionPolicy` and its binding, for the whole cluster but for exempted namespaces. An update that
 * leaves `spec` alone is not judged, so that what was there before can still be labelled and finalized.
 */
export class KnativeAdmission extends pulumi.ComponentResource {
    /** Name of policy and binding, known when both are there, which is a moment before they are in force. */
    public readonly policyName: pulumi.Output<string>;

    constructor(
        name: string,
        { namespace }: KnativeAdmissionArgs,
        opts?: pulumi.ComponentResourceOptions,
    ) {
        super("sd:knative:KnativeAdmission", name, {}, opts);
        const self = { parent: this };
        const policyName = `${ADMISSION}-${namespace}`;

        const policy = new k8s.admissionregistration.v1.ValidatingAdmissionPolicy(
            `${name}-policy`,
            {
                metadata: { name: policyName },
                spec: {
                    failurePolicy: "Fail",
                    matchConstraints: {
                        resourceRules: [
                            {
                                apiGroups: ["serving.knative.dev"],
                                apiVersions: ["v1"],
                                operations: ["CREATE", "UPDATE"],
                                resources: ["services", "configurations"],
                            },
                        ],
                    },
                    matchConditions: [
                        {
                            name: "spec-changed",
                            expression: "oldObject == null || object.spec != oldObject.spec",
                        },
                    ],
                    variables: [...VARIABLES],
                    validations: admissionValidations(),
                },
            },
            self,
        );
        const binding = new k8s.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
            `${name}-binding`,
            {
                metadata: { name: policyName },
                spec: {
                    policyName,
                    validationActions: ["Deny"],
                    matchResources: {
                        namespaceSelector: {
                            matchExpressions: [
                                { key: EXEMPT.key, operator: "NotIn", values: [EXEMPT.value] },
                            ],
                        },
                    },
                },
            },
            { ...self, dependsOn: policy },
        );
        this.policyName = binding.metadata.name;
        this.registerOutputs({ policyName: this.policyName });
    }
}
