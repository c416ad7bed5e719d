import type { KubeConfig, V1Endpoint } from "@kubernetes/client-node";
import * as pulumi from "@pulumi/pulumi";
import { loadKubeconfig, reason } from "./cluster-facts";
import { GPU_RESOURCE } from "./gpu";
import { trialService, tryService } from "./service-trial";
import { type Look, until } from "./until";
import { valueOf } from "./value-of";

/** What is asked of an installed Knative before anything is put into it. */
export interface KnativeReadinessArgs {
    /** Contents of the cluster's kubeconfig. */
    readonly kubeconfig: pulumi.Output<string>;
    /** Namespace of the Service of the gateway. */
    readonly gatewayNamespace: string;
    /** Name of the Service of the gateway. */
    readonly gatewayService: string;
    /** Address of the gateway. @default - that of the Service's load balancer */
    readonly gatewayAddress?: string | undefined;
    /** Seconds for which to wait. */
    readonly waitSeconds: number;
}

/**
 * Waits until Knative takes Services: its webhook answers, and its gateway has an address and a pod behind it. An
 * installer may call itself finished before that, and then the first Service would fail for good: the provider
 * does not try again when a webhook does not answer.
 *
 * @returns the gateway's address; in a preview, which waits for nothing, unknown where it is not there yet
 * @throws pulumi.RunError when the time is over, saying what is missing
 */
export async function knativeGateway(args: KnativeReadinessArgs): Promise<pulumi.Output<string>> {
    if (pulumi.runtime.isDryRun()) {
        const address = args.kubeconfig.apply(async (contents) => {
            const seen = await gateway(await loadKubeconfig(contents), args);
            return "found" in seen ? seen.found : (pulumi.unknown as unknown as string);
        });
        // What was asked with a secret is not one.
        return pulumi.unsecret(address);
    }
    return pulumi.output(await untilKnativeAnswers(await valueOf(args.kubeconfig), args));
}

/**
 * The waiting of {@link knativeGateway}.
 *
 * @param kubeconfig contents of a kubeconfig
 * @param report is told every 15 s what is waited for
 * @returns the gateway's address
 * @throws pulumi.RunError when the time is over
 */
export async function untilKnativeAnswers(
    kubeconfig: string,
    args: Omit<KnativeReadinessArgs, "kubeconfig">,
    report?: (message: string) => Promise<void>,
): Promise<string> {
    const cluster = await loadKubeconfig(kubeconfig);
    return until(
        async () => {
            const silence = await webhookSilence(cluster);
            return silence === undefined ? gateway(cluster, args) : { missing: silence };
        },
        {
            subject: "Knative",
            failure: "Knative does not answer",
            consequence: "Nothing was put into it; the next up goes on from here",
            waitSeconds: args.waitSeconds,
            report,
        },
    );
}

/**
 * Why the webhook does not take part in creating a Service, seen by a creation that the API server does not carry
 * out; undefined if it does. An answer that refuses the Service is an answer as well.
 */
async function webhookSilence(cluster: KubeConfig): Promise<string | undefined> {
    const refusal = await tryService(cluster, PROBE);
    if (refusal === undefined) {
        return undefined;
    }
    const { code, error } = refusal;
    if (code === 404) {
        return "the API server does not know Knative Services yet";
    }
    const isVerdict = code >= 400 && code < 500 && code !== 429;
    return isVerdict ? undefined : `Knative's webhook does not answer (${reason(error)})`;
}

/**
 * A Service that the limits of knative.ts, the policies and the admission policy allow, so that they are no
 * reason to refuse it.
 */
const PROBE = trialService("stable-diffusion-probe", {
    image: `dev.local/probe@sha256:${"0".repeat(64)}`,
    resources: { limits: { [GPU_RESOURCE]: "1" } },
});

/** The gateway's address, or what is missing until it can be used. */
async function gateway(
    cluster: KubeConfig,
    args: Omit<KnativeReadinessArgs, "kubeconfig" | "waitSeconds">,
): Promise<Look<string>> {
    if (args.gatewayAddress !== undefined) {
        return { found: args.gatewayAddress };
    }
    const { ApiException, CoreV1Api, DiscoveryV1Api } = await import("@kubernetes/client-node");
    const { gatewayNamespace: namespace, gatewayService: name } = args;
    const subject = `the gateway's Service ${namespace}/${name}`;
    try {
        const [{ status }, slices] = await Promise.all([
            cluster.makeApiClient(CoreV1Api).readNamespacedService({ namespace, name }),
            cluster.makeApiClient(DiscoveryV1Api).listNamespacedEndpointSlice({
                namespace,
                labelSelector: `kubernetes.io/service-name=${name}`,
            }),
        ]);
        const ingress = status?.loadBalancer?.ingress?.[0];
        const address = ingress?.ip ?? ingress?.hostname;
        if (address === undefined) {
            return {
                missing: `${subject} has no load balancer address; where it never gets one, set that at which it is reached: pulumi config set gatewayAddress HOST:PORT`,
            };
        }
        // A slice of no pods may have null for them, which the type does not say; a pod without a condition
        // counts as ready (EndpointConditions of Kubernetes).
        const endpoints = slices.items.flatMap(
            (slice) => (slice.endpoints as V1Endpoint[] | null | undefined) ?? [],
        );
        const isReady = endpoints.some(({ conditions }) => conditions?.ready !== false);
        return isReady ? { found: address } : { missing: `${subject} has no pod that is ready` };
    } catch (error) {
        return {
            missing:
                error instanceof ApiException && error.code === 404
                    ? `${subject} does not exist; if it has another name, set gatewayNamespace and gatewayService`
                    : `${subject} cannot be read (${reason(error)})`,
        };
    }
}
