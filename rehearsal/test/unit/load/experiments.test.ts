import { KubeConfig } from "@kubernetes/client-node";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { projectChoice } from "../../../capacity/stack-choices";
import {
    changedTemplate,
    makeService,
    rollOut,
    setActivators,
} from "../../../load/experiment-service";
import { type Experiment, EXPERIMENTS, experimentsOf } from "../../../load/experiments";
import { hasRoom, inTurns, missingRepeats, resultFile } from "../../../load/experiments-command";
import { PERFORMANCE_PAGE, withPerformanceTables } from "../../../load/performance-docs";
import { checkProfile } from "../../../load/profiles";
import { requireServed, type Target } from "../../../load/target";
import { serveCluster, type Shown } from "./api-server";
import { runOf, sampleOf } from "./runs";
import { targetAt } from "./text-to-image-server";

const experimentOf = (id: string): Experiment => {
    const [found] = experimentsOf([id]);
    assert.ok(found);
    return found;
};

describe("experiments", () => {
    it("have ids of their own, that can be file names, and loads within bounds", () => {
        assert.equal(new Set(EXPERIMENTS.map(({ id }) => id)).size, EXPERIMENTS.length);
        for (const { id, profile } of EXPERIMENTS) {
            assert.match(id, /^[A-Z]+[a-zA-Z0-9-]*$/);
            checkProfile(profile);
        }
    });

    it("try the autoscaling that this program sets by default", () => {
        const { targetUtilizationPercentage, panicWindowPercentage } = projectChoice();
        const { autoscaling } = experimentOf("G0").settings;
        const of = (name: string): number => Number(autoscaling[name]);
        assert.equal(of("target-utilization-percentage"), targetUtilizationPercentage);
        assert.equal(of("panic-window-percentage"), panicWindowPercentage);
    });

    it("differ from the recipe's settings by what they name", () => {
        const { settings: recipe } = experimentOf("E0");
        const { settings: warm } = experimentOf("E6");
        assert.deepEqual(warm, {
            ...recipe,
            autoscaling: { ...recipe.autoscaling, "target-burst-capacity": "-1", "min-scale": "5" },
        });
        assert.deepEqual(experimentOf("E2").settings, { ...recipe, activators: 3 });
    });

    it("run in their own order, whichever are asked for; all without a name", () => {
        assert.deepEqual(
            experimentsOf(["E4", "E1"]).map(({ id }) => id),
            ["E1", "E4"],
        );
        assert.equal(experimentsOf([]), EXPERIMENTS);
        assert.throws(() => experimentsOf(["E99"]), /no experiment "E99"; allowed: E0, E1, /);
    });

    it("measure what has no result yet", () => {
        const experiment = experimentOf("E0");
        const there = [resultFile(experiment, 1), resultFile(experiment, 3)];
        assert.deepEqual(
            missingRepeats(experiment, (file) => there.includes(file)),
            [2],
        );
        assert.deepEqual(
            missingRepeats(experiment, () => false),
            [1, 2, 3],
        );
        assert.equal(basename(there[0] ?? ""), "E0-1.json");
    });
});

describe("the Service under an experiment", () => {
    const template = {
        metadata: {
            annotations: {
                "autoscaling.knative.dev/min-scale": "0",
                "autoscaling.knative.dev/class": "kpa.autoscaling.knative.dev",
            },
        },
        spec: {
            containerConcurrency: 1,
            containers: [
                {
                    image: "a",
                    env: [
                        { name: "COMMANDLINE_ARGS", valueFrom: {} },
                        { name: "MODEL_SERVER_SERVICE_SECONDS", value: "1" },
                    ],
                    readinessProbe: { httpGet: { path: "/a", port: 7860 }, periodSeconds: 1 },
                    volumeMounts: [{ name: "abandoned-requests" }, { name: "models" }],
                },
                { image: "sidecar" },
            ],
            volumes: [{ name: "abandoned-requests" }, { name: "models" }],
        },
    };

    it("has the experiment's annotations, variables and probe, and keeps all the rest", () => {
        const settings = {
            autoscaling: { "min-scale": "5", "target-burst-capacity": "0" },
            standIn: { SERVICE_SECONDS: "9.9-10.5" },
            activators: 1,
            readiness: "tcp",
            drawsAbandoned: true,
            timeoutSeconds: 60,
        };
        assert.deepEqual(changedTemplate(template, settings), {
            metadata: {
                annotations: {
                    "autoscaling.knative.dev/min-scale": "5",
                    "autoscaling.knative.dev/target-burst-capacity": "0",
                    "autoscaling.knative.dev/class": "kpa.autoscaling.knative.dev",
                    "serving.knative.dev/progress-deadline": "900s",
                },
            },
            spec: {
                containerConcurrency: 1,
                timeoutSeconds: 60,
                volumes: [{ name: "models" }],
                containers: [
                    {
                        image: "a",
                        env: [
                            { name: "COMMANDLINE_ARGS", valueFrom: {} },
                            { name: "MODEL_SERVER_SERVICE_SECONDS", value: "9.9-10.5" },
                        ],
                        readinessProbe: { tcpSocket: { port: 7860 }, periodSeconds: 1 },
                        volumeMounts: [{ name: "models" }],
                    },
                    { image: "sidecar" },
                ],
            },
        });
        const { volumes, containers } = changedTemplate(template, {
            ...settings,
            readiness: "/b",
            drawsAbandoned: false,
        }).spec;
        const [container] = containers;
        assert.deepEqual(
            [volumes, container?.volumeMounts],
            [template.spec.volumes, template.spec.containers[0]?.volumeMounts],
        );
        assert.deepEqual(container?.readinessProbe, {
            httpGet: { path: "/b", port: 7860 },
            periodSeconds: 1,
        });
    });
});

describe("the settings of an experiment", () => {
    let cluster: Awaited<ReturnType<typeof serveCluster>>;
    let shown: Shown;
    let target: Target;

    beforeEach(async () => {
        shown = {
            servedAt: "http://sd.example.test",
            domain: "example.test",
            activators: {},
            autoscalers: {},
            statistics: {},
        };
        cluster = await serveCluster(shown);
        const config = new KubeConfig();
        config.loadFromString(cluster.kubeconfig);
        target = { ...targetAt("127.0.0.1:9"), cluster: config };
    });

    afterEach(() => cluster.close());

    const running = new AbortController().signal;

    it("are those of a Service of its own, which has the stack's labels and goes afterwards", async () => {
        const before = await requireServed(target);
        const service = await makeService(target, "E4", experimentOf("E4").settings, running);
        assert.equal(service.target.url.href, "http://web-e4.example.test/sdapi/v1/txt2img");
        assert.deepEqual([service.target.minScale, service.target.podsMost], [1, 5]);
        const { autoscaling, standIn, readinessProbe } = await requireServed(service.target);
        assert.equal(autoscaling["autoscaling.knative.dev/min-scale"], "1");
        assert.equal(standIn["MODEL_SERVER_MODEL_LOADED_SECONDS"], "43");
        assert.deepEqual(readinessProbe, { httpGet: { path: "/internal/ping", port: 7860 } });
        assert.deepEqual(
            cluster.services.get("web-e4")?.metadata.labels,
            cluster.services.get("web")?.metadata.labels,
        );
        await service.remove();
        assert.deepEqual(cluster.changes, ["create web-e4", "delete web-e4"]);
        assert.deepEqual(await requireServed(target), before);
    });

    it("take the place of a Service that an interrupted batch left", async () => {
        for (const id of ["E4", "E4"]) {
            await makeService(target, id, experimentOf(id).settings, running);
        }
        assert.deepEqual(cluster.changes, ["create web-e4", "delete web-e4", "create web-e4"]);
    });

    it("are not there before the activator is out of the way, where it is to be", async () => {
        const modes = [["Proxy"], ["Proxy"], ["Serve"]];
        Object.defineProperty(shown, "modes", { get: () => modes.shift() });
        const { settings } = experimentOf("E10");
        await makeService(target, "E10", settings, running);
        assert.deepEqual(modes, []);
        // From zero pods it is always in the way.
        await makeService(target, "E1", experimentOf("E1").settings, running);
    });

    it("are refused where Knative gives their Service no domain of the stack's", async () => {
        shown.domain = "sd.svc.cluster.local";
        const { settings } = experimentOf("E4");
        await assert.rejects(
            makeService(target, "E4", settings, running),
            /sd\/web-e4 is served at http:\/\/web-e4\.sd\.svc\.cluster\.local only/,
        );
        assert.deepEqual([...cluster.services.keys()], ["web"]);
    });

    it("leave no Service when the work is stopped before it is Ready", async () => {
        const { settings } = experimentOf("E2");
        const stopped = AbortSignal.abort(new Error("stopped by SIGINT"));
        await assert.rejects(makeService(target, "E2", settings, stopped), /stopped by SIGINT/);
        assert.deepEqual([...cluster.services.keys()], ["web"]);
    });

    it("are of the cluster where they are about activators", async () => {
        await setActivators(target, 3);
        assert.deepEqual(cluster.changes, ["activators 3"]);
    });

    it("get a new revision that differs in nothing but an annotation", async () => {
        const before = cluster.services.get("web")?.spec.template;
        await rollOut(target);
        const { metadata, ...rest } = cluster.services.get("web")?.spec.template ?? {};
        const { "stable-diffusion-knative/rolled-out": moment, ...others } =
            metadata?.annotations as Record<string, string>;
        assert.ok(Date.parse(moment ?? "") > 0);
        assert.deepEqual({ metadata: { annotations: others }, ...rest }, before);
    });
});

describe("experiments that wait for their turn", () => {
    const [one, two, warm, lost, soak] = ["E0", "E2", "E6", "L1", "SOAK"].map(experimentOf) as [
        Experiment,
        Experiment,
        Experiment,
        Experiment,
        Experiment,
    ];

    it("run beside others with the same activators, as long as there are GPUs for all clients", () => {
        assert.equal(hasRoom(one, [warm], 10), true);
        assert.equal(hasRoom(one, [warm], 9), false);
        assert.equal(hasRoom(one, [warm, warm, warm, warm, warm], 100), true);
        assert.equal(hasRoom(one, [warm, warm, warm, warm, warm, warm], 100), false);
        assert.equal(hasRoom(two, [one], 100), false);
    });

    it("run by themselves where they disturb the others", () => {
        assert.equal(hasRoom(lost, [one], 100), false);
        assert.equal(hasRoom(one, [lost], 100), false);
        assert.equal(hasRoom(lost, [], 100), true);
    });

    it("change the activators as seldom as can be, the longest first and the disturbing last", () => {
        const [open] = experimentsOf(["E9-100-0"]);
        assert.deepEqual(
            inTurns([soak, two, one, open ?? one, warm]).map(({ id }) => id),
            ["E9-100-0", "E0", "E6", "E2", "SOAK"],
        );
    });
});

describe("docs/performance.md", () => {
    const page =
        "before\n<!-- Generated from docs/performance/*.json: npm run performance-docs -->\nold\n<!-- End of what is generated -->\nafter\n";

    it("shows what was measured", async () => {
        const now = await readFile(PERFORMANCE_PAGE, "utf8");
        assert.equal(await withPerformanceTables(now), now, "run: npm run performance-docs");
        // A thousand samples of each experiment's requests.
    }).timeout(60_000);

    it("has the figures of all runs of an experiment, and what they were to be", async () => {
        const runs = [10, 20, 30].map((seconds) => runOf({ samples: [sampleOf(0, seconds)] }));
        const generated = await withPerformanceTables(page, ({ id }) =>
            Promise.resolve(id === "E0" ? runs : []),
        );
        const rows = generated.split("\n").map((line) => line.replace(/ +/g, " "));
        assert.ok(
            rows.some((line) =>
                line.startsWith(
                    "| E0 | the recipe's settings, one activator | 166 s, not the recipe's 252 s | 3 | 3 × 200 | 20 (10 – 30) | 1 | 20 (10 – 30) |",
                ),
            ),
            generated,
        );
        assert.ok(rows.some((line) => /^\| E1 .*\| 0 \| not measured yet \| \|/.test(line)));
        assert.match(generated, /^before\n/);
        assert.match(generated, /\nafter\n$/);
        assert.doesNotMatch(generated, /\nold\n/);
    });

    it("has every experiment once", async () => {
        const generated = await withPerformanceTables(page, () => Promise.resolve([]));
        assert.deepEqual(
            [...generated.matchAll(/^\| ([A-Z]\S*) .*not measured yet/gm)]
                .map(([, id]) => id)
                .sort(),
            EXPERIMENTS.map(({ id }) => id).sort(),
        );
    });

    it("keeps its words: a page without the marks is refused", async () => {
        await assert.rejects(withPerformanceTables("words"), /has no part between/);
    });
});
