import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readDashboardArguments } from "../../components/monitoring/dashboard-arguments";
import { dashboards } from "../../components/monitoring/dashboards";
import { grafanaDashboard } from "../../components/monitoring/grafana-dashboard";

const LEAST = [
    "--namespace",
    "pictures",
    "--service",
    "webui",
    "--max-scale",
    "4",
    "--gpu-hour-price",
    "1.25",
] as const;

const refused = (...args: readonly string[]): string => {
    try {
        readDashboardArguments(args);
    } catch (error) {
        return (error as Error).message;
    }
    return "accepted";
};

describe("npm run dashboards", () => {
    it("takes a service's name, its most pods and the price of a GPU, and assumes the rest", () => {
        assert.deepEqual(readDashboardArguments(LEAST), {
            folder: ".",
            service: {
                namespace: "pictures",
                serviceName: "webui",
                minScale: 0,
                maxScale: 4,
                containerConcurrency: 1,
                gpusPerPod: 1,
                timeoutSeconds: 0,
                scaleDownDelaySeconds: 0,
                gpuHourPrice: 1.25,
                currency: "USD",
                metricNames: "opentelemetry",
                gateway: "kourier",
                gpuMetrics: false,
            },
        });
    });

    it("takes what differs from what it assumes", () => {
        const options = {
            "--currency": "EUR",
            "--gpus-per-pod": "2",
            "--container-concurrency": "3",
            "--metric-names": "opencensus",
            "--gateway": "other",
            "--folder": "there",
        };
        const read = readDashboardArguments([
            ...LEAST,
            ...Object.entries(options).flat(),
            "--gpu-metrics",
        ]);
        const { currency, gpusPerPod, containerConcurrency, metricNames, gateway, gpuMetrics } =
            read?.service ?? {};
        assert.deepEqual(
            [currency, gpusPerPod, containerConcurrency, metricNames, gateway, gpuMetrics],
            ["EUR", 2, 3, "opencensus", "other", true],
        );
        assert.equal(read?.folder, "there");
    });

    it("names every option that is missing or wrong, its value and what is allowed", () => {
        assert.equal(
            refused(
                ...["--namespace", "Pictures", "--max-scale", "0", "--gpu-hour-price=-1"],
                ...["--currency", "Euro", "--metric-names", "new", "--gateway", "istio"],
                ...["--gpus-per-pod", "1.5", "--container-concurrency", "", "--folder", ""],
            ),
            [
                "these options are wrong (--help explains them):",
                '  --namespace is "Pictures"; allowed: a name of letters a-z, digits and -, at most 63',
                "  --service is missing; allowed: a name of letters a-z, digits and -, at most 63",
                '  --max-scale is "0"; allowed: a whole number from 1 to 9999',
                '  --gpu-hour-price is "-1"; allowed: a number from 0 on, such as 1.25',
                '  --currency is "Euro"; allowed: three capital letters, such as EUR',
                '  --gpus-per-pod is "1.5"; allowed: a whole number from 1 to 9999',
                '  --container-concurrency is ""; allowed: a whole number from 1 to 9999',
                '  --metric-names is "new"; allowed: opentelemetry, opencensus',
                '  --gateway is "istio"; allowed: kourier, other',
                '  --folder is ""; allowed: the path of a folder',
            ].join("\n"),
        );
        assert.match(refused(...LEAST, "--maxScale", "3"), /Unknown option '--maxScale'/);
        assert.match(refused(...LEAST, "there"), /Unexpected argument 'there'/);
    });

    describe("the command", () => {
        let folder: string;
        const run = (...args: readonly string[]): ReturnType<typeof spawnSync> =>
            spawnSync(
                process.execPath,
                ["--import", "tsx", "components/monitoring/write-dashboards.ts", ...args],
                { cwd: join(__dirname, "../.."), encoding: "utf8" },
            );

        beforeEach(() => {
            folder = mkdtempSync(join(tmpdir(), "dashboards-"));
        });

        afterEach(() => {
            rmSync(folder, { recursive: true });
        });

        it("writes a file for each dashboard, and says which", () => {
            const { status, stdout } = run(...LEAST, "--folder", folder);
            const service = readDashboardArguments(LEAST)?.service;
            assert.ok(service);
            const expected = dashboards(service);
            assert.equal(status, 0);
            assert.equal(
                stdout,
                expected
                    .map(({ uid, title }) => `${join(folder, `${uid}.json`)}: ${title}\n`)
                    .join(""),
            );
            assert.deepEqual(
                readdirSync(folder)
                    .sort()
                    .map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as unknown),
                expected
                    .toSorted((one, other) => (one.uid < other.uid ? -1 : 1))
                    .map(grafanaDashboard),
            );
        });

        it("explains itself, and ends with 1 where it cannot do what it is asked for", () => {
            const help = run("--help");
            assert.equal(help.status, 0);
            assert.match(String(help.stdout), /Usage: npm run dashboards/);
            const missing = run(...LEAST, "--folder", join(folder, "missing"));
            assert.equal(missing.status, 1);
            assert.match(String(missing.stderr), /ENOENT.*missing/);
            assert.doesNotMatch(String(missing.stderr), /\n {4}at /);
        });
    });
});
