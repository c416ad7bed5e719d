import {
    AdmissionregistrationV1Api,
    CoreV1Api,
    CustomObjectsApi,
    KubeConfig,
    PatchStrategy,
    setHeaderOptions,
} from "@kubernetes/client-node";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EXEMPT } from "../../../components/knative-admission";
import { BAD_SERVICES } from "../../../policy/test/support/bad-services";
import { serviceWith } from "../../../policy/test/support/candidates";
import { bootCluster, type Cluster } from "../../cluster/cluster";
import { until } from "../../cluster/until";
import { Deployment } from "../../deployment";
import { checkGuarded, draw, randomSubject } from "../../drawing";
import { type Engine, prepareEngine } from "../../engine/engine";
import { searchCommandLines, searchFiles } from "../../leak-search";
import { CLUSTER_STATE, REPOSITORY, WORK } from "../../paths";
import { CLUSTER_MESSAGES, clusterMessages } from "../policy/bad-services-page";

const NAME = "stable-diffusion";
const SERVICE = {
    group: "serving.knative.dev",
    version: "v1",
    namespace: NAME,
    plural: "services",
    name: NAME,
};
const MAX_SCALE = "autoscaling.knative.dev/max-scale";
/** What costs money or is not what was tried: Knative's limits and the admission policy are for these. */
const REFUSED_IN_CLUSTER = [
    "concurrency-zero",
    "concurrency-too-high",
    "max-scale-zero",
    "max-scale-too-high",
    "max-scale-too-high-in-legacy-spelling",
    "max-scale-in-two-spellings",
    "image-by-tag",
    "image-without-tag",
    "gpu-unset",
    "gpu-zero",
    "gpu-too-many",
    "bare",
];

const MERGE_PATCH = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);

interface KnativeService {
    metadata: { uid: string };
    spec: { template: { metadata: { annotations: Record<string, string> } } };
    status: { url: string; latestReadyRevisionName: string };
}

/** A step of a preview, as `pulumi preview --json` prints it. */
interface Step {
    readonly op: string;
    readonly urn: string;
    readonly detailedDiff?: Record<string, { kind: string }> | null;
}

describe("the program on a real Knative", () => {
    let folder: string;
    let cluster: Cluster;
    let engine: Engine;
    let deployment: Deployment;
    let core: CoreV1Api;
    let objects: CustomObjectsApi;
    let admission: AdmissionregistrationV1Api;

    before(async () => {
        await mkdir(WORK, { recursive: true });
        folder = await mkdtemp(join(WORK, "test-"));
        cluster = await bootCluster();
        const config = new KubeConfig();
        config.loadFromFile(cluster.kubeconfig);
        core = config.makeApiClient(CoreV1Api);
        objects = config.makeApiClient(CustomObjectsApi);
        admission = config.makeApiClient(AdmissionregistrationV1Api);
        // The compiler has checked the types already; each of the commands below would do so again.
        const environment = { PULUMI_NODEJS_TRANSPILE_ONLY: "true" };
        engine = await prepareEngine({ folder, environment });
        deployment = new Deployment(engine, { show: false });
        await deployment.configure({
            kubeconfig: cluster.kubeconfig,
            images: cluster.configuredImages,
        });
    });

    after(() => rm(folder, { recursive: true, force: true }));

    const theirs = { ...SERVICE, namespace: "theirs", name: "theirs" };
    const exempt = { [EXEMPT.key]: EXEMPT.value };

    /** Without the GPU that the program's admission policy demands. */
    const bad = (label: string, timeoutSeconds: number) => ({
        apiVersion: "serving.knative.dev/v1",
        kind: "Service",
        metadata: { name: theirs.name, labels: { label } },
        spec: {
            template: {
                spec: { timeoutSeconds, containers: [{ image: cluster.configuredImages.image }] },
            },
        },
    });
    const patch = (body: object): Promise<unknown> =>
        objects.patchNamespacedCustomObject({ ...theirs, body }, MERGE_PATCH);

    it("refuses a configuration with all its problems, before anything is made", async () => {
        await deployment.set("maxScale", "99");
        await deployment.set("domain", "nowhere");
        await assert.rejects(deployment.up(), (error: Error) => {
            assert.match(error.message, /has 2 problems/);
            assert.match(error.message, /maxScale is "99"; allowed: a whole number from 1 to 10/);
            assert.match(error.message, /domain is "nowhere"; allowed: a DNS name/);
            return true;
        });
        assert.deepEqual(await deployment.resources(), []);
        await deployment.set("maxScale", "2");
        await deployment.set("domain", "rehearsal.test");
    });

    it("refuses a cluster that does not answer", async () => {
        const contents = await readFile(cluster.kubeconfig, "utf8");
        const unreachable = join(folder, "unreachable");
        await writeFile(unreachable, contents.replace(/server: .*/, "server: https://127.0.0.1:1"));
        await deployment.configure({ kubeconfig: unreachable, images: cluster.configuredImages });
        await assert.rejects(
            deployment.up(),
            /cluster of the kubeconfig \(https:\/\/127\.0\.0\.1:1\) does not answer/,
        );
        await deployment.configure({
            kubeconfig: cluster.kubeconfig,
            images: cluster.configuredImages,
        });
    });

    it("refuses a cluster without GPUs", async () => {
        await offerGpus("0");
        try {
            await assert.rejects(deployment.up(), /no node offers 1 nvidia\.com\/gpu/);
        } finally {
            await offerGpus("10");
        }
        assert.ok(!(await namespaces()).includes(NAME));
    });

    it("comes up, exports what is documented, and Knative confirms the URL", async () => {
        await deployment.up();
        const outputs = await deployment.outputs();
        const page = await readFile(join(REPOSITORY, "docs/outputs.md"), "utf8");
        const documented = [...page.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name);
        // An output that is undefined is none to the engine.
        const ofAck = ["clusterId", "vpcId", "vswitchIds"];
        const ofGrafana = ["grafanaUrl", "grafanaUsername", "grafanaPassword"];
        assert.deepEqual(
            [...Object.keys(outputs), ...ofAck, ...ofGrafana].sort(),
            documented.sort(),
        );
        assert.equal((await knativeService()).status.url, outputs["endpoint"]);
        assert.equal(outputs["endpoint"], `http://${String(outputs["host"])}`);
        assert.equal(outputs["gatewayAddress"], cluster.gatewayAddress);
    });

    it("draws what it is asked for, and only for those who may", async () => {
        const service = await deployment.service();
        await draw(service, randomSubject());
        assert.equal((await checkGuarded(service)).length, 8);
    });

    it("shows no changes afterwards, compared with the cluster", async () => {
        await deployment.preview("--refresh", "--expect-no-changes");
    });

    it("has the API server refuse a bad Service whoever creates it, and say what to write instead", async () => {
        await core.createNamespace({ body: { metadata: { name: theirs.namespace } } });
        await assert.rejects(
            objects.createNamespacedCustomObject({ ...theirs, body: bad("one", 60) }),
            (error: { code: number; body: string }) => {
                assert.equal(error.code, 422);
                assert.match(
                    error.body,
                    /ValidatingAdmissionPolicy 'stable-diffusion-knative-stable-diffusion'.*set resources\.limits/,
                );
                return true;
            },
        );
    });

    it("has it say of each bad Service what is documented", async () => {
        await core.createNamespace({ body: { metadata: { name: "sd" } } });
        const verdicts: Record<string, string | null> = {};
        for (const { name, object } of BAD_SERVICES) {
            const { namespace = "" } = object["metadata"] as { namespace?: string };
            verdicts[name] = await refusal(namespace, object);
        }
        assert.equal(await refusal("sd", serviceWith().props), null);
        await core.deleteNamespace({ name: "sd" });
        if (process.env["UPDATE_DOCS"] === "1") {
            await writeFile(CLUSTER_MESSAGES, `${JSON.stringify(verdicts, null, 2)}\n`);
        }
        assert.deepEqual(verdicts, clusterMessages());
        for (const name of REFUSED_IN_CLUSTER) {
            assert.match(verdicts[name] ?? "admitted", /denied|forbidden/, name);
        }
    });

    it("has it leave the Services of a namespace alone that is exempted by label", async () => {
        await core.patchNamespace(
            { name: theirs.namespace, body: { metadata: { labels: exempt } } },
            MERGE_PATCH,
        );
        await until("the exemption", 20, async () => {
            await objects.createNamespacedCustomObject({ ...theirs, body: bad("one", 60) });
            return true;
        });
        await patch(bad("one", 90));
    });

    it("has it judge an update only where it changes the spec", async () => {
        await core.patchNamespace(
            {
                name: theirs.namespace,
                body: { metadata: { labels: { [EXEMPT.key]: null } } },
            },
            MERGE_PATCH,
        );
        let timeoutSeconds = 90;
        await until("the end of the exemption", 20, async () => {
            timeoutSeconds += 1;
            await assert.rejects(patch(bad("one", timeoutSeconds)), { code: 422 });
            return true;
        });
        await patch({ metadata: { labels: { label: "two" } } });
    });

    it("has it let what is bad be deleted, finalizers included", async () => {
        await objects.deleteNamespacedCustomObject({
            ...theirs,
            propagationPolicy: "Foreground",
        });
        await until("the deletion", 60, async () => {
            await assert.rejects(objects.getNamespacedCustomObject(theirs), { code: 404 });
            return true;
        });
        await core.deleteNamespace({ name: theirs.namespace });
    });

    it("leaks no secret into state, history, backups, logs and command lines", async () => {
        const searched = await deployment.searchForLeaks([join(CLUSTER_STATE, "log")]);
        assert.ok(searched >= 10, String(searched));
    });

    it("hides the credentials that the WebUI prints when it starts", async () => {
        const labelSelector = `serving.knative.dev/service=${NAME}`;
        const { items } = await core.listNamespacedPod({ namespace: NAME, labelSelector });
        const pod = items[0]?.metadata?.name ?? "";
        const log = await core.readNamespacedPodLog({
            name: pod,
            namespace: NAME,
            container: NAME,
        });
        assert.match(
            log,
            /^Launching Web UI with arguments: --listen --api \(credentials hidden\)$/m,
        );
    });

    it("would have found a leak: a planted one is", async () => {
        const { credentials } = await deployment.service();
        const password = credentials.slice(credentials.indexOf(":") + 1);
        const planted = join(engine.stateFolder, ".pulumi", "planted.json.bak");
        await writeFile(planted, Buffer.from(`x${password}`).toString("base64"));
        await assert.rejects(deployment.searchForLeaks([]), /planted\.json\.bak/);
        await rm(planted);
        const control = `control-${Math.random().toString(36).slice(2)}`;
        const child = spawn(process.execPath, [
            "-e",
            "console.log(1);process.stdin.resume()",
            control,
        ]);
        try {
            await once(child.stdout, "data");
            assert.equal((await searchCommandLines([control])).length, 1);
        } finally {
            child.kill();
        }
        assert.deepEqual(await searchFiles(engine.stateFolder, [control]), []);
    });

    it("shows a hand edit of max-scale in the cluster as exactly that", async () => {
        const template = { metadata: { annotations: { [MAX_SCALE]: "7" } } };
        await objects.patchNamespacedCustomObject(
            { ...SERVICE, body: { spec: { template } }, fieldManager: "kubectl-edit" },
            MERGE_PATCH,
        );
        const changes = await changedSteps("--refresh");
        assert.deepEqual(
            changes.map(({ op, urn }) => [op, urn.split("::").at(-1)]),
            [["update", "stable-diffusion-service"]],
        );
        assert.deepEqual(Object.keys(changes[0]?.detailedDiff ?? {}), [
            `spec.template.metadata.annotations["${MAX_SCALE}"]`,
        ]);
        await deployment.up("--refresh");
        assert.equal((await knativeService()).spec.template.metadata.annotations[MAX_SCALE], "2");
    });

    it("takes maxScale 2 to 1 as an update of the service in place, and of what watches it", async () => {
        const before = await knativeService();
        await deployment.set("maxScale", "1");
        const changes = await changedSteps();
        assert.deepEqual(changes.map(({ op, urn }) => [op, urn.split("::").at(-1)]).sort(), [
            // Alerts say how many pods there may be.
            ["replace", "monitoring-prometheus-config"],
            ["update", "monitoring-prometheus"],
            ["update", "stable-diffusion-service"],
        ]);
        await deployment.up();
        const after = await knativeService();
        assert.equal(after.metadata.uid, before.metadata.uid);
        assert.equal(after.spec.template.metadata.annotations[MAX_SCALE], "1");
        assert.notEqual(
            after.status.latestReadyRevisionName,
            before.status.latestReadyRevisionName,
        );
    });

    it("is held to the bound in the pack's configuration for its environment", async () => {
        await deployment.set("maxScale", "3");
        await assert.rejects(
            deployment.preview(),
            /knative-max-scale[\s\S]*max-scale is "3"; set .* to a string from "1" to "2"/,
        );
        await deployment.set("maxScale", "1");
    });

    it("turns Ready with a TCP probe too", async () => {
        await deployment.set("readiness", "tcp");
        await deployment.up();
        await draw(await deployment.service(), randomSubject());
    });

    it("says why a revision does not start: a probe that gets 404", async () => {
        await deployment.set("readiness", "/no/such/path");
        await deployment.set("progressDeadlineSeconds", "10");
        await assert.rejects(
            deployment.up(),
            /revision stable-diffusion-0000\d did not become ready:[\s\S]*Ready is (False|Unknown)/,
        );
        await deployment.set("readiness", "/internal/ping");
        await deployment.set("progressDeadlineSeconds", "120");
        await deployment.up();
    });

    it("gives a new password to a new revision, and the old one no longer opens", async () => {
        const before = await deployment.service();
        const urn = (await deployment.resources()).find((each) =>
            each.endsWith("::stable-diffusion-password"),
        );
        await deployment.up("--replace", urn ?? "");
        const after = await deployment.service();
        assert.notEqual(after.credentials, before.credentials);
        await draw(after, randomSubject());
        await assert.rejects(draw(before, randomSubject()), /txt2img answered 401/);
    });

    it("leaves nothing in the cluster after destroy", async () => {
        await deployment.destroy();
        assert.ok(!(await namespaces()).includes(NAME));
        const autoscaler = await core.readNamespacedConfigMap({
            name: "config-autoscaler",
            namespace: "knative-serving",
        });
        assert.ok(!("max-scale-limit" in (autoscaler.data ?? {})));
        assert.deepEqual((await admission.listValidatingAdmissionPolicy()).items, []);
        assert.deepEqual((await admission.listValidatingAdmissionPolicyBinding()).items, []);
    });

    /** Why the API server would not create it; null if it would. */
    async function refusal(namespace: string, body: object): Promise<string | null> {
        try {
            const where = { ...SERVICE, namespace, dryRun: "All" };
            await objects.createNamespacedCustomObject({ ...where, body });
            return null;
        } catch (error) {
            const { message } = JSON.parse((error as { body: string }).body) as { message: string };
            return message;
        }
    }

    async function knativeService(): Promise<KnativeService> {
        const found: unknown = await objects.getNamespacedCustomObject(SERVICE);
        return found as KnativeService;
    }

    async function namespaces(): Promise<(string | undefined)[]> {
        return (await core.listNamespace()).items.map(({ metadata }) => metadata?.name);
    }

    async function offerGpus(count: string): Promise<void> {
        const gpus = { "nvidia.com/gpu": count };
        for (const { metadata } of (await core.listNode()).items) {
            await core.patchNodeStatus(
                {
                    name: metadata?.name ?? "",
                    body: { status: { capacity: gpus, allocatable: gpus } },
                },
                MERGE_PATCH,
            );
        }
    }

    async function changedSteps(...options: readonly string[]): Promise<Step[]> {
        const { steps } = JSON.parse(await deployment.preview("--json", ...options)) as {
            steps: Step[];
        };
        return steps.filter(({ op }) => !["same", "refresh", "read"].includes(op));
    }
});
