import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { LIMITS } from "../policy/limits";
import { GPU_RESOURCE } from "./gpu";

/** Label of a namespace whose Services are left alone: `stable-diffusion-knative/admission: exempt`. */
export const EXEMPT = { key: "stable-diffusion-knative/admission", value: "exempt" } as const;

/** What a namespace holds that is the cluster's own, and so no GPU service. */
const SYSTEM_NAMESPACES = ["kube-system", "kube-public", "kube-node-lease", "knative-serving"];

/** One validation, as the API has it: `messageExpression` says what was found, `message` stands in if it fails. */
interface Validation {
    readonly expression: string;
    readonly message: string;
    readonly messageExpression?: string;
}

const MAX_SCALE = "autoscaling.knative.dev/max-scale";
const MAX_SCALE_LEGACY = "autoscaling.knative.dev/maxScale";

/** The parts of a Service or Configuration that the validations look at. */
const VARIABLES = [
    { name: "template", expression: "object.spec.template" },
    {
        name: "annotations",
        expression:
            "has(variables.template.metadata) && has(variables.template.metadata.annotations) ? variables.template.metadata.annotations : {}",
    },
    { name: "containers", expression: "variables.template.spec.containers" },
    {
        // As Knative reads it: the kebab-case spelling before the legacy one.
        name: "maxScale",
        expression: `'${MAX_SCALE}' in variables.annotations ? variables.annotations['${MAX_SCALE}'] : '${MAX_SCALE_LEGACY}' in variables.annotations ? variables.annotations['${MAX_SCALE_LEGACY}'] : ''`,
    },
] as const;

/**
 * What no Knative Service of the cluster may be, whoever applies it: the in-cluster twin of the policies in
 * policy/, from the same limits, for what Knative's own ConfigMaps cannot say.
 */
export function admissionValidations(): Validation[] {
    const { containerConcurrency, maxScale, gpusPerPod } = LIMITS;
    const gpus = `variables.containers.filter(c, has(c.resources) && has(c.resources.limits) && '${GPU_RESOURCE}' in c.resources.limits)`;
    const gpusOf = `int(string(c.resources.limits['${GPU_RESOURCE}']))`;
    return [
        {
            expression: `!('${MAX_SCALE}' in variables.annotations && '${MAX_SCALE_LEGACY}' in variables.annotations) || variables.annotations['${MAX_SCALE}'] == variables.annotations['${MAX_SCALE_LEGACY}']`,
            message: `${MAX_SCALE} and ${MAX_SCALE_LEGACY} differ; keep only ${MAX_SCALE}.`,
        },
        {
            // Nine digits are an integer for certain.
            expression: `variables.maxScale.matches('^[+]?[0-9]{1,9}$') && int(variables.maxScale) >= ${maxScale.min} && int(variables.maxScale) <= ${maxScale.max}`,
            message: `set the annotation ${MAX_SCALE} of spec.template to a string from "${maxScale.min}" to "${maxScale.max}".`,
            messageExpression: `'the annotation ${MAX_SCALE} is ' + (variables.maxScale == '' ? 'unset (unlimited)' : '"' + variables.maxScale + '"') + '; set it to a string from "${maxScale.min}" to "${maxScale.max}".'`,
        },
        {
            expression: `has(variables.template.spec.containerConcurrency) && variables.template.spec.containerConcurrency >= ${containerConcurrency.min} && variables.template.spec.containerConcurrency <= ${containerConcurrency.max}`,
            message: `set spec.template.spec.containerConcurrency to a whole number from ${containerConcurrency.min} to ${containerConcurrency.max}; unset and 0 mean unlimited.`,
        },
        {
            expression: `${gpus}.size() > 0 && ${gpus}.all(c, string(c.resources.limits['${GPU_RESOURCE}']).matches('^[1-9][0-9]{0,3}$')) && ${gpus}.map(c, ${gpusOf}).sum() <= ${gpusPerPod.max}`,
            message: `set resources.limits["${GPU_RESOURCE}"] of a container to a whole number from ${gpusPerPod.min} to ${gpusPerPod.max}; without one the pod may run on a node without a GPU.`,
        },
        {
            expression:
                "variables.containers.all(c, has(c.image) && c.image.matches('^[^@ ]+@sha256:[0-9a-f]{64}$'))",
            message: "set the image of each container to NAME@sha256:<64 hexadecimal digits>.",
        },
    ];
}

/**
 * Refuses bad Knative Services at the API server, also those that `kubectl apply` brings: a
 * `ValidatingAdmissionPolicy` and its binding, which count for the whole cluster but for exempted namespaces. An
 * update that leaves `spec` alone is never judged, so what was there before can still be labelled and finalized.
 */
export class KnativeAdmission extends pulumi.ComponentResource {
    /** Name of policy and binding, known when both are there. */
    public readonly policyName: pulumi.Output<string>;

    constructor(name: string, opts?: pulumi.ComponentResourceOptions) {
        super("sd:knative:KnativeAdmission", name, {}, opts);
        const self = { parent: this };

        const policy = new k8s.admissionregistration.v1.ValidatingAdmissionPolicy(
            `${name}-policy`,
            {
                metadata: { name: POLICY_NAME },
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
                    variables: VARIABLES.map((variable) => ({ ...variable })),
                    validations: admissionValidations(),
                },
            },
            self,
        );
        const binding = new k8s.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
            `${name}-binding`,
            {
                metadata: { name: POLICY_NAME },
                spec: {
                    policyName: POLICY_NAME,
                    validationActions: ["Deny"],
                    matchResources: {
                        namespaceSelector: {
                            matchExpressions: [
                                {
                                    key: "kubernetes.io/metadata.name",
                                    operator: "NotIn",
                                    values: SYSTEM_NAMESPACES,
                                },
                                { key: EXEMPT.key, operator: "NotIn", values: [EXEMPT.value] },
                            ],
                        },
                    },
                },
            },
            // A binding without its policy refuses nothing; a policy without one neither.
            { ...self, dependsOn: policy },
        );
        this.policyName = binding.metadata.name;
        this.registerOutputs({ policyName: this.policyName });
    }
}

/** Name of policy and binding, for the whole cluster. */
const POLICY_NAME = "stable-diffusion-knative";
