import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import runProgram from "../index";
import { resourcePolicies, stackPolicies } from "../policy/policies";
import { type Candidate, stackVerdict, verdict } from "../policy/test/support/verdict";
import { cluster, gateway, installed, serveApi } from "./support/api-server";
import {
    GET_CREDENTIAL,
    GET_NAT_ZONES,
    GET_ZONES,
    promiseOf,
    recordResources,
    type Registered,
} from "./support/mocks";
import { configure, PROJECT } from "./support/project";

/** What the program deploys, the environment whose policies it obeys, and the domain. */
const STACKS = {
    "the stack dev": { stack: "dev", environment: "dev", domain: "dev.example.com" },
    "the stack prod": { stack: "prod", environment: "prod", domain: "sd.example.com" },
    "the stack recipe": { stack: "recipe", environment: "recipe", domain: "example.com" },
    "the stack rehearsal": { stack: "rehearsal", environment: "dev", domain: "rehearsal.test" },
    "a cluster that exists": { stack: undefined, environment: "dev", domain: "example.com" },
} as const;

/** What an environment only advises, and a stack does not follow: each is a decision, not an oversight. */
const ADVICE_NOT_TAKEN: Readonly<Record<string, string>> = {
    "alicloud-encryption":
        "disks and Secrets are encrypted by keys that the account has to have first",
    "alicloud-gpu-taint":
        "Knative refuses tolerations unless its flag is set (docs/decisions/0009)",
    "alicloud-required-tags": "whose it is, its owner says",
    "knative-cookie-affinity-queue": "the recipe's setting",
    "knative-non-root": "the WebUI's image has no other user",
    "knative-readiness-http": "the recipe's image may be too old for /internal/ping",
    "knative-required-labels": "whose it is, its owner says",
    "knative-target-utilization": "the recipe's setting, and a fifth cheaper (docs/performance.md)",
    "knative-tls": "TLS is not set up yet",
};

type Config = Readonly<Record<string, string | Readonly<Record<string, unknown>>>>;

/** The advice of {@link ADVICE_NOT_TAKEN} that some stack was given. */
const given = new Set<string>();

for (const [title, { stack, environment, domain }] of Object.entries(STACKS)) {
    describe(`${title} under the policies of ${environment}`, () => {
        const file = join(__dirname, `../policy/config/${environment}.json`);
        const config = JSON.parse(readFileSync(file, "utf8")) as Config;
        let candidates: Candidate[];

        before(async () => {
            candidates = (await register(stack, domain)).map(({ type, name, inputs, protect }) => ({
                type,
                name,
                props: inputs,
                protect,
            }));
        });

        for (const policy of [...resourcePolicies, ...stackPolicies]) {
            const { name } = policy;
            const { level = policy.enforcementLevel, parameters } = settingsOf(config[name]);
            if (level === "disabled") {
                continue;
            }
            it(`keeps ${name}`, async () => {
                const found: string[] = [];
                if ("validateStack" in policy) {
                    found.push(...(await stackVerdict(policy, candidates, parameters)));
                } else {
                    for (const candidate of candidates) {
                        const said = await verdict(policy, candidate, parameters);
                        found.push(...(said === "not applicable" ? [] : said));
                    }
                }
                if (level === "advisory" && name in ADVICE_NOT_TAKEN) {
                    if (found.length > 0) {
                        given.add(name);
                    }
                } else {
                    assert.deepEqual(found, []);
                }
            });
        }

        it("has something to judge", () => {
            for (const type of [
                "kubernetes:serving.knative.dev/v1:Service",
                ...(stack === undefined
                    ? []
                    : [
                          "alicloud:cs/managedKubernetes:ManagedKubernetes",
                          "alicloud:cs/nodePool:NodePool",
                      ]),
            ]) {
                assert.ok(candidates.some((each) => each.type === type));
            }
        });
    });
}

describe("the advice that is not taken", () => {
    it("is all given to some stack", () => {
        assert.deepEqual([...given].sort(), Object.keys(ADVICE_NOT_TAKEN).sort());
    });
});

function settingsOf(rule: Config[string] | undefined): {
    readonly level?: unknown;
    readonly parameters: Readonly<Record<string, unknown>>;
} {
    if (typeof rule === "string") {
        return { level: rule, parameters: {} };
    }
    const { enforcementLevel, ...parameters } = rule ?? {};
    return { level: enforcementLevel, parameters };
}

async function register(stack: string | undefined, domain: string): Promise<Registered[]> {
    const api = await serveApi({ ...cluster({ gpus: [10] }), ...gateway(), ...installed() });
    try {
        const seen = await recordResources({
            domain,
            calls: {
                [GET_CREDENTIAL]: () => ({ kubeConfig: api.kubeconfig }),
                [GET_ZONES]: () => ({ ids: zones(), zones: zones().map((id) => ({ id })) }),
                [GET_NAT_ZONES]: () => ({ zones: zones().map((zoneId) => ({ zoneId })) }),
            },
        });
        configure(
            stack === undefined
                ? { target: "kubeconfig", kubeconfig: api.kubeconfig, manageKnativeConfig: true }
                : {},
            stack,
        );
        const program = await runProgram();
        await promiseOf(program.endpoint);
        return seen;
    } finally {
        await api.close();
    }
}

/** The zones that the stack is configured for; the cloud sells everything there. */
function zones(): string[] {
    return JSON.parse(pulumi.runtime.allConfig()[`${PROJECT}:zones`] ?? "[]") as string[];
}
