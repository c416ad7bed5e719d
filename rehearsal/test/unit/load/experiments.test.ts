import { KubeConfig } from "@kubernetes/client-node";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { applySettings, changedTemplate } from "../../../load/experiment-settings";
import { type Experiment, EXPERIMENTS, experimentsOf } from "../../../load/experiments";
import { missingRepeats, resultFile } from "../../../load/experiments-command";
import { PERFORMANCE_PAGE, withPerformanceTables } from "../../../load/performance-docs";
import { checkProfile } from "../../../load/profiles";
import { requireServed, type Target } from "../../../load/target";
import { serveCluster } from "./api-server";
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
            assert.match(id, /^[A-Z]\d+[a-z0-9-]*$/);
            checkProfile(profile);
        }
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
                },
                { image: "sidecar" },
            ],
        },
    };

    it("has the experiment's annotations, variables and probe, and keeps all the rest", () => {
        const settings = {
            autoscaling: { "min-scale": "5", "target-burst-capacity": "0" },
            standIn: { SERVICE_SECONDS: "9.9-10.5" },
            activators: 1,
            readiness: "tcp",
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
                containers: [
                    {
                        image: "a",
                        env: [
                            { name: "COMMANDLINE_ARGS", valueFrom: {} },
                            { name: "MODEL_SERVER_SERVICE_SECONDS", value: "9.9-10.5" },
                        ],
                        readinessProbe: { tcpSocket: { port: 7860 }, periodSeconds: 1 },
                    },
                    { image: "sidecar" },
                ],
            },
        });
        const [container] = changedTemplate(template, { ...settings, readiness: "/b" }).spec
            .containers;
        assert.deepEqual(container?.readinessProbe, {
            httpGet: { path: "/b", port: 7860 },
            periodSeconds: 1,
        });
    });
});

describe("the settings of an experiment", () => {
    let cluster: Awaited<ReturnType<typeof serveCluster>>;
    let target: Target;

    beforeEach(async () => {
        cluster = await serveCluster({
            servedAt: "http://sd.example.test",
            activators: {},
            autoscalers: {},
            statistics: {},
        });
        const config = new KubeConfig();
        config.loadFromString(cluster.kubeconfig);
        target = { ...targetAt("127.0.0.1:9"), cluster: config };
    });

    afterEach(() => cluster.close());

    it("are given to the cluster, and what was there before is put back", async () => {
        const { settings } = experimentOf("E2");
        const before = await requireServed(target);
        const restore = await applySettings(target, settings, new AbortController().signal);
        const { autoscaling, standIn, readinessProbe } = await requireServed(target);
        assert.equal(autoscaling["autoscaling.knative.dev/max-scale"], "10");
        assert.equal(standIn["MODEL_SERVER_MODEL_LOADED_SECONDS"], "43");
        assert.deepEqual(readinessProbe, { httpGet: { path: "/internal/ping", port: 7860 } });
        await restore();
        assert.deepEqual(await requireServed(target), before);
        assert.deepEqual(
            cluster.changes.filter((change) => typeof change === "number"),
            [3, 1],
        );
    });

    it("are put back when the work is stopped before they are there", async () => {
        const before = await requireServed(target);
        const { settings } = experimentOf("E2");
        const stopped = AbortSignal.abort(new Error("stopped by SIGINT"));
        await assert.rejects(applySettings(target, settings, stopped), /stopped by SIGINT/);
        assert.deepEqual(await requireServed(target), before);
        assert.equal(
            cluster.changes.findLast((change) => typeof change === "number"),
            1,
        );
    });
});

describe("docs/performance.md", () => {
    const page =
        "before\n<!-- Generated from docs/performance/*.json: npm run performance-docs -->\nold\n<!-- End of what is generated -->\nafter\n";

    it("shows what was measured", async () => {
        const now = await readFile(PERFORMANCE_PAGE, "utf8");
        assert.equal(await withPerformanceTables(now), now, "run: npm run performance-docs");
    });

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

    it("keeps its words: a page without the marks is refused", async () => {
        await assert.rejects(withPerformanceTables("words"), /has no part between/);
    });
});
