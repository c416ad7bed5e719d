import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

/** Arguments for {@link KnativeService}. */
export interface KnativeServiceArgs {
    /** Name, namespace, labels and annotations of the Service. Plain, so that policies can check them at preview. */
    readonly metadata: {
        readonly name: string;
        readonly namespace: string;
        readonly labels?: Readonly<Record<string, string>>;
        readonly annotations?: Readonly<Record<string, string>>;
    };
    /** Template of its revisions, with Knative's names. */
    readonly template: {
        readonly metadata: {
            readonly labels?: Readonly<Record<string, string>>;
            readonly annotations: Readonly<Record<string, string>>;
        };
        readonly spec: RevisionSpec;
    };
    /** Seconds a new revision has to become ready. */
    readonly progressDeadlineSeconds: number;
}

/** `spec.template.spec` of a Knative Service: a pod spec, as far as this program uses one. */
export interface RevisionSpec {
    /** Requests one pod serves at a time. A plain number, so that a policy can check it at preview. */
    readonly containerConcurrency: number;
    /** Longest a request may take, in seconds; also the pods' termination grace period. */
    readonly timeoutSeconds: number;
    /** The containers of a pod. */
    readonly containers: readonly pulumi.Input<k8s.types.input.core.v1.Container>[];
    /** Taints that the pods tolerate; needs Knative's feature kubernetes.podspec-tolerations. */
    readonly tolerations?: readonly k8s.types.input.core.v1.Toleration[];
}

/** `status` of a Knative Service, as far as it is read here. */
export interface KnativeServiceStatus {
    /** URL at which Knative serves it. */
    readonly url?: string;
}

/** Seconds beyond the progress deadline: Knative's autoscaler gives a revision up 30 s after it. */
const MARGIN_SECONDS = 45;

/**
 * A `serving.knative.dev/v1` Service that counts as created when it is Ready. Unlike the generic
 * `CustomResource`, which has no outputs of its own, it exposes `status`.
 */
export class KnativeService extends k8s.apiextensions.CustomResource {
    /** What Knative says of it once it is Ready. */
    declare public readonly status: pulumi.Output<KnativeServiceStatus | undefined>;

    constructor(name: string, args: KnativeServiceArgs, opts?: pulumi.CustomResourceOptions) {
        const { metadata, template, progressDeadlineSeconds } = args;
        const { annotations } = template.metadata;
        // `waitFor` does not end early on Ready=False (a revision may yet recover), so without a timeout of
        // its own a bad image would hold `up` for the provider's ten minutes, or a slow node would miss it.
        const timeout = `${progressDeadlineSeconds + MARGIN_SECONDS}s`;
        super(
            name,
            {
                apiVersion: "serving.knative.dev/v1",
                kind: "Service",
                metadata: {
                    ...metadata,
                    annotations: {
                        ...metadata.annotations,
                        "pulumi.com/waitFor": "condition=Ready",
                    },
                },
                spec: {
                    template: {
                        ...template,
                        metadata: {
                            ...template.metadata,
                            annotations: {
                                ...annotations,
                                "serving.knative.dev/progress-deadline": `${progressDeadlineSeconds}s`,
                            },
                        },
                    },
                },
                // Named as an input so that the SDK resolves it as an output.
                status: undefined,
            },
            pulumi.mergeOptions({ customTimeouts: { create: timeout, update: timeout } }, opts),
        );
    }
}
