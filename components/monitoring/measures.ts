import { ENVOY_NAMES, GPU_RESOURCE_LABEL, KNATIVE_NAMES, KUBE_STATE_NAMES } from "./metric-names";
import type { MonitoredService } from "./monitored-service";

/** Where the times of requests are measured, which decides what they cannot show. */
export interface ResponseTimes {
    /** Upper bounds of the buckets from a second on, in seconds, ascending. */
    readonly bucketBounds: readonly number[];
    /** Seconds below which `quantile` of the requests of the last `window` were answered. */
    readonly percentile: (quantile: number, window: string) => string;
    /** Share of the requests of the last `window` that took longer than `bound` seconds, one of {@link bucketBounds}. */
    readonly slowerThan: (bound: number, window: string) => string;
    /** Mean of the last `window`, in seconds. */
    readonly mean: (window: string) => string;
    /** Requests of the last `window`. */
    readonly count: (window: string) => string;
}

/**
 * PromQL for what dashboards and alerts say about a service. Each is one number without labels, or no result where
 * its source is absent.
 */
export interface Measures {
    /** Answers of the last `window` whose status begins with one of `digits`; no result where there was none. */
    readonly responses: (window: string, digits?: string) => string;
    readonly responseTimes: ResponseTimes;
    /** Mean time that the container took for a request of the last `window`, in seconds. */
    readonly serviceTime: (window: string) => string;

    /** Series of the autoscaler, one for each revision that it looks after. */
    readonly revisions: string;
    /** Pods that the demand asks for, without regard to minScale and maxScale. */
    readonly desiredPods: string;
    /** Pods that the autoscaler asks Kubernetes for. */
    readonly requestedPods: string;
    /** Pods that are ready. */
    readonly readyPods: string;
    readonly pendingPods: string;
    readonly terminatingPods: string;
    /** 1 while a revision is in panic mode. */
    readonly panicMode: string;
    readonly stableConcurrency: string;
    readonly panicConcurrency: string;
    readonly targetConcurrency: string;

    /** Requests that wait for a pod. */
    readonly waiting: string;
    /** Requests that run in a pod. */
    readonly running: string;
    /** Of the requests that wait, those for which a pod is being started. */
    readonly waitingForStart: string;
    /** Of the requests that wait, those for which none is. */
    readonly waitingInQueue: string;

    /**
     * GPUs that pods hold. From its node on until it is gone a pod holds its GPUs, also while it starts and while it
     * ends: Knative's own count of pods leaves these two out.
     */
    readonly heldGpus: string;
    /** GPUs of pods that work on a request. */
    readonly usedGpus: string;
    /** GPUs of pods that are ready and have no request. */
    readonly idleGpus: string;
    /** GPU-seconds held in the last `window`. */
    readonly gpuSeconds: (window: string) => string;
    /** GPU-seconds per successful request of the last `window`. */
    readonly gpuSecondsPerImage: (window: string) => string;
    /** Selectors of the pods of the service, for kube-state-metrics and the DCGM exporter. */
    readonly pods: (name: string, ...matchers: readonly string[]) => string;
}

/** First digits of the statuses of success; a redirect is an answer as it should be. */
export const SUCCESS = "23";

/** Seconds between the samples that are added up to pod- and request-seconds. */
const STEP_SECONDS = 5;

/** The measures of a service, with the names of its Knative and the best source of its gateway. */
export function measuresOf(service: MonitoredService): Measures {
    const names = KNATIVE_NAMES[service.metricNames];
    const revisions = `${service.serviceName}-[0-9]{5}`;
    const perRevision = `{${names.namespaceLabel}="${service.namespace}",${names.revisionLabel}=~"${revisions}"}`;
    const pods: Measures["pods"] = (name, ...matchers) =>
        `${name}{${[
            `namespace="${service.namespace}"`,
            `pod=~"${revisions}-deployment-.*"`,
            ...matchers,
        ].join(",")}}`;

    // A second autoscaler that is about to take over may report the same revision.
    const gauge = (name: string): string =>
        `sum(max by (${names.revisionLabel}) (${name}${perRevision}))`;
    const readyPods = gauge(names.readyPods);
    const requestedPods = gauge(names.requestedPods);

    // An activator has no series of a revision before its first request; none while the autoscaler is not seen.
    const noRequest = `0 * ${readyPods}`;
    const held = `sum(${names.activatorConcurrency}${perRevision})`;
    const capacity = product(readyPods, service.containerConcurrency);
    const waiting = firstOf(
        ...(names.waitingRequests ? [`sum(${names.waitingRequests}${perRevision})`] : []),
        `clamp_min(${held} - ${capacity}, 0)`,
        noRequest,
    );
    const running = firstOf(
        ...(names.runningRequests ? [`sum(${names.runningRequests}${perRevision})`] : []),
        smaller(held, capacity),
        noRequest,
    );
    const starting = `clamp_min(${requestedPods} - ${readyPods}, 0)`;

    const heldGpus = sumOfHeld(pods);
    const usedGpus = smaller(product(running, service.gpusPerPod), heldGpus);
    const gpuSeconds = (window: string): string => secondsOf(heldGpus, window);
    const responses = responsesOf(service);

    return {
        responses,
        responseTimes: responseTimesOf(service),
        serviceTime: (window) => {
            const of = (part: string): string =>
                `sum(${growthInPods(`${names.serviceTime}_${part}{${queueProxy(service)}}`, window)})`;
            return inSeconds(ratio(of("sum"), of("count")), names.perSecond);
        },
        revisions: `${names.desiredPods}${perRevision}`,
        desiredPods: gauge(names.desiredPods),
        requestedPods,
        readyPods,
        pendingPods: gauge(names.pendingPods),
        terminatingPods: gauge(names.terminatingPods),
        panicMode: `max(${names.panicMode}${perRevision})`,
        stableConcurrency: gauge(names.stableConcurrency),
        panicConcurrency: gauge(names.panicConcurrency),
        targetConcurrency: `max(${names.targetConcurrency}${perRevision})`,
        waiting,
        running,
        waitingForStart: smaller(waiting, starting),
        waitingInQueue: `clamp_min((${waiting}) - ${starting}, 0)`,
        heldGpus,
        usedGpus,
        idleGpus: `clamp_min(${smaller(product(readyPods, service.gpusPerPod), heldGpus)} - ${usedGpus}, 0)`,
        gpuSeconds,
        gpuSecondsPerImage: (window) => ratio(gpuSeconds(window), responses(window, "2")),
        pods,
    };
}

/**
 * The seconds for which a number stood, times the number: pod-seconds, request-seconds. Where it has no result it
 * counts as 0.
 */
export function secondsOf(expression: string, window: string): string {
    return `sum_over_time((${expression})[${window}:${STEP_SECONDS}s]) * ${STEP_SECONDS}`;
}

/**
 * By how much each counter that a selector names grew in the last `window`.
 *
 * `increase` alone knows nothing of what a series had counted when it was first scraped, so it would lose the first
 * request of every pod, and the first of every status: much, where a pod serves a few requests and ends. So a series
 * that was not there when the window began counts with all that it has, if its counter began with it.
 */
type Growth = (selector: string, window: string) => string;

/** Counters of pods begin with the pod. */
const growthInPods: Growth = (selector, window) =>
    `(last_over_time(${selector}[${window}]) unless ${selector} offset ${window}) or increase(${selector}[${window}])`;

/**
 * Counters of the gateway began with a series where the revision was seen before it. A gateway that Prometheus sees for
 * the first time may have counted for months, and that is no news.
 */
function growthAtGateway(service: MonitoredService): Growth {
    const requests = `${ENVOY_NAMES.requests}{${envoy(service)}}`;
    return (selector, window) => {
        const seen = `max by (instance, envoy_cluster_name) (count_over_time(${requests}[${window}]))`;
        const isNewer = `count_over_time(${selector}[${window}]) < on (instance, envoy_cluster_name) group_left () ${seen}`;
        return `(last_over_time(${selector}[${window}]) unless ${selector} offset ${window} and ${isNewer}) or increase(${selector}[${window}])`;
    };
}

function responsesOf(service: MonitoredService): Measures["responses"] {
    if (service.gateway === "kourier") {
        const growth = growthAtGateway(service);
        const { responses } = ENVOY_NAMES;
        return (window, digits = "1-5") =>
            `sum(${growth(`${responses}{${envoy(service)},envoy_response_code_class=~"[${digits}]"}`, window)})`;
    }
    const { responses, statusLabel, statusOf } = KNATIVE_NAMES[service.metricNames];
    return (window, digits = "1-5") =>
        `sum(${growthInPods(`${responses}{${queueProxy(service)},${statusLabel}=~"${statusOf(digits)}"}`, window)})`;
}

function responseTimesOf(service: MonitoredService): ResponseTimes {
    const isKourier = service.gateway === "kourier";
    const { responseTime, perSecond, bucketBounds } = isKourier
        ? ENVOY_NAMES
        : KNATIVE_NAMES[service.metricNames];
    const growth = isKourier ? growthAtGateway(service) : growthInPods;
    const grown = (part: string, window: string, ...matchers: readonly string[]): string => {
        const labels = [isKourier ? envoy(service) : queueProxy(service), ...matchers].join(",");
        return growth(`${responseTime}_${part}{${labels}}`, window);
    };
    const count = (window: string): string => `sum(${grown("count", window)})`;
    return {
        bucketBounds,
        percentile: (quantile, window) => {
            const buckets = `sum by (le) (${grown("bucket", window)})`;
            return inSeconds(`histogram_quantile(${quantile}, ${buckets})`, perSecond);
        },
        slowerThan: (bound, window) => {
            // Prometheus 3 writes whole bounds with a fraction, 2 as it finds them.
            const le = `le=~"${String(bound * perSecond).replace(".", "[.]")}([.]0)?"`;
            return `1 - ${ratio(`sum(${grown("bucket", window, le)})`, count(window))}`;
        },
        mean: (window) =>
            inSeconds(ratio(`sum(${grown("sum", window)})`, count(window)), perSecond),
        count,
    };
}

function envoy({ namespace, serviceName }: MonitoredService): string {
    return `envoy_cluster_name=~"${namespace}/${serviceName}-[0-9]{5}"`;
}

function queueProxy({ namespace, serviceName, metricNames }: MonitoredService): string {
    const { queueProxyLabels } = KNATIVE_NAMES[metricNames];
    return `${queueProxyLabels.namespace}="${namespace}",${queueProxyLabels.service}="${serviceName}"`;
}

function sumOfHeld(pods: Measures["pods"]): string {
    const { requests, phase } = KUBE_STATE_NAMES;
    const requested = pods(requests, `resource="${GPU_RESOURCE_LABEL}"`, 'node!=""');
    // A pod that has ended for good, such as one that was evicted, stays as an object without a GPU.
    const ended = `${pods(phase, 'phase=~"Succeeded|Failed"')} == 1`;
    return `sum(${requested} unless on (namespace, pod, uid) (${ended}))`;
}

/** The first of several expressions that has a result. */
function firstOf(...expressions: readonly string[]): string {
    return `(${expressions.join(" or ")})`;
}

/** The smaller of two numbers; no result where one of them has none. */
export function smaller(left: string, right: string): string {
    return `((${left} < ${right}) or (${right} and ${left}))`;
}

function product(expression: string, factor: number): string {
    return factor === 1 ? expression : `${factor} * ${expression}`;
}

/** A quotient of two numbers; no result where the second is 0 or has none. */
export function ratio(dividend: string, divisor: string): string {
    return `${dividend} / (${divisor} > 0)`;
}

function inSeconds(expression: string, perSecond: number): string {
    return perSecond === 1 ? expression : `${expression} / ${perSecond}`;
}
