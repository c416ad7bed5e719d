import * as pulumi from "@pulumi/pulumi";
import { loadKubeconfig, reason } from "./cluster-facts";
import { EXEMPT, type KnativeAdmission } from "./knative-admission";
import { trialService, tryService } from "./service-trial";
import { until } from "./until";
import { valueOf } from "./value-of";

/** Seconds for which to wait; API servers take over a new policy within a second or two. */
const WAIT_SECONDS = 60;

/**
 * Waits until the API server refuses what the policy forbids. It takes over new policies in the background, and
 * what is created before that is not judged. A preview waits for nothing. Of several API servers, the one that
 * answers is known.
 *
 * @param kubeconfig contents of the cluster's kubeconfig
 * @throws pulumi.RunError when it still admits a bad Service after a minute
 */
export async function admissionInForce(
    kubeconfig: pulumi.Output<string>,
    admission: KnativeAdmission,
): Promise<void> {
    if (pulumi.runtime.isDryRun()) {
        return;
    }
    const [contents, policyName] = await valueOf(pulumi.all([kubeconfig, admission.policyName]));
    await untilAdmissionRefuses(contents, policyName);
}

/**
 * The waiting of {@link admissionInForce}.
 *
 * @param kubeconfig contents of a kubeconfig
 * @param policyName name of the policy
 * @param waitSeconds seconds for which to wait
 * @throws pulumi.RunError when the time is over
 */
export async function untilAdmissionRefuses(
    kubeconfig: string,
    policyName: string,
    waitSeconds = WAIT_SECONDS,
): Promise<void> {
    const cluster = await loadKubeconfig(kubeconfig);
    await until(
        async () => {
            const refusal = await tryService(cluster, BAD_SERVICE);
            if (refusal === undefined) {
                return {
                    missing: `a Service without a GPU limit is admitted; the namespace default must not have the label ${EXEMPT.key}: ${EXEMPT.value}`,
                };
            }
            const why = reason(refusal.error);
            // The API server says: ValidatingAdmissionPolicy '<name>' with binding '<name>' denied request: …
            return why.includes(`ValidatingAdmissionPolicy '${policyName}'`)
                ? { found: undefined }
                : {
                      missing: `a Service without a GPU limit is refused by another reason (${why})`,
                  };
        },
        {
            subject: `the admission policy ${policyName}`,
            failure: `the admission policy ${policyName} is not in force`,
            consequence: "The service was not touched; the next up goes on from here",
            waitSeconds,
        },
    );
}

/** A Service that Knative takes and the policy refuses: it has no GPU. */
const BAD_SERVICE = trialService("stable-diffusion-admission-probe", {
    image: "dev.local/probe:1",
});
