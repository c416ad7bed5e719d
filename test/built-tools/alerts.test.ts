import assert from "node:assert/strict";
import { alerts } from "../../components/monitoring/alerts";
import type { MonitoredService } from "../../components/monitoring/monitored-service";
import { prometheusRules } from "../../components/monitoring/prometheus-rules";
import { SERVICE, WORLDS } from "../support/monitored-service";
import { type Expectation, expectOf, INTERVAL_SECONDS, type InputSeries } from "./rule-tests";

const OPENCENSUS: MonitoredService = { ...SERVICE, metricNames: "opencensus", gateway: "other" };

/** Labels of every alert of {@link SERVICE}. */
const OWN = `namespace="pictures", service="webui"`;

const HOUR = 3600;

/** A constant, for 3 hours. */
const always = (value: number): string => `${value}x720`;
/** A counter from 0 on that grows by this in each interval, for 3 hours. */
const growing = (step: number): string => `0+${step}x720`;

const answers = (digit: number): string =>
    `envoy_cluster_upstream_rq_xx{envoy_cluster_name="pictures/webui-00001",envoy_response_code_class="${digit}",instance="gateway"}`;
const times = (part: string): string =>
    `envoy_cluster_upstream_rq_time_${part.replace("{", '{envoy_cluster_name="pictures/webui-00001",')}`;
/** What the gateway says of a revision as soon as it knows it. */
const KNOWN: InputSeries = {
    [`envoy_cluster_upstream_rq_total{envoy_cluster_name="pictures/webui-00001",instance="gateway"}`]:
        always(0),
};
const revision = (name: string, revisionName = "webui-00001"): string =>
    `${name}{k8s_namespace_name="pictures",kn_revision_name="${revisionName}"}`;
const censusRevision = (name: string): string =>
    `${name}{namespace_name="pictures",revision_name="webui-00001"}`;
const pod = (name: string, labels = ""): string =>
    `${name}{namespace="pictures",pod="webui-00001-deployment-a"${labels}}`;

describe("the alerts, evaluated by Prometheus", () => {
    const untested = new Set(WORLDS.flatMap((world) => alerts(world).map(({ name }) => name)));

    /** It fires at this second, and not one interval before. */
    async function firesAt(
        at: number,
        name: string,
        labels: string,
        series: InputSeries,
        service = SERVICE,
    ): Promise<void> {
        untested.delete(name);
        await expectOf(ruleOf(name, service), { ...KNOWN, ...series }, [
            firing(name, at, { [labelsOf(name, labels, service)]: 1 }),
            firing(name, at - INTERVAL_SECONDS, {}),
        ]);
    }

    /** It does not fire once, for longer than any of them waits. */
    async function isSilent(
        name: string,
        series: InputSeries,
        service = SERVICE,
        until = HOUR,
    ): Promise<void> {
        const fired = `count_over_time(ALERTS{alertname="${name}",alertstate="firing"}[${until}s])`;
        await expectOf(ruleOf(name, service), { ...KNOWN, ...series }, [
            { expression: fired, at: until, samples: {} },
        ]);
    }

    after(() => {
        assert.deepEqual([...untested], [], "an alert of which no test shows that it fires");
    });

    describe("ErrorBudgetBurnsFast", () => {
        const name = "ErrorBudgetBurnsFast";

        it("fires 2 minutes after 5 failures that are more than 14.4 % of the requests", () =>
            firesAt(45 + 120, name, "", { [answers(2)]: growing(6), [answers(5)]: growing(2) }));

        it("is silent at 14 %", () =>
            isSilent(name, { [answers(2)]: growing(86), [answers(5)]: growing(14) }));

        it("is silent when it was bad and no longer is", async () => {
            const series = { [answers(2)]: growing(2), [answers(5)]: "0+2x40 80x680" };
            await firesAt(45 + 120, name, "", series);
            // 5 minutes after the last failure the long window still has 40 % of them.
            await expectOf(ruleOf(name), { ...KNOWN, ...series }, [firing(name, 600 + 330, {})]);
        });

        it("is silent at 4 failures, however few requests there are", () =>
            isSilent(name, { [answers(2)]: "0 1x719", [answers(5)]: "0 1 2 3 4x716" }));

        it("fires when the first answer that is seen of a status is its fifth", () =>
            firesAt(15 + 120, name, "", { [answers(5)]: "_ 5x719" }));

        it("is silent when clients are to blame", () =>
            isSilent(name, { [answers(2)]: growing(1), [answers(4)]: growing(9) }));

        it("is silent about another service", () =>
            isSilent(name, { [answers(5).replace("webui-00001", "webui-two-00001")]: growing(9) }));

        it("counts what queue-proxies answer where the gateway is another", async () => {
            const answer = (code: number): string =>
                `http_server_request_duration_seconds_count{namespace="pictures",service="webui",pod="a",http_response_status_code="${code}"}`;
            const service = { ...SERVICE, gateway: "other" as const };
            await firesAt(
                45 + 120,
                name,
                "",
                { [answer(200)]: growing(6), [answer(502)]: growing(2) },
                service,
            );
            const census = (code: string): string =>
                `revision_request_count{namespace_name="pictures",service_name="webui",response_code_class="${code}"}`;
            await firesAt(
                45 + 120,
                name,
                "",
                { [census("2xx")]: growing(6), [census("5xx")]: growing(2) },
                OPENCENSUS,
            );
        });
    });

    describe("ErrorBudgetBurnsSlowly", () => {
        const name = "ErrorBudgetBurnsSlowly";

        it("fires 15 minutes after 5 failures that are more than 6 % of the requests", () =>
            firesAt(15 + 900, name, "", { [answers(2)]: growing(93), [answers(5)]: growing(7) }));

        it("is silent at 5.9 %", () =>
            isSilent(name, { [answers(2)]: growing(941), [answers(5)]: growing(59) }));
    });

    describe("ResponsesSlow", () => {
        const name = "ResponsesSlow";
        const slow = (le: string, count: number, faster: number): InputSeries => ({
            [times('count{instance="gateway"}')]: growing(count),
            [times(`bucket{le="${le}",instance="gateway"}`)]: growing(faster),
        });

        it("fires when more than 5 % of at least 20 requests took longer than a minute", async () => {
            await firesAt(300 + 300, name, "", slow("60000", 1, 0.9));
            await firesAt(300 + 300, name, "", slow("60000.0", 1, 0.9));
        });

        it("is silent at 4.9 %", () => isSilent(name, slow("60000", 1000, 951)));

        it("is silent at 19 slow requests", () =>
            isSilent(name, {
                [times('count{instance="gateway"}')]: "0+1x19 19x700",
                [times(`bucket{le="60000",instance="gateway"}`)]: always(0),
            }));

        it("fires by the mean where the histogram ends at 10 s", async () => {
            const service = { ...SERVICE, gateway: "other" as const };
            const of = (part: string): string =>
                `http_server_request_duration_seconds_${part}{namespace="pictures",service="webui",pod="a"}`;
            await firesAt(
                300 + 300,
                name,
                "",
                { [of("count")]: growing(1), [of("sum")]: growing(151) },
                service,
            );
            await isSilent(name, { [of("count")]: growing(1), [of("sum")]: growing(150) }, service);
        });
    });

    describe("RequestsWaitAtMaxScale", () => {
        const name = "RequestsWaitAtMaxScale";

        it("fires when a request waits for 3 minutes beside 4 ready pods", () =>
            firesAt(180, name, "", {
                [revision("kn_revision_request_queued")]: always(1),
                [revision("kn_revision_pods_count")]: always(4),
            }));

        it("is silent while there are fewer pods, or no request waits", async () => {
            await isSilent(name, {
                [revision("kn_revision_request_queued")]: always(9),
                [revision("kn_revision_pods_count")]: always(3),
            });
            await isSilent(name, {
                [revision("kn_revision_request_queued")]: always(0),
                [revision("kn_revision_pods_count")]: always(4),
            });
        });

        it("adds activators up, and does not add autoscalers up", () =>
            isSilent(name, {
                [revision("kn_revision_request_queued")]: always(1),
                [revision("kn_revision_pods_count").replace("}", ',pod="autoscaler-a"}')]:
                    always(2),
                [revision("kn_revision_pods_count").replace("}", ',pod="autoscaler-b"}')]:
                    always(2),
            }));

        it("works out from what the activator holds who waits, before Knative 1.22", async () => {
            const held = (name: string): InputSeries => ({
                [name]: always(5),
                [revision("kn_revision_pods_count")]: always(4),
                [censusRevision("autoscaler_actual_pods")]: always(4),
            });
            await firesAt(180, name, "", held(revision("kn_revision_request_concurrency")));
            const census = held(censusRevision("activator_request_concurrency"));
            await firesAt(180, name, "", census, OPENCENSUS);
            await isSilent(name, census, { ...OPENCENSUS, containerConcurrency: 2 });
        });
    });

    describe("RequestWaitsWhilePodIdle", () => {
        const name = "RequestWaitsWhilePodIdle";
        const pods = (ready: number): InputSeries => ({
            [revision("kn_revision_request_queued")]: always(1),
            [revision("kn_revision_request_active")]: always(2),
            [revision("kn_revision_pods_count")]: always(ready),
        });

        it("fires after a minute", () => firesAt(60, name, "", pods(3)));

        it("is silent while every pod works", () => isSilent(name, pods(2)));

        it("is silent while an idle pod has nothing to do", () =>
            isSilent(name, { [revision("kn_revision_pods_count")]: always(2) }));
    });

    describe("ColdStartSlow", () => {
        const name = "ColdStartSlow";
        const start = (waiting: number, asked: number, ready: number): InputSeries => ({
            [revision("kn_revision_request_queued")]: always(waiting),
            [revision("kn_revision_pods_requested")]: always(asked),
            [revision("kn_revision_pods_count")]: always(ready),
        });

        it("fires after half of the time that a request may take", () =>
            firesAt(180, name, "", start(1, 1, 0)));

        it("is silent when nobody waits, or all pods are there", async () => {
            await isSilent(name, start(0, 1, 0));
            await isSilent(name, start(1, 1, 1));
        });

        it("is silent when pods are ready in time", () =>
            isSilent(name, {
                ...start(1, 1, 0),
                [revision("kn_revision_pods_count")]: "0x11 1x708",
            }));
    });

    describe("GpuUnschedulable", () => {
        const name = "GpuUnschedulable";
        const waits = pod("kube_pod_status_unschedulable", ',uid="1"');

        it("fires after the time that a node takes", () =>
            firesAt(600, name, `pod="webui-00001-deployment-a", uid="1"`, { [waits]: always(1) }));

        it("is silent when a node comes, and about pods of others", async () => {
            await isSilent(name, { [waits]: "1x38 stale" });
            await isSilent(name, { [waits.replace("webui", "other")]: always(1) });
        });
    });

    describe("PodStuckTerminating", () => {
        const name = "PodStuckTerminating";
        // It was deleted at second 30, with timeoutSeconds to end.
        const ends = pod("kube_pod_deletion_timestamp", ',uid="1"');

        it("fires 2 minutes after the deletion", () =>
            firesAt(30 + 75 + 60, name, `pod="webui-00001-deployment-a", uid="1"`, {
                [ends]: "_ _ 330x700",
            }));

        it("is silent about a pod that ends as usual", () =>
            isSilent(name, { [ends]: "_ _ 330x3 stale" }));
    });

    describe("LongAtMaxScale", () => {
        const name = "LongAtMaxScale";

        it("fires after half an hour and the delay", () =>
            firesAt(1800 + 120, name, "", { [revision("kn_revision_pods_desired")]: always(4) }));

        it("is silent below, and when it was less for a moment", async () => {
            await isSilent(name, { [revision("kn_revision_pods_desired")]: always(3) });
            await isSilent(name, {
                [revision("kn_revision_pods_desired")]: "4x125 3 4x125 3 4x125 3 4x125",
            });
        });
    });

    describe("LongPanic", () => {
        const name = "LongPanic";

        it("fires after a quarter of an hour", () =>
            firesAt(900, name, "", { [revision("kn_revision_panic_mode")]: always(1) }));

        it("is silent without panic, and when it ends in between", async () => {
            await isSilent(name, { [revision("kn_revision_panic_mode")]: always(0) });
            await isSilent(name, { [revision("kn_revision_panic_mode")]: "1x58 0 1x58 0 1x58 0" });
        });
    });

    describe("IdleGpus", () => {
        const name = "IdleGpus";
        const pods = (ready: number, running: number): InputSeries => ({
            [revision("kn_revision_pods_count")]: always(ready),
            [revision("kn_revision_request_active")]: always(running),
        });

        it("fires a quarter of an hour after the delay", () =>
            firesAt(900 + 120, name, "", pods(2, 0)));

        it("is silent about what minScale keeps", () => isSilent(name, pods(1, 0)));

        it("is silent while half of the pods work", () => isSilent(name, pods(4, 2)));

        it("fires when a trickle of requests keeps pods", () =>
            firesAt(900 + 120, name, "", pods(4, 1)));
    });

    describe("GpuIdleWhileBusy", () => {
        const name = "GpuIdleWhileBusy";
        const busy = (percent: string): InputSeries => ({
            [revision("kn_revision_pods_count")]: always(2),
            [revision("kn_revision_request_active")]: always(2),
            [pod("DCGM_FI_DEV_GPU_UTIL", ',gpu="0"')]: always(90),
            [pod("DCGM_FI_DEV_GPU_UTIL", ',gpu="1"').replace("-a", "-b")]: percent,
        });

        it("fires when one of two GPUs is idle for 3 minutes", () =>
            firesAt(180, name, "", busy(always(4))));

        it("fires when all of them are", () =>
            firesAt(180, name, "", {
                ...busy(always(0)),
                [pod("DCGM_FI_DEV_GPU_UTIL", ',gpu="0"')]: always(0),
            }));

        it("fires 5 minutes after one that worked stopped: 2 in which it may pause, and 3", () =>
            firesAt(300 + 120 + 180, name, "", busy("90x20 0x700")));

        it("is silent while both work, also when one pauses for less than 2 minutes", async () => {
            await isSilent(name, busy(always(5)));
            await isSilent(name, busy("90 0 0 0 0 0 90 0 0 0 0 0 90"), SERVICE, 180);
        });

        it("is silent when pods have nothing to do, or there is no exporter", async () => {
            await isSilent(name, {
                ...busy(always(0)),
                [revision("kn_revision_request_active")]: always(1),
            });
            await isSilent(name, {
                [revision("kn_revision_pods_count")]: always(2),
                [revision("kn_revision_request_active")]: always(2),
            });
        });
    });

    describe("GpuXidError", () => {
        const name = "GpuXidError";
        const xid = pod("DCGM_FI_DEV_XID_ERRORS", ',gpu="0"');

        it("fires after a minute", () =>
            firesAt(60, name, `gpu="0", pod="webui-00001-deployment-a"`, { [xid]: always(79) }));

        it("is silent without one", () => isSilent(name, { [xid]: always(0) }));
    });

    describe("ActivatorGone", () => {
        const name = "ActivatorGone";
        const reachable = `kn_activator_stats_conn_reachable{peer="autoscaler",pod="activator-a"}`;

        it("fires 2 minutes after the last one was seen", () =>
            firesAt(165 + 120, name, "", { [reachable]: "1x10 stale" }));

        it("is silent when another takes over, and when none was ever seen", async () => {
            await isSilent(name, {
                [reachable]: "1x10 stale",
                [reachable.replace("-a", "-b")]: `_x14 ${always(1)}`,
            });
            await isSilent(name, { [revision("kn_revision_pods_count")]: always(0) });
        });
    });

    describe("AutoscalerGone", () => {
        const name = "AutoscalerGone";
        const desired = revision("kn_revision_pods_desired");
        const reachable = `kn_activator_stats_conn_reachable{peer="autoscaler",pod="activator-a"}`;

        it("fires 2 minutes after it was last seen", () =>
            firesAt(165 + 120, name, `k8s_namespace_name="pictures"`, { [desired]: "0x10 stale" }));

        it("fires 2 minutes after the activator lost it", () =>
            firesAt(165 + 120, name, "", { [desired]: always(0), [reachable]: "1x10 0x100" }));

        it("is silent while one activator of two reaches it", () =>
            isSilent(name, {
                [desired]: always(0),
                [reachable]: always(0),
                [reachable.replace("-a", "-b")]: always(1),
            }));

        it("is silent when it was never seen", () => isSilent(name, {}));
    });

    for (const { title, ...world } of WORLDS) {
        it(`are all silent without any series, and about a service at zero: ${title}`, async () => {
            for (const series of [{}, AT_ZERO]) {
                await expectOf(prometheusRules(world), series, [
                    { expression: `count_over_time(ALERTS[${HOUR}s])`, at: HOUR, samples: {} },
                ]);
            }
        });
    }
});

/** What a Prometheus that starts finds of a service that has failed at times, and has no pod now. */
const AT_ZERO: InputSeries = {
    ...KNOWN,
    [answers(2)]: always(5000),
    [answers(5)]: always(900),
    [times('count{instance="gateway"}')]: always(5900),
    [times(`bucket{le="60000",instance="gateway"}`)]: always(4000),
    ...Object.fromEntries(
        [
            "kn_revision_pods_desired",
            "kn_revision_pods_requested",
            "kn_revision_pods_count",
            "kn_revision_panic_mode",
            "kn_revision_request_queued",
            "kn_revision_request_active",
        ].map((name) => [revision(name), always(0)]),
    ),
    ...Object.fromEntries(
        [
            "autoscaler_desired_pods",
            "autoscaler_requested_pods",
            "autoscaler_actual_pods",
            "autoscaler_panic_mode",
        ].map((name) => [censusRevision(name), always(0)]),
    ),
    [`kn_activator_stats_conn_reachable{peer="autoscaler",pod="activator-a"}`]: always(1),
};

/** The rule of one alert, as the file has it. */
function ruleOf(name: string, service = SERVICE): object {
    const groups = prometheusRules(service).groups.map((group) => ({
        ...group,
        rules: group.rules.filter(({ alert }) => alert === name),
    }));
    return { groups };
}

function firing(name: string, at: number, samples: Readonly<Record<string, number>>): Expectation {
    return { expression: `ALERTS{alertname="${name}",alertstate="firing"}`, at, samples };
}

function labelsOf(name: string, labels: string, service: MonitoredService): string {
    const severity = alerts(service).find((alert) => alert.name === name)?.severity ?? "";
    const all = [`alertname="${name}"`, `alertstate="firing"`, OWN, `severity="${severity}"`];
    return `ALERTS{${[...all, ...(labels === "" ? [] : [labels])].join(", ")}}`;
}
