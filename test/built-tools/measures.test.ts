import { dashboards } from "../../components/monitoring/dashboards";
import { measuresOf } from "../../components/monitoring/measures";
import type { MonitoredService } from "../../components/monitoring/monitored-service";
import { SERVICE } from "../support/monitored-service";
import { expectOf, INTERVAL_SECONDS, type InputSeries } from "./rule-tests";

const CENSUS: MonitoredService = { ...SERVICE, metricNames: "opencensus", gateway: "other" };
const OTHER: MonitoredService = { ...SERVICE, gateway: "other" };

const HOUR = 3600;

const envoy = (name: string, labels = ""): string =>
    `envoy_cluster_upstream_rq_${name}{envoy_cluster_name="pictures/webui-00001",instance="gateway"${labels}}`;
const answers = (digit: number): string => envoy("xx", `,envoy_response_code_class="${digit}"`);
const queueProxy = (name: string, pod: string, labels = ""): string =>
    `${name}{namespace="pictures",service="webui",pod="${pod}"${labels}}`;
const revision = (name: string): string =>
    `${name}{k8s_namespace_name="pictures",kn_revision_name="webui-00001"}`;
const censusRevision = (name: string): string =>
    `${name}{namespace_name="pictures",revision_name="webui-00001"}`;
const podRequest = (pod: string, node: string, resource = "nvidia_com_gpu"): string =>
    `kube_pod_container_resource_requests{namespace="pictures",pod="${pod}",uid="${pod}",container="user-container",node="${node}",resource="${resource}",unit="integer"}`;
const POD = "webui-00001-deployment-a";

/** A constant from the first sample on for this many seconds. */
const constant = (value: number, seconds = 2 * HOUR): string =>
    `${value}x${seconds / INTERVAL_SECONDS}`;

/** The gateway knows the revision from the start. */
const KNOWN: InputSeries = { [envoy("total")]: constant(0) };

async function expectNumber(
    expression: string,
    expected: number | undefined,
    series: InputSeries,
    at = HOUR,
): Promise<void> {
    await expectOf({ groups: [] }, series, [
        { expression, at, samples: expected === undefined ? {} : { "{}": expected } },
    ]);
}

/** The query of a panel of the dashboard. */
function query(title: string, legend: string, service = SERVICE): string {
    const found = dashboards(service)
        .flatMap(({ rows }) => rows)
        .flatMap(({ panels }) => panels)
        .find((panel) => panel.title === title)
        ?.queries.find((each) => each.legend === legend);
    if (found === undefined) {
        throw new Error(`no panel ${title} has a query ${legend}`);
    }
    return found.expression;
}

describe("the measures, evaluated by Prometheus", () => {
    describe("responses", () => {
        it("counts the first answer of each status", () =>
            expectNumber(measuresOf(SERVICE).responses("5m"), 12, {
                ...KNOWN,
                [answers(2)]: `_x222 1+1x10 11x100`,
                [answers(5)]: `_x230 1x100`,
            }));

        it("counts the first answer of each pod, also of one that is gone", () => {
            const name = "http_server_request_duration_seconds_count";
            const ok = `,http_response_status_code="200"`;
            return expectNumber(measuresOf(OTHER).responses("5m"), 3 + 4, {
                [queueProxy(name, "a", ok)]: "_x222 1 2 3 stale",
                [queueProxy(name, "b", ok)]: "_x225 1 2 3 4x20",
                [queueProxy(name, "c", ok).replace('"webui"', '"other"')]: constant(99),
            });
        });

        it("counts what was added to a series that is older than the window", () =>
            expectNumber(measuresOf(SERVICE).responses("5m"), 20, {
                ...KNOWN,
                [answers(2)]: "1000+1x1000",
            }));

        it("counts what was added in a pod that is older than the window", () => {
            const name = "http_server_request_duration_seconds_count";
            const old = queueProxy(name, "a", `,http_response_status_code="200"`);
            return expectNumber(measuresOf(OTHER).responses("5m"), 20, { [old]: "1000+1x1000" });
        });

        it("takes nothing for new that a gateway had counted before it was seen", () =>
            expectNumber(
                measuresOf(SERVICE).responses("5m"),
                0,
                { [envoy("total")]: "1000x20", [answers(2)]: "1000x20" },
                120,
            ));

        it("keeps statuses apart in each world", async () => {
            const name = "revision_request_count";
            const of = (status: string): string =>
                `${name}{namespace_name="pictures",service_name="webui",response_code_class="${status}"}`;
            const series = { [of("2xx")]: "_ 2x20", [of("3xx")]: "_ 3x20", [of("4xx")]: "_ 4x20" };
            await expectNumber(measuresOf(CENSUS).responses("5m", "23"), 5, series, 120);
            await expectNumber(measuresOf(CENSUS).responses("5m", "4"), 4, series, 120);
            await expectNumber(measuresOf(CENSUS).responses("5m", "5"), undefined, series, 120);
        });
    });

    describe("percentiles", () => {
        const buckets = (count: number, bounds: Readonly<Record<string, number>>): InputSeries => ({
            ...KNOWN,
            ...Object.fromEntries(
                Object.entries({ ...bounds, "+Inf": count }).map(([le, value]) => [
                    envoy("time_bucket", `,le="${le}"`),
                    `_x210 ${value}x100`,
                ]),
            ),
        });

        it("are in seconds, and within the bucket of the gateway's milliseconds", async () => {
            // 100 requests: 60 below 10 s, 30 up to 30 s, 8 up to a minute, 2 beyond.
            const series = buckets(100, { 5000: 0, 10000: 60, 30000: 90, 60000: 98, 300000: 100 });
            const { percentile, count } = measuresOf(SERVICE).responseTimes;
            await expectNumber(percentile(0.5, "10m"), 5 + (5 * 50) / 60, series);
            await expectNumber(percentile(0.9, "10m"), 30, series);
            await expectNumber(percentile(0.95, "10m"), 30 + (30 * 5) / 8, series);
            await expectNumber(percentile(0.99, "10m"), 180, series);
            await expectNumber(count("10m"), 100, {
                ...series,
                [envoy("time_count")]: "_x210 100x100",
            });
        });

        it("add pods up by bucket, and end where the histogram does", async () => {
            const bucket = (pod: string, le: string): string =>
                queueProxy("http_server_request_duration_seconds_bucket", pod, `,le="${le}"`);
            const { percentile } = measuresOf(OTHER).responseTimes;
            await expectNumber(percentile(0.95, "10m"), 10, {
                [bucket("a", "7.5")]: "_x210 0x100",
                [bucket("a", "10")]: "_x210 1x100",
                [bucket("a", "+Inf")]: "_x210 1x100",
                [bucket("b", "7.5")]: "_x210 0x100",
                [bucket("b", "10")]: "_x210 0x100",
                [bucket("b", "+Inf")]: "_x210 9x100",
            });
        });

        it("of Knative before 1.19 are milliseconds too", () => {
            const bucket = (le: string): string =>
                `revision_request_latencies_bucket{namespace_name="pictures",service_name="webui",pod="a",le="${le}"}`;
            return expectNumber(measuresOf(CENSUS).responseTimes.percentile(0.5, "10m"), 35, {
                [bucket("20000")]: "_x210 0x100",
                [bucket("50000")]: "_x210 10x100",
                [bucket("+Inf")]: "_x210 10x100",
            });
        });
    });

    describe("the split of a request's time", () => {
        // In 10 minutes 60 requests were answered; all the time 3 waited, while 1 pod was being started.
        const series = {
            ...KNOWN,
            [answers(2)]: `_x210 60x100`,
            [revision("kn_revision_request_queued")]: constant(3),
            [revision("kn_revision_pods_requested")]: constant(3),
            [revision("kn_revision_pods_count")]: constant(2),
            [queueProxy("kn_serving_invocation_duration_seconds_sum", "a")]: "_x210 600x100",
            [queueProxy("kn_serving_invocation_duration_seconds_count", "a")]: "_x210 60x100",
            [envoy("time_sum")]: "_x210 2400000x100",
            [envoy("time_count")]: "_x210 60x100",
        };

        it("gives each request its part of the waiting, by Little's law", async () => {
            await expectNumber(query("Where the time goes", "cold start"), 10, series);
            await expectNumber(query("Where the time goes", "queue"), 20, series);
            await expectNumber(query("Where the time goes", "service"), 10, series);
            await expectNumber(query("Where the time goes", "all"), 40, series);
        });

        it("has no mean of no request", () =>
            expectNumber(query("Where the time goes", "all"), undefined, {
                ...KNOWN,
                [envoy("time_sum")]: constant(0),
                [envoy("time_count")]: constant(0),
            }));

        it("has no more requests wait for a start than there are, and none in the queue then", async () => {
            const starting = { ...series, [revision("kn_revision_pods_count")]: constant(0) };
            const fewer = { ...starting, [revision("kn_revision_request_queued")]: constant(2) };
            await expectNumber(measuresOf(SERVICE).waitingForStart, 2, fewer);
            await expectNumber(measuresOf(SERVICE).waitingInQueue, 0, fewer);
        });

        it("works the waiting ones out of what the activator holds, where it does not say", async () => {
            const held = {
                [censusRevision("activator_request_concurrency")]: constant(5),
                [censusRevision("autoscaler_actual_pods")]: constant(2),
            };
            const two = { ...CENSUS, containerConcurrency: 2 };
            await expectNumber(measuresOf(CENSUS).waiting, 3, held);
            await expectNumber(measuresOf(CENSUS).running, 2, held);
            await expectNumber(measuresOf(two).waiting, 1, held);
            await expectNumber(measuresOf(two).running, 4, held);
        });

        it("says 0 of a revision without requests, and nothing while the autoscaler is not seen", async () => {
            const idle = { [revision("kn_revision_pods_count")]: constant(2) };
            await expectNumber(measuresOf(SERVICE).waiting, 0, idle);
            await expectNumber(measuresOf(SERVICE).running, 0, idle);
            await expectNumber(measuresOf(SERVICE).waiting, undefined, KNOWN);
        });
    });

    describe("GPUs", () => {
        const phase = (pod: string, name: string): string =>
            `kube_pod_status_phase{namespace="pictures",pod="${pod}",uid="${pod}",phase="${name}"}`;
        const pods = {
            // Three that hold a GPU: of these one starts or ends.
            [podRequest(POD, "gpu-1")]: constant(1),
            [podRequest(`${POD}b`, "gpu-2")]: constant(1),
            [podRequest(`${POD}c`, "gpu-3")]: constant(1),
            [phase(POD, "Running")]: constant(1),
            [phase(POD, "Failed")]: constant(0),
            // One that waits for a node, one that was evicted, what is no GPU, and another service's.
            [podRequest(`${POD}d`, "")]: constant(1),
            [podRequest(`${POD}e`, "gpu-1")]: constant(1),
            [phase(`${POD}e`, "Failed")]: constant(1),
            [podRequest(POD, "gpu-1", "cpu")]: constant(4),
            [podRequest("webui-two-00001-deployment-a", "gpu-4")]: constant(1),
            [podRequest("webui-00001-00001-deployment-a", "gpu-4")]: constant(1),
            [revision("kn_revision_pods_count")]: constant(2),
            [revision("kn_revision_request_active")]: constant(1),
        };

        it("are held from the node on until the pod is gone", async () => {
            await expectNumber(query("GPUs of pods", "held"), 3, pods);
            await expectNumber(query("GPUs of pods", "used"), 1, pods);
            await expectNumber(query("GPUs of pods", "idle"), 1, pods);
        });

        it("cost money while they idle, start and end", async () => {
            await expectNumber(query("Idle cost per hour (USD)", "idle"), 1.8, pods);
            await expectNumber(query("Idle cost per hour (USD)", "starting and ending"), 1.8, pods);
        });

        it("are counted, not pods, where a pod has several", async () => {
            const service = { ...SERVICE, gpusPerPod: 2 };
            const series = { ...pods, [podRequest(POD, "gpu-1")]: constant(2) };
            await expectNumber(query("GPUs of pods", "held", service), 4, series);
            await expectNumber(query("GPUs of pods", "used", service), 2, series);
            await expectNumber(query("GPUs of pods", "idle", service), 2, series);
        });

        it("are not used beyond those that are held", () =>
            expectNumber(query("GPUs of pods", "used"), 3, {
                ...pods,
                [revision("kn_revision_request_active")]: constant(9),
            }));

        it("make GPU-seconds and money per image", async () => {
            // One pod for half an hour, one for ten minutes: 2400 GPU-seconds, for 100 images and 9 failures.
            const series = {
                ...KNOWN,
                [podRequest(POD, "gpu-1")]: `_x120 1x119 stale`,
                [podRequest(`${POD}b`, "gpu-2")]: `_x150 1x39 stale`,
                [answers(2)]: "_x130 100x300",
                [answers(5)]: "_x130 9x300",
            };
            const at = HOUR + 300;
            await expectNumber(query("Images per hour", "images"), 100, series, at);
            await expectNumber(query("GPU-seconds per image", "held by pods"), 24, series, at);
            await expectNumber(
                query("Cost per 1000 images (USD)", "held by pods"),
                (24 * 1000 * 1.8) / 3600,
                series,
                at,
            );
        });

        it("cost nothing per image where there was no image", async () => {
            const series = { ...KNOWN, [podRequest(POD, "gpu-1")]: constant(1) };
            await expectNumber(query("GPU-seconds per image", "held by pods"), undefined, series);
            await expectNumber(query("Images per hour", "images"), 0, series);
        });
    });

    describe("the overview", () => {
        const series = {
            ...KNOWN,
            [answers(2)]: "_x225 90x100",
            [answers(3)]: "_x225 3x100",
            [answers(4)]: "_x225 6x100",
            [answers(5)]: "_x225 1x100",
        };

        it("shows rates by status, and the share of success", async () => {
            await expectNumber(query("Request volume", "answers"), 100 / 300, series);
            await expectNumber(query("Success rate", "2xx and 3xx"), 0.93, series);
            await expectNumber(query("4xx", "4xx"), 6 / 300, series);
            await expectNumber(query("5xx", "5xx"), 1 / 300, series);
        });

        it("shows no failure as 0, and without an answer no share of success", async () => {
            await expectNumber(query("5xx", "5xx"), 0, KNOWN);
            await expectNumber(query("Success rate", "2xx and 3xx"), undefined, KNOWN);
            await expectNumber(query("Success rate", "2xx and 3xx"), 0, {
                ...KNOWN,
                [answers(5)]: "_x225 1x100",
            });
        });
    });

    it("takes the newest pods' times apart", async () => {
        const time = (name: string, pod: string): string =>
            `kube_pod_${name}{namespace="pictures",pod="${pod}",uid="${pod}"}`;
        const series = {
            [time("created", POD)]: constant(1000),
            [time("status_scheduled_time", POD)]: constant(1200),
            [time("status_ready_time", POD)]: constant(1245),
            [time("created", `${POD}b`)]: constant(1000),
            [time("status_scheduled_time", `${POD}b`)]: constant(1001),
            [time("status_ready_time", `${POD}b`)]: constant(1091),
        };
        await expectNumber(
            query("Start of the newest pods", "longest wait for a node"),
            200,
            series,
        );
        await expectNumber(
            query("Start of the newest pods", "longest start on its node"),
            90,
            series,
        );
    });
});
