import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { compare } from "../../../load/comparison";
import { judge, parseObjectives, readObjectives } from "../../../load/objectives";
import { summarize } from "../../../load/summary";
import { REPOSITORY } from "../../../paths";
import { podOf, runOf, sampleOf } from "./runs";

/** A run whose only request takes so long. */
const taking = (seconds: number) => runOf({ samples: [sampleOf(0, seconds)] });

describe("a summary", () => {
    it("adds up the requests of its runs, and takes the median of their totals", () => {
        const failing = runOf({ samples: [sampleOf(0, 30), sampleOf(0, 1, { status: 503 })] });
        const summary = summarize([taking(10), taking(20), failing]);
        assert.deepEqual(
            [summary.runs, summary.requests, summary.images, summary.failed],
            [3, 4, 3, 1],
        );
        assert.deepEqual(summary.outcomes, { "200": 3, "503": 1 });
        assert.equal(summary.figures.totalSeconds?.value, 20);
        assert.equal(summary.figures.failedShare?.value, 0.25);
        assert.equal(summary.figures.slowestSeconds?.value, Infinity);
        assert.equal(summary.figures.p50Seconds?.value, 25);
    });

    it("shows hey's table of the run in the middle", () => {
        assert.equal(summarize([taking(30), taking(10), taking(20)]).hey?.slowest, 20);
        assert.equal(summarize([taking(30), taking(10)]).hey?.slowest, 10);
    });

    it("has GPU-seconds per image and their cost, of the way down too where it was followed", () => {
        const pods = [podOf("a", { scheduled: 0, deleted: 72 })];
        const run = runOf({ samples: [sampleOf(0, 10), sampleOf(0, 20)], pods, end: 100 });
        const { figures } = summarize([run], { gpuHourPrice: 1 });
        assert.equal(figures.gpuSecondsPerImage?.value, 36);
        assert.equal(figures.costPer1000Images?.value, 10);
        assert.equal(summarize([run]).figures.costPer1000Images, undefined);
        const { profile } = run;
        const steady = { ...run, profile: { ...profile, untilSettled: false } };
        assert.equal(summarize([steady]).figures.gpuSecondsPerImage?.value, 10);
        const unseen = { ...run, pods: [] };
        assert.equal(summarize([unseen]).figures.gpuSecondsPerImage, undefined);
    });

    it("takes the worst run where something must never happen", () => {
        const inFlight = (most: number) =>
            runOf({
                samples: [
                    sampleOf(0, 1, { standIn: { pod: "a", inFlight: most, waited: 0, drew: 1 } }),
                ],
            });
        assert.equal(
            summarize([inFlight(1), inFlight(3), inFlight(1)]).figures.maxInFlight?.value,
            3,
        );
    });

    it("leaves out what one of its runs did not observe", () => {
        const seen = runOf({
            samples: [sampleOf(0, 1, { standIn: { pod: "a", inFlight: 1, waited: 0, drew: 1 } })],
        });
        assert.equal(summarize([seen, taking(1)]).figures.maxInFlight, undefined);
    });

    it("says that it was interrupted", () => {
        assert.equal(
            summarize([taking(1), { ...taking(1), interrupted: "SIGINT" }]).interrupted,
            "SIGINT",
        );
        assert.equal(
            summarize([taking(1)], { interrupted: "before run 2" }).interrupted,
            "before run 2",
        );
        assert.equal(summarize([taking(1)]).interrupted, undefined);
    });

    it("of a run without a request has no latencies, and of no run does not exist", () => {
        assert.equal(summarize([runOf()]).figures.p95Seconds, undefined);
        assert.throws(() => summarize([]), /no runs/);
    });
});

describe("service level objectives", () => {
    it("are met at their bound, and not beyond", () => {
        const summary = summarize([taking(20)]);
        assert.equal(judge(summary, { totalSeconds: 20, failedShare: 0 }).met, true);
        const { met, judgements } = judge(summary, { totalSeconds: 19.9, failedShare: 0 });
        assert.equal(met, false);
        assert.deepEqual(
            judgements.map((each) => [each.objective, each.value, each.met]),
            [
                ["totalSeconds", 20, false],
                ["failedShare", 0, true],
            ],
        );
    });

    it("bound the efficiency from below", () => {
        const summary = summarize([runOf({ samples: [sampleOf(0, 20)], podsMost: 1 })]);
        assert.equal(summary.figures.efficiency?.value, 1);
        assert.equal(judge(summary, { efficiency: 1 }).met, true);
        const two = summarize([runOf({ samples: [sampleOf(0, 20)], podsMost: 2 })]);
        assert.equal(judge(two, { efficiency: 0.6 }).met, false);
    });

    it("are not met by what was not observed, nor by an interrupted load", () => {
        assert.equal(judge(summarize([taking(20)]), { maxInFlight: 1 }).met, false);
        const interrupted = summarize([taking(20)], { interrupted: "SIGINT" });
        assert.equal(judge(interrupted, { totalSeconds: 20 }).met, false);
    });

    for (const [text, message] of [
        ['{"storm": {}}', /slo\.json: storm is \{\}; allowed: the profiles recipe, burst/],
        ['{"recipe": {"p95": 3}}', /recipe\.p95 is 3; allowed: the objectives totalSeconds/],
        ['{"recipe": {"p95Seconds": "3"}}', /recipe\.p95Seconds is "3"; allowed: a number from 0/],
        ['{"recipe": {"p95Seconds": -1}}', /recipe\.p95Seconds is -1; allowed/],
        ['{"recipe": {}}', /recipe is \{\}; allowed: an object with at least one objective/],
        ["[]", /the file is \[\]; allowed: an object/],
        ["{", /slo\.json: /],
    ] as const) {
        it(`are refused: ${text}`, () => {
            assert.throws(() => parseObjectives("slo.json", text), message);
        });
    }

    it("are refused with all that is wrong at once", () => {
        assert.throws(
            () => parseObjectives("f", '{"a": {}, "recipe": {"b": 1}}'),
            /f: a is [^\n]*\nf: recipe\.b is/,
        );
    });

    it("are asked for where there are none", async () => {
        await assert.rejects(
            readObjectives("/nonexistent.json", "recipe"),
            /no service level objectives in \/nonexistent.json \(ENOENT\); name another file: --slo/,
        );
    });

    for (const environment of ["dev", "prod", "recipe", "rehearsal"]) {
        it(`of ${environment} can be read`, async () => {
            const file = join(REPOSITORY, "slo", `${environment}.json`);
            const objectives = parseObjectives(file, await readFile(file, "utf8"));
            assert.ok("recipe" in objectives);
        });
    }
});

describe("a comparison with a baseline", () => {
    const runs = (...seconds: number[]) => summarize(seconds.map(taking));

    it("tells a difference where the intervals are apart", () => {
        const total = (now: number[], before: number[]) =>
            compare(runs(...now), runs(...before)).find(({ figure }) => figure === "totalSeconds");
        assert.equal(total([10, 11, 12], [20, 21, 22])?.differs, true);
        assert.equal(total([20, 21, 22], [10, 11, 12])?.differs, true);
        assert.equal(total([10, 15, 20], [12, 16, 19])?.differs, false);
        assert.equal(total([10], [20, 21, 22])?.differs, undefined);
        assert.deepEqual(
            [total([10], [20])?.now.value, total([10], [20])?.baseline.value],
            [10, 20],
        );
    });

    it("is refused between profiles", () => {
        const burst = { ...runs(1), profile: "burst" };
        assert.throws(
            () => compare(runs(1), burst),
            /the baseline is of the profile burst; allowed: recipe/,
        );
    });
});
