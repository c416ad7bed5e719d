import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadCommand, type LoadedStack, readOptions } from "../../../load/load-command";
import { checkProfile, type Profile, profileOf, PROFILES } from "../../../load/profiles";
import { readRun, writeRun } from "../../../load/run-record";
import { searchFiles } from "../../../leak-search";
import { REPOSITORY } from "../../../paths";
import { serveCluster } from "./api-server";
import { runOf, sampleOf } from "./runs";
import { serveTextToImage } from "./text-to-image-server";

const PASSWORD = "correct-horse-battery-staple";

describe("npm run load", () => {
    let folder: string;
    let cluster: Awaited<ReturnType<typeof serveCluster>>;
    let server: Awaited<ReturnType<typeof serveTextToImage>>;

    beforeEach(async () => {
        folder = await mkdtemp(join(tmpdir(), "load-"));
        cluster = await serveCluster({
            servedAt: "http://sd.example.test",
            activators: {},
            autoscalers: {},
            statistics: {},
        });
        await writeFile(
            join(folder, "slo.json"),
            '{"burst": {"slowestSeconds": 20, "failedShare": 0}}',
        );
    });

    afterEach(async () => {
        await server.close();
        await cluster.close();
        await rm(folder, { recursive: true });
    });

    /** Runs the command with a pulumi on the PATH that prints the outputs of a stack at the test's servers. */
    async function load(...args: readonly string[]) {
        const outputs = {
            outputsVersion: 1,
            txt2imgUrl: "http://sd.example.test/sdapi/v1/txt2img",
            host: "sd.example.test",
            gatewayAddress: server.address,
            apiUsername: "me",
            apiPassword: PASSWORD,
            kubeconfig: cluster.kubeconfig,
            namespace: "sd",
            serviceName: "web",
            limits: { containerConcurrency: 1, minScale: 0, maxScale: 12, gpuCapacity: 12 },
        };
        const pulumi = `#!/bin/sh\ncat <<'END'\n${JSON.stringify(outputs)}\nEND\n`;
        await writeFile(join(folder, "pulumi"), pulumi, { mode: 0o700 });
        const { execa } = await import("execa");
        return execa(
            process.execPath,
            ["--import", "tsx", join(REPOSITORY, "rehearsal/load/main.ts"), ...args],
            {
                cwd: REPOSITORY,
                env: { PATH: `${folder}:${process.env["PATH"] ?? ""}` },
                reject: false,
            },
        );
    }

    const burst = () => [
        ...["--profile", "burst", "--stack", "prod", "--slo", join(folder, "slo.json")],
        ...["--output", join(folder, "results"), "--gpu-hour-price", "1.2"],
    ];

    it("leaves samples, summary and reports, without the password, and ends with 0", async () => {
        server = await serveTextToImage({ pods: 12 });
        const { exitCode, stdout, stderr } = await load(
            ...burst(),
            "--repeats",
            "2",
            "--seed",
            "7",
        );
        assert.equal(exitCode, 0, stderr);
        assert.deepEqual((await readdir(join(folder, "results"))).toSorted(), [
            "report.html",
            "report.md",
            "run-1.json",
            "run-2.json",
            "summary.json",
        ]);
        const run = await readRun(join(folder, "results/run-2.json"));
        assert.deepEqual([run.samples.length, run.seed, run.stack], [12, 8, "prod"]);
        const summary = JSON.parse(
            await readFile(join(folder, "results/summary.json"), "utf8"),
        ) as {
            images: number;
            verdict: { met: boolean };
        };
        assert.deepEqual([summary.images, summary.verdict.met], [24, true]);
        assert.match(stdout, /All objectives are met/);
        assert.match(stderr, /run 2 of 2, waiting for the service to be at its minScale of 0 pods/);
        const forms = [PASSWORD, Buffer.from(`me:${PASSWORD}`).toString("base64")];
        assert.deepEqual(await searchFiles(join(folder, "results"), forms), []);
        for (const form of forms) {
            assert.ok(!`${stdout}${stderr}`.includes(form));
        }
    }).timeout(30_000);

    it("ends with 3 where the objectives are not met, and compares with a baseline", async () => {
        server = await serveTextToImage({
            pods: 12,
            answer: (number) => (number === 5 ? 503 : 200),
        });
        const before = join(folder, "before");
        await mkdir(before);
        const profile = profileOf("burst");
        await writeRun(join(before, "run-1.json"), runOf({ profile, samples: [sampleOf(0, 9)] }));
        const { exitCode, stdout } = await load(...burst(), "--baseline", before);
        assert.equal(exitCode, 3);
        assert.match(stdout, /The objectives are NOT met/);
        assert.match(stdout, /12 requests: 200: 11, 503: 1\./);
        assert.match(stdout, /## Beside the baseline/);
        assert.match(stdout, /\| slowest, s +\| 9 +\| ∞ +\|/);
    }).timeout(30_000);

    it("that is interrupted leaves a report that says so, and ends with 130", async () => {
        server = await serveTextToImage({ pods: 1, seconds: 20 });
        const running = load(...burst());
        while (server.received.length < 12) {
            await new Promise((resolve) => setTimeout(resolve, 5));
        }
        const found = await searchProcess(folder);
        process.kill(found, "SIGINT");
        const { exitCode, stdout, stderr } = await running;
        assert.equal(exitCode, 130, stderr);
        assert.match(stdout, /INTERRUPTED \(stopped by SIGINT\)/);
        const run = await readRun(join(folder, "results/run-1.json"));
        assert.deepEqual([run.interrupted, run.samples.length], ["stopped by SIGINT", 12]);
        assert.match(await readFile(join(folder, "results/report.html"), "utf8"), /INTERRUPTED/);
    }).timeout(30_000);
});

/** The process whose command line names a folder. */
async function searchProcess(folder: string): Promise<number> {
    for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
        const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
        if (line.includes(join(folder, "results"))) {
            return Number(pid);
        }
    }
    throw new Error("the load does not run");
}

describe("the command line of a load", () => {
    it("says what it can", async () => {
        const written: string[] = [];
        const write = process.stdout.write.bind(process.stdout);
        process.stdout.write = (text: string) => written.push(text) > 0;
        try {
            assert.equal(await loadCommand(["--help"], anyStack), 0);
        } finally {
            process.stdout.write = write;
        }
        for (const word of [...Object.keys(PROFILES), "--stack", "--slo", "--baseline", "Exit"]) {
            assert.ok(written.join("").includes(word), word);
        }
    });

    const anyStack: LoadedStack = { command: "load", outputs: () => Promise.resolve({}) };
    const read = (...args: readonly string[]) => readOptions(args, anyStack);
    const recipe = ["--profile", "recipe", "--stack", "acme/sd/prod"] as const;

    it("has defaults: one run, a seed by chance, the objectives of the stack", () => {
        const { repeats, slo, stack, seed, gpuHourPrice } = read(...recipe);
        assert.deepEqual([repeats, stack, gpuHourPrice], [1, "acme/sd/prod", undefined]);
        assert.equal(slo, join(REPOSITORY, "slo/prod.json"));
        assert.ok(Number.isInteger(seed) && seed >= 0);
    });

    for (const [args, message] of [
        [["--stack", "prod"], /--profile is ""; allowed: recipe, burst, steady, cancel, soak/],
        [["--profile", "recipe"], /--stack is missing; allowed: the name of a Pulumi stack/],
        [["--profile", "recipe", "--stack", "a b"], /--stack is "a b"/],
        [[...recipe, "--repeats", "0"], /--repeats is "0"; allowed: a whole number from 1 to 100/],
        [[...recipe, "--repeats", ""], /--repeats is ""/],
        [[...recipe, "--seed", "-1"], /--seed/],
        [[...recipe, "--seed", "1.5"], /--seed is "1.5"; allowed: a whole number from 0/],
        [
            [...recipe, "--gpu-hour-price", "cheap"],
            /--gpu-hour-price is "cheap"; allowed: a number from 0/,
        ],
        [[...recipe, "--fast"], /--fast/],
        [[...recipe, "http://example.com"], /positional/],
    ] as const) {
        it(`is refused: ${args.join(" ")}`, () => {
            assert.throws(() => read(...args), message);
        });
    }

    it("names no stack where there is only one", () => {
        const only = { ...anyStack, stack: "rehearsal" };
        assert.equal(readOptions(["--profile", "burst"], only).stack, "rehearsal");
        assert.throws(
            () => readOptions(["--profile", "burst", "--stack", "prod"], only),
            /--stack/,
        );
    });
});

describe("profiles", () => {
    it("are all within bounds", () => {
        for (const name of Object.keys(PROFILES)) {
            checkProfile(profileOf(name));
        }
    });

    it("send with hey what the recipe sent", () => {
        const { arrivals, requests, timeoutSeconds } = profileOf("recipe");
        assert.deepEqual(
            [arrivals, requests, timeoutSeconds],
            [{ kind: "closed", clients: 5, sender: "hey" }, 50, 180],
        );
    });

    const recipe = profileOf("recipe");
    for (const [changes, message] of [
        [{ requests: 1e9 }, /profile recipe: requests is 1000000000; allowed: 1 to 20000/],
        [{ requests: 51 }, /requests is 51; allowed: a multiple of its 5 clients/],
        [{ seconds: Infinity }, /seconds is Infinity; allowed: above 0, at most 21600/],
        [{ timeoutSeconds: 0.5 }, /timeoutSeconds is 0.5/],
        [{ arrivals: { kind: "open", rate: 1000 } }, /rate is 1000; allowed: above 0, at most 50/],
        [
            { arrivals: { kind: "closed", clients: 0, sender: "built-in" } },
            /clients is 0; allowed: 1 to 200/,
        ],
        [{ cancel: { every: 2, afterSeconds: 1 } }, /hey gives up no request/],
        [{ cancel: { every: 0, afterSeconds: 1 } }, /cancel\.every is 0/],
        [
            { cancel: { every: 2, afterSeconds: 999 } },
            /cancel\.afterSeconds is 999; allowed: above 0, at most 180/,
        ],
    ] as readonly [Partial<Profile>, RegExp][]) {
        it(`out of bounds are refused: ${JSON.stringify(changes)}`, () => {
            assert.throws(() => {
                checkProfile({ ...recipe, ...changes });
            }, message);
        });
    }
});
