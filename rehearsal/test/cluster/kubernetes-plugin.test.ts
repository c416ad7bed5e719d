import {
    CoreV1Api,
    KubeConfig,
    PatchStrategy,
    type V1ConfigMap,
    setHeaderOptions,
} from "@kubernetes/client-node";
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { searchFiles } from "../../leak-search";
import { type PlannedStep, type ToyProgram, makeToyProgram } from "./toy-program";

const MERGE_PATCH = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);

describe("the stand-in for the kubernetes plugin", () => {
    /** A namespace that exists, and one that the program creates. */
    const [given, made] = ["given", "made"].map(
        (name) => `${name}-${randomBytes(4).toString("hex")}`,
    );
    let toy: ToyProgram;
    let core: CoreV1Api;

    before(async () => {
        const kubeconfig = process.env["REHEARSAL_KUBECONFIG"];
        assert.ok(kubeconfig, "REHEARSAL_KUBECONFIG names the cluster for these tests");
        const config = new KubeConfig();
        config.loadFromFile(kubeconfig);
        core = config.makeApiClient(CoreV1Api);
        await core.createNamespace({ body: { metadata: { name: given ?? "" } } });
        toy = await makeToyProgram(kubeconfig);
    });

    after(async () => {
        await toy.engine.pulumi(["destroy", "--yes", "--skip-preview"]);
        await core.deleteNamespace({ name: given ?? "" });
        await toy.remove();
    });

    /** The toy program with a provider for the cluster, its namespace options as `o`. */
    const write = (source: string): Promise<void> =>
        toy.write(`
            const provider = new k8s.Provider("cluster", { kubeconfig: config.requireSecret("kubeconfig") });
            const o = { provider };
            const namespace = ${JSON.stringify(given)};
            ${source}`);

    const operations = (steps: readonly PlannedStep[], name: string): string[] =>
        steps.filter(({ urn }) => urn.endsWith(`::${name}`)).map(({ op }) => op);

    const configMap = (name: string): Promise<V1ConfigMap> =>
        core.readNamespacedConfigMap({ name, namespace: given ?? "" });

    const exists = async (name: string): Promise<boolean> =>
        configMap(name).then(
            () => true,
            (error: unknown) => {
                assert.equal((error as { code?: number }).code, 404);
                return false;
            },
        );

    /** A program with one ConfigMap, and what else is given. */
    const settings = (label: string, data: string, more = ""): string => `
        const settings = new k8s.core.v1.ConfigMap("settings", {
            metadata: { namespace, labels: { label: "${label}" } }, data: { key: "${data}" } }, o);
        exports.name = settings.metadata.name;
        exports.uid = settings.metadata.uid;
        ${more}`;

    let first: Record<string, unknown>;

    it("creates objects with names of their own, and says them before", async () => {
        await write(settings("one", "1"));
        const steps = await toy.preview();
        assert.deepEqual(operations(steps, "settings"), ["create"]);
        first = await toy.up();
        assert.match(String(first["name"]), /^settings-[0-9a-f]{8}$/);
        const live = await configMap(String(first["name"]));
        assert.equal(live.metadata?.uid, first["uid"]);
        assert.deepEqual(live.data, { key: "1" });
        assert.equal(live.metadata?.annotations?.["pulumi.com/autonamed"], "true");
    });

    it("changes nothing the second time, also compared with the cluster", async () => {
        await toy.engine.pulumi(["preview", "--refresh", "--expect-no-changes"]);
    });

    it("updates in place what can be", async () => {
        await write(settings("two", "1"));
        const [step, ...others] = await toy.preview();
        assert.deepEqual(others, []);
        assert.equal(step?.op, "update");
        assert.deepEqual(Object.keys(step.detailedDiff ?? {}), ["metadata.labels.label"]);
        assert.deepEqual(await toy.up(), first);
        const live = await configMap(String(first["name"]));
        assert.deepEqual(live.metadata?.labels, { label: "two" });
    });

    it("removes a field that the program drops, though it was created without an apply", async () => {
        await write(settings("two", "1").replace('labels: { label: "two" }', "labels: {}"));
        await toy.up();
        const live = await configMap(String(first["name"]));
        assert.equal(live.metadata?.labels, undefined);
    });

    it("shows an edit by hand as exactly that, and undoes it", async () => {
        await write(settings("two", "1"));
        await toy.up();
        const edit = { metadata: { labels: { label: "by-hand", other: "kept" } } };
        await core.patchNamespacedConfigMap(
            {
                name: String(first["name"]),
                namespace: given ?? "",
                body: edit,
                fieldManager: "kubectl-edit",
            },
            MERGE_PATCH,
        );
        assert.deepEqual(await toy.preview(), [], "without --refresh it knows nothing of it");
        const [step, ...others] = await toy.preview("--refresh", "--run-program");
        assert.deepEqual(others, []);
        assert.equal(step?.op, "update");
        assert.deepEqual(Object.keys(step.detailedDiff ?? {}), ["metadata.labels.label"]);
        await toy.up("--refresh");
        const live = await configMap(String(first["name"]));
        assert.equal(live.metadata?.labels?.["label"], "two");
    });

    it("replaces an object whose contents change by one with another name", async () => {
        await write(settings("two", "2"));
        const steps = await toy.preview();
        assert.deepEqual(operations(steps, "settings"), ["replace"]);
        const second = await toy.up();
        assert.notEqual(second["name"], first["name"]);
        assert.deepEqual((await configMap(String(second["name"]))).data, { key: "2" });
        assert.equal(await exists(String(first["name"])), false);
    });

    it("deletes before it replaces when the name is given", async () => {
        const fixed = (data: string): string => `
            new k8s.core.v1.ConfigMap("fixed", { metadata: { namespace, name: "fixed" }, data: { key: "${data}" } }, o);`;
        await write(settings("two", "2", fixed("1")));
        await toy.up();
        await write(settings("two", "2", fixed("2")));
        const steps = await toy.preview();
        assert.deepEqual(operations(steps, "fixed"), ["replace"]);
        // Creating it first would fail, because it exists.
        await toy.up();
        assert.deepEqual((await configMap("fixed")).data, { key: "2" });
    });

    it("replaces an object that moves to another name", async () => {
        await write(
            settings(
                "two",
                "2",
                `
                new k8s.core.v1.ConfigMap("fixed", { metadata: { namespace, name: "moved" }, data: { key: "2" } }, o);`,
            ),
        );
        const steps = await toy.preview();
        assert.deepEqual(operations(steps, "fixed"), ["replace"]);
        await toy.up();
        assert.deepEqual([await exists("fixed"), await exists("moved")], [false, true]);
    });

    it("deletes what the program drops", async () => {
        await write(settings("two", "2"));
        await toy.up();
        assert.equal(await exists("moved"), false);
    });

    it("does not take over an object that exists", async () => {
        await core.createNamespacedConfigMap({
            namespace: given ?? "",
            body: { metadata: { name: "theirs" }, data: { key: "theirs" } },
        });
        await write(
            settings(
                "two",
                "2",
                `
                new k8s.core.v1.ConfigMap("theirs", { metadata: { namespace, name: "theirs" }, data: { key: "ours" } }, o);`,
            ),
        );
        await assert.rejects(toy.up(), /configmaps "theirs" already exists/);
        assert.deepEqual((await configMap("theirs")).data, { key: "theirs" });
    });

    describe("patches", () => {
        const patch = (data: object, force: boolean): string => `
            new k8s.core.v1.ConfigMapPatch("patch", {
                metadata: { namespace, name: "theirs"${force ? ', annotations: { "pulumi.com/patchForce": "true" }' : ""} },
                data: ${JSON.stringify(data)} }, o);`;

        it("set the keys that they name", async () => {
            await write(settings("two", "2", patch({ added: "ours" }, false)));
            await toy.up();
            assert.deepEqual((await configMap("theirs")).data, { key: "theirs", added: "ours" });
            await toy.engine.pulumi(["preview", "--refresh", "--expect-no-changes"]);
        });

        it("change in place, without a replacement", async () => {
            await write(settings("two", "2", patch({ added: "again" }, false)));
            assert.deepEqual(operations(await toy.preview(), "patch"), ["update"]);
            await toy.up();
            assert.deepEqual((await configMap("theirs")).data, { key: "theirs", added: "again" });
        });

        it("do not overwrite what others own", async () => {
            await write(settings("two", "2", patch({ key: "ours", added: "again" }, false)));
            await assert.rejects(toy.up(), /field conflict.*patchForce/s);
            assert.deepEqual((await configMap("theirs")).data, { key: "theirs", added: "again" });
        });

        it("overwrite it when they are told to", async () => {
            await write(settings("two", "2", patch({ key: "ours", added: "again" }, true)));
            await toy.up();
            assert.deepEqual((await configMap("theirs")).data, { key: "ours", added: "again" });
        });

        it("leave nothing of their own behind, and the object where it is", async () => {
            await write(settings("two", "2"));
            await toy.up();
            const live = await configMap("theirs");
            assert.equal(live.data, undefined);
            assert.equal(live.metadata?.annotations?.["pulumi.com/patchForce"], undefined);
        });
    });

    it("plans with values that only an update knows, and with a namespace that only it makes", async () => {
        const source = settings(
            "two",
            "2",
            `
            const password = new random.RandomPassword("password", { length: 24, special: false });
            const own = new k8s.core.v1.Namespace("own", { metadata: { name: "${made ?? ""}",
                annotations: { "pulumi.com/waitFor": "jsonpath={.status.phase}=Active" } } }, o);
            // Without a dependency on the namespace: its creation has to be tried again.
            const secret = new k8s.core.v1.Secret("secret", { metadata: { namespace: "${made ?? ""}" },
                stringData: { password: password.result, plain: "a-plain-text-in-a-secret" } }, o);
            const holder = new k8s.core.v1.ConfigMap("holder", { metadata: { namespace: own.metadata.name },
                data: { uid: secret.metadata.uid, control: "planted-control-text" } }, o);
            exports.password = password.result;
            exports.phase = own.status.phase;
            exports.secretUid = secret.metadata.uid;
            exports.holderUid = holder.data.uid;`,
        );
        await write(source);
        const steps = await toy.preview();
        for (const name of ["own", "secret", "holder"]) {
            assert.deepEqual(operations(steps, name), ["create"]);
        }
        const outputs = await toy.up();
        assert.equal(outputs["phase"], "Active");
        assert.equal(outputs["holderUid"], outputs["secretUid"]);
        await toy.engine.pulumi(["preview", "--refresh", "--expect-no-changes"]);
    });

    it("keeps secrets out of state, history and backups, where a planted text is found", async () => {
        const { stdout } = await toy.engine.pulumi(["stack", "output", "--json", "--show-secrets"]);
        const { password } = JSON.parse(stdout) as { password: string };
        assert.equal(password.length, 24);
        for (const text of [password, "a-plain-text-in-a-secret"]) {
            for (const form of [text, Buffer.from(text).toString("base64")]) {
                assert.deepEqual(await searchFiles(toy.engine.stateFolder, [form]), []);
            }
        }
        const control = await searchFiles(toy.engine.stateFolder, ["planted-control-text"]);
        assert.notDeepEqual(control, []);
    });

    it("keeps an object that does not become ready in time, and says what it waits for", async () => {
        const late = (phase: string): string =>
            settings(
                "two",
                "2",
                `
                new k8s.core.v1.Namespace("late", { metadata: { name: "${made ?? ""}-late",
                    annotations: { "pulumi.com/waitFor": "jsonpath={.status.phase}=${phase}" } } },
                    { ...o, customTimeouts: { create: "2s", update: "2s" } });`,
            );
        await write(late("Never"));
        await assert.rejects(
            toy.up(),
            /late was successfully created, but .* timed out after 2 s waiting for the condition: Waiting for \{\.status\.phase\}=Never \(found "Active"\)/,
        );
        await core.readNamespace({ name: `${made ?? ""}-late` });
        await write(late("Active"));
        await toy.up();
    });

    it("waits for the pods of a Service, and for a Deployment, quantities in any spelling", async () => {
        const rest = `
            new k8s.apps.v1.Deployment("web", { metadata: { namespace }, spec: { replicas: 0,
                selector: { matchLabels: { app: "web" } },
                template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "web", image: "none.test/web",
                    resources: { limits: { cpu: "1000m", memory: "1024Mi" } } }] } } } }, o);`;
        await write(
            settings(
                "two",
                "2",
                `${rest}
                new k8s.core.v1.Service("web", { metadata: { namespace }, spec: { selector: { app: "web" },
                    ports: [{ port: 80 }] } }, { ...o, customTimeouts: { create: "2s" } });`,
            ),
        );
        await assert.rejects(toy.up(), /Service does not target any Pods/);
        await write(settings("two", "2", rest));
        await toy.up();
        await toy.engine.pulumi(["preview", "--refresh", "--expect-no-changes"]);
    });

    it("reads an object that it does not manage", async () => {
        await write(
            settings(
                "two",
                "2",
                `
                exports.theirs = k8s.core.v1.ConfigMap.get("read", namespace + "/theirs", o).metadata.name;`,
            ),
        );
        assert.equal((await toy.up())["theirs"], "theirs");
    });

    const refusals: [string, string, RegExp][] = [
        [
            "what the API server refuses, at preview already and at once",
            `new k8s.core.v1.ConfigMap("bad", { metadata: { namespace, labels: { "no blanks": "" } } }, o);`,
            /bad-[0-9a-f]{8} was not successfully created .*no blanks/,
        ],
        [
            "pods, which it does not wait for",
            `new k8s.core.v1.Pod("pod", { metadata: { namespace }, spec: { containers: [{ name: "a", image: "b" }] } }, o);`,
            /does not wait for a Pod as the official one does/,
        ],
        [
            "YAML",
            `new k8s.yaml.ConfigGroup("yaml", { yaml: "apiVersion: v1" }, o);`,
            /stand-in for the kubernetes plugin has no function kubernetes:yaml:decode/,
        ],
        [
            "Helm releases",
            `new k8s.helm.v3.Release("helm", { chart: "a" }, o);`,
            /stand-in for the kubernetes plugin has no kubernetes:helm\.sh\/v3:Release/,
        ],
        [
            "provider options that it does not have",
            `new k8s.core.v1.Namespace("a", {}, { provider: new k8s.Provider("other", {
                kubeconfig: config.requireSecret("kubeconfig"), enableServerSideApply: false }) });`,
            /does not support the provider's enableServerSideApply/,
        ],
        [
            "a cluster that does not answer",
            `new k8s.core.v1.Namespace("a", {}, { provider: new k8s.Provider("other", { kubeconfig: JSON.stringify({
                clusters: [{ name: "a", cluster: { server: "https://127.0.0.1:1" } }], users: [],
                contexts: [{ name: "a", context: { cluster: "a" } }], "current-context": "a" }) }) });`,
            /configured Kubernetes cluster is unreachable: https:\/\/127\.0\.0\.1:1/,
        ],
        [
            "other random resources",
            `new random.RandomPet("pet");`,
            /stand-in for the random plugin has no random:index\/randomPet:RandomPet/,
        ],
    ];
    for (const [what, source, reason] of refusals) {
        it(`refuses ${what}`, async () => {
            await write(settings("two", "2", source));
            await assert.rejects(toy.engine.pulumi(["preview"]), reason);
        });
    }

    it("plans objects of a kind that is yet to be defined, and of a cluster yet to be made", async () => {
        await write(
            settings(
                "two",
                "2",
                `
                const pending = new random.RandomString("pending", { length: 8 });
                new k8s.apiextensions.CustomResource("early", { apiVersion: "example.test/v1", kind: "Later",
                    metadata: { namespace }, spec: { a: 1 } }, o);
                new k8s.core.v1.Namespace("far", {}, { provider: new k8s.Provider("far", { kubeconfig: pending.result }) });`,
            ),
        );
        const steps = await toy.preview();
        assert.deepEqual(operations(steps, "early"), ["create"]);
        assert.deepEqual(
            steps.filter(({ urn }) => /Namespace::far$/.test(urn)).map(({ op }) => op),
            ["create"],
        );
    });
});
