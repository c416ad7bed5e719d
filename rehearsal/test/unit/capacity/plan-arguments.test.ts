import assert from "node:assert/strict";
import { HELP, readPlanArguments, UsageError } from "../../../capacity/plan-arguments";

const NEEDED = ["--requests-per-hour", "720", "--p95", "20"];

const refusal = (...args: readonly string[]): string => {
    try {
        readPlanArguments(args);
    } catch (error) {
        assert.ok(error instanceof UsageError);
        return error.message;
    }
    throw new Error("it is not refused");
};

describe("the command line of plan-capacity", () => {
    it("needs the traffic and the goal only", () => {
        assert.deepEqual(readPlanArguments(NEEDED), {
            demand: { requestsPerHour: 720, bursts: undefined },
            behaviour: {
                serviceSeconds: [10, 10],
                coldStartSeconds: [60, 60],
                endsOnSigterm: true,
                stopsAbandonedWork: false,
                nodes: undefined,
            },
            settings: { activators: 1, timeoutSeconds: 300 },
            p95Seconds: 20,
            maxGpus: 10,
            given: {},
            seed: 1,
            pricePerHour: undefined,
            json: false,
        });
    });

    it("reads all else", () => {
        const args = [
            "--requests-per-hour=0 --burst 5 --burst-every 600 --p95 90 --price 1.5 --max-gpus 8",
            "--seconds-per-image 9.9-10.5 --cold-start 40 --node-start 150 --node-idle 600",
            "--activators 2 --timeout 180 --ignores-sigterm --min-scale 1 --max-scale 3",
            "--scale-down-delay 120 --target-utilization 85 --seed 7 --json",
        ];
        assert.deepEqual(readPlanArguments(args.join(" ").split(" ")), {
            demand: { requestsPerHour: 0, bursts: { size: 5, everySeconds: 600 } },
            behaviour: {
                serviceSeconds: [9.9, 10.5],
                coldStartSeconds: [40, 40],
                endsOnSigterm: false,
                stopsAbandonedWork: false,
                nodes: { startSeconds: 150, idleSeconds: 600 },
            },
            settings: { activators: 2, timeoutSeconds: 180 },
            p95Seconds: 90,
            maxGpus: 8,
            given: {
                minScale: 1,
                maxScale: 3,
                scaleDownDelaySeconds: 120,
                targetUtilizationPercentage: 85,
            },
            seed: 7,
            pricePerHour: 1.5,
            json: true,
        });
    });

    it("has a help that names every option it reads", () => {
        assert.equal(readPlanArguments(["-h"]), undefined);
        for (const option of [
            ...["requests-per-hour", "burst", "burst-every", "p95", "price", "max-gpus"],
            ...["seconds-per-image", "cold-start", "node-start", "node-idle", "activators"],
            ...["timeout", "ignores-sigterm", "min-scale", "max-scale", "scale-down-delay"],
            ...["target-utilization", "seed", "json", "help"],
        ]) {
            assert.match(HELP, new RegExp(`--${option}\\b`));
        }
    });

    for (const [args, message] of [
        [[], "--requests-per-hour is missing; allowed: a number from 0 to 1000000"],
        [["--requests-per-hour", "720"], "--p95 is missing; allowed: a number from 0.001 to 86400"],
        [
            [...NEEDED, "--price", "cheap"],
            '--price is "cheap"; allowed: a number from 0 to 1000000',
        ],
        [[...NEEDED, "--price", ""], '--price is ""; allowed: a number from 0 to 1000000'],
        [
            [...NEEDED, "--activators", "1.5"],
            '--activators is "1.5"; allowed: a whole number from 1 to 100',
        ],
        [
            [...NEEDED, "--target-utilization", "101"],
            '--target-utilization is "101"; allowed: a whole number from 1 to 100',
        ],
        [
            [...NEEDED, "--seconds-per-image", "11-10"],
            '--seconds-per-image is "11-10"; allowed: a number from 0.001 to 600, or a range from the least to the most, such as 9.9-10.5',
        ],
        [
            [...NEEDED, "--cold-start", "1-2-3"],
            '--cold-start is "1-2-3"; allowed: a number from 0 to 86400, or a range from the least to the most, such as 9.9-10.5',
        ],
        [
            [...NEEDED, "--burst", "5"],
            "--burst-every is missing; allowed: a number from 1 to 86400",
        ],
        [
            [...NEEDED, "--node-idle", "5"],
            "--node-start is missing; allowed: a number from 0 to 86400",
        ],
        [
            ["--requests-per-hour", "0", "--p95", "20"],
            "--requests-per-hour is 0; allowed: above 0, or together with --burst",
        ],
        [[...NEEDED, "--min-scale", "11"], "--min-scale is 11; allowed: at most 10, the most pods"],
        [
            ["--requests-per-hour", "3600", "--p95", "20"],
            "--max-gpus is 10; allowed: more than 10.00, the GPUs that this traffic keeps at work",
        ],
        [
            [...NEEDED, "--max-scale", "2"],
            "--max-scale is 2; allowed: more than 2.00, the GPUs that this traffic keeps at work",
        ],
    ] as const) {
        it(`refuses ${args.slice(-2).join(" ")}`, () => {
            assert.equal(refusal(...args), message);
        });
    }

    it("refuses an option that there is not", () => {
        assert.match(refusal(...NEEDED, "--fast"), /--fast/);
    });
});
