import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { configProblems } from "../config-problems";
import { policies } from "../policies";

const FOLDER = join(__dirname, "../config");

describe("the configuration of the pack", () => {
    const files = readdirSync(FOLDER);

    it("is there for each environment", () => {
        assert.deepEqual(files.sort(), [
            "dev.json",
            "experiments.json",
            "prod.json",
            "recipe.json",
        ]);
    });

    for (const file of files) {
        it(`${file} has no problem`, () => {
            const config: unknown = JSON.parse(readFileSync(join(FOLDER, file), "utf8"));
            assert.deepEqual(configProblems(config), []);
        });
    }

    for (const [title, config, problems] of [
        ["nothing", {}, []],
        ["a level", { "knative-max-scale": "advisory" }, []],
        ["a level for all", { all: "disabled" }, []],
        [
            "a level beside a parameter",
            { "knative-max-scale": { max: 3, enforcementLevel: "advisory" } },
            [],
        ],
        [
            "the remediation of a rule that has one",
            { "knative-annotation-spelling": "remediate" },
            [],
        ],
        ["a list", [], ["the configuration is []; allowed: an object of rules"]],
        ["null", null, ["the configuration is null; allowed: an object of rules"]],
        ["a text", "dev", ['the configuration is "dev"; allowed: an object of rules']],
        [
            "a rule that there is not",
            { "knative-max-scal": { max: 3 } },
            [
                `knative-max-scal is {"max":3}; allowed: all, ${policies.map(({ name }) => name).join(", ")}`,
            ],
        ],
        [
            "a parameter that the rule does not have",
            { "knative-max-scale": { maximum: 3 } },
            ["knative-max-scale.maximum is 3; allowed: max, enforcementLevel"],
        ],
        ["a parameter for all", { all: { max: 3 } }, ["all.max is 3; allowed: enforcementLevel"]],
        [
            "a level that there is not",
            { "knative-max-scale": "warn" },
            [
                'knative-max-scale.enforcementLevel is "warn"; allowed: advisory, mandatory, disabled',
            ],
        ],
        [
            "the remediation of a rule that has none",
            { "knative-gpu-limit": { enforcementLevel: "remediate" } },
            [
                'knative-gpu-limit.enforcementLevel is "remediate"; allowed: advisory, mandatory, disabled',
            ],
        ],
        [
            "a level for all that there is not",
            { all: "warn" },
            ['all.enforcementLevel is "warn"; allowed: advisory, mandatory, remediate, disabled'],
        ],
        [
            "a value out of bounds",
            { "knative-max-scale": { max: 0 }, "knative-timeout": { maxSeconds: 1.5 } },
            [
                "knative-max-scale.max is 0; allowed: a value that is >= 1",
                "knative-timeout.maxSeconds is 1.5; allowed: a value that is integer",
            ],
        ],
        [
            "several values of a rule, each by itself",
            { "knative-stable-window": { minSeconds: 5, maxSeconds: 3601 } },
            [
                "knative-stable-window.minSeconds is 5; allowed: a value that is >= 6",
                "knative-stable-window.maxSeconds is 3601; allowed: a value that is <= 3600",
            ],
        ],
        [
            "a text in place of a number",
            { "knative-max-scale": { max: "3" } },
            ['knative-max-scale.max is "3"; allowed: a value that is integer'],
        ],
        [
            "a value in a list",
            { "alicloud-security-group": { ports: [22, 70000] } },
            ["alicloud-security-group.ports.1 is 70000; allowed: a value that is <= 65535"],
        ],
        [
            "a value in a map",
            { "knative-gpu-capacity": { gpusOfInstanceTypes: { "ecs.x": "one" } } },
            [
                'knative-gpu-capacity.gpusOfInstanceTypes.ecs.x is "one"; allowed: a value that is integer',
            ],
        ],
        [
            "a number in place of a rule's configuration",
            { "knative-max-scale": 3 },
            ["knative-max-scale is 3; allowed: a value that is object"],
        ],
    ] as const) {
        it(`${problems.length === 0 ? "accepts" : "refuses"} ${title}`, () => {
            assert.deepEqual(configProblems(config), problems);
        });
    }

    /** For each parameter that is a list: an element that is allowed, and some that are not. */
    const LISTS: Readonly<Record<string, readonly [good: unknown, ...bad: unknown[]]>> = {
        "alicloud-required-tags.keys": ["team", "", 1],
        "alicloud-security-group.ports": [80, 0, 65_536, 1.5, "80"],
        "knative-authentication.flags": ["--key", "key", 1],
        "knative-authentication.gatewayAnnotations": ["a/b", "", 1],
        "knative-authentication.variables": ["KEY", "", 1],
        "knative-autoscaler-class.classes": ["hpa.autoscaling.knative.dev", "kpa", 1],
        "knative-elastic-instances.families": ["gn7i", "GN7I", 1],
        "knative-gpu-limit.withoutGpu": ["a/b", "a", "a/b/c", 1],
        "knative-image-registry.registries": ["a.example.com", "", 1],
        "knative-namespace.reserved": ["a-*", "A", "*a", 1],
        "knative-pod-security.capabilities": ["KILL", "kill", 1],
        "knative-readiness-probe.guardedPaths": ["/a", "a", 1],
        "knative-required-labels.keys": ["team", "", 1],
        "knative-signal-handling.inits": ["a", "", 1],
    };

    it("has lists whose elements are judged, all of which are here", () => {
        const lists = policies.flatMap(({ name, configSchema }) =>
            Object.entries(configSchema?.properties ?? {})
                .filter(([, { type }]) => type === "array")
                .map(([key]) => `${name}.${key}`),
        );
        assert.deepEqual(lists.sort(), Object.keys(LISTS));
    });

    for (const [path, [good, ...bad]] of Object.entries(LISTS)) {
        const [rule = "", parameter = ""] = path.split(".");
        const problems = (elements: unknown[]): string[] =>
            configProblems({ [rule]: { [parameter]: elements } });

        it(`takes elements of ${path} that are allowed, each once`, () => {
            assert.deepEqual(problems([good]), []);
            assert.equal(problems([good, good]).length, 1);
            for (const element of bad) {
                assert.notEqual(problems([element]).length, 0, JSON.stringify(element));
            }
        });
    }

    it("refuses an empty list where one is wanted", () => {
        for (const [rule, parameter] of [
            ["knative-autoscaler-class", "classes"],
            ["knative-elastic-instances", "families"],
        ] as const) {
            assert.equal(configProblems({ [rule]: { [parameter]: [] } }).length, 1);
        }
    });
});
