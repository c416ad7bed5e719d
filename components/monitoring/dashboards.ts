import { createHash } from "node:crypto";
import type { Dashboard, Panel, Query, Row } from "./dashboard";
import { type Measures, measuresOf, ratio, secondsOf, SUCCESS } from "./measures";
import {
    CADVISOR_NAMES,
    DCGM_NAMES,
    KNATIVE_NAMES,
    KUBE_STATE_NAMES,
    TARGET_NAMES,
} from "./metric-names";
import type { MonitoredService } from "./monitored-service";

/** Seconds of the window for what is a rate: at one request in five seconds, 60 requests. */
const RATE_SECONDS = 300;
const RATE_WINDOW = "5m";

/** Window of percentiles and means. */
const TIMES_WINDOW = "10m";

/** Window of what is asked per image and per hour. */
const COST_WINDOW = "1h";

/**
 * The dashboards of a service: first that for its users, which begins with the two sections that ACK's own has, then
 * one for those who keep Knative and the monitoring running.
 */
export function dashboards(service: MonitoredService): Dashboard[] {
    const { namespace, serviceName } = service;
    const measures = measuresOf(service);
    return [
        {
            uid: uidOf("service", service),
            title: `Stable Diffusion: ${namespace}/${serviceName}`,
            rows: [
                overview(service, measures),
                responseTime(service, measures),
                queueAndColdStart(measures),
                gpus(service, measures),
                autoscaler(service, measures),
                throughputAndCost(service, measures),
            ],
        },
        {
            uid: uidOf("operation", service),
            title: `Knative and monitoring: ${namespace}/${serviceName}`,
            rows: [controlPlane(service, measures), costOfMonitoring()],
        },
    ];
}

/** Names may be longer than what Grafana takes. */
function uidOf(kind: string, { namespace, serviceName }: MonitoredService): string {
    const digest = createHash("sha256").update(`${namespace}/${serviceName}`).digest("hex");
    return `sd-${kind}-${digest.slice(0, 12)}`;
}

function overview(service: MonitoredService, measures: Measures): Row {
    const { responses, readyPods, requestedPods } = measures;
    const perSecond = (digits?: string): string =>
        `${responses(RATE_WINDOW, digits)} / ${RATE_SECONDS}`;
    const orNone = (expression: string): string => `${expression} or vector(0)`;
    const unseen = `Counted by ${COUNTED_BY[service.gateway]}. Clients that went away before their answer are not counted.`;
    return {
        title: "Overview",
        panels: [
            panel(
                "Request volume",
                "requests per second",
                [["answers", orNone(perSecond())]],
                [`Requests that were answered, mean of the last ${RATE_WINDOW}.`, unseen],
            ),
            panel(
                "Success rate",
                "ratio",
                [
                    [
                        "2xx and 3xx",
                        ratio(
                            `(${orNone(responses(RATE_WINDOW, SUCCESS))})`,
                            responses(RATE_WINDOW),
                        ),
                    ],
                ],
                [
                    `Share of the answers of the last ${RATE_WINDOW} that are 2xx or 3xx. No line: no answer.`,
                    unseen,
                ],
            ),
            panel(
                "4xx",
                "requests per second",
                [["4xx", orNone(perSecond("4"))]],
                [
                    `Answers that blame the client, mean of the last ${RATE_WINDOW}: 401 is a request without credentials.`,
                    unseen,
                ],
            ),
            panel(
                "5xx",
                "requests per second",
                [["5xx", orNone(perSecond("5"))]],
                [`Answers that blame the service, mean of the last ${RATE_WINDOW}.`, unseen],
            ),
            panel(
                "Pods",
                "count",
                [
                    ["ready", readyPods],
                    ["asked for", requestedPods],
                ],
                [
                    "Pods that are ready, and those that the autoscaler asks for. A pod that ends is neither and holds its GPU: see the row GPUs.",
                ],
            ),
        ],
    };
}

/** Who counts the answers, and what escapes it. */
const COUNTED_BY = {
    kourier: "the gateway's Envoy, so with what the activator answers itself",
    other: "the pods' queue-proxies, so without what never reached a pod: requests that waited too long (504) or found no pod (503)",
} as const;

function responseTime(service: MonitoredService, { responseTimes }: Measures): Row {
    const limits = `${MEASURED_BY[service.gateway]} ${precision(service, responseTimes.bucketBounds)}`;
    return {
        title: "Response time",
        panels: [
            ...[0.5, 0.9, 0.95, 0.99].map((quantile) => {
                const name = `P${quantile * 100}`;
                return panel(
                    name,
                    "seconds",
                    [[name, responseTimes.percentile(quantile, TIMES_WINDOW)]],
                    [
                        `${quantile * 100} % of the requests of the last ${TIMES_WINDOW} were answered within this time.`,
                        limits,
                        ...(quantile === 0.99
                            ? ["With fewer than 100 requests it is the slowest one."]
                            : []),
                    ],
                );
            }),
            panel(
                "Requests behind the percentiles",
                "count",
                [["requests", `${responseTimes.count(TIMES_WINDOW)} or vector(0)`]],
                [
                    `How many requests of the last ${TIMES_WINDOW} the percentiles are made of: with 20, P95 is the slowest but one.`,
                ],
            ),
        ],
    };
}

/** Where a request's time begins and ends. */
const MEASURED_BY = {
    kourier:
        "Measured by the gateway's Envoy: waiting and cold start are in it, the client's network is not.",
    other: "Measured by the pods' queue-proxies: waiting in the activator and cold start are NOT in it.",
} as const;

/** How far a percentile can be trusted. */
function precision({ gateway }: MonitoredService, bounds: readonly number[]): string {
    const last = bounds.at(-1) ?? 0;
    const listed = bounds.filter((bound) => bound <= 300).join(", ");
    const end =
        gateway === "other"
            ? ` The histogram ends at ${last} s: what takes longer is shown as ${last} s.`
            : "";
    return `A percentile is exact up to its bucket (${listed} s) and a guess within it.${end}`;
}

function queueAndColdStart(measures: Measures): Row {
    const { responses, responseTimes, serviceTime, waiting, running, pods } = measures;
    const { created, scheduled, ready } = KUBE_STATE_NAMES;
    // Little's law: the request-seconds spent waiting, over the requests, is the mean wait of one.
    const perRequest = (expression: string): string =>
        ratio(secondsOf(expression, TIMES_WINDOW), responses(TIMES_WINDOW));
    const longest = (end: string, start: string): string =>
        `max(${pods(end)} - on (namespace, pod, uid) ${pods(start)})`;
    return {
        title: "Queue and cold start",
        panels: [
            panel(
                "Where the time goes",
                "seconds",
                [
                    ["queue", perRequest(measures.waitingInQueue)],
                    ["cold start", perRequest(measures.waitingForStart)],
                    ["service", serviceTime(TIMES_WINDOW)],
                    ["all", responseTimes.mean(TIMES_WINDOW)],
                ],
                [
                    `Means of the last ${TIMES_WINDOW}. Of the requests that wait, as many as pods are being started wait for a cold start, the others for a pod to be free.`,
                    "The two waits are sampled: waits of less than the scrape interval are seen by chance only.",
                    "They count requests that still wait as well, so under a growing queue they are more than the answered ones had.",
                ],
            ),
            panel(
                "Requests in the service",
                "count",
                [
                    ["waiting", waiting],
                    ["running", running],
                ],
                [
                    "Requests that the activator holds, and those that run in pods.",
                    "Before Knative 1.22 both are worked out from the pods that are ready. Requests that pass the activator by are not seen; with target-burst-capacity -1 there are none.",
                ],
            ),
            panel(
                "Start of the newest pods",
                "seconds",
                [
                    ["longest wait for a node", longest(scheduled, created)],
                    ["longest start on its node", longest(ready, scheduled)],
                ],
                [
                    "Of the pods that are there now: from its creation until it had a node, and from then until it was ready (image, WebUI, model).",
                    "A pod that was not ready for a moment counts from its creation until it was ready again. No line: no pod.",
                ],
            ),
            panel(
                "Pods on their way",
                "count",
                [
                    ["pending", measures.pendingPods],
                    ["terminating", measures.terminatingPods],
                ],
                ["Pods that wait for a node or an image, and pods that have been told to end."],
            ),
        ],
    };
}

function gpus(service: MonitoredService, measures: Measures): Row {
    const { heldGpus, usedGpus, idleGpus, pods } = measures;
    const { gpuHourPrice, currency } = service;
    const unseen =
        "A node outlives its last pod, and is paid for as long as it is there: that is not in it.";
    return {
        title: "GPUs",
        panels: [
            panel(
                "GPUs of pods",
                "GPUs",
                [
                    ["held", heldGpus],
                    ["used", usedGpus],
                    ["idle", idleGpus],
                ],
                [
                    "A pod holds its GPUs from its node on until it is gone; used are those of pods with a request, idle those of pods that are ready and have none. The rest belongs to pods that start or end.",
                    "No line: no pod.",
                    unseen,
                ],
            ),
            panel(
                `Idle cost per hour (${currency})`,
                "money",
                [
                    ["idle", `(${idleGpus}) * ${gpuHourPrice}`],
                    [
                        "starting and ending",
                        `(${heldGpus} - ${usedGpus} - ${idleGpus}) * ${gpuHourPrice}`,
                    ],
                ],
                [
                    `What GPUs without a request cost now, at ${gpuHourPrice} ${currency} per GPU and hour (from the configuration).`,
                    unseen,
                ],
            ),
            ...(service.gpuMetrics
                ? [
                      panel(
                          "GPU utilization",
                          "ratio",
                          [["{{pod}}", `avg by (pod) (${pods(DCGM_NAMES.utilization)}) / 100`]],
                          [
                              "Share of the time in which a kernel ran, per pod (DCGM). Near 0 while requests run: the WebUI works on the CPU.",
                          ],
                      ),
                      panel(
                          "GPU memory",
                          "bytes",
                          [["{{pod}}", `sum by (pod) (${pods(DCGM_NAMES.memoryUsed)}) * 1048576`]],
                          ["Memory of the GPU that is used, per pod (DCGM)."],
                      ),
                  ]
                : []),
        ],
    };
}

function autoscaler({ maxScale }: MonitoredService, measures: Measures): Row {
    return {
        title: "Autoscaler",
        panels: [
            panel(
                "Desired and actual pods",
                "count",
                [
                    ["desired", measures.desiredPods],
                    ["asked for", measures.requestedPods],
                    ["ready", measures.readyPods],
                    ["maxScale", `vector(${maxScale})`],
                ],
                [
                    "Desired is what the demand asks for and may be more than maxScale; asked for is within minScale and maxScale; what lies between asked for and ready is the pressure of a cold start.",
                ],
            ),
            panel(
                "Concurrency",
                "count",
                [
                    ["stable window", measures.stableConcurrency],
                    ["panic window", measures.panicConcurrency],
                    ["target of a pod", measures.targetConcurrency],
                ],
                [
                    "Requests in the service, waiting ones among them, as the autoscaler averages them over the stable window (60 s) and the panic window (panicWindowPercentage of it).",
                ],
            ),
            panel(
                "Panic mode",
                "count",
                [["panic", measures.panicMode]],
                [
                    "1 while the autoscaler answers a surge: it adds pods by the panic window and takes none away.",
                ],
            ),
        ],
    };
}

function throughputAndCost(service: MonitoredService, measures: Measures): Row {
    const { gpuHourPrice, currency } = service;
    const images = `${measures.responses(COST_WINDOW, "2")} or vector(0)`;
    const counted =
        "Each answer of 2xx counts as one image: parts of the page count too, and a batch counts once.";
    return {
        title: "Throughput and cost",
        panels: [
            panel(
                "Images per hour",
                "images per hour",
                [["images", images]],
                [`Images of the last ${COST_WINDOW}.`, counted],
            ),
            panel(
                "GPU-seconds per image",
                "GPU-seconds",
                [["held by pods", measures.gpuSecondsPerImage(COST_WINDOW)]],
                [
                    `GPU-seconds that pods held in the last ${COST_WINDOW}, also while they started, idled and ended, for each image. No line: no image.`,
                    counted,
                ],
            ),
            panel(
                `Cost per 1000 images (${currency})`,
                "money",
                [
                    [
                        "held by pods",
                        `${measures.gpuSecondsPerImage(COST_WINDOW)} * 1000 * ${gpuHourPrice} / 3600`,
                    ],
                ],
                [
                    `GPU-seconds per image at ${gpuHourPrice} ${currency} per GPU and hour (from the configuration). What nodes cost before their first and after their last pod is not in it.`,
                    counted,
                ],
            ),
        ],
    };
}

function controlPlane({ metricNames }: MonitoredService, measures: Measures): Row {
    const { autoscalerReachable } = KNATIVE_NAMES[metricNames];
    return {
        title: "Control plane",
        panels: [
            panel(
                "Autoscaler sees the service",
                "count",
                [
                    ["revisions", `count(${measures.revisions}) or vector(0)`],
                    ...(autoscalerReachable === undefined
                        ? []
                        : [
                              [
                                  "activators that reach it",
                                  `count(${autoscalerReachable} == 1) or vector(0)`,
                              ] as const,
                          ]),
                ],
                [
                    "Revisions of which the autoscaler reports, and activators that are connected to it; each activator owns its share of the pods, so with few pods there should be one.",
                    "0 where the control plane is hosted and not scraped.",
                ],
            ),
            panel(
                "Targets",
                "count",
                [
                    ["up {{job}}", `sum by (job) (${TARGET_NAMES.up})`],
                    ["down {{job}}", `sum by (job) (1 - ${TARGET_NAMES.up})`],
                ],
                ["Targets that Prometheus reads, and those that did not answer the last time."],
            ),
        ],
    };
}

function costOfMonitoring(): Row {
    return {
        title: "What Knative and monitoring take",
        panels: [
            panel(
                "CPU",
                "cores",
                [
                    [
                        "{{namespace}}",
                        `sum by (namespace) (rate(${CADVISOR_NAMES.cpu}{container!="",container!="POD"}[${RATE_WINDOW}]))`,
                    ],
                ],
                [
                    `CPU that the containers of each namespace used, mean of the last ${RATE_WINDOW}, of the namespaces that are collected.`,
                ],
            ),
            panel(
                "Memory",
                "bytes",
                [
                    [
                        "{{namespace}}",
                        `sum by (namespace) (${CADVISOR_NAMES.memory}{container!="",container!="POD"})`,
                    ],
                ],
                [
                    "Working set of the containers of each namespace, of the namespaces that are collected.",
                ],
            ),
            panel(
                "Series",
                "count",
                [["{{job}}", `sum by (job) (${TARGET_NAMES.samples})`]],
                [
                    "Series that each kind of target delivers at one scrape, after those that nobody asks for were dropped.",
                ],
            ),
        ],
    };
}

function panel(
    title: string,
    unit: Panel["unit"],
    queries: readonly (readonly [legend: string, expression: string])[],
    description: readonly string[],
): Panel {
    return {
        title,
        description: description.join(" "),
        unit,
        queries: queries.map(([legend, expression]): Query => ({ legend, expression })),
    };
}
