import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
    chmodSync,
    mkdtempSync,
    readdirSync,
    readFileSync,
    readlinkSync,
    rmSync,
    writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StableDiffusion, type StableDiffusionArgs } from "../components/stable-diffusion";
import { KNATIVE_SERVICE } from "../policy/knative-service";
import { containerConcurrency, maxScale } from "../policy/scaling";
import { verdict } from "../policy/test/support/verdict";
import { MOCK_PASSWORD, only, promiseOf, recordResources, type Registered } from "./support/mocks";

const SECRET = "kubernetes:core/v1:Secret";
const CONFIG_MAP = "kubernetes:core/v1:ConfigMap";

const ARGS: StableDiffusionArgs = {
    namespace: "sd",
    serviceName: "web",
    domain: "example.com",
    image: `registry/sd@sha256:${"a".repeat(64)}`,
    webuiArgs: ["--xformers"],
    environment: { HF_HOME: "/models" },
    stopAbandonedRequests: true,
    readiness: "/internal/ping",
    containerConcurrency: 1,
    minScale: 0,
    maxScale: 3,
    targetUtilizationPercentage: 85,
    panicWindowPercentage: 4,
    scaleDownDelaySeconds: 180,
    timeoutSeconds: 240,
    progressDeadlineSeconds: 900,
    gpusPerPod: 1,
    gpuToleration: false,
    cpu: "3",
    memory: "12Gi",
    kubeconfig: pulumi.output("unused"),
};

interface Spec {
    metadata: { name: string; annotations: Record<string, string>; labels: Record<string, string> };
    spec: {
        template: {
            metadata: { annotations: Record<string, string> };
            spec: {
                containerConcurrency: number;
                timeoutSeconds: number;
                containers: Record<string, unknown>[];
                tolerations?: unknown;
                volumes?: unknown;
            };
        };
    };
}

async function deploy(args: Partial<StableDiffusionArgs> = {}): Promise<{
    seen: Registered[];
    service: StableDiffusion;
    knative: Spec;
    container: Record<string, unknown>;
}> {
    const seen = await recordResources();
    const service = new StableDiffusion("sd", { ...ARGS, ...args });
    await promiseOf(service.url);
    const knative = only(seen, KNATIVE_SERVICE).inputs as unknown as Spec;
    const [container] = knative.spec.template.spec.containers;
    assert.ok(container);
    return { seen, service, knative, container };
}

describe("StableDiffusion", () => {
    it("serves one request per pod, on a GPU, within the scale it was given", async () => {
        const { knative, container } = await deploy();
        const { spec, metadata } = knative.spec.template;
        assert.equal(spec.containerConcurrency, 1);
        assert.equal(spec.timeoutSeconds, 240);
        assert.deepEqual(metadata.annotations, {
            "autoscaling.knative.dev/class": "kpa.autoscaling.knative.dev",
            "autoscaling.knative.dev/min-scale": "0",
            "autoscaling.knative.dev/max-scale": "3",
            "autoscaling.knative.dev/target-utilization-percentage": "85",
            "autoscaling.knative.dev/panic-window-percentage": "4",
            "autoscaling.knative.dev/scale-down-delay": "180s",
            "autoscaling.knative.dev/target-burst-capacity": "-1",
            "serving.knative.dev/progress-deadline": "900s",
        });
        const resources = { cpu: "3", memory: "12Gi", "nvidia.com/gpu": "1" };
        assert.deepEqual(container["resources"], { requests: resources, limits: resources });
        assert.equal(spec.tolerations, undefined);
    });

    it("waits until the Service is Ready, for the progress deadline and a margin", async () => {
        const { seen } = await deploy();
        const { inputs, createTimeout } = only(seen, KNATIVE_SERVICE);
        const { annotations } = (inputs as unknown as Spec).metadata;
        assert.equal(annotations["pulumi.com/waitFor"], "condition=Ready");
        assert.equal(createTimeout, "945s");
    });

    it("is the parent of everything it makes", async () => {
        const { seen } = await deploy();
        const children = seen.filter(({ type }) => type !== "sd:serving:StableDiffusion");
        assert.equal(children.length, 6);
        for (const { name, parent } of children) {
            assert.match(parent, /sd:serving:StableDiffusion::sd$/, name);
            assert.match(name, /^sd-/);
        }
    });

    it("names its namespace in plain, for policies at preview, and comes and goes after it all the same", async () => {
        const { seen } = await deploy();
        const namespace = only(seen, "kubernetes:core/v1:Namespace");
        const service = only(seen, KNATIVE_SERVICE);
        assert.deepEqual(service.inputDependencies["metadata"] ?? [], []);
        assert.ok(service.dependencies.includes(namespace.urn));
        assert.deepEqual(service.replaceWith, [namespace.urn]);
    });

    it("tolerates the GPU taint only when asked to", async () => {
        const { knative } = await deploy({ gpuToleration: true });
        assert.deepEqual(knative.spec.template.spec.tolerations, [
            { key: "nvidia.com/gpu", effect: "NoSchedule", operator: "Exists" },
        ]);
    });

    it("asks for as many GPUs as configured", async () => {
        const { container } = await deploy({ gpusPerPod: 2 });
        const { limits } = container["resources"] as { limits: Record<string, string> };
        assert.equal(limits["nvidia.com/gpu"], "2");
    });

    it("keeps the credentials in a Secret of generated name, guarding the API and the page", async () => {
        const { seen, service, container } = await deploy();
        const secret = only(seen, SECRET);
        assert.deepEqual(secret.inputs["metadata"], { namespace: "sd" });
        // The wrapper by which the SDK tells the engine that a value is a secret.
        assert.deepEqual(secret.inputs["stringData"], {
            "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
            value: {
                COMMANDLINE_ARGS: `--api-auth mockuser:${MOCK_PASSWORD} --gradio-auth mockuser:${MOCK_PASSWORD}`,
            },
        });
        assert.deepEqual(container["env"], [
            {
                name: "COMMANDLINE_ARGS",
                valueFrom: { secretKeyRef: { name: "credentials-1234", key: "COMMANDLINE_ARGS" } },
            },
            { name: "HF_HOME", value: "/models" },
        ]);
        for (const { type, inputs } of seen.filter((each) => each.type !== SECRET)) {
            assert.ok(!JSON.stringify(inputs).includes(MOCK_PASSWORD), type);
        }
        assert.equal(await isSecret(service.password), true);
    });

    it("generates credentials without characters that the WebUI's flags would misread", async () => {
        const { seen } = await deploy();
        for (const type of [
            "random:index/randomString:RandomString",
            "random:index/randomPassword:RandomPassword",
        ]) {
            assert.equal(only(seen, type).inputs["special"], false, type);
        }
        const { length } = only(seen, "random:index/randomPassword:RandomPassword").inputs;
        assert.ok((length as number) >= 32);
    });

    it("passes the WebUI's flags as arguments, without --skip-torch-cuda-test", async () => {
        const { container } = await deploy();
        assert.deepEqual(container["args"], ["--listen", "--api", "--xformers"]);
    });

    it("gives the WebUI the extension that stops abandoned requests, unless asked not to", async () => {
        const { seen, container, knative } = await deploy();
        const { inputs } = only(seen, CONFIG_MAP);
        assert.deepEqual(inputs["metadata"], { namespace: "sd" });
        const folder = join(__dirname, "../components/abandoned-requests");
        assert.deepEqual(inputs["data"], {
            "abandoned_requests.py": readFileSync(join(folder, "abandoned_requests.py"), "utf8"),
        });
        assert.deepEqual(knative.spec.template.spec.volumes, [
            { name: "abandoned-requests", configMap: { name: "extension-1234" } },
        ]);
        assert.deepEqual(container["volumeMounts"], [
            {
                name: "abandoned-requests",
                mountPath: "/opt/abandoned-requests/scripts",
                readOnly: true,
            },
        ]);

        const without = await deploy({ stopAbandonedRequests: false });
        assert.deepEqual(
            without.seen.filter(({ type }) => type === CONFIG_MAP),
            [],
        );
        assert.equal(without.knative.spec.template.spec.volumes, undefined);
        assert.equal(without.container["volumeMounts"], undefined);
        assert.ok(!JSON.stringify(without.container["command"]).includes("extensions"));
    });

    it("probes the HTTP path, or the port alone", async () => {
        const http = await deploy();
        assert.deepEqual(http.container["readinessProbe"], {
            httpGet: { path: "/internal/ping", port: 7860 },
            periodSeconds: 1,
            failureThreshold: 3,
        });
        const tcp = await deploy({ readiness: "tcp" });
        assert.deepEqual(tcp.container["readinessProbe"], {
            tcpSocket: { port: 7860 },
            periodSeconds: 1,
            failureThreshold: 3,
        });
    });

    it("adds cookie affinity only when asked to", async () => {
        const without = await deploy();
        assert.deepEqual(Object.keys(without.knative.metadata.annotations), ["pulumi.com/waitFor"]);
        const { knative } = await deploy({ cookieAffinity: { name: "sd", timeoutSeconds: 60 } });
        assert.deepEqual(knative.metadata.annotations, {
            "serving.knative.dev.alibabacloud/affinity": "cookie",
            "serving.knative.dev.alibabacloud/cookie-name": "sd",
            "serving.knative.dev.alibabacloud/cookie-timeout": "60",
            "pulumi.com/waitFor": "condition=Ready",
        });
    });

    it("makes its namespace, marked as its own", async () => {
        const { seen } = await deploy();
        assert.deepEqual(only(seen, "kubernetes:core/v1:Namespace").inputs["metadata"], {
            name: "sd",
            labels: { "app.kubernetes.io/part-of": "stable-diffusion-knative" },
        });
    });

    it("exports the host it computed and the URL that Knative confirmed", async () => {
        const { service } = await deploy();
        assert.equal(service.host, "web.sd.example.com");
        assert.equal(await promiseOf(service.url), "http://web.sd.example.com");
    });

    for (const policy of [containerConcurrency, maxScale]) {
        it(`passes ${policy.name}`, async () => {
            const { seen } = await deploy();
            const { type, inputs } = only(seen, KNATIVE_SERVICE);
            assert.deepEqual(await verdict(policy, { type, props: inputs }), []);
        });

        it(`${policy.name} sees what it takes away`, async () => {
            const { seen } = await deploy();
            const { type, inputs } = only(seen, KNATIVE_SERVICE);
            const bare = structuredClone(inputs) as unknown as Spec;
            const { template } = bare.spec as { template: Partial<Spec["spec"]["template"]> };
            delete template.metadata;
            delete (template.spec as { containerConcurrency?: number }).containerConcurrency;
            const props = bare as unknown as Record<string, unknown>;
            assert.equal((await verdict(policy, { type, props })).length, 1);
        });
    }
});

describe("the entrypoint", () => {
    let folder: string;
    /** Folder in which it starts. */
    let webui: string;

    before(() => {
        folder = mkdtempSync(join(tmpdir(), "entrypoint-"));
        const python = join(folder, "python3");
        // Says what it was started with, then waits as a web server does, or ends at once with --fail.
        writeFileSync(
            python,
            '#!/bin/sh\necho "started $* $COMMANDLINE_ARGS"\nfor word; do [ "$word" = --fail ] && exit 7; done\nwhile :; do sleep 0.05; done\n',
        );
        chmodSync(python, 0o755);
    });

    after(() => {
        rmSync(folder, { recursive: true });
    });

    beforeEach(() => {
        webui = mkdtempSync(join(folder, "webui-"));
    });

    // Also that it hides the credentials which the WebUI prints.
    async function start(flags: readonly string[]): Promise<ReturnType<typeof spawn>> {
        const { container } = await deploy({ webuiArgs: flags });
        const [shell, ...rest] = container["command"] as [string, ...string[]];
        const child = spawn(shell, [...rest, ...(container["args"] as string[])], {
            cwd: webui,
            env: {
                PATH: `${folder}:${process.env["PATH"] ?? ""}`,
                COMMANDLINE_ARGS: "--api-auth user:password --gradio-auth user:password --medvram",
            },
            stdio: ["ignore", "pipe", "inherit"],
        });
        const [line] = (await once(child.stdout, "data")) as [Buffer];
        assert.equal(
            line.toString(),
            `started launch.py --listen --api ${flags.join(" ")} (credentials hidden)\n`,
        );
        return child;
    }

    for (const signal of ["SIGTERM", "SIGINT"] as const) {
        it(`ends the WebUI on ${signal}`, async () => {
            const child = await start(["--xformers"]);
            child.kill(signal);
            const [code] = (await once(child, "exit")) as [number];
            assert.equal(code, 143);
        });
    }

    it("hands on the WebUI's exit status", async () => {
        const child = await start(["--fail"]);
        const [code] =
            child.exitCode === null ? ((await once(child, "exit")) as [number]) : [child.exitCode];
        assert.equal(code, 7);
    });

    for (const [flags, extensions] of [
        [[], "extensions"],
        [["--data-dir", "an 'odd' folder"], "an 'odd' folder/extensions"],
        [["--data-dir=first", "--data-dir=last"], "last/extensions"],
    ] as const) {
        it(`puts the extension into ${extensions}, also when it is there already`, async () => {
            for (let run = 0; run < 2; run += 1) {
                const child = await start([...flags, "--fail"]);
                if (child.exitCode === null) {
                    await once(child, "exit");
                }
                const found = readdirSync(join(webui, extensions));
                assert.deepEqual(found, ["abandoned-requests"]);
                const link = join(webui, extensions, "abandoned-requests");
                assert.equal(readlinkSync(link), "/opt/abandoned-requests");
            }
        });
    }

    it("does not start the WebUI without the extension, and says why", async () => {
        const { container } = await deploy();
        const [shell, ...rest] = container["command"] as [string, ...string[]];
        writeFileSync(join(webui, "extensions"), "a file where the folder should be");
        const { status, stdout, stderr } = spawnSync(shell, rest, {
            cwd: webui,
            env: { PATH: `${folder}:${process.env["PATH"] ?? ""}` },
            encoding: "utf8",
        });
        assert.equal(status, 1);
        assert.equal(stdout, "");
        assert.ok(
            stderr.endsWith(
                `cannot write to ./extensions in ${webui}, where the extension that stops abandoned requests belongs; set stopAbandonedRequests to false to do without it\n`,
            ),
            stderr,
        );
    });
});

function isSecret(output: pulumi.Output<unknown>): Promise<boolean> {
    return (output as unknown as { isSecret: Promise<boolean> }).isSecret;
}
