import type { Alert } from "./alert";
import { type Measures, measuresOf, ratio, smaller } from "./measures";
import { DCGM_NAMES, KNATIVE_NAMES, KUBE_STATE_NAMES } from "./metric-names";
import type { MonitoredService } from "./monitored-service";

/**
 * Share of the requests that has to succeed. It is an assumption, not a promise to anybody: with 1 failure in 100 a
 * service that retries is fine.
 */
export const SUCCESS_OBJECTIVE = 0.99;

/**
 * What somebody should know about a service, and do something about. None fires while the service is at zero, or
 * because a source of its data was never there.
 *
 * Left out where the installed Knative or the gateway has no data for it: telling a waiting request from an idle pod
 * and the activator's own state need the names since 1.19, what a GPU does needs the DCGM exporter.
 */
export function alerts(service: MonitoredService): Alert[] {
    const measures = measuresOf(service);
    return [
        burn(measures, {
            name: "ErrorBudgetBurnsFast",
            severity: "critical",
            rate: 14.4,
            windows: ["1h", "5m"],
            forSeconds: 120,
        }),
        burn(measures, {
            name: "ErrorBudgetBurnsSlowly",
            severity: "warning",
            rate: 6,
            windows: ["6h", "30m"],
            forSeconds: 900,
        }),
        slowResponses(service, measures),
        requestsWaitAtMaxScale(service, measures),
        ...requestWaitsWhilePodIdle(service, measures),
        slowColdStart(service, measures),
        gpuUnschedulable(measures),
        podStuckTerminating(service, measures),
        longAtMaxScale(service, measures),
        longPanic(measures),
        idleGpus(service, measures),
        ...gpuIdleWhileBusy(service, measures),
        ...gpuError(service, measures),
        ...activatorGone(service),
        autoscalerGone(service, measures),
    ];
}

/** Failures below which a burnt budget says little: of ten requests an hour, two are a fifth. */
const LEAST_FAILURES = 5;

interface Burn extends Pick<Alert, "name" | "severity" | "forSeconds"> {
    /** Budgets of 30 days that are spent in that time: 14.4 spends a fiftieth of the budget in an hour. */
    readonly rate: number;
    /** The long one says that it matters, the short one that it goes on. */
    readonly windows: readonly [long: string, short: string];
}

/** Source of rates and windows: The Site Reliability Workbook, "Alerting on SLOs". */
function burn({ responses }: Measures, { rate, windows, ...alert }: Burn): Alert {
    const share = Number((rate * (1 - SUCCESS_OBJECTIVE)).toFixed(4));
    const [long, short] = windows;
    const burns = (window: string): string =>
        `${ratio(responses(window, "5"), responses(window))} > ${share}`;
    return {
        ...alert,
        expression: `${burns(long)} and ${burns(short)} and ${responses(long, "5")} >= ${LEAST_FAILURES}`,
        condition: `more than ${percent(share)} of the requests of the last ${long} and of the last ${short} failed with 5xx, at least ${LEAST_FAILURES} of them`,
        summary: `{{ $value | humanizePercentage }} of the requests of the last ${long} failed with 5xx`,
        action: "See which status it is: 504 means that requests wait longer than timeoutSeconds, 503 that no pod takes them, 500 that the WebUI fails.",
    };
}

/** Requests without which a percentile of 95 is but the slowest of a few. */
const LEAST_REQUESTS = 20;

function slowResponses({ timeoutSeconds }: MonitoredService, { responseTimes }: Measures): Alert {
    // A bound of a bucket is exact; between two of them, far apart as they are, a percentile is a guess.
    const bound = responseTimes.bucketBounds.findLast((each) => each <= 0.6 * timeoutSeconds) ?? 1;
    const isBeyond = bound === responseTimes.bucketBounds.at(-1);
    const half = timeoutSeconds / 2;
    const slow = isBeyond
        ? `${responseTimes.mean("30m")} > ${half}`
        : `${responseTimes.slowerThan(bound, "30m")} > 0.05`;
    return {
        name: "ResponsesSlow",
        expression: `${slow} and ${responseTimes.count("30m")} >= ${LEAST_REQUESTS}`,
        forSeconds: 300,
        severity: "warning",
        condition: isBeyond
            ? `the mean of the last 30m is over ${half} s, half of timeoutSeconds (the histogram ends before that), with at least ${LEAST_REQUESTS} requests`
            : `P95 of the last 30m is over ${bound} s, with at least ${LEAST_REQUESTS} requests`,
        summary: isBeyond
            ? "Requests take {{ $value | humanizeDuration }} on average"
            : `{{ $value | humanizePercentage }} of the requests took longer than ${bound} s`,
        action: 'The dashboard\'s row "Queue and cold start" says where the time goes: raise maxScale for the queue, minScale for cold starts.',
    };
}

function requestsWaitAtMaxScale(
    { maxScale, timeoutSeconds }: MonitoredService,
    { waiting, readyPods }: Measures,
): Alert {
    const forSeconds = minutes(timeoutSeconds / 2);
    return {
        name: "RequestsWaitAtMaxScale",
        expression: `${waiting} >= 1 and ${readyPods} >= ${maxScale}`,
        forSeconds,
        severity: "warning",
        condition: `a request waits while all ${maxScale} pods of maxScale are ready; for half of timeoutSeconds, after which the first of them may fail`,
        summary: `{{ $value }} requests wait, and all ${maxScale} pods of maxScale are at work`,
        action: "Raise maxScale (and gpuNodesMax with it), or let clients send less at once.",
    };
}

function requestWaitsWhilePodIdle(
    { metricNames }: MonitoredService,
    { waiting, running, readyPods }: Measures,
): Alert[] {
    if (KNATIVE_NAMES[metricNames].waitingRequests === undefined) {
        return [];
    }
    return [
        {
            name: "RequestWaitsWhilePodIdle",
            expression: `${waiting} >= 1 and ${readyPods} - ${running} >= 1`,
            forSeconds: 60,
            severity: "warning",
            condition: "a request waits although a ready pod has none",
            summary: "{{ $value }} requests wait although a pod is idle",
            action: "Count the activators: each owns its share of the pods, so run one. Then look for a pod that is ready and answers no probe.",
        },
    ];
}

function slowColdStart(
    { timeoutSeconds }: MonitoredService,
    { waiting, requestedPods, readyPods }: Measures,
): Alert {
    return {
        name: "ColdStartSlow",
        expression: `${waiting} >= 1 and ${requestedPods} > ${readyPods}`,
        forSeconds: minutes(timeoutSeconds / 2),
        severity: "warning",
        condition:
            "a request waits and fewer pods are ready than were asked for; for half of timeoutSeconds, after which a request that came at first may fail",
        summary: "{{ $value }} requests wait for pods that do not become ready",
        action: "See what the pods wait for: a node, the image, or the model. minScale 1 spares the first user of the day.",
    };
}

/** Longer than an instance of ACK takes to boot and to join with its driver installed. */
const NODE_START_SECONDS = 600;

function gpuUnschedulable({ pods }: Measures): Alert {
    return {
        name: "GpuUnschedulable",
        expression: `${pods(KUBE_STATE_NAMES.unschedulable)} == 1`,
        forSeconds: NODE_START_SECONDS,
        severity: "critical",
        condition: "no node has room for a pod; for longer than a new node takes",
        summary: "Pod {{ $labels.pod }} finds no node with a free GPU",
        action: "kubectl describe the pod; see whether the GPU type is out of stock, a quota is reached, or gpuNodesMax is.",
    };
}

/** Knative's own drain takes 30 s; 40 s are usual. */
const USUAL_END_SECONDS = 60;

function podStuckTerminating({ timeoutSeconds }: MonitoredService, { pods }: Measures): Alert {
    // Knative gives a pod timeoutSeconds to end, and the timestamp is that of the end of this time.
    const deleted = `${pods(KUBE_STATE_NAMES.deletion)} - ${timeoutSeconds}`;
    return {
        name: "PodStuckTerminating",
        expression: `time() - (${deleted}) > ${USUAL_END_SECONDS}`,
        forSeconds: 60,
        severity: "warning",
        condition: `a pod is there ${USUAL_END_SECONDS} s after it was told to end (30 to 40 s are usual), and holds its GPU`,
        summary:
            "Pod {{ $labels.pod }} was told to end {{ $value | humanizeDuration }} ago and holds its GPU",
        action: "See whether the container ends on SIGTERM and whether its node is alive.",
    };
}

function longAtMaxScale(
    { maxScale, scaleDownDelaySeconds }: MonitoredService,
    { desiredPods }: Measures,
): Alert {
    return {
        name: "LongAtMaxScale",
        expression: `${desiredPods} >= ${maxScale}`,
        forSeconds: minutes(1800 + scaleDownDelaySeconds),
        severity: "info",
        condition: `the demand asks for maxScale (${maxScale}) pods or more; for half an hour beyond scaleDownDelaySeconds, which holds the number up`,
        summary: `The demand has asked for {{ $value }} pods for a long time; maxScale is ${maxScale}`,
        action: "If it is not what you planned for, raise maxScale; if it is, compare the cost with a fixed fleet.",
    };
}

function longPanic({ panicMode }: Measures): Alert {
    return {
        name: "LongPanic",
        expression: `${panicMode} == 1`,
        forSeconds: 900,
        severity: "info",
        condition:
            "the autoscaler is in panic mode, which ends a stable window (60 s) after the last surge",
        summary: "The autoscaler has been in panic mode for 15 minutes and takes no pod away",
        action: "The load comes in bursts faster than pods start: raise minScale or scaleDownDelaySeconds.",
    };
}

function idleGpus(
    { minScale, scaleDownDelaySeconds, gpusPerPod, gpuHourPrice, currency }: MonitoredService,
    { readyPods, running }: Measures,
): Alert {
    const price = `${Number((gpusPerPod * gpuHourPrice).toFixed(4))} ${currency}`;
    return {
        name: "IdleGpus",
        expression: `${readyPods} - clamp_min(${running}, ${minScale}) >= 1 and ${readyPods} > 2 * ${running}`,
        // Pods outlive the demand by this delay on purpose.
        forSeconds: minutes(scaleDownDelaySeconds + 900),
        severity: "info",
        condition: `more than half of the ready pods, and at least one beyond minScale (${minScale}), have no request; for a quarter of an hour beyond scaleDownDelaySeconds`,
        summary: `{{ $value }} pods are ready and idle, at ${price} an hour each`,
        action: "Lower scaleDownDelaySeconds, or raise targetUtilizationPercentage; see whether something sends a request now and then.",
    };
}

/** Utilization in percent below which a GPU does nothing for an image. */
const WORKING_PERCENT = 5;

function gpuIdleWhileBusy(
    { gpuMetrics }: MonitoredService,
    { running, readyPods, pods }: Measures,
): Alert[] {
    if (!gpuMetrics) {
        return [];
    }
    const utilization = pods(DCGM_NAMES.utilization);
    const working = `count(max by (pod) (max_over_time(${utilization}[2m])) >= ${WORKING_PERCENT})`;
    return [
        {
            name: "GpuIdleWhileBusy",
            expression: `${smaller(running, readyPods)} - (${working} or vector(0)) >= 1 and on () count(${utilization})`,
            forSeconds: 180,
            severity: "critical",
            condition: `more pods work on a request than have a GPU that was above ${WORKING_PERCENT} % in the last 2m`,
            summary: "{{ $value }} pods work on a request while their GPU is idle",
            action: "The WebUI has fallen back to the CPU: look for torch.cuda in the pod's log, take --skip-torch-cuda-test away, check driver and image.",
        },
    ];
}

function gpuError({ gpuMetrics }: MonitoredService, { pods }: Measures): Alert[] {
    if (!gpuMetrics) {
        return [];
    }
    return [
        {
            name: "GpuXidError",
            expression: `${pods(DCGM_NAMES.xid)} > 0`,
            forSeconds: 60,
            severity: "warning",
            condition: "the driver has reported an Xid error since the exporter started",
            summary:
                "GPU {{ $labels.gpu }} of {{ $labels.Hostname }}, held by {{ $labels.pod }}, reported Xid {{ $value }}",
            action: "Look the code up: 13, 31, 43 and 45 are faults of the program; for others drain the node and let the pool replace it.",
        },
    ];
}

/** What was never seen is not gone: on ACK the control plane is hosted, and may not be scraped. */
function gone(selector: string): string {
    return `absent(${selector}) and on () count(last_over_time(${selector}[1d]))`;
}

function activatorGone({ metricNames }: MonitoredService): Alert[] {
    const { autoscalerReachable } = KNATIVE_NAMES[metricNames];
    if (autoscalerReachable === undefined) {
        return [];
    }
    return [
        {
            name: "ActivatorGone",
            expression: gone(autoscalerReachable),
            forSeconds: 120,
            severity: "critical",
            condition:
                "no activator is seen any more, and one was in the last day; for longer than one takes to restart",
            summary: "Knative's activator is gone: every request to the service fails",
            action: "kubectl -n knative-serving get pods; describe the activator's; see whether a CPU node has room.",
        },
    ];
}

function autoscalerGone({ metricNames }: MonitoredService, { revisions }: Measures): Alert {
    const { autoscalerReachable } = KNATIVE_NAMES[metricNames];
    const unreachable =
        autoscalerReachable === undefined ? [] : [`max(${autoscalerReachable}) == 0`];
    return {
        name: "AutoscalerGone",
        expression: [`(${gone(revisions)})`, ...unreachable].join(" or "),
        forSeconds: 120,
        severity: "critical",
        condition:
            "the autoscaler says nothing about the service any more, and did in the last day, or no activator reaches it; for longer than it takes to restart",
        summary: "Knative's autoscaler is gone: no pod is added, none is taken away",
        action: "kubectl -n knative-serving get pods; describe the autoscaler's; until it is back the number of pods stays as it is.",
    };
}

/** Whole minutes, at least one, as managed Prometheus counts them; in seconds. */
function minutes(seconds: number): number {
    return Math.max(1, Math.round(seconds / 60)) * 60;
}

function percent(share: number): string {
    return `${Number((share * 100).toFixed(2))} %`;
}
