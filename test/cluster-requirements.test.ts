import assert from "node:assert/strict";
import type { ClusterFacts } from "../components/cluster-facts";
import { type ClusterRequirements, unmetRequirements } from "../components/cluster-requirements";

const facts: ClusterFacts = {
    gpusPerNode: [0, 1],
    kubernetesMinor: 30,
    knativeConfig: {
        "config-features": { "kubernetes.podspec-tolerations": "Enabled" },
        "config-domain": { "example.com": "" },
        "config-autoscaler": {},
        "config-defaults": {},
    },
    namespaceLabels: undefined,
};

const needs: ClusterRequirements = {
    namespace: "sd",
    gpusPerPod: 1,
    gpuToleration: true,
    domain: "example.com",
    maxScale: 2,
    timeoutSeconds: 600,
    manageKnativeConfig: false,
};

/** The same cluster with other data in one ConfigMap. */
function withConfig(name: string, data: Record<string, string>): ClusterFacts {
    return { ...facts, knativeConfig: { ...facts.knativeConfig, [name]: data } };
}

function assertOnly(missing: readonly string[], pattern: RegExp): void {
    assert.equal(missing.length, 1, missing.join("\n"));
    assert.match(missing[0] ?? "", pattern);
}

describe("unmetRequirements", () => {
    it("finds nothing missing in a cluster that fits", () => {
        assert.deepEqual(unmetRequirements(facts, needs), []);
    });

    it("refuses a cluster without GPUs, and one without a node that has enough for a pod", () => {
        assertOnly(
            unmetRequirements({ ...facts, gpusPerNode: [0, 0] }, needs),
            /no node offers 1 nvidia\.com\/gpu \(2 schedulable nodes offer \[0,0\]\)/,
        );
        assertOnly(unmetRequirements({ ...facts, gpusPerNode: [] }, needs), /no node offers 1/);
        assertOnly(
            unmetRequirements({ ...facts, gpusPerNode: [1, 1] }, { ...needs, gpusPerPod: 2 }),
            /no node offers 2/,
        );
    });

    it("refuses a namespace that is somebody else's, and takes its own again", () => {
        assertOnly(
            unmetRequirements({ ...facts, namespaceLabels: { team: "a" } }, needs),
            /namespace sd exists and is not this program's/,
        );
        const ours = { "app.kubernetes.io/part-of": "stable-diffusion-knative", extra: "x" };
        assert.deepEqual(unmetRequirements({ ...facts, namespaceLabels: ours }, needs), []);
    });

    it("refuses a cluster without Knative, even one whose configuration it would manage", () => {
        const bare = { ...facts, knativeConfig: undefined };
        assertOnly(unmetRequirements(bare, needs), /Knative Serving is not installed/);
        assertOnly(
            unmetRequirements(bare, { ...needs, manageKnativeConfig: true }),
            /Knative Serving is not installed/,
        );
    });

    it("refuses a Kubernetes without admission policies, where it would make one", () => {
        const old = { ...facts, kubernetesMinor: 29 };
        assert.deepEqual(unmetRequirements(old, needs), []);
        const managing = { ...needs, manageKnativeConfig: true };
        assert.deepEqual(unmetRequirements(facts, managing), []);
        assertOnly(
            unmetRequirements(old, managing),
            /ValidatingAdmissionPolicy, which Kubernetes has since 1\.30, and this is 1\.29; .* manageKnativeConfig false/,
        );
    });

    for (const [title, lacking, lackingNeeds, setting] of [
        [
            "the tolerations feature",
            withConfig("config-features", {}),
            needs,
            /config-features .*"kubernetes\.podspec-tolerations":"enabled"/,
        ],
        [
            "the tolerations feature, when it is switched off",
            withConfig("config-features", { "kubernetes.podspec-tolerations": "disabled" }),
            needs,
            /podspec-tolerations/,
        ],
        [
            "the domain",
            withConfig("config-domain", { "other.com": "" }),
            needs,
            /config-domain .*"example\.com":""/,
        ],
        [
            "room below max-scale-limit",
            withConfig("config-autoscaler", { "max-scale-limit": "1" }),
            needs,
            /maxScale is 2, .* max-scale-limit 1; .*"max-scale-limit":"2"/,
        ],
        [
            "a longer timeout",
            facts,
            { ...needs, timeoutSeconds: 601 },
            /timeoutSeconds is 601, .* max-revision-timeout-seconds 600; .*"601"/,
        ],
    ] as const) {
        it(`says how to set ${title}, unless the program manages Knative's configuration`, () => {
            const missing = unmetRequirements(lacking, lackingNeeds);
            assertOnly(missing, setting);
            assert.match(
                missing[0] ?? "",
                /kubectl -n knative-serving patch configmap .* manageKnativeConfig true/,
            );
            assert.deepEqual(
                unmetRequirements(lacking, { ...lackingNeeds, manageKnativeConfig: true }),
                [],
            );
        });
    }

    it("needs no tolerations feature without a toleration", () => {
        assert.deepEqual(
            unmetRequirements(withConfig("config-features", {}), {
                ...needs,
                gpuToleration: false,
            }),
            [],
        );
    });

    it("takes max-scale-limit 0 as no limit, and a limit that is just enough", () => {
        for (const limit of ["0", "2"]) {
            assert.deepEqual(
                unmetRequirements(
                    withConfig("config-autoscaler", { "max-scale-limit": limit }),
                    needs,
                ),
                [],
            );
        }
    });

    it("names everything that is missing at once", () => {
        const missing = unmetRequirements(
            { ...facts, gpusPerNode: [], knativeConfig: undefined, namespaceLabels: {} },
            needs,
        );
        assert.equal(missing.length, 3);
    });
});
