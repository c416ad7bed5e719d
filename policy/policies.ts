import type { ResourceValidationPolicy, StackValidationPolicy } from "@pulumi/policy";
import { cookieAffinity, cookieAffinityQueue } from "./affinity";
import { encryption } from "./alicloud-encryption";
import { deletionProtection } from "./alicloud-protection";
import { annotationSpelling } from "./annotation-spelling";
import {
    annotationPlacement,
    autoscalerClass,
    metricAggregation,
    panic,
    podRetention,
    scaleDownDelay,
    stableWindow,
    target,
    targetBurstCapacity,
    targetUtilization,
} from "./autoscaler";
import { elasticInstances, elasticInstancesSpot } from "./elastic-instances";
import { signalHandling } from "./entrypoint";
import { authentication, loadBalancerSources, tls } from "./exposure";
import { cudaCheck, gpuLimit } from "./gpu";
import { imageDigest, imageRegistry } from "./image";
import { requiredLabels, requiredTags } from "./labels";
import { namespace } from "./namespace";
import { gpuTaint, nodePool } from "./node-pool";
import { nonRoot, podSecurity, privilegeEscalation } from "./pod-security";
import { livenessProbe, readinessHttp, readinessProbe } from "./probes";
import { guaranteedResources } from "./resources";
import {
    activationScale,
    containerConcurrency,
    initialScale,
    maxScale,
    minScale,
    warmPods,
} from "./scaling";
import { securityGroup } from "./security-group";
import { gpuCapacity, gpuRolloutCapacity, monthlyCost } from "./stack";
import { timeout } from "./timeouts";

/** The rules that look at one resource at a time. */
export const resourcePolicies: readonly ResourceValidationPolicy[] = [
    containerConcurrency,
    maxScale,
    minScale,
    warmPods,
    activationScale,
    initialScale,
    timeout,
    stableWindow,
    scaleDownDelay,
    podRetention,
    panic,
    target,
    targetUtilization,
    targetBurstCapacity,
    metricAggregation,
    autoscalerClass,
    annotationPlacement,
    annotationSpelling,
    imageDigest,
    imageRegistry,
    gpuLimit,
    cudaCheck,
    guaranteedResources,
    readinessProbe,
    readinessHttp,
    livenessProbe,
    cookieAffinity,
    cookieAffinityQueue,
    elasticInstances,
    elasticInstancesSpot,
    namespace,
    podSecurity,
    privilegeEscalation,
    nonRoot,
    authentication,
    loadBalancerSources,
    signalHandling,
    requiredLabels,
    deletionProtection,
    encryption,
    nodePool,
    gpuTaint,
    securityGroup,
    requiredTags,
];

/** The rules that look at all resources of a stack together. */
export const stackPolicies: readonly StackValidationPolicy[] = [
    tls,
    gpuCapacity,
    gpuRolloutCapacity,
    monthlyCost,
];

/** Every policy of the pack, importable without starting it. */
export const policies: readonly (ResourceValidationPolicy | StackValidationPolicy)[] = [
    ...resourcePolicies,
    ...stackPolicies,
];
