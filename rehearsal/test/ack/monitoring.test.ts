import {
    AppsV1Api,
    CoreV1Api,
    type KubeConfig,
    RbacAuthorizationV1Api,
} from "@kubernetes/client-node";
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import type { Panel } from "../../../components/monitoring/dashboard";
import { dashboards } from "../../../components/monitoring/dashboards";
import { ENVOY_NAMES } from "../../../components/monitoring/metric-names";
import { unlessMissing } from "../../../components/unless-missing";
import { until } from "../../cluster/until";
import { ONE, parseQuantity } from "../../../policy/quantity";
import type { Service } from "../../drawing";
import { panelLines } from "../../report/panel-lines";
import type { StackMonitoring } from "../../stack-monitoring";
import { closedLoop, mean, type Measured, measuredImage, percentile } from "./measured-load";
import { startMonitoredStack } from "./monitored-stack";
import type { RehearsalStack } from "./rehearsal-stack";

/** One client more than the two pods of maxScale, so that a request always waits. */
const CLIENTS = 3;
const IMAGES = 40;
/** Requests without the right password: answered 401 by a pod. */
const REFUSED = 3;

/**
 * Share by which Prometheus may count more or less than the client: `increase` goes on for half an interval of the scrapes
 * at both ends, which of two and a half minutes with an interval of 15 s is a tenth.
 */
const EXTRAPOLATED = 0.15;

/** More than anything that is waited for in the cluster takes, in seconds. */
const PATIENCE = 120;

const KNATIVE = "knative-serving";

describe("the monitoring of the service", () => {
    let stack: RehearsalStack;
    let monitoring: StackMonitoring;
    let service: Service;
    let cluster: KubeConfig;
    let panels: readonly Panel[];
    /** What the client of the load saw, the refused requests included. */
    const answers: Measured[] = [];
    const load = { start: new Date(), end: new Date() };
    /** Knative's own requests by which it saw that the gateway serves the revision; they take no time. */
    let probes: number;
    const tables = { panels: [] as string[], percentiles: [] as string[] };

    before(async () => {
        ({ stack, monitoring, service, cluster } = await startMonitoredStack(180, "3-12"));
        panels = dashboards(monitoring.service).flatMap(({ rows }) =>
            rows.flatMap((row) => row.panels),
        );
    });

    after(async () => {
        for (const [title, lines] of Object.entries(tables)) {
            process.stderr.write(`\n${title}\n${lines.map((line) => `  ${line}\n`).join("")}`);
        }
        await stack.remove();
    });

    /** The value of one query of a panel now; undefined without a result. */
    const valueOf = async (title: string, legend: string): Promise<number | undefined> => {
        const query = panels
            .find((panel) => panel.title === title)
            ?.queries.find((each) => each.legend === legend);
        assert.ok(query, `no panel ${title} has a query called ${legend}`);
        const samples = await monitoring.prometheus.query(query.expression);
        assert.ok(samples.length <= 1, `${title}: ${legend} has ${samples.length} series`);
        return samples[0]?.value;
    };
    /** As counted: what a panel extrapolates is near the number before the last request has come. */
    const countedByGateway = async (): Promise<number> => {
        const cluster = `envoy_cluster_name=~"${monitoring.service.namespace}/.*"`;
        const [sample] = await monitoring.prometheus.query(
            `sum(${ENVOY_NAMES.responseTime}_count{${cluster}})`,
        );
        assert.ok(sample, "the gateway counts nothing");
        return sample.value;
    };
    const isNear = (value: number | undefined, expected: number, tolerance: number): boolean =>
        value !== undefined && Math.abs(value - expected) <= tolerance;
    const requireNear = (
        what: string,
        value: number | undefined,
        expected: number,
        tolerance: number,
    ): void => {
        tables.panels.push(`${what}: ${String(value)}, expected ${expected} ± ${tolerance}`);
        assert.ok(
            isNear(value, expected, tolerance),
            `${what} is ${String(value)}; expected ${expected} ± ${tolerance}`,
        );
    };
    const nameOf = ({ prices }: { prices: string }): string =>
        prices.replace("{}", monitoring.service.currency);
    const IDLE_COST = { prices: "Idle cost per hour ({})" };
    const COST = { prices: "Cost per 1000 images ({})" };

    it("reads every kind of target", async () => {
        const kinds = [
            "cadvisor",
            "envoy",
            "knative",
            "kube-state-metrics",
            "kubelet",
            "queue-proxy",
        ];
        await until("all targets to be up", PATIENCE, async () => {
            const targets = await monitoring.prometheus.targets();
            const down = targets.filter(({ health }) => health !== "up");
            if (down.length > 0) {
                throw new Error(
                    down.map(({ job, url, error }) => `${job} ${url}: ${error}`).join("; "),
                );
            }
            assert.deepEqual([...new Set(targets.map(({ job }) => job))].sort(), kinds);
            return true;
        });
    });

    it("shows requests, pods and GPUs while they are at work", async () => {
        probes = await countedByGateway();
        load.start = new Date();
        for (let count = 0; count < REFUSED; count += 1) {
            answers.push(await measuredImage(service, { credentials: "nobody:nothing" }));
        }
        const loaded = closedLoop(service, { clients: CLIENTS, images: IMAGES });
        const expected: [title: string, legend: string, value: number][] = [
            ["Pods", "ready", 2],
            ["Pods", "asked for", 2],
            ["Requests in the service", "running", 2],
            ["Requests in the service", "waiting", 1],
            ["GPUs of pods", "held", 2],
            ["GPUs of pods", "used", 2],
            ["GPUs of pods", "idle", 0],
            [nameOf(IDLE_COST), "idle", 0],
            ["Desired and actual pods", "maxScale", 2],
            // targetUtilizationPercentage of containerConcurrency.
            ["Concurrency", "target of a pod", 0.85],
        ];
        try {
            // At once: the load must still be there for the last of them.
            await Promise.all(
                expected.map(([title, legend, value]) =>
                    until(`${title}: ${legend} to be ${value}`, PATIENCE, async () => {
                        const now = await valueOf(title, legend);
                        return now === value ? true : undefined;
                    }),
                ),
            );
            for (const [title, legend, value] of expected) {
                tables.panels.push(`${title}: ${legend}: ${value}, during load`);
            }
        } finally {
            answers.push(...(await loaded));
            load.end = new Date();
        }
        const succeeded = answers.filter(({ status }) => status === 200);
        assert.equal(succeeded.length, IMAGES);
        assert.equal(answers.filter(({ status }) => status === 401).length, REFUSED);
        // A tenth of them beyond the end of Knative's own histograms.
        assert.ok(percentile(succeeded, 0.9) > 10, "the load has no slow requests");
    });

    it("counts what the client counted", async () => {
        const all = answers.length;
        await until("the last requests to be counted", PATIENCE, async () => {
            const now = await countedByGateway();
            assert.ok(now >= probes + all, `${now} are, ${probes} of them before; expected ${all}`);
            return true;
        });
        // Whether the probes count depends on whether the gateway was scraped before them.
        const slack = probes + EXTRAPOLATED * all;
        requireNear(
            "Requests behind the percentiles",
            await valueOf("Requests behind the percentiles", "requests"),
            all,
            slack,
        );
        const perSecond = (count: number): number => count / 300;
        const one = perSecond(1);
        requireNear(
            "Request volume",
            await valueOf("Request volume", "answers"),
            perSecond(all),
            perSecond(slack),
        );
        requireNear("4xx", await valueOf("4xx", "4xx"), perSecond(REFUSED), one / 2);
        requireNear("5xx", await valueOf("5xx", "5xx"), 0, 0);
        requireNear(
            "Success rate",
            await valueOf("Success rate", "2xx and 3xx"),
            IMAGES / all,
            0.02,
        );
        requireNear("Images per hour", await valueOf("Images per hour", "images"), IMAGES, slack);
    });

    for (const quantile of [0.5, 0.9, 0.95, 0.99]) {
        const title = `P${quantile * 100}`;
        it(`agrees with the client on ${title} within one bucket`, async () => {
            const shown = await valueOf(title, title);
            const seen = percentile(answers, quantile);
            const bucketOf = (seconds: number): number =>
                ENVOY_NAMES.bucketBounds.filter((bound) => bound < seconds).length;
            tables.percentiles.push(
                `${title}: dashboard ${shown?.toFixed(2) ?? "none"} s, client ${seen.toFixed(2)} s`,
            );
            assert.ok(shown !== undefined);
            assert.ok(
                Math.abs(bucketOf(shown) - bucketOf(seen)) <= 1,
                `${title} is ${shown} s; the client saw ${seen} s`,
            );
        });
    }

    it("splits the time of a request into waiting, cold start and service", async () => {
        const part = async (legend: string): Promise<number> =>
            (await valueOf("Where the time goes", legend)) ?? NaN;
        const [queue, coldStart, drawing, all] = await Promise.all(
            ["queue", "cold start", "service", "all"].map(part),
        );
        assert.ok(queue !== undefined && coldStart !== undefined && drawing && all);
        // With the probes or without.
        const most = mean(answers);
        const least = (most * answers.length) / (answers.length + probes);
        const middle = (least + most) / 2;
        requireNear("Where the time goes: all", all, middle, (most - least) / 2 + 0.1 * middle);
        // Drawings take 3 to 12 s; the refused requests nothing.
        requireNear("Where the time goes: service", drawing, 7.5 * (IMAGES / answers.length), 1.5);
        assert.ok(queue > 0, "with a client more than pods, requests wait");
        // The waits are sampled.
        requireNear("Where the time goes: sum", queue + coldStart + drawing, all, 0.3 * all);
    });

    it("prices an image by the GPU-seconds that pods held for it", async () => {
        const seconds = (load.end.getTime() - load.start.getTime()) / 1000;
        const perImage = await valueOf("GPU-seconds per image", "held by pods");
        const perThousand = await valueOf(nameOf(COST), "held by pods");
        assert.ok(perImage !== undefined && perThousand !== undefined);
        tables.panels.push(`GPU-seconds per image: ${perImage}; cost per 1000: ${perThousand}`);
        // One GPU all the time and another from its start on; and what they held before and after.
        assert.ok(perImage > seconds / IMAGES, `${perImage} GPU-seconds per image`);
        assert.ok(perImage < (2 * (seconds + 120)) / IMAGES, `${perImage} GPU-seconds per image`);
        const price = (1000 / 3600) * monitoring.service.gpuHourPrice;
        requireNear("Cost per GPU-second", perThousand / perImage, price, 0.05 * price);
    });

    it("has data in every query of every panel", async () => {
        const range = { ...load, stepSeconds: 5 };
        const empty: string[] = [];
        for (const panel of panels) {
            for (const query of panel.queries) {
                const one = { ...panel, queries: [query] };
                const lines = await panelLines(monitoring.prometheus, one, range);
                const values = lines.flatMap(({ points }) =>
                    points.map(({ value }) => value).filter((value) => !Number.isNaN(value)),
                );
                if (values.length === 0) {
                    empty.push(`${panel.title}: ${query.legend}`);
                } else {
                    tables.panels.push(
                        `${panel.title}: ${query.legend}: ${lines.length} series, ${Math.min(...values)} to ${Math.max(...values)}`,
                    );
                }
            }
        }
        assert.deepEqual(empty, []);
    });

    it("costs little memory and processor time", async () => {
        const namespace = `${monitoring.service.namespace}-monitoring`;
        const take = async (title: string): Promise<number> => {
            const expression = panels.find((panel) => panel.title === title)?.queries[0]
                ?.expression;
            assert.ok(expression, `no panel ${title}`);
            const samples = await monitoring.prometheus.query(expression);
            const ours = samples.find(({ labels }) => labels["namespace"] === namespace);
            assert.ok(ours, `${title} says nothing of ${namespace}`);
            return ours.value;
        };
        const [memory, cores] = [await take("Memory"), await take("CPU")];
        tables.panels.push(
            `Monitoring takes ${(memory / 2 ** 20).toFixed(0)} MiB and ${cores.toFixed(3)} cores`,
        );
        assert.ok(memory > 2 ** 24 && memory < 2 ** 29, `${memory} bytes`);
        assert.ok(cores > 0 && cores < 0.3, `${cores} cores`);
    });

    it("sees a crowd answered within timeoutSeconds, and what holds its requests within its memory", async () => {
        await stack.deployment.set("timeoutSeconds", "60");
        await stack.deployment.up();
        const crowd = await Promise.all(Array.from({ length: 100 }, () => measuredImage(service)));
        const answered = crowd.filter(({ status }) => status === 200);
        const givenUp = crowd.filter(({ status }) => status === 504);
        tables.panels.push(
            `100 callers at once: ${answered.length} × 200, ${givenUp.length} × 504 after ${percentile(givenUp, 1).toFixed(1)} s at most`,
        );
        assert.equal(answered.length + givenUp.length, crowd.length);
        // One pod is there all the time and takes 12 s at most; the old revision may still hold the other's GPU.
        assert.ok(answered.length >= 60 / 12 - 1, `${answered.length} images`);
        // Nobody is turned away before, and nobody waits for longer.
        assert.ok(percentile(givenUp, 0) >= 59, `${percentile(givenUp, 0)} s`);
        assert.ok(percentile(crowd, 1) < 70, `${percentile(crowd, 1)} s`);
        for (const [namespace, name] of [
            [KNATIVE, "activator"],
            ["kourier-system", "3scale-kourier-gateway"],
        ] as const) {
            const { spec } = await cluster
                .makeApiClient(AppsV1Api)
                .readNamespacedDeployment({ namespace, name });
            const [container] = spec?.template.spec?.containers ?? [];
            const limit =
                Number(parseQuantity(container?.resources?.limits?.["memory"])) / Number(ONE);
            const [used] = await monitoring.prometheus.query(
                `max(max_over_time(container_memory_working_set_bytes{namespace="${namespace}", container="${container?.name ?? ""}"}[3m]))`,
            );
            assert.ok(used, `no memory of ${name} was seen`);
            tables.panels.push(
                `${name}: ${(used.value / 2 ** 20).toFixed(0)} MiB of ${limit / 2 ** 20} MiB at most`,
            );
            assert.ok(used.value < limit, `${name} took ${used.value} bytes`);
        }
    });

    it("leaves nothing behind when it is switched off", async () => {
        const namespace = `${monitoring.service.namespace}-monitoring`;
        const core = cluster.makeApiClient(CoreV1Api);
        assert.ok(await unlessMissing(core.readNamespace({ name: namespace })));
        await stack.deployment.set("monitoring", "none");
        await stack.deployment.up();
        assert.equal(await unlessMissing(core.readNamespace({ name: namespace })), undefined);
        const left = (await stack.deployment.resources()).filter((urn) =>
            /sd:monitoring:/.test(urn),
        );
        assert.deepEqual(left, []);
        const rbac = cluster.makeApiClient(RbacAuthorizationV1Api);
        const ours = { labelSelector: "app.kubernetes.io/part-of=stable-diffusion-knative" };
        assert.deepEqual((await rbac.listClusterRole(ours)).items, []);
        assert.deepEqual((await rbac.listClusterRoleBinding(ours)).items, []);
        const { data = {} } = await core.readNamespacedConfigMap({
            name: "config-observability",
            namespace: KNATIVE,
        });
        const keys = Object.keys(data).filter((key) => /^(request-)?metrics-protocol$/.test(key));
        assert.deepEqual(keys, []);
    });
});
