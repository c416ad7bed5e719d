import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import {
    abandonedRequestsExtension,
    EXTENSION_VOLUME,
    extensionLink,
    extensionMount,
} from "./abandoned-requests/extension";
import { GPU_RESOURCE, GPU_TAINT } from "./gpu";
import type { SpotStrategy } from "./gpu-node-pool";
import { PART_OF } from "./knative-config";
import { KnativeService } from "./knative-service";
import { revisionFailure } from "./revision-failure";
import { retryFailedRevision } from "./revision-retry";
import { isAt, untilServedAt } from "./service-url";
import { ECI_ANNOTATIONS, ECI_LABEL } from "./virtual-node";
import { valueOf } from "./value-of";

/** Arguments for {@link StableDiffusion}. What decides structure or is checked by a policy is plain. */
export interface StableDiffusionArgs {
    /** Namespace made for the service. */
    readonly namespace: string;
    /** Name of the Knative Service. */
    readonly serviceName: string;
    /** Domain that Knative serves; with name and namespace it makes the host. */
    readonly domain: string;
    /** Image of the AUTOMATIC1111 WebUI, pinned by digest. */
    readonly image: string;
    /** Further flags of the WebUI; the pod spec shows them. */
    readonly webuiArgs: readonly string[];
    /** Further environment variables of the WebUI; the pod spec shows them. */
    readonly environment: Readonly<Record<string, string>>;
    /** Whether the WebUI gets the extension that stops its work for clients that have gone away. */
    readonly stopAbandonedRequests: boolean;
    /** `tcp`, or an HTTP path that answers without credentials. */
    readonly readiness: string;
    /** Requests one pod serves at a time. */
    readonly containerConcurrency: number;
    /** Pods that always run. */
    readonly minScale: number;
    /** Most pods. */
    readonly maxScale: number;
    /** Share of containerConcurrency, in percent, at which a pod is added. */
    readonly targetUtilizationPercentage: number;
    /** Length of the panic window, in percent of the stable one, which is 60 s. */
    readonly panicWindowPercentage: number;
    /** Seconds a lower demand must last before pods are taken away. */
    readonly scaleDownDelaySeconds: number;
    /** Longest a request may take, in seconds. */
    readonly timeoutSeconds: number;
    /** Seconds a new revision has to become ready. */
    readonly progressDeadlineSeconds: number;
    /** GPUs of one pod. */
    readonly gpusPerPod: number;
    /** Whether the pods tolerate the GPU taint. */
    readonly gpuToleration: boolean;
    /** CPU of one pod, a Kubernetes quantity. */
    readonly cpu: string;
    /** Memory of one pod, a Kubernetes quantity. */
    readonly memory: string;
    /** Cookie affinity as ACK's Knative knows it. @default - none */
    readonly cookieAffinity?:
        { readonly name: string; readonly timeoutSeconds: number } | undefined;
    /**
     * Elastic container instances, where the pods run on these: types, the preferred one first, and how they
     * are paid for. @default - pods run on nodes
     */
    readonly elasticInstances?:
        | { readonly instanceTypes: readonly string[]; readonly spotStrategy: SpotStrategy }
        | undefined;
    /** Contents of the cluster's kubeconfig: only read, to explain a revision that does not start. */
    readonly kubeconfig: pulumi.Output<string>;
}

/** Port of the WebUI. */
const PORT = 7860;

/** Environment variable from which `launch.py` takes further flags, inside its own process. */
const FLAGS_VARIABLE = "COMMANDLINE_ARGS";

/**
 * Starts the WebUI, with two faults mended:
 *
 * As PID 1, python3 ignores SIGTERM (it installs no handler for it), and each scale-down would hold a GPU
 * for `timeoutSeconds` more (knative/serving issue 14036). So a shell is PID 1 and passes the signal on.
 *
 * launch.py prints all its flags, those of COMMANDLINE_ARGS among them ("Launching Web UI with
 * arguments: …", modules/launch_utils.py), so the log passes through a filter that hides the credentials. It
 * is written in the shell's own words: if it needed a command that an image lacks, it would end, and the
 * WebUI with it at its next line of output.
 */
const ENTRYPOINT = [
    "log=/tmp/webui.log; rm -f $log; mkfifo $log",
    'while IFS= read -r line || [ -n "$line" ]; do',
    '    case "$line" in *--api-auth*|*--gradio-auth*)',
    '        line="${line%%--api-auth*}"; line="${line%%--gradio-auth*}(credentials hidden)" ;;',
    "    esac",
    "    printf '%s\\n' \"$line\"",
    "done < $log & filter=$!",
    'python3 launch.py "$@" > $log 2>&1 & webui=$!',
    'trap \'trap "" TERM INT; kill -TERM "$webui"; wait "$webui"; exit "$?"\' TERM INT',
    'wait "$webui"; status=$?',
    // What the WebUI said last, such as that it found no GPU, is what its user needs.
    'wait "$filter"; exit "$status"',
].join("\n");

/** Stable Diffusion as a Knative Service that holds GPUs only while it has work, behind credentials. */
export class StableDiffusion extends pulumi.ComponentResource {
    /** Host name by which the gateway knows the service. */
    public readonly host: string;
    /** URL of the service, as Knative confirmed it. */
    public readonly url: pulumi.Output<string>;
    /** User of the API and of the page. */
    public readonly username: pulumi.Output<string>;
    /** Password of the API and of the page, a secret. */
    public readonly password: pulumi.Output<string>;

    constructor(name: string, args: StableDiffusionArgs, opts?: pulumi.ComponentResourceOptions) {
        super("sd:serving:StableDiffusion", name, {}, opts);
        const self = { parent: this };
        // Knative's default domain-template.
        this.host = `${args.serviceName}.${args.namespace}.${args.domain}`;

        const namespace = new k8s.core.v1.Namespace(
            `${name}-namespace`,
            { metadata: { name: args.namespace, labels: PART_OF } },
            self,
        );

        // Letters and digits only: in the WebUI's flags `:` and `,` separate, and a shell-like parser reads
        // quotes and blanks.
        const username = new random.RandomString(
            `${name}-username`,
            { length: 12, special: false, upper: false },
            self,
        );
        const password = new random.RandomPassword(
            `${name}-password`,
            { length: 40, special: false },
            self,
        );
        this.username = username.result;
        this.password = pulumi.secret(password.result);
        const credentials = pulumi.interpolate`${this.username}:${this.password}`;
        // No name of its own: changed credentials make a Secret of another name, so a new revision, instead
        // of pods that still hold the old ones.
        const flags = new k8s.core.v1.Secret(
            `${name}-credentials`,
            {
                metadata: { namespace: namespace.metadata.name },
                stringData: {
                    [FLAGS_VARIABLE]: pulumi.interpolate`--api-auth ${credentials} --gradio-auth ${credentials}`,
                },
            },
            self,
        );

        const extension = args.stopAbandonedRequests
            ? abandonedRequestsExtension(`${name}-extension`, namespace.metadata.name, self)
            : undefined;

        const service = new KnativeService(
            `${name}-service`,
            {
                metadata: {
                    name: args.serviceName,
                    // Not the Namespace's output: at preview a policy could not check that.
                    namespace: args.namespace,
                    labels: PART_OF,
                    annotations: affinityAnnotations(args.cookieAffinity),
                },
                template: {
                    metadata: {
                        ...(args.elasticInstances ? { labels: ECI_LABEL } : {}),
                        annotations: {
                            ...autoscalingAnnotations(args),
                            ...elasticInstanceAnnotations(args.elasticInstances),
                        },
                    },
                    spec: {
                        containerConcurrency: args.containerConcurrency,
                        timeoutSeconds: args.timeoutSeconds,
                        containers: [webui(args, flags.metadata.name)],
                        ...(extension
                            ? {
                                  volumes: [
                                      {
                                          name: EXTENSION_VOLUME,
                                          configMap: { name: extension.metadata.name },
                                      },
                                  ],
                              }
                            : {}),
                        ...(args.gpuToleration
                            ? { tolerations: [{ ...GPU_TAINT, operator: "Exists" }] }
                            : {}),
                    },
                },
                progressDeadlineSeconds: args.progressDeadlineSeconds,
            },
            {
                ...self,
                // A plain name does not say that the Service comes after its Namespace, and goes with it.
                replaceWith: [namespace],
                hooks: {
                    beforeUpdate: [retryFailure(name, args)],
                    onError: [explainFailure(name, args)],
                },
            },
        );

        this.url = pulumi
            .all([service.status, pulumi.unsecret(args.kubeconfig)])
            .apply(([status, kubeconfig]) => this.confirmedUrl(args, status?.url, kubeconfig));
        this.registerOutputs({ host: this.host, url: this.url });
    }

    /** The URL that Knative gave the service, once it is the one that its name promises. */
    private async confirmedUrl(
        { namespace, serviceName }: StableDiffusionArgs,
        url: string | undefined,
        kubeconfig: string,
    ): Promise<string> {
        if (url !== undefined && isAt(this.host, url)) {
            return url;
        }
        return pulumi.runtime.isDryRun()
            ? (pulumi.unknown as unknown as string)
            : untilServedAt(this.host, { namespace, name: serviceName }, kubeconfig);
    }
}

function affinityAnnotations(
    affinity: StableDiffusionArgs["cookieAffinity"],
): Record<string, string> {
    if (!affinity) {
        return {};
    }
    return {
        "serving.knative.dev.alibabacloud/affinity": "cookie",
        "serving.knative.dev.alibabacloud/cookie-name": affinity.name,
        "serving.knative.dev.alibabacloud/cookie-timeout": String(affinity.timeoutSeconds),
    };
}

function autoscalingAnnotations(args: StableDiffusionArgs): Record<string, string> {
    return {
        "autoscaling.knative.dev/class": "kpa.autoscaling.knative.dev",
        "autoscaling.knative.dev/min-scale": String(args.minScale),
        "autoscaling.knative.dev/max-scale": String(args.maxScale),
        "autoscaling.knative.dev/target-utilization-percentage": String(
            args.targetUtilizationPercentage,
        ),
        "autoscaling.knative.dev/panic-window-percentage": String(args.panicWindowPercentage),
        "autoscaling.knative.dev/scale-down-delay": `${args.scaleDownDelaySeconds}s`,
        // One queue in the activator for all pods: a request waits for the first pod that is free, never
        // behind a busy one while another idles.
        "autoscaling.knative.dev/target-burst-capacity": "-1",
    };
}

function elasticInstanceAnnotations(
    instances: StableDiffusionArgs["elasticInstances"],
): Record<string, string> {
    if (!instances) {
        return {};
    }
    return {
        [ECI_ANNOTATIONS.types]: instances.instanceTypes.join(","),
        ...(instances.spotStrategy === "NoSpot"
            ? {}
            : {
                  [ECI_ANNOTATIONS.spotStrategy]: instances.spotStrategy,
                  [ECI_ANNOTATIONS.spotFallback]: "true",
              }),
    };
}

function webui(
    args: StableDiffusionArgs,
    credentials: pulumi.Input<string>,
): k8s.types.input.core.v1.Container {
    const resources = {
        cpu: args.cpu,
        memory: args.memory,
        [GPU_RESOURCE]: String(args.gpusPerPod),
    };
    return {
        name: "stable-diffusion",
        image: args.image,
        imagePullPolicy: "IfNotPresent",
        command: ["/bin/sh", "-c", entrypoint(args), "webui"],
        args: ["--listen", "--api", ...args.webuiArgs],
        env: [
            {
                name: FLAGS_VARIABLE,
                valueFrom: { secretKeyRef: { name: credentials, key: FLAGS_VARIABLE } },
            },
            ...Object.entries(args.environment).map(([name, value]) => ({ name, value })),
        ],
        ports: [{ containerPort: PORT, name: "http1", protocol: "TCP" }],
        readinessProbe: {
            ...(args.readiness === "tcp"
                ? { tcpSocket: { port: PORT } }
                : { httpGet: { path: args.readiness, port: PORT } }),
            periodSeconds: 1,
            failureThreshold: 3,
        },
        ...(args.stopAbandonedRequests ? { volumeMounts: [extensionMount] } : {}),
        resources: { requests: resources, limits: resources },
        // Knative allows these without a feature flag. Root it stays: images of the WebUI have no other user.
        securityContext: {
            allowPrivilegeEscalation: false,
            seccompProfile: { type: "RuntimeDefault" },
        },
    };
}

function entrypoint({ stopAbandonedRequests, webuiArgs }: StableDiffusionArgs): string {
    return stopAbandonedRequests ? `${extensionLink(webuiArgs)}\n${ENTRYPOINT}` : ENTRYPOINT;
}

/** Lets a revision that was given up start again. */
function retryFailure(name: string, args: StableDiffusionArgs): pulumi.ResourceHook {
    return new pulumi.ResourceHook(`${name}-retry-failure`, async () => {
        const kubeconfig = await valueOf(args.kubeconfig);
        const retried = await retryFailedRevision(kubeconfig, args.namespace, args.serviceName);
        if (retried !== undefined) {
            await pulumi.log.info(`revision ${retried} had failed and is made anew`);
        }
    });
}

/** Puts the revision's own reason beside the engine's error, which only says that the time is over. */
function explainFailure(name: string, args: StableDiffusionArgs): pulumi.ErrorHook {
    return new pulumi.ErrorHook(`${name}-explain-failure`, async () => {
        const kubeconfig = await valueOf(args.kubeconfig);
        const failure = await revisionFailure(kubeconfig, args.namespace, args.serviceName);
        if (failure !== undefined) {
            await pulumi.log.error(failure);
        }
        return false;
    });
}
