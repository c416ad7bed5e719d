import { CoreV1Api, CustomObjectsApi, KubeConfig } from "@kubernetes/client-node";
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, it } from "mocha";
import { KUBECONFIG } from "../../cluster/certificates";
import { until } from "../../cluster/until";
import { draw, randomSubject } from "../../drawing";
import {
    gpuNodeTaints,
    nothingTwice,
    type RehearsalStack,
    startRehearsalStack,
} from "./rehearsal-stack";

const UP = ["up", "--yes", "--skip-preview", "--parallel", "1"];

describe("an up that is killed between two resources", () => {
    let stack: RehearsalStack;

    before(async () => {
        stack = await startRehearsalStack();
        // Its two dozen objects are made as the others are, and each is an up.
        await stack.deployment.set("monitoring", "none");
        // The program's default, which needs no feature flag of Knative.
        await stack.deployment.set("gpuToleration", "false");
    });
    after(() => stack.remove());

    it("goes on after each of them, and makes none twice", async () => {
        const { steps } = JSON.parse(await stack.deployment.preview("--json")) as {
            steps: { op: string; urn: string; newState?: { custom?: boolean } }[];
        };
        // Providers and components are the engine's own, and nothing is made for them.
        const names = steps
            .filter(({ op, newState }) => op === "create" && newState?.custom === true)
            .map(({ urn }) => urn.split("::"))
            .filter(([, , type = ""]) => !type.includes("pulumi:providers:"))
            .map((parts) => parts.at(-1) ?? "");
        assert.ok(names.length >= 25, names.join(", "));

        const left = new Set(names);
        while (left.size > 0) {
            // Which comes next is the engine's choice: all that are left are held.
            const held = await stack.hold([...left]);
            const up = stack.engine.pulumi(UP).then(
                () => "completely",
                (error: unknown) => `with ${(error as Error).message}`,
            );
            const name = await Promise.race([
                until("a creation to begin", 240, () => Promise.resolve(held())),
                up.then((ended) => {
                    throw new Error(`up ended without ${[...left].join(", ")}, ${ended}`);
                }),
            ]);
            await stack.crash();
            await up;
            assert.ok(left.delete(name), name);
        }
        await stack.hold([]);
        await stack.engine.pulumi(UP);
    });

    it("is complete, with one of each in the cloud and in the cluster", async () => {
        await nothingTwice(stack);
        assert.ok(existsSync(KUBECONFIG.admin));
        const config = new KubeConfig();
        config.loadFromFile(KUBECONFIG.admin);
        const namespace = "stable-diffusion";
        const core = config.makeApiClient(CoreV1Api);
        const secrets = await core.listNamespacedSecret({ namespace });
        assert.equal(
            secrets.items.filter(({ type }) => type === "Opaque").length,
            1,
            secrets.items.map(({ metadata }) => metadata?.name).join(", "),
        );
        const services = (await config.makeApiClient(CustomObjectsApi).listNamespacedCustomObject({
            group: "serving.knative.dev",
            version: "v1",
            namespace,
            plural: "services",
        })) as { items: unknown[] };
        assert.equal(services.items.length, 1);
        await draw(await stack.deployment.service(), randomSubject());
        assert.deepEqual(await gpuNodeTaints(config), ["PreferNoSchedule"]);
    });

    it("shows no changes afterwards, and goes as a whole", async () => {
        await stack.deployment.up("--expect-no-changes");
        await stack.deployment.destroy();
        const { resources, implicit, nodes } = await stack.cloud.inventory();
        assert.deepEqual([resources, implicit, nodes], [[], [], []]);
    });
});
