import {
    AppsV1Api,
    CoreV1Api,
    type KubeConfig,
    PatchStrategy,
    setHeaderOptions,
} from "@kubernetes/client-node";
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { alerts } from "../../../components/monitoring/alerts";
import { until } from "../../cluster/until";
import type { Service } from "../../drawing";
import type { ActiveAlert } from "../../prometheus";
import type { StackMonitoring } from "../../stack-monitoring";
import { measuredImage } from "../ack/measured-load";
import { type MonitoredStack, startMonitoredStack } from "../ack/monitored-stack";
import type { RehearsalStack } from "../ack/rehearsal-stack";

/** Kept for the length of a request; also the time that a pod is given to end. */
const TIMEOUT_SECONDS = 180;

/** More than anything that is waited for in the cluster takes, in seconds. */
const PATIENCE = 120;

/** Knative's names for the parts that are taken away. */
const ACTIVATOR_AND_AUTOSCALER = ["activator", "autoscaler"];
const KNATIVE = "knative-serving";

describe("the alerts of the service", () => {
    let stack: RehearsalStack;
    let monitoring: StackMonitoring;
    let service: Service;
    let cluster: KubeConfig;
    let setVariable: MonitoredStack["setVariable"];
    /** When the requests that took too long had been answered. */
    let failed = new Date();
    const table: string[] = [];

    before(async () => {
        ({ stack, monitoring, service, cluster, setVariable } = await startMonitoredStack(
            TIMEOUT_SECONDS,
            "1",
        ));
    });

    after(async () => {
        process.stderr.write(`\nalerts\n${table.map((line) => `  ${line}\n`).join("")}`);
        await stack.remove();
    });

    /** Waits until an alert is in a state, and notes how long that took from its fault on. */
    const requireAlert = async (
        name: string,
        fault: string,
        since: Date,
        state: ActiveAlert["state"] = "firing",
    ): Promise<ActiveAlert> => {
        const definition = alerts(monitoring.service).find((alert) => alert.name === name);
        assert.ok(definition, `there is no alert ${name}`);
        const { forSeconds, severity } = definition;
        // Beyond its own time: the fault's effect, a scrape, two evaluations.
        const seconds = (state === "firing" ? forSeconds : 0) + 2 * PATIENCE;
        const found = await until(`${name} to be ${state}`, seconds, async () =>
            (await monitoring.prometheus.alerts()).find(
                (alert) => alert.name === name && (state === "pending" || alert.state === state),
            ),
        );
        const took = (Date.now() - since.getTime()) / 1000;
        const waited =
            state === "firing" ? "fired" : `pending (its ${forSeconds} s not waited for)`;
        table.push(`${name} (${severity}): ${fault}: ${waited} after ${took.toFixed(0)} s`);
        assert.ok(found.annotations["summary"], `${name} has no summary`);
        assert.doesNotMatch(found.annotations["summary"], /\{\{|error expanding/);
        return found;
    };
    const gone = (...names: readonly string[]): Promise<true> =>
        until(`${names.join(", ")} to end`, 2 * PATIENCE, async () => {
            const active = await monitoring.prometheus.alerts();
            return active.some(({ name }) => names.includes(name)) ? undefined : true;
        });

    it("notices idle GPUs", async () => {
        // A pod stays for a minute after its last request.
        await measuredImage(service);
        const since = new Date();
        await requireAlert("IdleGpus", "a pod without requests", since, "pending");
    });

    it("fires for a service that is too slow for its clients", async function () {
        this.timeout(900_000);
        // Longer than a request may take, by a program that goes on when it is told to end.
        await setVariable("MODEL_SERVER_SERVICE_SECONDS", "400");
        await setVariable("MODEL_SERVER_SIGTERM", "ignore");
        await stack.deployment.up();
        const since = new Date();
        const many = Promise.all(Array.from({ length: 12 }, () => measuredImage(service)));
        const fault = "12 requests at once, none of which is answered in time";
        await Promise.all([
            many.then((measured) => {
                assert.deepEqual(
                    measured.map(({ status }) => status),
                    measured.map(() => 504),
                );
            }),
            requireAlert("RequestsWaitAtMaxScale", fault, since),
            requireAlert("LongAtMaxScale", fault, since, "pending"),
            requireAlert("LongPanic", fault, since, "pending"),
        ]);
        failed = new Date();
        const errors = "12 answers of 504";
        await Promise.all([
            requireAlert("ErrorBudgetBurnsFast", errors, failed),
            requireAlert("ErrorBudgetBurnsSlowly", errors, failed, "pending"),
            requireAlert("ResponsesSlow", errors, failed, "pending"),
        ]);
    });

    it("fires for a pod that ignores that it has been told to end", async () => {
        const core = cluster.makeApiClient(CoreV1Api);
        const { namespace } = monitoring.service;
        const since = await until("a pod to be told to end", 2 * PATIENCE, async () => {
            const { items } = await core.listNamespacedPod({ namespace });
            return items.find(({ metadata }) => metadata?.deletionTimestamp)
                ? new Date()
                : undefined;
        });
        const fault = "a container that ignores SIGTERM, at scale-down";
        const { labels } = await requireAlert("PodStuckTerminating", fault, since);
        assert.match(labels["pod"] ?? "", /-deployment-/);
    });

    it("fires for slow responses", async () => {
        await requireAlert("ResponsesSlow", "12 requests that took 180 s", failed);
    });

    it("fires for an activator and an autoscaler that are gone, until they are back", async () => {
        const apps = cluster.makeApiClient(AppsV1Api);
        const scale = async (replicas: number): Promise<void> => {
            for (const name of ACTIVATOR_AND_AUTOSCALER) {
                await apps.patchNamespacedDeploymentScale(
                    { name, namespace: KNATIVE, body: { spec: { replicas } } },
                    setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
                );
            }
        };
        await scale(0);
        const since = new Date();
        try {
            const fault = "scaled to no pod";
            await Promise.all([
                requireAlert("ActivatorGone", fault, since),
                requireAlert("AutoscalerGone", fault, since),
            ]);
        } finally {
            await scale(1);
        }
        await gone("ActivatorGone", "AutoscalerGone");
    });

    it("fires for requests that wait for a GPU that is not to be had", async () => {
        await until("all GPU nodes to leave", 3 * PATIENCE, async () => {
            const { nodes } = await stack.cloud.inventory();
            return nodes.every(({ gpus }) => gpus === 0) ? true : undefined;
        });
        await stack.cloud.setFault({ name: "quota", action: "RunInstances" });
        const since = new Date();
        const abort = new AbortController();
        const waiting = measuredImage(service, { signal: abort.signal });
        waiting.catch(() => undefined);
        try {
            const fault = "no GPU node by the cloud's quota";
            const [, { labels }] = await Promise.all([
                requireAlert("ColdStartSlow", fault, since),
                requireAlert("GpuUnschedulable", fault, since, "pending"),
            ]);
            assert.match(labels["pod"] ?? "", /-deployment-/);
        } finally {
            abort.abort(new Error("the fault is over"));
            await stack.cloud.clearFaults();
        }
        await assert.rejects(waiting, /the fault is over/);
        await gone("ColdStartSlow", "GpuUnschedulable");
    });
});
