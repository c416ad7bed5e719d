import assert from "node:assert/strict";
import fc from "fast-check";
import { readSettings, type Settings } from "../config";
import type { AckSettings } from "../config-ack";
import { LIMITS } from "../policy/limits";
import { promiseOf, recordResources } from "./support/mocks";
import { ACK_BASE, configure, DECLARED, PROJECT } from "./support/project";

const DIGEST = `registry/sd@sha256:${"a".repeat(64)}`;

type Values = Readonly<Record<string, unknown>>;

/** What a key accepts, what it refuses, and what its message says is allowed. */
interface Case {
    readonly good: readonly (readonly [given: unknown, read: unknown])[];
    readonly bad: readonly unknown[];
    readonly allowed: RegExp;
    /** Other keys that it goes together with. */
    readonly others?: Values;
}

/** The keys that count for every target; checked with that to which nothing else belongs. */
const SERVICE_CASES: Record<string, Case> = {
    target: {
        good: [["kubeconfig", "kubeconfig"]],
        bad: ["", "Kubeconfig", "eks"],
        allowed: /ack, kubeconfig/,
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
    stopAbandonedRequests: flagCase(),
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
    panicWindowPercentage: integerCase(3, 100),
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

/** The keys that count for ACK only. */
const ACK_CASES: Record<string, Case> = {
    clusterName: {
        good: [["sd_Prod-1", "sd_Prod-1"]],
        bad: ["", "-a", "a b", "a".repeat(64)],
        allowed: /letters, digits, - and _, at most 63 characters/,
    },
    clusterSpec: oneOfCase(
        ["ack.pro.small", "ack.pro.xlarge", "ack.pro.2xlarge", "ack.pro.4xlarge"],
        ["ack.standard"],
    ),
    kubernetesVersion: {
        good: [
            ["", undefined],
            ["1.35.7-aliyun.1", "1.35.7-aliyun.1"],
            ["1.30.0-aliyun.1", "1.30.0-aliyun.1"],
        ],
        bad: ["1.35", "latest", "1.35.7", "1.29.9-aliyun.1"],
        allowed: /version of ACK from 1\.30 on, such as 1\.35\.7-aliyun\.1/,
    },
    zones: {
        good: ["bc", "abcde"].map((letters) => [zonesOf(letters), zonesOf(letters)] as const),
        bad: ["ap-southeast-1b", zonesOf("bb"), zonesOf("abcdef"), ["B", "C"], [1, 2], {}],
        allowed: /a list of 0 to 5 different zones of the region/,
    },
    vpcCidr: {
        good: ["10.0.0.0/8", "192.168.0.0/24", "172.24.0.0/14"].map(
            (cidr) => [cidr, cidr] as const,
        ),
        bad: [
            "192.168.0.0/25",
            "10.0.0.0/7",
            "11.0.0.0/16",
            "172.32.0.0/12",
            "10.0.0.1/16",
            "999.0.0.0/8",
            "10.0.0.0",
            "",
        ],
        allowed:
            /address range within 10\.0\.0\.0\/8, 172\.16\.0\.0\/12, 192\.168\.0\.0\/16 with a prefix length from 8 to 24/,
    },
    vswitchIds: {
        good: [
            [
                ["vsw-1a", "vsw-2b"],
                ["vsw-1a", "vsw-2b"],
            ],
        ],
        bad: [
            "vsw-1a",
            ["sw-1a", "sw-2b"],
            ["vsw-1a", "vsw-1a"],
            ["1", "2", "3", "4", "5", "6"].map((each) => `vsw-${each}`),
        ],
        allowed: /a list of 0 to 5 different ids of vSwitches/,
        others: { zones: [] },
    },
    podCidr: {
        good: ["100.0.0.0/8", "192.168.0.0/20"].map((cidr) => [cidr, cidr] as const),
        bad: ["192.168.0.0/21", "100.0.0.0/7", "192.168.1.0/20", "pods", ""],
        allowed: /address range with a prefix length from 8 to 20/,
    },
    serviceCidr: {
        good: ["100.64.0.0/12", "192.168.255.0/24"].map((cidr) => [cidr, cidr] as const),
        bad: ["192.168.0.0/25", "100.64.0.0/11", "192.168.1.0/20", "services", ""],
        allowed: /address range with a prefix length from 12 to 24/,
    },
    apiServerPublic: flagCase(),
    kubeconfigMinutes: {
        good: [
            [0, undefined],
            [15, 15],
            [4320, 4320],
        ],
        bad: [-1, 1, 14, 4321, "a", ""],
        allowed: /whole number from (0|15) to 4320/,
    },
    nodeImageType: oneOfCase(
        [
            "AliyunLinux3",
            "AliyunLinux3ContainerOptimized",
            "AliyunLinux4",
            "AliyunLinux4ContainerOptimized",
            "ContainerOS",
            "Ubuntu",
        ],
        ["CentOS", "Windows"],
    ),
    cpuInstanceTypes: {
        good: [[["ecs.c7.xlarge"], ["ecs.c7.xlarge"]]],
        bad: [[], ["c7.xlarge"], ["ecs.c7.xlarge", "ecs.c7.xlarge"], types(11), "ecs.c7.xlarge"],
        allowed: /a list of 1 to 10 different instance types/,
    },
    cpuNodes: integerCase(3, 100),
    gpuSupply: oneOfCase(["node-pool", "eci"], ["spot"]),
    gpuInstanceTypes: {
        good: [[["ecs.gn7e-c16g1.4xlarge"], ["ecs.gn7e-c16g1.4xlarge"]]],
        bad: [[], ["ecs.vgn6i-m4.xlarge"], ["ecs.g7.xlarge"], types(11), "ecs.gn6i-c8g1.2xlarge"],
        allowed: /a list of 1 to 10 different GPU instance types/,
    },
    gpuNodesMin: {
        good: [
            [0, 0],
            [3, 3],
        ],
        bad: [-1, 4, 101, "a", ""],
        allowed: /whole number from 0 to 100|at most gpuNodesMax \(3\)/,
    },
    gpuNodesMax: { ...integerCase(1, 100), others: { gpuCapacityShortfall: "warn" } },
    gpuCapacityShortfall: {
        good: [
            ["error", undefined],
            ["warn", undefined],
        ],
        bad: ["ignore", ""],
        allowed: /error, warn/,
    },
    gpuSpotStrategy: oneOfCase(["NoSpot", "SpotAsPriceGo"], ["SpotWithPriceLimit"]),
    gpuDiskGib: integerCase(60, 2048),
    gpuDriverVersion: {
        good: [["535.161.07", "535.161.07"]],
        bad: ["latest", "550", "550.", ""],
        allowed: /version of the NVIDIA driver/,
    },
    gpuIdleMinutes: integerCase(1, 1440),
    protect: flagCase(),
    logRetentionDays: integerCase(1, 3000),
    collectLogs: flagCase(),
    knativeInstall: {
        good: [
            ["ack-addon", { name: "knative", version: undefined, config: {} }],
            ["existing", undefined],
        ],
        bad: ["yaml", ""],
        allowed: /ack-addon, existing/,
    },
    knativeAddonName: {
        good: [["knative-serving", "knative-serving"]],
        bad: ["Knative", "1knative", "a b", ""],
        allowed: /name of an ACK add-on/,
    },
    knativeAddonVersion: {
        good: [
            ["", undefined],
            ["v1.8.2-aliyun.1", "v1.8.2-aliyun.1"],
        ],
        bad: ["latest", "v1.8.2 ", "v"],
        allowed: /version such as v1\.8\.2-aliyun\.1/,
    },
    knativeAddonConfig: {
        good: [[{ gateway: "kourier" }, { gateway: "kourier" }]],
        bad: [[], { a: 1 }, "gateway=kourier", ""],
        allowed: /map of the add-on's keys to strings/,
    },
};

/** The keys of the monitoring, checked with a cluster that exists. */
const MONITORING_CASES: Record<string, Case> = {
    monitoring: {
        good: [
            ["", "in-cluster"],
            ["in-cluster", "in-cluster"],
            ["none", "none"],
        ],
        bad: ["prometheus", "arms"],
        allowed: /arms, in-cluster, none|in-cluster or none with target kubeconfig/,
    },
    knativeVersion: {
        good: [
            ["", undefined],
            ["1.23", "1.23"],
            ["v1.8.2-aliyun.1", "v1.8.2-aliyun.1"],
        ],
        bad: ["latest", "1", "1.x"],
        allowed: /version of Knative Serving such as 1\.23\.0/,
    },
    gpuMetrics: flagCase(),
    gpuHourPrice: {
        good: [
            ["0.0001", 0.0001],
            ["12.5", 12.5],
            ["999999.9999", 999_999.9999],
        ],
        bad: ["0", "-1", "1,5", "1.23456", "1000000", "free", "NaN", "1e3", ""],
        allowed: /price above 0 and below 1000000/,
    },
    currency: { good: [["CNY", "CNY"]], bad: ["$", "usd", "EURO", ""], allowed: /ISO 4217/ },
    metricsRetentionDays: integerCase(1, 365),
    metricsStorage: {
        good: [
            ["ephemeral", { kind: "ephemeral" }],
            ["20Gi", { kind: "volume", gib: 20, storageClass: undefined }],
            ["16384Gi", { kind: "volume", gib: 16_384, storageClass: undefined }],
        ],
        bad: ["19Gi", "16385Gi", "20", "20G", "1Ti", "020Gi", "none", ""],
        allowed: /volume from 20Gi to 16384Gi, or ephemeral/,
    },
    metricsStorageClass: {
        good: [
            ["", undefined],
            ["alicloud-disk-topology-alltype", "alicloud-disk-topology-alltype"],
        ],
        bad: ["Fast", "a b", "-a"],
        allowed: /name of a StorageClass/,
    },
    grafana: flagCase(),
    alertEmail: {
        good: [
            ["", undefined],
            ["sd@example.com", "sd@example.com"],
        ],
        bad: ["example.com", "a@b", "a b@example.com", "a@example.com, b@example.com"],
        allowed: /an e-mail address, or empty/,
        others: { smtpServer: "mail.example.com:587", smtpFrom: "sd@example.com" },
    },
    smtpServer: {
        good: [["mail.example.com:587", "mail.example.com:587"]],
        bad: ["mail.example.com", "smtp://mail:25", "mail:0", ""],
        allowed: /HOST:PORT|a value, since alertEmail is sent/,
        others: { alertEmail: "sd@example.com", smtpFrom: "sd@example.com" },
    },
    smtpFrom: {
        good: [["alerts@example.com", "alerts@example.com"]],
        bad: ["alerts", ""],
        allowed: /sender's e-mail address|a value, since alertEmail is sent/,
        others: { alertEmail: "sd@example.com", smtpServer: "mail.example.com:587" },
    },
    smtpUsername: {
        good: [["sd", "sd"]],
        bad: ["a b", ""],
        allowed: /a user of the mail server|together with smtpPassword/,
        others: {
            alertEmail: "sd@example.com",
            smtpServer: "mail.example.com:587",
            smtpFrom: "sd@example.com",
            smtpPassword: "open sesame",
        },
    },
    prometheusImage: imageCase(),
    kubeStateMetricsImage: imageCase(),
    alertmanagerImage: imageCase(),
    dcgmExporterImage: imageCase(),
    grafanaImage: imageCase(),
};

const CASES = { ...SERVICE_CASES, ...ACK_CASES, ...MONITORING_CASES };

/** The keys that are secrets: no message shows their values, so they have tests of their own. */
const SECRETS = ["kubeconfig", "alertWebhookUrl", "smtpPassword"];

function imageCase(): Case {
    return {
        good: [[DIGEST, DIGEST]],
        bad: ["prom/prometheus:v3.14.0", `sd@sha256:${"A".repeat(64)}`, ""],
        allowed: /pinned by digest/,
    };
}

function integerCase(min: number, max: number): Case {
    return {
        good: [
            [min, min],
            [max, max],
        ],
        bad: [min - 1, max + 1, "1.5", "a", ""],
        allowed: new RegExp(`whole number from ${min} to ${max}`),
    };
}

function oneOfCase(good: readonly string[], bad: readonly string[]): Case {
    return {
        good: good.map((value) => [value, value] as const),
        bad: [...bad, ""],
        allowed: new RegExp(good.join(", ").replaceAll(".", "\\.")),
    };
}

function flagCase(): Case {
    return {
        good: [
            [true, true],
            [false, false],
        ],
        bad: ["yes", 1, ""],
        allowed: /true, false/,
    };
}

function zonesOf(letters: string): string[] {
    return letters.split("").map((letter) => `ap-southeast-1${letter}`);
}

/** Types that differ, with one GPU each. */
function types(count: number): string[] {
    return Array.from({ length: count }, (_, index) => `ecs.gn${index}i-c8g1.2xlarge`);
}

/** What the settings have for a key that they keep under another name or in another place. */
const PLACES: Record<string, (settings: Settings, ack: AckSettings) => unknown> = {
    knativeInstall: (_, { knative }) => knative,
    knativeAddonName: (_, { knative }) => knative?.name,
    knativeAddonVersion: (_, { knative }) => knative?.version,
    knativeAddonConfig: (_, { knative }) => knative?.config,
};

/** The same for keys of the monitoring, as far as these settings have them. */
const MONITORING_PLACES: Record<string, (watched: Watched) => unknown> = {
    monitoring: ({ mode }) => mode,
    alertEmail: ({ receivers }) => receivers?.email?.to,
    smtpServer: ({ receivers }) => receivers?.email?.smtp.server,
    smtpFrom: ({ receivers }) => receivers?.email?.smtp.from,
    smtpUsername: ({ receivers }) => receivers?.email?.smtp.credentials?.username,
    prometheusImage: ({ images }) => images?.prometheus,
    kubeStateMetricsImage: ({ images }) => images?.kubeStateMetrics,
    alertmanagerImage: ({ images }) => images?.alertmanager,
    dcgmExporterImage: ({ images }) => images?.dcgmExporter,
    grafanaImage: ({ images }) => images?.grafana,
};

/** The storage is two keys together. */
function storageClassOf({ metricsStorage }: Watched): string | undefined {
    return metricsStorage?.kind === "volume" ? metricsStorage.storageClass : undefined;
}

type Watched = { readonly mode: string } & Partial<
    Omit<Extract<Settings["monitoring"], { mode: "in-cluster" }>, "mode">
>;

function readAs(settings: Settings, key: string): unknown {
    if (key in MONITORING_CASES) {
        const watched: Watched = settings.monitoring;
        if (key === "metricsStorageClass") {
            return storageClassOf(watched);
        }
        const found = MONITORING_PLACES[key];
        return found ? found(watched) : (watched as unknown as Values)[key];
    }
    if (settings.target === "kubeconfig") {
        return (settings as unknown as Values)[key];
    }
    const { ack } = settings;
    const place = PLACES[key];
    return place ? place(settings, ack) : ({ ...settings, ...ack } as Values)[key];
}

/** What a key is checked together with: the target that it belongs to. */
function baseOf(key: string): Values {
    return key in ACK_CASES
        ? { ...ACK_BASE, ...ACK_CASES[key]?.others }
        : { target: "kubeconfig", ...MONITORING_CASES[key]?.others };
}

/** How a message may show a value: as the text of the key, as the number read, or the part that is wrong. */
function shownAs(given: unknown): string[] {
    const text = typeof given === "string" ? given : JSON.stringify(given);
    const parts = typeof given === "object" && given !== null ? [given].flat() : [];
    const shown = [text, ...parts.flatMap((part) => [part, ...Object.keys(part)])].map((part) =>
        JSON.stringify(part),
    );
    return typeof given === "number" ? [...shown, ` is ${given};`] : shown;
}

function problems(overrides: Values, dryRun = true): string {
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

/** The settings of an ACK cluster. */
function ackOf(overrides: Values, stack?: string): AckSettings {
    configure(overrides, stack);
    const settings = readSettings(true);
    assert.equal(settings.target, "ack");
    return settings.ack;
}

describe("readSettings", () => {
    before(() => recordResources());

    it("takes every declared default, and every key has one, a type and a description", () => {
        configure(ACK_BASE);
        const settings = readSettings(true);
        assert.equal(settings.target, "ack");
        /** Read into another shape. */
        const read: Values = {
            kubernetesVersion: undefined,
            zones: ACK_BASE.zones,
            kubeconfigMinutes: undefined,
            gpuCapacityShortfall: undefined,
            knativeInstall: { name: "knative", version: undefined, config: {} },
            knativeAddonVersion: undefined,
            kubeconfig: undefined,
            manageKnativeConfig: true,
            cookieAffinity: undefined,
            cookieName: undefined,
            cookieTimeoutSeconds: undefined,
            gatewayAddress: undefined,
            // Those of a Prometheus in the cluster have their own test.
            monitoring: "arms",
            knativeVersion: undefined,
            gpuHourPrice: 1.5,
            alertWebhookUrl: undefined,
            smtpPassword: undefined,
            ...Object.fromEntries(
                Object.keys(MONITORING_CASES)
                    .filter((key) => /^(metrics|grafana|smtp|alertEmail)|Image$/.test(key))
                    .map((key) => [key, undefined]),
            ),
        };
        for (const [key, declared] of Object.entries(DECLARED)) {
            assert.ok(declared.type && declared.description && declared.default !== undefined, key);
            assert.deepEqual(
                readAs(settings, key),
                key in read ? read[key] : declared.default,
                key,
            );
        }
    });

    it("has a case below for every declared key", () => {
        assert.deepEqual([...Object.keys(CASES), ...SECRETS].sort(), Object.keys(DECLARED).sort());
    });

    for (const [key, { good, bad, allowed }] of Object.entries(CASES)) {
        for (const [given, read] of good) {
            it(`accepts ${key} ${JSON.stringify(given)}`, () => {
                configure({ ...baseOf(key), [key]: given });
                assert.deepEqual(readAs(readSettings(true), key), read);
            });
        }
        for (const given of bad) {
            it(`refuses ${key} ${JSON.stringify(given)} with key, value and what is allowed`, () => {
                const message = problems({ ...baseOf(key), [key]: given });
                assert.match(message, new RegExp(`${PROJECT}:${key}\\b`));
                assert.match(message, allowed);
                assert.ok(
                    shownAs(given).some((shown) => message.includes(shown)),
                    message,
                );
            });
        }
        it(`refuses a missing ${key}`, () => {
            assert.match(
                problems({ ...baseOf(key), [key]: undefined }),
                new RegExp(`${PROJECT}:${key}; allowed`),
            );
        });
    }

    it("reports all problems at once, and none that follows from another", () => {
        const message = problems({
            ...ACK_BASE,
            maxScale: 99,
            minScale: "few",
            gpusPerPod: 0,
            gpuNodesMax: "many",
            domain: "x",
            readiness: "http",
            typo: 1,
        });
        assert.match(message, /has 7 problems/);
        for (const key of ["maxScale", "gpuNodesMax", "domain", "readiness", "typo"]) {
            assert.ok(message.includes(`${PROJECT}:${key}`), key);
        }
    });

    it("refuses a key that does not exist and lists those that do", () => {
        const message = problems({ ...ACK_BASE, maxscale: 3 });
        assert.match(message, /maxscale; allowed: no such key; known are .*maxScale/);
    });

    it("refuses minScale above maxScale", () => {
        assert.match(
            problems({ target: "kubeconfig", minScale: 3, maxScale: 2 }),
            /has a problem:\n.*minScale is "3"; allowed: at most maxScale \(2\)$/,
        );
    });

    it("accepts exactly the whole numbers within the bounds", () => {
        fc.assert(
            fc.property(fc.integer({ min: -20, max: 20 }), (value) => {
                configure({ target: "kubeconfig", maxScale: value });
                const accepted = value >= LIMITS.maxScale.min && value <= LIMITS.maxScale.max;
                if (accepted) {
                    assert.equal(readSettings(true).maxScale, value);
                } else {
                    assert.throws(() => readSettings(true), new RegExp(`maxScale is "${value}"`));
                }
            }),
        );
    });

    for (const stack of ["dev", "prod", "recipe", "rehearsal"]) {
        it(`accepts Pulumi.${stack}.yaml, whose target is ACK`, () => {
            assert.equal(ackOf({}, stack).warning, undefined);
        });
    }
});

describe("readSettings with target kubeconfig", () => {
    before(() => recordResources());

    it("demands a kubeconfig at up, and does without one at preview", () => {
        const base = { target: "kubeconfig" };
        assert.match(problems(base, false), /kubeconfig.*pulumi config set --secret kubeconfig/);
        configure(base);
        const settings = readSettings(true);
        assert.equal(settings.target, "kubeconfig");
        assert.equal(settings.kubeconfig, undefined);
    });

    it("reads a kubeconfig as a secret and never prints it", async () => {
        const base = { target: "kubeconfig", kubeconfig: "top secret" };
        configure(base);
        const settings = readSettings(false);
        assert.equal(settings.target, "kubeconfig");
        const { kubeconfig } = settings;
        assert.ok(kubeconfig);
        assert.equal(await promiseOf(kubeconfig), "top secret");
        assert.equal(
            await (kubeconfig as unknown as { isSecret: Promise<boolean> }).isSecret,
            true,
        );
        assert.doesNotMatch(problems({ ...base, maxScale: 0 }), /top secret/);
    });

    it("asks nothing of the keys for ACK but that each makes sense by itself", () => {
        configure({
            target: "kubeconfig",
            zones: ["eu-central-1a"],
            vswitchIds: ["vsw-a"],
            podCidr: "10.0.0.0/16",
            serviceCidr: "10.0.0.0/16",
            cpuInstanceTypes: [],
            gpuSupply: "eci",
            gpuInstanceTypes: [...types(5), "ecs.gn6i-c24g4.12xlarge"],
            gpuNodesMin: 3,
            gpuNodesMax: 1,
            gpusPerPod: 8,
            cpu: "100",
        });
        assert.equal(readSettings(true).target, "kubeconfig");
        assert.match(problems({ target: "kubeconfig", zones: "b" }), /has a problem:\n.*:zones is/);
    });

    it("leaves Knative's configuration and elastic container instances alone", () => {
        configure({ target: "kubeconfig", gpuSupply: "eci" });
        const settings = readSettings(true);
        assert.equal(settings.manageKnativeConfig, false);
        assert.equal(settings.elasticInstances, undefined);
    });
});

describe("readSettings with target ack", () => {
    before(() => recordResources());

    for (const [title, overrides, message] of [
        [
            "no region",
            { "alicloud:region": undefined },
            /^ {2}alicloud:region; allowed: a region such as ap-southeast-1$/m,
        ],
        [
            "a region that is none",
            { "alicloud:region": "Singapore" },
            /^ {2}alicloud:region is "Singapore"; allowed: a region such as ap-southeast-1$/m,
        ],
        [
            "neither zones nor vSwitches",
            { zones: [] },
            /:zones is \[\]; allowed: zones for a network that is made, or else vswitchIds of one that exists$/m,
        ],
        [
            "zones and vSwitches",
            { vswitchIds: ["vsw-a", "vsw-b"] },
            /:zones is \["ap-southeast-1b","ap-southeast-1c"\]; allowed: zones for a network that is made, or else/,
        ],
        [
            "one zone",
            { zones: ["ap-southeast-1b"] },
            /:zones is \["ap-southeast-1b"\]; allowed: at least two/,
        ],
        [
            "one vSwitch",
            { zones: [], vswitchIds: ["vsw-a"] },
            /:vswitchIds is \["vsw-a"\]; allowed: at least two, in different zones/,
        ],
        [
            "a zone of another region",
            { zones: ["ap-southeast-1b", "eu-central-1a"] },
            /:zones is \["eu-central-1a"\]; allowed: zones of the region ap-southeast-1$/m,
        ],
        [
            "pods within the VPC",
            { podCidr: "10.0.0.0/20" },
            /:podCidr is "10\.0\.0\.0\/20"; allowed: a range apart from vpcCidr \(10\.0\.0\.0\/16\)$/m,
        ],
        [
            "Services around the VPC",
            { vpcCidr: "10.1.0.0/16", serviceCidr: "10.0.0.0/12" },
            /:serviceCidr is "10\.0\.0\.0\/12"; allowed: a range apart from vpcCidr \(10\.1\.0\.0\/16\)$/m,
        ],
        [
            "Services among the pods",
            { serviceCidr: "172.20.240.0/20" },
            /:serviceCidr is "172\.20\.240\.0\/20"; allowed: a range apart from podCidr \(172\.20\.0\.0\/16\)$/m,
        ],
        [
            "types of different numbers of GPUs",
            { gpuInstanceTypes: ["ecs.gn6i-c8g1.2xlarge", "ecs.gn6i-c48g4.12xlarge"] },
            /:gpuInstanceTypes is \["ecs\.gn6i-c8g1\.2xlarge","ecs\.gn6i-c48g4\.12xlarge"\]; allowed: types with the same number of GPUs/,
        ],
        [
            "pods with more GPUs than a node has",
            { gpusPerPod: 2 },
            /:gpusPerPod is 2; allowed: at most 1, as gpuInstanceTypes have$/m,
        ],
        [
            "pods with all the CPU of the smallest type",
            { cpu: "4", gpuInstanceTypes: ["ecs.gn7i-c8g1.2xlarge", "ecs.gn6i-c4g1.xlarge"] },
            /:cpu is "4"; allowed: less than 4, a pod's share of the smallest of gpuInstanceTypes/,
        ],
        [
            "pods with more than their share of a node for several",
            { cpu: "24500m", gpusPerPod: 2, gpuInstanceTypes: ["ecs.gn6i-c48g4.12xlarge"] },
            /:cpu is "24500m"; allowed: less than 24, a pod's share/,
        ],
        [
            "more than five types for elastic container instances",
            { gpuSupply: "eci", gpuInstanceTypes: types(6) },
            /:gpuInstanceTypes is .*; allowed: a list of 1 to 5 different GPU instance types/,
        ],
        [
            "too few GPUs for a rollout from zero",
            { maxScale: 4, gpuNodesMax: 4 },
            /:gpuNodesMax is 4; allowed: at least 5, since maxScale 4 and the first 1 of a new revision are 5 pods with 5 GPUs; or gpuCapacityShortfall: warn, with which there is room for 4 of the 5 pods/,
        ],
        [
            "too few GPUs for the pods that always run, twice",
            { minScale: 3, maxScale: 5, gpuNodesMax: 7 },
            /:gpuNodesMax is 7; allowed: at least 8, since maxScale 5 and the first 3 of a new revision are 8 pods with 8 GPUs/,
        ],
        [
            "too few nodes with several pods on each",
            {
                maxScale: 4,
                gpusPerPod: 2,
                gpuNodesMax: 2,
                gpuInstanceTypes: ["ecs.gn6i-c48g4.12xlarge"],
            },
            /:gpuNodesMax is 2; allowed: at least 3, since maxScale 4 and the first 1 of a new revision are 5 pods with 10 GPUs; or .* room for 4 of the 5 pods/,
        ],
    ] as const) {
        it(`refuses ${title}, and says nothing else`, () => {
            const found = problems({ ...ACK_BASE, ...overrides });
            assert.match(found, message);
            assert.match(found, /has a problem:/);
        });
    }

    for (const [title, overrides] of [
        ["ranges that only touch", { vpcCidr: "172.22.0.0/16", serviceCidr: "172.21.0.0/16" }],
        ["exactly enough GPUs", { minScale: 3, maxScale: 5, gpuNodesMax: 8 }],
        ["a little less than all the CPU", { cpu: "7999m" }],
        [
            "five types for elastic container instances",
            { gpuSupply: "eci", gpuInstanceTypes: types(5) },
        ],
        ["any maxScale with elastic container instances", { gpuSupply: "eci", maxScale: 10 }],
    ] as const) {
        it(`accepts ${title}`, () => {
            assert.equal(ackOf({ ...ACK_BASE, ...overrides }).warning, undefined);
        });
    }

    it("warns of too few GPUs instead, where that is accepted, and says what will wait", () => {
        const { warning, gpuCapacity } = ackOf({
            ...ACK_BASE,
            maxScale: 5,
            gpuNodesMax: 4,
            gpuCapacityShortfall: "warn",
        });
        assert.equal(
            warning,
            "gpuNodesMax is 4: there is room for 4 of the 6 pods that a rollout under full load has, so the new revision waits until pods of the old one are gone, and gives up after progressDeadlineSeconds",
        );
        assert.equal(gpuCapacity, 4);
    });

    it("counts the GPUs that pods can use", () => {
        const eight = { gpuInstanceTypes: ["ecs.gn6v-c10g1.20xlarge"], gpuNodesMax: 2 };
        assert.equal(ackOf({ ...ACK_BASE, ...eight }).gpuCapacity, 16);
        assert.equal(ackOf({ ...ACK_BASE, ...eight, gpusPerPod: 3 }).gpuCapacity, 12);
        const eci = { gpuSupply: "eci", maxScale: 4 };
        assert.equal(ackOf({ ...ACK_BASE, ...eci }).gpuCapacity, 4);
    });

    it("buys nodes on demand for the pods that always run", () => {
        const eight = { gpuInstanceTypes: ["ecs.gn6v-c10g1.20xlarge"], minScale: 3, maxScale: 3 };
        assert.equal(ackOf({ ...ACK_BASE }).onDemandNodes, 0);
        assert.equal(ackOf({ ...ACK_BASE, minScale: 1 }).onDemandNodes, 1);
        assert.equal(ackOf({ ...ACK_BASE, ...eight }).onDemandNodes, 1);
        assert.equal(ackOf({ ...ACK_BASE, ...eight, gpusPerPod: 4 }).onDemandNodes, 2);
    });

    it("always sets what Knative needs where it installs Knative", () => {
        for (const [overrides, managed] of [
            [{}, true],
            [{ knativeInstall: "existing" }, false],
            [{ knativeInstall: "existing", manageKnativeConfig: true }, true],
        ] as const) {
            configure({ ...ACK_BASE, ...overrides });
            assert.equal(readSettings(true).manageKnativeConfig, managed);
        }
    });

    it("names types and strategy of elastic container instances to the service", () => {
        configure({ ...ACK_BASE, gpuSupply: "eci", gpuSpotStrategy: "SpotAsPriceGo" });
        assert.deepEqual(readSettings(true).elasticInstances, {
            instanceTypes: ["ecs.gn6i-c8g1.2xlarge", "ecs.gn7i-c8g1.2xlarge"],
            spotStrategy: "SpotAsPriceGo",
        });
        configure(ACK_BASE);
        assert.equal(readSettings(true).elasticInstances, undefined);
    });
});

describe("readSettings of the monitoring", () => {
    before(() => recordResources());

    type Mode = Settings["monitoring"]["mode"];

    function watchedBy<M extends Mode>(
        mode: M,
        overrides: Values,
    ): Extract<Settings["monitoring"], { mode: M }> {
        configure(overrides);
        const { monitoring } = readSettings(true);
        assert.equal(monitoring.mode, mode);
        return monitoring as Extract<Settings["monitoring"], { mode: M }>;
    }

    const MAIL = {
        alertEmail: "sd@example.com",
        smtpServer: "mail.example.com:587",
        smtpFrom: "alerts@example.com",
    };

    it("is by ARMS on ACK and in the cluster elsewhere, unless told otherwise", () => {
        watchedBy("arms", ACK_BASE);
        watchedBy("in-cluster", { ...ACK_BASE, monitoring: "in-cluster" });
        watchedBy("none", { ...ACK_BASE, monitoring: "none" });
        watchedBy("in-cluster", { target: "kubeconfig" });
        watchedBy("none", { target: "kubeconfig", monitoring: "none" });
    });

    it("takes every declared default for a Prometheus in the cluster", () => {
        const read = watchedBy("in-cluster", { target: "kubeconfig" });
        const image = (key: string): unknown => DECLARED[`${key}Image`]?.default;
        assert.deepEqual(read, {
            mode: "in-cluster",
            knativeVersion: undefined,
            gateway: "kourier",
            gpuMetrics: true,
            gpuHourPrice: 1.5,
            currency: "USD",
            metricsRetentionDays: 15,
            metricsStorage: { kind: "volume", gib: 20, storageClass: undefined },
            grafana: true,
            receivers: { webhookUrl: undefined, email: undefined },
            images: {
                prometheus: image("prometheus"),
                kubeStateMetrics: image("kubeStateMetrics"),
                alertmanager: image("alertmanager"),
                dcgmExporter: image("dcgmExporter"),
                grafana: image("grafana"),
            },
        });
    });

    it("puts the class of the volume beside its size", () => {
        const { metricsStorage } = watchedBy("in-cluster", {
            target: "kubeconfig",
            metricsStorage: "40Gi",
            metricsStorageClass: "fast",
        });
        assert.deepEqual(metricsStorage, { kind: "volume", gib: 40, storageClass: "fast" });
    });

    it("knows Kourier by the name of its Service", () => {
        const gatewayOf = (gatewayService: string): string =>
            watchedBy("in-cluster", { target: "kubeconfig", gatewayService }).gateway;
        assert.equal(gatewayOf("kourier-internal"), "kourier");
        assert.equal(gatewayOf("ingress-gateway"), "other");
    });

    it("asks for no exporter where pods have no node", () => {
        assert.equal(watchedBy("arms", ACK_BASE).gpuMetrics, true);
        assert.equal(watchedBy("arms", { ...ACK_BASE, gpuSupply: "eci" }).gpuMetrics, false);
    });

    it("needs a namespace to which -monitoring can be added, in the cluster only", () => {
        const namespace = "n".repeat(53);
        assert.match(
            problems({ target: "kubeconfig", namespace }),
            /has a problem:\n.*:namespace is "n{53}"; allowed: at most 52 characters with monitoring in-cluster/,
        );
        watchedBy("in-cluster", { target: "kubeconfig", namespace: "n".repeat(52) });
        watchedBy("arms", { ...ACK_BASE, namespace });
    });

    it("keeps webhook and password secret, and their values out of every message", async () => {
        const overrides = {
            target: "kubeconfig",
            alertWebhookUrl: "https://hooks.example.com/token-1",
            ...MAIL,
            smtpUsername: "sd",
            smtpPassword: "open sesame",
        };
        const { webhookUrl, email } = watchedBy("in-cluster", overrides).receivers;
        assert.ok(webhookUrl && email?.smtp.credentials);
        for (const [secret, value] of [
            [webhookUrl, "https://hooks.example.com/token-1"],
            [email.smtp.credentials.password, "open sesame"],
        ] as const) {
            assert.equal(await promiseOf(secret), value);
            assert.equal(
                await (secret as unknown as { isSecret: Promise<boolean> }).isSecret,
                true,
            );
        }
        assert.deepEqual(
            { ...email, smtp: { ...email.smtp, credentials: email.smtp.credentials.username } },
            {
                to: "sd@example.com",
                smtp: {
                    server: "mail.example.com:587",
                    from: "alerts@example.com",
                    credentials: "sd",
                },
            },
        );
        const message = problems({ ...overrides, alertWebhookUrl: "hooks.example.com/token-2" });
        assert.match(message, /:alertWebhookUrl; allowed: a URL that starts with https/);
        assert.doesNotMatch(message, /token-2|open sesame/);
    });

    for (const url of [
        "ftp://a.example/b",
        "https://",
        "https://a b",
        "example.com",
        "https:///x",
    ]) {
        it(`refuses the webhook ${url}`, () => {
            assert.match(
                problems({ target: "kubeconfig", alertWebhookUrl: url }),
                /has a problem:\n.*:alertWebhookUrl; allowed: a URL/,
            );
        });
    }

    it("takes no webhook for ARMS but that of a DingTalk robot", () => {
        const robot = "https://oapi.dingtalk.com/robot/send?access_token=1";
        assert.ok(watchedBy("arms", { ...ACK_BASE, alertWebhookUrl: robot }).receivers.webhookUrl);
        assert.match(
            problems({ ...ACK_BASE, alertWebhookUrl: "https://hooks.example.com/token-3" }),
            /has a problem:\n.*:alertWebhookUrl; allowed: the URL of a DingTalk robot/,
        );
    });

    it("needs a mail server for an e-mail in the cluster, and none for ARMS", () => {
        assert.match(
            problems({ target: "kubeconfig", ...MAIL, smtpServer: "" }),
            /has a problem:\n.*:smtpServer is ""; allowed: a value, since alertEmail is sent by a mail server of yours/,
        );
        assert.match(
            problems({ target: "kubeconfig", ...MAIL, smtpFrom: "" }),
            /has a problem:\n.*:smtpFrom is ""; allowed: a value, since alertEmail/,
        );
        const arms = watchedBy("arms", { ...ACK_BASE, alertEmail: "sd@example.com" });
        assert.equal(arms.receivers.email?.to, "sd@example.com");
    });

    it("refuses half of the mail server's credentials", () => {
        assert.match(
            problems({ target: "kubeconfig", smtpPassword: "open sesame" }),
            /has a problem:\n.*:smtpUsername is ""; allowed: a user together with smtpPassword, or neither$/,
        );
        assert.match(
            problems({ target: "kubeconfig", smtpUsername: "sd" }),
            /has a problem:\n.*:smtpUsername is "sd"; allowed: a user together with smtpPassword, or neither$/,
        );
    });
});
