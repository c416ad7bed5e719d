import type { ClusterFacts } from "./cluster-facts";
import { GPU_RESOURCE, GPU_TAINT } from "./gpu";
import {
    AUTOSCALER,
    DEFAULTS,
    DOMAIN,
    FEATURES,
    KNATIVE_NAMESPACE,
    MAX_SCALE_LIMIT,
    MAX_TIMEOUT,
    PART_OF,
    TOLERATIONS_FEATURE,
} from "./knative-config";
import { ADMISSION_SINCE } from "./kubernetes-version";

/** What the service asks of the cluster it is put into. */
export interface ClusterRequirements {
    /** Namespace of the service. */
    readonly namespace: string;
    /** GPUs of one pod; at least one node must offer that many. */
    readonly gpusPerPod: number;
    /** Whether the pods tolerate the GPU taint. */
    readonly gpuToleration: boolean;
    /** Domain of the service's host name. */
    readonly domain: string;
    /** Most pods of the service. */
    readonly maxScale: number;
    /** Longest a request may take, in seconds. */
    readonly timeoutSeconds: number;
    /** Whether the program sets Knative's ConfigMaps itself. */
    readonly manageKnativeConfig: boolean;
}

/**
 * What the cluster lacks, each with the setting or command that mends it; empty when it fits. Where the
 * program manages Knative's configuration, that is not asked for.
 */
export function unmetRequirements(facts: ClusterFacts, needs: ClusterRequirements): string[] {
    const missing: string[] = [];

    if (Math.max(0, ...facts.gpusPerNode) < needs.gpusPerPod) {
        missing.push(
            `no node offers ${needs.gpusPerPod} ${GPU_RESOURCE} (${facts.gpusPerNode.length} schedulable nodes offer ${JSON.stringify(facts.gpusPerNode)}); add a GPU node and the NVIDIA device plugin`,
        );
    }
    if (facts.namespaceLabels && !belongsToUs(facts.namespaceLabels)) {
        missing.push(
            `the namespace ${needs.namespace} exists and is not this program's (it would be deleted on destroy); choose another: pulumi config set namespace NAME`,
        );
    }
    if (!facts.knativeConfig) {
        missing.push(`Knative Serving is not installed (its ConfigMaps in ${KNATIVE_NAMESPACE})`);
    } else if (!needs.manageKnativeConfig) {
        missing.push(...unmetKnativeConfig(facts.knativeConfig, needs));
    } else if (facts.kubernetesMinor < ADMISSION_SINCE) {
        missing.push(
            `manageKnativeConfig refuses bad Services by a ValidatingAdmissionPolicy, which Kubernetes has since 1.${ADMISSION_SINCE}, and this is 1.${facts.kubernetesMinor}; upgrade the cluster or set Knative's limits yourself: pulumi config set manageKnativeConfig false`,
        );
    }
    return missing;
}

function belongsToUs(labels: Readonly<Record<string, string>>): boolean {
    return Object.entries(PART_OF).every(([key, value]) => labels[key] === value);
}

function unmetKnativeConfig(
    config: NonNullable<ClusterFacts["knativeConfig"]>,
    needs: ClusterRequirements,
): string[] {
    const missing: string[] = [];
    const set = (name: string, key: string, value: string): string =>
        `set it (kubectl -n ${KNATIVE_NAMESPACE} patch configmap ${name} --type merge -p '${JSON.stringify({ data: { [key]: value } })}') or let the program do it: pulumi config set manageKnativeConfig true`;

    if (
        needs.gpuToleration &&
        config[FEATURES]?.[TOLERATIONS_FEATURE]?.toLowerCase() !== "enabled"
    ) {
        missing.push(
            `gpuToleration puts a toleration of ${GPU_TAINT.key} into the pod spec, which Knative refuses unless ${FEATURES} has ${TOLERATIONS_FEATURE}; ${set(FEATURES, TOLERATIONS_FEATURE, "enabled")}`,
        );
    }
    if (config[DOMAIN]?.[needs.domain] === undefined) {
        missing.push(
            `${DOMAIN} does not serve the domain ${needs.domain}; ${set(DOMAIN, needs.domain, "")}`,
        );
    }
    const maxScaleLimit = Number(config[AUTOSCALER]?.[MAX_SCALE_LIMIT] ?? 0);
    if (maxScaleLimit > 0 && needs.maxScale > maxScaleLimit) {
        missing.push(
            `maxScale is ${needs.maxScale}, but ${AUTOSCALER} allows ${MAX_SCALE_LIMIT} ${maxScaleLimit}; lower maxScale or ${set(AUTOSCALER, MAX_SCALE_LIMIT, String(needs.maxScale))}`,
        );
    }
    const maxTimeout = Number(config[DEFAULTS]?.[MAX_TIMEOUT] ?? 600);
    if (needs.timeoutSeconds > maxTimeout) {
        missing.push(
            `timeoutSeconds is ${needs.timeoutSeconds}, but ${DEFAULTS} allows ${MAX_TIMEOUT} ${maxTimeout}; lower timeoutSeconds or ${set(DEFAULTS, MAX_TIMEOUT, String(needs.timeoutSeconds))}`,
        );
    }
    return missing;
}
