import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { BAD_SERVICES, BAD_SERVICES_CONFIG } from "../../../policy/test/support/bad-services";
import { type Finding, findingsOf, mandatory } from "./findings";
import { servePermissiveApi } from "./permissive-api-server";
import { type PolicyEngine, startPolicyEngine } from "./policy-engine";

describe("pulumi policy analyze, with an exported state", () => {
    let policies: PolicyEngine;
    let api: Awaited<ReturnType<typeof servePermissiveApi>>;
    before(async () => {
        policies = await startPolicyEngine();
        api = await servePermissiveApi();
    });
    after(async () => {
        await api.close();
        await policies.remove();
    });

    /** What it says of a stack that was deployed without the pack. */
    async function analyzed(
        stack: string,
    ): Promise<{ readonly failed: boolean; readonly findings: readonly Finding[] }> {
        const { pulumi } = policies.engine;
        await policies.runInstead("services");
        await policies.configurePack(stack, BAD_SERVICES_CONFIG);
        await policies.stack(stack);
        const input = api.kubeconfig;
        await pulumi(["config", "set", "--secret", "kubeconfig"], { input });
        await pulumi(["up", "--yes", "--skip-preview"]);
        const file = join(policies.folder, `${stack}.json`);
        await pulumi(["stack", "export", "--file", file]);
        // The provider's kubeconfig is in it, and encrypted.
        assert.ok(!(await readFile(file, "utf8")).includes("current-context"));
        const pack = ["--policy-pack", "policy"];
        const config = ["--policy-pack-config", `policy/config/${stack}.json`];
        return findingsOf(
            pulumi(["policy", "analyze", "--json", "--file", file, ...pack, ...config]).then(
                ({ stdout }) => stdout,
            ),
        );
    }

    it("has nothing to say of a good one", async () => {
        assert.deepEqual(await analyzed("good-services"), { failed: false, findings: [] });
    });

    it("says of each bad Service which rules it breaks", async () => {
        const { failed, findings } = await analyzed("bad-services");
        assert.equal(failed, true);
        for (const { name, rules } of BAD_SERVICES) {
            const found = findings.filter(({ resource }) => resource === `generic/${name}`);
            assert.deepEqual(mandatory(found), rules, name);
        }
    });
});
