import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { StableDiffusion } from "../components/stable-diffusion";
import { readSettings } from "../config";
import { KNATIVE_SERVICE } from "../policy/knative-service";
import { leaves } from "./support/leaves";
import { only, promiseOf, recordResources } from "./support/mocks";
import { configure } from "./support/project";

const KPA = "spec.template.metadata.annotations.autoscaling.knative.dev";
const CONTAINER = "spec.template.spec.containers.0";

/** Every difference between the recipe's Service and ours under its settings, with the reason for it. */
const DIFFERENCES: Record<string, string> = {
    "metadata.namespace":
        "a namespace of its own, which destroy may delete; the recipe uses default",
    "metadata.labels.app.kubernetes.io/part-of":
        "marks our services, so that the configured domain is theirs alone",
    "metadata.annotations.pulumi.com/waitFor": "up ends when the Service is Ready, not before",
    [`${KPA}/maxScale`]: "legacy spelling of max-scale",
    [`${KPA}/max-scale`]: "the spelling that Knative prefers, with the recipe's value",
    [`${KPA}/targetUtilizationPercentage`]: "legacy spelling of target-utilization-percentage",
    [`${KPA}/target-utilization-percentage`]:
        "the spelling that Knative prefers, with the recipe's value",
    [`${KPA}/min-scale`]: "scale to zero is said, not left to the cluster's default",
    [`${KPA}/panic-window-percentage`]:
        "a surge is averaged over 2 s, not 6 s, so that its pods start sooner",
    [`${KPA}/scale-down-delay`]: "a pod is kept for the next request instead of a new cold start",
    [`${KPA}/target-burst-capacity`]:
        "one queue for all pods; without it requests wait behind a busy pod while another idles",
    "spec.template.metadata.annotations.serving.knative.dev/progress-deadline":
        "long enough for a GPU node to boot and a 10 GB image to be pulled",
    "spec.template.metadata.labels.alibabacloud.com/eci":
        "sends the pod to an elastic container instance whatever nodes there are; the recipe leaves that to the cluster",
    "spec.template.spec.timeoutSeconds": "said, since waiting and cold start count in it",
    [`${CONTAINER}.command.0`]:
        "a shell that ends the WebUI on SIGTERM, which python3 as PID 1 ignores",
    [`${CONTAINER}.command.1`]: "see command.0",
    [`${CONTAINER}.command.2`]: "see command.0: it starts python3 launch.py",
    [`${CONTAINER}.command.3`]: "see command.0: the name of the shell in its own messages",
    [`${CONTAINER}.args.1`]:
        "without --skip-torch-cuda-test a pod that has no GPU fails instead of drawing on the CPU",
    [`${CONTAINER}.args.2`]: "see args.1: --api moves up one place",
    [`${CONTAINER}.env.0.name`]: "credentials for the API and the page; the recipe has none",
    [`${CONTAINER}.env.0.valueFrom.secretKeyRef.name`]: "see env.0.name",
    [`${CONTAINER}.env.0.valueFrom.secretKeyRef.key`]: "see env.0.name",
    [`${CONTAINER}.readinessProbe.initialDelaySeconds`]:
        "only delays the first probe; Knative's activator probes at once anyway",
    [`${CONTAINER}.resources.requests.nvidia.com/gpu`]:
        "the recipe asks for no GPU, so its pod may run on a CPU node and still turn Ready",
    [`${CONTAINER}.resources.limits.nvidia.com/gpu`]: "see requests",
    [`${CONTAINER}.resources.requests.cpu`]: "a pod that is guaranteed what it needs",
    [`${CONTAINER}.resources.requests.memory`]: "see requests.cpu",
    [`${CONTAINER}.resources.limits.cpu`]: "see requests.cpu",
    [`${CONTAINER}.resources.limits.memory`]: "see requests.cpu",
    [`${CONTAINER}.securityContext.allowPrivilegeEscalation`]:
        "what runs in the container gains nothing that it did not start with",
    [`${CONTAINER}.securityContext.seccompProfile.type`]:
        "keeps system calls away that no container needs",
};

describe("the Service under the recipe's settings", () => {
    let recipe: Map<string, unknown>;
    let ours: Map<string, unknown>;

    before(async () => {
        const file = join(__dirname, "fixtures/recipe-service.yaml");
        recipe = leaves(parse(readFileSync(file, "utf8")));
        const seen = await recordResources();
        configure({}, "recipe");
        const service = new StableDiffusion("stable-diffusion", {
            ...readSettings(true),
            kubeconfig: pulumi.output("unused"),
        });
        await promiseOf(service.url);
        ours = leaves(only(seen, KNATIVE_SERVICE).inputs);
    });

    it("differs from the recipe's exactly where it is said why", () => {
        const paths = new Set([...recipe.keys(), ...ours.keys()]);
        const differing = [...paths].filter((path) => recipe.get(path) !== ours.get(path));
        assert.deepEqual(differing.sort(), Object.keys(DIFFERENCES).sort());
    });

    it("keeps the recipe's values under the spellings that Knative prefers", () => {
        for (const [kebab, camel] of [
            ["max-scale", "maxScale"],
            ["target-utilization-percentage", "targetUtilizationPercentage"],
        ] as const) {
            assert.equal(ours.get(`${KPA}/${kebab}`), recipe.get(`${KPA}/${camel}`));
        }
    });

    it("starts the recipe's command", () => {
        const command = ["command.0", "command.1"].map((path) =>
            recipe.get(`${CONTAINER}.${path}`),
        );
        assert.ok(String(ours.get(`${CONTAINER}.command.2`)).includes(command.join(" ")));
    });

    it("runs on the recipe's elastic container instances, in its order", () => {
        const path = "spec.template.metadata.annotations.k8s.aliyun.com/eci-use-specs";
        assert.ok(recipe.has(path));
        assert.equal(ours.get(path), recipe.get(path));
    });

    it("is documented with the same differences and reasons", () => {
        const page = readFileSync(join(__dirname, "../docs/parity.md"), "utf8").replace(
            / {2,}/g,
            " ",
        );
        for (const [path, reason] of Object.entries(DIFFERENCES)) {
            assert.ok(page.includes(`| \`${path}\` | ${reason} |`), path);
        }
        assert.equal(page.match(/^\| `/gm)?.length, Object.keys(DIFFERENCES).length);
    });
});
