import assert from "node:assert/strict";
import fc from "fast-check";
import { readSettings, type Settings } from "../config";
import { LIMITS } from "../policy/limits";
import { promiseOf, recordResources } from "./support/mocks";
import { configure, DECLARED, PROJECT } from "./support/project";

const DIGEST = `registry/sd@sha256:${"a".repeat(64)}`;

/** What each key accepts, what it refuses, and what its message says is allowed. */
const CASES: Record<
    string,
    {
        good: readonly (readonly [given: unknown, read: unknown])[];
        bad: readonly unknown[];
        allowed: RegExp;
    }
> = {
    target: {
        good: [["kubeconfig", "kubeconfig"]],
        bad: ["ack", "", "Kubeconfig"],
        allowed: /kubeconfig/,
    },
    manageKnativeConfig: {
        good: [
            [true, true],
            [false, false],
        ],
        bad: ["yes", 1, ""],
        allowed: /true, false/,
    },
    namespace: {
        good: [["sd-prod", "sd-prod"]],
        bad: ["default", "kube-system", "knative-serving", "SD", "-a", "a".repeat(64), ""],
        allowed: /DNS label|not one of the cluster's/,
    },
    serviceName: {
        good: [["a", "a"]],
        bad: ["1a", "a-", "A", "a.b", ""],
        allowed: /DNS label/,
    },
    domain: {
        good: [["sd.example.com", "sd.example.com"]],
        bad: ["example", "exa mple.com", "-a.com", "http://a.com", ""],
        allowed: /DNS name/,
    },
    image: {
        good: [[DIGEST, DIGEST]],
        bad: ["registry/sd:latest", "registry/sd", `registry/sd@sha256:${"a".repeat(63)}`, ""],
        allowed: /pinned by digest/,
    },
    webuiArgs: {
        good: [
            [[], []],
            [
                ["--xformers", "--ckpt", "/models/a.safetensors"],
                ["--xformers", "--ckpt", "/models/a.safetensors"],
            ],
        ],
        bad: [
            "--xformers",
            [1],
            [""],
            ["--api-auth", "a:b"],
            ["--gradio-auth=a:b"],
            ["--share"],
            {},
        ],
        allowed: /flag/,
    },
    environment: {
        good: [[{ HF_HOME: "/models" }, { HF_HOME: "/models" }]],
        bad: [
            [],
            "a=b",
            { A: 1 },
            { "a-b": "c" },
            { COMMANDLINE_ARGS: "--share" },
            { PORT: "1" },
            { K_SERVICE: "a" },
        ],
        allowed: /map of variable names to strings|any name but/,
    },
    readiness: {
        good: [
            ["tcp", "tcp"],
            ["/internal/ping", "/internal/ping"],
        ],
        bad: ["http", "internal/ping", "/a b", "/a?b", ""],
        allowed: /tcp, or an HTTP path/,
    },
    containerConcurrency: integerCase(
        LIMITS.containerConcurrency.min,
        LIMITS.containerConcurrency.max,
    ),
    minScale: {
        good: [
            [0, 0],
            [2, 2],
        ],
        bad: [-1, 3, 11, "1.5", "a", ""],
        allowed: /whole number from 0 to 10|at most maxScale/,
    },
    maxScale: integerCase(LIMITS.maxScale.min, LIMITS.maxScale.max),
    targetUtilizationPercentage: integerCase(1, 100),
    scaleDownDelaySeconds: integerCase(0, 3600),
    timeoutSeconds: integerCase(1, 600),
    progressDeadlineSeconds: integerCase(10, 7200),
    gpusPerPod: integerCase(1, 8),
    gpuToleration: { good: [[true, true]], bad: ["maybe"], allowed: /true, false/ },
    cpu: {
        good: [
            ["500m", "500m"],
            ["3", "3"],
            ["1500m", "1500m"],
        ],
        bad: ["two", "-1", "1 ", "0", "2.5", "1000m", "12000m", ""],
        allowed: /quantity in its shortest form, such as 3 or 500m/,
    },
    memory: {
        good: [
            ["8Gi", "8Gi"],
            ["1536Mi", "1536Mi"],
        ],
        bad: ["8 GB", "8GB", "8G", "0Gi", "1024Mi", "2048Gi", ""],
        allowed: /quantity in Mi, Gi or Ti in its shortest form, such as 12Gi/,
    },
    cookieName: { good: [["sd", undefined]], bad: ["a b", "a;b", ""], allowed: /cookie name/ },
    cookieTimeoutSeconds: {
        good: [
            [1, undefined],
            [86_400, undefined],
        ],
        bad: [0, 86_401],
        allowed: /whole number from 1 to 86400/,
    },
    cookieAffinity: {
        good: [
            [true, { name: "sd", timeoutSeconds: 1800 }],
            [false, undefined],
        ],
        bad: ["cookie"],
        allowed: /true, false/,
    },
    gatewayNamespace: {
        good: [["knative-serving", "knative-serving"]],
        bad: ["A", ""],
        allowed: /DNS label/,
    },
    gatewayService: {
        good: [["ingress-gateway", "ingress-gateway"]],
        bad: ["a/b"],
        allowed: /DNS label/,
    },
    gatewayAddress: {
        good: [
            ["", undefined],
            ["10.0.0.1:31080", "10.0.0.1:31080"],
        ],
        bad: ["http://10.0.0.1", "10.0.0.1:123456"],
        allowed: /HOST:PORT/,
    },
};

function integerCase(min: number, max: number): (typeof CASES)[string] {
    return {
        good: [
            [min, min],
            [max, max],
        ],
        bad: [min - 1, max + 1, "1.5", "a", ""],
        allowed: new RegExp(`whole number from ${min} to ${max}`),
    };
}

/** How a message may show a value: as the text of the key, or the part of it that is wrong. */
function shownAs(given: unknown): string[] {
    const text = typeof given === "string" ? given : JSON.stringify(given);
    const parts = typeof given === "object" && given !== null ? [given].flat() : [];
    return [text, ...parts.flatMap((part) => [part, ...Object.keys(part)])].map((part) =>
        JSON.stringify(part),
    );
}

function problems(overrides: Readonly<Record<string, unknown>>, dryRun = true): string {
    configure(overrides);
    let message = "";
    assert.throws(
        () => readSettings(dryRun),
        (error: Error) => {
            message = error.message;
            return true;
        },
    );
    return message;
}

describe("readSettings", () => {
    before(() => recordResources());

    it("takes every declared default, and every key has one, a type and a description", () => {
        configure();
        const settings: Settings = readSettings(true);
        for (const [key, declared] of Object.entries(DECLARED)) {
            assert.ok(declared.type && declared.description && declared.default !== undefined, key);
            if (key === "kubeconfig" || key.startsWith("cookie") || key === "gatewayAddress") {
                continue; // Read into another shape: asserted below.
            }
            assert.deepEqual(settings[key as keyof Settings], declared.default, key);
        }
        assert.equal(settings.cookieAffinity, undefined);
        assert.equal(settings.gatewayAddress, undefined);
    });

    it("has a case below for every declared key", () => {
        assert.deepEqual(
            [...Object.keys(CASES), "kubeconfig"].sort(),
            Object.keys(DECLARED).sort(),
        );
    });

    for (const [key, { good, bad, allowed }] of Object.entries(CASES)) {
        for (const [given, read] of good) {
            it(`accepts ${key} ${JSON.stringify(given)}`, () => {
                // A maxScale of 1 needs no other minScale, its default being 0.
                configure({ [key]: given });
                const settings = readSettings(true) as unknown as Record<string, unknown>;
                assert.deepEqual(settings[key], read);
            });
        }
        for (const given of bad) {
            it(`refuses ${key} ${JSON.stringify(given)} with key, value and what is allowed`, () => {
                const message = problems({ [key]: given });
                assert.match(message, new RegExp(`${PROJECT}:${key}\\b`));
                assert.match(message, allowed);
                assert.ok(
                    shownAs(given).some((shown) => message.includes(shown)),
                    message,
                );
            });
        }
        it(`refuses a missing ${key}`, () => {
            assert.match(problems({ [key]: undefined }), new RegExp(`${PROJECT}:${key}; allowed`));
        });
    }

    it("reports all problems at once", () => {
        const message = problems({ maxScale: 99, domain: "x", readiness: "http", typo: 1 });
        assert.match(message, /has 4 problems/);
        for (const key of ["maxScale", "domain", "readiness", "typo"]) {
            assert.ok(message.includes(`${PROJECT}:${key}`), key);
        }
    });

    it("refuses a key that does not exist and lists those that do", () => {
        const message = problems({ maxscale: 3 });
        assert.match(message, /maxscale; allowed: no such key; known are .*maxScale/);
    });

    it("refuses minScale above maxScale", () => {
        assert.match(
            problems({ minScale: 3, maxScale: 2 }),
            /minScale is "3"; allowed: at most maxScale \(2\)/,
        );
    });

    it("demands a kubeconfig at up, and does without one at preview", () => {
        assert.match(problems({}, false), /kubeconfig.*pulumi config set --secret kubeconfig/);
        configure();
        assert.equal(readSettings(true).kubeconfig, undefined);
    });

    it("reads a kubeconfig as a secret and never prints it", async () => {
        configure({ kubeconfig: "top secret" });
        const { kubeconfig } = readSettings(false);
        assert.ok(kubeconfig);
        assert.equal(await promiseOf(kubeconfig), "top secret");
        assert.equal(
            await (kubeconfig as unknown as { isSecret: Promise<boolean> }).isSecret,
            true,
        );
        assert.doesNotMatch(problems({ kubeconfig: "top secret", maxScale: 0 }), /top secret/);
    });

    it("accepts exactly the whole numbers within the bounds", () => {
        fc.assert(
            fc.property(fc.integer({ min: -20, max: 20 }), (value) => {
                configure({ maxScale: value });
                const accepted = value >= LIMITS.maxScale.min && value <= LIMITS.maxScale.max;
                if (accepted) {
                    assert.equal(readSettings(true).maxScale, value);
                } else {
                    assert.throws(() => readSettings(true), new RegExp(`maxScale is "${value}"`));
                }
            }),
        );
    });

    for (const stack of ["dev", "recipe", "rehearsal"]) {
        it(`accepts Pulumi.${stack}.yaml`, () => {
            configure({}, stack);
            assert.equal(readSettings(true).target, "kubeconfig");
        });
    }
});
