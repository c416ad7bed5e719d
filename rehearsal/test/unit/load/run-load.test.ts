import { KubeConfig } from "@kubernetes/client-node";
import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { scrapedMetrics } from "../../../load/metrics";
import { type PodWatch, watchPods } from "../../../load/pod-watch";
import type { Profile } from "../../../load/profiles";
import { runLoad } from "../../../load/run-load";
import type { RunRecord } from "../../../load/run-record";
import { requireServed, type Target, targetOf } from "../../../load/target";
import { startClock } from "../../../load/timed-request";
import { podAt, serveCluster, type Shown, type Stage } from "./api-server";
import { serveTextToImage, targetAt } from "./text-to-image-server";

const LABELS = `k8s_namespace_name="sd",kn_service_name="web",kn_revision_name="web-00001"`;
const AUTOSCALER = `# HELP kn_revision_pods_desired d
kn_revision_pods_desired{${LABELS}} 3
kn_revision_pods_count{${LABELS}} 2
kn_revision_panic_mode{${LABELS}} 1
kn_revision_concurrency_stable{${LABELS}} 2.5
kn_revision_pods_desired{k8s_namespace_name="other",kn_service_name="web",kn_revision_name="web-00001"} 50
kn_revision_pods_desired{k8s_namespace_name="sd",kn_service_name="web-2",kn_revision_name="web-2-00001"} 50
`;
const ACTIVATOR = (queued: number): string => `kn_revision_request_queued{${LABELS}} ${queued}
kn_revision_request_active{${LABELS}} 1
`;

const PROFILE: Profile = {
    name: "test",
    purpose: "",
    arrivals: { kind: "closed", clients: 2, sender: "built-in" },
    timeoutSeconds: 60,
    requests: 4,
    seconds: 60,
    untilSettled: true,
};

describe("a load and its cluster", () => {
    let cluster: Awaited<ReturnType<typeof serveCluster>>;
    let server: Awaited<ReturnType<typeof serveTextToImage>>;
    let shown: Shown;
    let target: Target;
    let abort: AbortController;

    beforeEach(async () => {
        shown = {
            servedAt: "http://sd.example.test",
            activators: { "activator-1": ACTIVATOR(4), "activator-2": ACTIVATOR(1) },
            autoscalers: { "autoscaler-1": AUTOSCALER },
            statistics: {},
        };
        cluster = await serveCluster(shown);
        server = await serveTextToImage({ pods: 2, seconds: 0.02 });
        const config = new KubeConfig();
        config.loadFromString(cluster.kubeconfig);
        target = { ...targetAt(server.address), cluster: config };
        abort = new AbortController();
    });

    afterEach(async () => {
        await server.close();
        await cluster.close();
    });

    describe("the target", () => {
        it("is what the stack's cluster serves, whose settings are noted without the user's variables", async () => {
            assert.deepEqual(await requireServed(target), {
                autoscaling: { "autoscaling.knative.dev/min-scale": "0" },
                containerConcurrency: 1,
                timeoutSeconds: 300,
                readinessProbe: { tcpSocket: { port: 7860 } },
                standIn: { MODEL_SERVER_SERVICE_SECONDS: "9.9-10.5" },
            });
        });

        it("is refused, without a request, where the cluster serves at another URL", async () => {
            shown.servedAt = "http://sd.other.test";
            await assert.rejects(
                load(PROFILE),
                /own endpoint only: its cluster serves sd\/web at http:\/\/sd\.other\.test, and its output txt2imgUrl is http:\/\/sd\.example\.test/,
            );
            assert.equal(server.received.length, 0);
        });

        const outputs = () => ({
            outputsVersion: 1,
            txt2imgUrl: "http://sd.example.test/sdapi/v1/txt2img",
            host: "sd.example.test",
            gatewayAddress: "192.0.2.1",
            apiUsername: "me",
            apiPassword: "secret",
            kubeconfig: cluster.kubeconfig,
            namespace: "sd",
            serviceName: "web",
            limits: { containerConcurrency: 1, minScale: 1, maxScale: 5, gpuCapacity: 3 },
        });

        it("comes from the outputs, with no more pods than there are GPUs", () => {
            const { url, authorization, podsMost, minScale } = targetOf(outputs());
            assert.deepEqual(
                [url.href, authorization, podsMost, minScale],
                [outputs().txt2imgUrl, "Basic bWU6c2VjcmV0", 3, 1],
            );
            assert.equal(targetOf(outputs(), outputs().txt2imgUrl).url.href, outputs().txt2imgUrl);
        });

        for (const [title, changes, given, message] of [
            [
                "another URL than the stack's",
                {},
                "http://example.com/sdapi/v1/txt2img",
                /own endpoint only, which is http:\/\/sd\.example\.test\/.*, and not to http:\/\/example\.com/,
            ],
            [
                "a URL at another host",
                { txt2imgUrl: "http://example.com/sdapi/v1/txt2img" },
                undefined,
                /txt2imgUrl is http:\/\/example\.com.*; allowed: http\(s\):\/\/sd\.example\.test/,
            ],
            [
                "another route",
                { txt2imgUrl: "http://sd.example.test/delete" },
                undefined,
                /txt2imgUrl is .*delete; allowed/,
            ],
            [
                "another contract",
                { outputsVersion: 2 },
                undefined,
                /outputsVersion is 2; allowed: 1/,
            ],
            [
                "a stack that is not up",
                { apiPassword: undefined },
                undefined,
                /no output apiPassword/,
            ],
            [
                "outputs without limits",
                { limits: {} },
                undefined,
                /no output limits\.maxScale that is a number/,
            ],
        ] as const) {
            it(`is not ${title}`, () => {
                assert.throws(() => targetOf({ ...outputs(), ...changes }, given), message);
            });
        }

        it("is refused without the password in the message", () => {
            assert.throws(
                () => targetOf({ ...outputs(), host: "x" }),
                (error: Error) => !/secret|bWU6/.test(error.message),
            );
        });
    });

    describe("the watch of its pods", () => {
        let watch: PodWatch;

        afterEach(() => watch.stop());

        async function see(isSeen: () => boolean): Promise<void> {
            while (!isSeen()) {
                await setTimeout(1);
            }
        }

        it("notes when a pod came to each stage of its life", async () => {
            const clock = startClock();
            watch = await watchPods(target, clock);
            const stages: readonly Stage[] = [
                "created",
                "scheduled",
                "started",
                "ready",
                "terminating",
            ];
            const began = clock();
            const firstSeen: (number | undefined)[] = [];
            for (const stage of stages) {
                cluster.set(podAt("a", stage));
                await see(() => watch.pods()[0]?.[stage] !== undefined);
                firstSeen.push(watch.pods()[0]?.[stage]);
            }
            cluster.remove("a");
            await see(() => watch.pods()[0]?.deleted !== undefined);
            const [pod] = watch.pods();
            assert.ok(pod);
            const { created, scheduled, started, ready, terminating, deleted, ...rest } = pod;
            const moments = [
                began,
                created,
                scheduled,
                started,
                ready,
                terminating,
                deleted,
                clock(),
            ];
            assert.deepEqual([created, scheduled, started, ready, terminating], firstSeen);
            assert.deepEqual(
                moments,
                moments.toSorted((one = 0, other = 0) => one - other),
            );
            assert.deepEqual(rest, {
                name: "a",
                revision: "web-00001",
                node: "gpu0",
                gpus: 1,
                before: false,
            });
        });

        it("gives what was so before the run the moment 0", async () => {
            cluster.set(podAt("a", "ready"));
            watch = await watchPods(target, startClock());
            const [pod] = watch.pods();
            assert.deepEqual(
                [pod?.before, pod?.created, pod?.ready, pod?.terminating],
                [true, 0, 0, undefined],
            );
        });

        it("goes on when the API server ends it, and loses nothing meanwhile", async () => {
            watch = await watchPods(target, startClock());
            await see(() => cluster.watches() === 1);
            cluster.endWatches();
            cluster.set(podAt("a", "ready"));
            await see(() => watch.pods().length === 1);
            assert.deepEqual(watch.failures, []);
        });

        it("is settled with just the pods that always run, ready and not on their way out", async () => {
            watch = await watchPods(target, startClock());
            const settled: number[] = [];
            const wait = (minScale: number) =>
                watch.untilSettled(minScale, abort.signal).then(() => settled.push(minScale));
            await wait(0);
            const one = wait(1);
            for (const stage of ["created", "started"] as const) {
                cluster.set(podAt("a", stage));
                await see(() => watch.pods()[0]?.[stage] !== undefined);
            }
            cluster.set(podAt("a", "terminating"));
            await see(() => watch.pods()[0]?.terminating !== undefined);
            assert.deepEqual(settled, [0]);
            cluster.set(podAt("b", "ready"));
            await see(() => watch.pods().length === 2);
            assert.deepEqual(settled, [0]);
            cluster.remove("a");
            await one;
            assert.deepEqual(settled, [0, 1]);
        });

        it("ends the wait with the reason of an abort", async () => {
            watch = await watchPods(target, startClock());
            const wait = watch.untilSettled(1, abort.signal);
            abort.abort(new Error("stopped by SIGINT"));
            await assert.rejects(wait, /stopped by SIGINT/);
        });
    });

    it("cannot watch where pods cannot be listed", async () => {
        cluster.listStatus = 403;
        await assert.rejects(
            watchPods(target, startClock()),
            /the pods of sd\/web cannot be watched: .*403/s,
        );
    });

    describe("the metrics of Knative", () => {
        it("are those of the service's own revisions; activators add up", async () => {
            const source = scrapedMetrics(target);
            const { figures, failures } = await source.read();
            assert.deepEqual(figures, {
                desired: 3,
                actual: 2,
                panic: 1,
                stable: 2.5,
                queued: 5,
                active: 2,
            });
            assert.deepEqual(failures, []);
            assert.equal(source.activators(), 2);
        });

        it("are read under the names of Knative before 1.19 too", async () => {
            shown.autoscalers = {
                a: 'autoscaler_desired_pods{namespace_name="sd",revision_name="web-00012",service_name="web"} 4\n',
            };
            assert.equal((await scrapedMetrics(target).read()).figures.desired, 4);
        });

        it("that are off are named, and the others are read", async () => {
            shown.activators = { "activator-1": null };
            shown.autoscalers = {};
            const { figures, failures } = await scrapedMetrics(target).read();
            assert.deepEqual(figures, {});
            assert.match(
                failures.join("\n"),
                /^metrics of the autoscaler: no pod of the autoscaler runs in the namespace knative-serving\nmetrics of the activator: .*503/,
            );
        });
    });

    describe("a run", () => {
        it("records clients, pods, metrics and the stand-in's counters, until the pods are gone", async () => {
            let looks = 0;
            shown.statistics = {
                get a() {
                    looks += 1;
                    const [abandoned_seconds, saved_seconds] = looks === 1 ? [2.5, 9] : [3.5, 12];
                    return { max_in_flight: 1, total: 4, abandoned_seconds, saved_seconds };
                },
            };
            target = { ...target, minScale: 1 };
            cluster.set(podAt("a", "ready"));
            const lines: string[] = [];
            const running = load(PROFILE, lines);
            await begun();
            cluster.set(podAt("b", "started"));
            while (lines.at(-1)?.includes("waiting for the pods to go") !== true) {
                await setTimeout(1);
            }
            cluster.remove("b");
            const run = await running;
            assert.deepEqual(
                run.samples.map(({ status }) => status),
                [200, 200, 200, 200],
            );
            assert.deepEqual(
                run.pods.map(({ name, standIn }) => [name, standIn]),
                [
                    [
                        "a",
                        // What it had drawn before the run does not count.
                        { maxInFlight: 1, requests: 4, abandonedSeconds: 1, savedSeconds: 3 },
                    ],
                    ["b", undefined],
                ],
            );
            // One look at the beginning, one at the end.
            assert.deepEqual(
                run.metrics.map(({ queued }) => queued),
                [5, 5],
            );
            assert.ok(run.end > run.loadEnd && run.loadEnd > 0);
            assert.deepEqual([run.activators, run.unobserved, run.interrupted], [2, [], undefined]);
            assert.doesNotMatch(JSON.stringify(run), /bWU6c2VjcmV0|secret/);
        });

        it("waits for the pods of an earlier load to go before it sends anything", async () => {
            cluster.set(podAt("old", "terminating"));
            const running = load({ ...PROFILE, untilSettled: false });
            while (cluster.watches() === 0) {
                await setTimeout(1);
            }
            assert.equal(server.received.length, 0);
            cluster.remove("old");
            const { samples, pods } = await running;
            assert.deepEqual([samples.length, pods.length], [4, 0]);
        });

        it("says what it could not observe", async () => {
            shown.activators = { "activator-1": null };
            target = { ...target, minScale: 1 };
            cluster.set(podAt("a", "ready"));
            const { unobserved } = await load({ ...PROFILE, untilSettled: false });
            assert.equal(unobserved.length, 2);
            assert.match(unobserved[0] ?? "", /^metrics of the activator: /);
            assert.match(unobserved[1] ?? "", /is not the rehearsal's stand-in$/);
        });

        it("that is interrupted keeps its samples and says so", async () => {
            const running = load({ ...PROFILE, requests: 1000 });
            await begun();
            abort.abort(new Error("stopped by SIGINT"));
            const { interrupted, samples, pods } = await running;
            assert.equal(interrupted, "stopped by SIGINT");
            assert.ok(samples.length > 0 && samples.length < 1000);
            assert.deepEqual(pods, []);
        });

        it("that is interrupted while it waits for its pods keeps its samples too", async () => {
            const running = load(PROFILE);
            await begun();
            cluster.set(podAt("a", "ready"));
            while (server.received.length < 4) {
                await setTimeout(1);
            }
            abort.abort(new Error("stopped by SIGINT"));
            assert.equal((await running).interrupted, "stopped by SIGINT");
        });

        it("that is interrupted before it begins sends nothing", async () => {
            cluster.set(podAt("old", "terminating"));
            const running = load(PROFILE);
            abort.abort(new Error("stopped by SIGINT"));
            await assert.rejects(running, /stopped by SIGINT/);
            assert.equal(server.received.length, 0);
        });
    });

    async function load(profile: Profile, lines: string[] = []): Promise<RunRecord> {
        return runLoad({
            target,
            stack: "test",
            profile,
            seed: 1,
            onProgress: (line) => lines.push(line),
            signal: abort.signal,
        });
    }

    /** The first request has come. */
    async function begun(): Promise<void> {
        while (server.received.length === 0) {
            await setTimeout(1);
        }
    }
});
