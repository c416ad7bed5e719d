import { credentials } from "@grpc/grpc-js";
import { AnalyzerClient } from "@pulumi/pulumi/proto/analyzer_grpc_pb";
import * as messages from "@pulumi/pulumi/proto/analyzer_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { type JavaScriptValue, Struct } from "google-protobuf/google/protobuf/struct_pb";
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { policies } from "../policies";
import { serviceWith } from "./support/candidates";
import { type Candidate, UNKNOWN } from "./support/verdict";

const FOLDER = join(__dirname, "..");
const KEBAB = "autoscaling.knative.dev/max-scale";
const CAMEL = "autoscaling.knative.dev/maxScale";

describe("the pack, served as the engine is served, from a copy outside this repository", function () {
    // Type-checked by ts-node, which takes seconds.
    this.timeout(60_000);

    let copy: string;
    let pack: ChildProcess;
    let client: AnalyzerClient;

    before(async () => {
        copy = await mkdtemp(join(tmpdir(), "policy-pack-"));
        for (const entry of await readdir(FOLDER)) {
            if (!["node_modules", "test"].includes(entry)) {
                await cp(join(FOLDER, entry), join(copy, entry), { recursive: true });
            }
        }
        const require = createRequire(join(FOLDER, "package.json"));
        const sdk = dirname(require.resolve("@pulumi/pulumi/package.json"));
        await symlink(join(sdk, "../.."), join(copy, "node_modules"));
        pack = spawn(
            process.execPath,
            [require.resolve("@pulumi/pulumi/cmd/run-policy-pack"), "127.0.0.1:0", copy],
            { cwd: copy, stdio: ["ignore", "pipe", "inherit"] },
        );
        assert.ok(pack.stdout);
        const [line] = (await Promise.race([
            once(pack.stdout, "data"),
            once(pack, "exit").then(([code]) => {
                throw new Error(`the pack ended with code ${String(code)}`);
            }),
        ])) as [Buffer];
        client = new AnalyzerClient(
            `127.0.0.1:${line.toString().trim()}`,
            credentials.createInsecure(),
        );
    });

    after(async () => {
        client.close();
        if (pack.exitCode === null) {
            pack.kill();
            await once(pack, "exit");
        }
        await rm(copy, { recursive: true, force: true });
    });

    it("tells its version and its rules", async () => {
        const info = await answer<messages.AnalyzerInfo>((callback) =>
            client.getAnalyzerInfo(new Empty(), callback),
        );
        assert.equal(info.getName(), "stable-diffusion-knative");
        assert.equal(info.getVersion(), "0.2.0");
        assert.deepEqual(
            info.getPoliciesList().map((each) => each.getName()),
            policies.map(({ name }) => name),
        );
    });

    it("judges a Service under its configuration", async () => {
        await configure({ "knative-max-scale": { max: 3 } });
        const service = serviceWith({ annotations: { [KEBAB]: "4" } });
        assert.deepEqual(await diagnostics(service), [
            [
                "knative-max-scale",
                "mandatory",
                `A Knative Service bounds the pods it may start, each of which holds a GPU. Unset and 0 mean unlimited.\nthe annotation ${KEBAB} is "4"; set ${KEBAB} to a string from "1" to "3".`,
            ],
        ]);
    });

    it("warns of what is unknown at preview", async () => {
        await configure({});
        const found = await diagnostics(serviceWith({ annotations: { [KEBAB]: UNKNOWN } }));
        const [, level, message] = found.find(([name]) => name === "knative-max-scale") ?? [];
        assert.equal(level, "advisory");
        assert.match(message ?? "", /^can't run policy 'knative-max-scale'.* during preview/);
    });

    it("judges a stack by inputs where its resources have no outputs yet", async () => {
        await configure({ "knative-monthly-cost": { ceiling: 1000 } });
        const warm = serviceWith({ annotations: { "autoscaling.knative.dev/min-scale": "1" } });
        await diagnostics(warm);
        assert.deepEqual(
            (await stackDiagnostics({ ...warm, props: {} })).filter(
                ([name]) => name === "knative-monthly-cost",
            ),
            [
                [
                    "knative-monthly-cost",
                    "mandatory",
                    `${descriptionOf("knative-monthly-cost")}\nwhat never scales to zero costs 1460 a month (1 GPUs at 2 and 0 other nodes at 0.2 an hour, 730 hours), more than 1000; lower min-scale or the sizes of the pools, or raise ceiling.`,
                ],
            ],
        );
    });

    it("refuses a parameter that a rule does not have, by its name", async () => {
        await configure({ "knative-max-scale": { maximum: 3 } });
        await assert.rejects(
            diagnostics(serviceWith()),
            /the configuration of knative-max-scale has maximum \(3\); allowed: max/,
        );
    });

    it("mends a legacy spelling only when it is told to", async () => {
        const service = serviceWith({ annotations: { [KEBAB]: undefined, [CAMEL]: "2" } });
        await configure({});
        assert.deepEqual(await remediations(service), []);
        await configure({ "knative-annotation-spelling": { enforcementLevel: "remediate" } });
        assert.deepEqual(await remediations(service), [
            ["knative-annotation-spelling", serviceWith().props],
        ]);
    });

    const LEVELS: Readonly<Record<string, messages.EnforcementLevel>> = {
        advisory: messages.EnforcementLevel.ADVISORY,
        mandatory: messages.EnforcementLevel.MANDATORY,
        remediate: messages.EnforcementLevel.REMEDIATE,
    };

    /** As the engine does, with all defaults filled in. */
    async function configure(config: Record<string, Record<string, unknown>>): Promise<void> {
        const request = new messages.ConfigureAnalyzerRequest();
        for (const { name, enforcementLevel = "", configSchema } of policies) {
            const { enforcementLevel: level = enforcementLevel, ...given } = config[name] ?? {};
            const defaults = Object.entries(configSchema?.properties ?? {}).map(
                ([key, schema]) => [key, schema.default] as const,
            );
            const ofRule = new messages.PolicyConfig();
            ofRule.setEnforcementlevel(
                LEVELS[String(level)] ?? messages.EnforcementLevel.MANDATORY,
            );
            ofRule.setProperties(structOf({ ...Object.fromEntries(defaults), ...given }));
            request.getPolicyconfigMap().set(name, ofRule);
        }
        await answer<Empty>((callback) => client.configure(request, callback));
    }

    async function diagnostics(candidate: Candidate): Promise<(readonly string[])[]> {
        return shown((callback) => client.analyze(requestOf(candidate), callback));
    }

    async function stackDiagnostics(candidate: Candidate): Promise<(readonly string[])[]> {
        const request = requestOf(candidate);
        const resource = new messages.AnalyzerResource()
            .setType(request.getType())
            .setName(request.getName())
            .setUrn(request.getUrn())
            .setProperties(request.getProperties())
            .setOptions(request.getOptions());
        const stack = new messages.AnalyzeStackRequest().setResourcesList([resource]);
        return shown((callback) => client.analyzeStack(stack, callback));
    }

    async function shown(
        call: (callback: Callback<messages.AnalyzeResponse>) => unknown,
    ): Promise<(readonly string[])[]> {
        const response = await answer(call);
        const names = new Map(Object.entries(LEVELS).map(([name, level]) => [level, name]));
        return response
            .getDiagnosticsList()
            .map((each) => [
                each.getPolicyname(),
                names.get(each.getEnforcementlevel()) ?? "",
                each.getMessage(),
            ]);
    }

    async function remediations(candidate: Candidate): Promise<(readonly unknown[])[]> {
        const response = await answer<messages.RemediateResponse>((callback) =>
            client.remediate(requestOf(candidate), callback),
        );
        return response
            .getRemediationsList()
            .map((each) => [each.getPolicyname(), each.getProperties()?.toJavaScript()]);
    }
});

function requestOf({ type, props }: Candidate): messages.AnalyzeRequest {
    const options = new messages.AnalyzerResourceOptions();
    options.setCustomtimeouts(new messages.AnalyzerResourceOptions.CustomTimeouts());
    return new messages.AnalyzeRequest()
        .setType(type)
        .setName("subject")
        .setUrn(`urn:pulumi:test::test::${type}::subject`)
        .setProperties(structOf(props))
        .setOptions(options);
}

function structOf(values: Readonly<Record<string, unknown>>): Struct {
    return Struct.fromJavaScript(
        JSON.parse(JSON.stringify(values)) as Record<string, JavaScriptValue>,
    );
}

function descriptionOf(rule: string): string {
    return policies.find(({ name }) => name === rule)?.description ?? "";
}

type Callback<Response> = (error: Error | null, response: Response) => void;

/** The answer of a call to the pack. */
function answer<Response>(call: (callback: Callback<Response>) => unknown): Promise<Response> {
    return new Promise((resolve, reject) => {
        call((error, response) => {
            if (error) {
                reject(error);
            } else {
                resolve(response);
            }
        });
    });
}
