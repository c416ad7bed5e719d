import assert from "node:assert/strict";
import { KNATIVE_SERVICE } from "../knative-service";
import { policies } from "../policies";
import { BAD_SERVICES, BAD_SERVICES_CONFIG } from "./support/bad-services";
import { serviceWith } from "./support/candidates";
import { type Candidate, stackVerdict, verdict } from "./support/verdict";

const MANDATORY = policies.filter(({ enforcementLevel }) => enforcementLevel === "mandatory");

/** Mandatory rules that are not about one Service. */
const ABOUT_OTHERS = [
    "alicloud-deletion-protection",
    "alicloud-node-pool",
    "knative-gpu-capacity",
    "knative-monthly-cost",
    "kubernetes-load-balancer-sources",
];

type Config = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** The mandatory rules that complain of a Service. */
async function brokenBy(service: Candidate): Promise<string[]> {
    const broken: string[] = [];
    for (const policy of MANDATORY) {
        const config = (BAD_SERVICES_CONFIG as Config)[policy.name];
        const found =
            "validateStack" in policy
                ? await stackVerdict(policy, [service], config)
                : await verdict(policy, service, config);
        if (found !== "not applicable" && found.length > 0) {
            broken.push(policy.name);
        }
    }
    return broken.sort();
}

describe("the bad Services", () => {
    for (const { name, object, rules } of BAD_SERVICES) {
        it(`${name}: ${rules.join(", ")}`, async () => {
            assert.deepEqual(await brokenBy({ type: KNATIVE_SERVICE, props: object }), rules);
        });
    }

    it("are made of a good one", async () => {
        assert.deepEqual(await brokenBy(serviceWith()), []);
    });

    it("break each mandatory rule about one Service", () => {
        const broken = new Set(BAD_SERVICES.flatMap(({ rules }) => rules));
        assert.deepEqual(
            MANDATORY.map(({ name }) => name)
                .filter((name) => !broken.has(name))
                .sort(),
            ABOUT_OTHERS,
        );
    });

    it("have names that can stand beside each other in a cluster", () => {
        for (const { name, object } of BAD_SERVICES) {
            assert.match(name, /^[a-z][a-z0-9-]{0,50}[a-z0-9]$/);
            assert.equal((object["metadata"] as { name: string }).name, name);
        }
        assert.equal(new Set(BAD_SERVICES.map(({ name }) => name)).size, BAD_SERVICES.length);
    });
});
