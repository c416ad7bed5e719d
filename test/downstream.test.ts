import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import runExample from "../examples/downstream/index";
import { kubernetesPlugin } from "../rehearsal/plugins/kubernetes";
import type { PropertyMap } from "../rehearsal/plugins/property-values";
import { kubeconfigOf } from "./support/api-server";
import { promiseOf } from "./support/mocks";

const FOLDER = join(__dirname, "../examples/downstream");
const SCRIPT = join(FOLDER, "draw.sh");
const PROJECT = "stable-diffusion-gallery";
const PLATFORM = "organization/stable-diffusion-knative/dev";
const CLIENT_IMAGE = `docker.io/library/busybox@sha256:${"0123456789abcdef".repeat(4)}`;
const PASSWORD = "platform-password";
const KUBECONFIG = kubeconfigOf("https://192.0.2.1:6443");

/** How the engine writes a secret. Source: runtime/rpc.js of @pulumi/pulumi. */
const SECRET = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270" };

/** The outputs of docs/outputs.md, as a stack with `target: ack` has them. */
const OUTPUTS: Readonly<Record<string, unknown>> = {
    outputsVersion: 1,
    endpoint: "http://sd.stable-diffusion.example.com",
    txt2imgUrl: "http://sd.stable-diffusion.example.com/sdapi/v1/txt2img",
    gatewayAddress: "192.0.2.10",
    host: "sd.stable-diffusion.example.com",
    apiUsername: "alice",
    apiPassword: pulumi.secret(PASSWORD),
    namespace: "stable-diffusion",
    serviceName: "sd",
    limits: { containerConcurrency: 1, minScale: 0, maxScale: 2, gpuCapacity: 3 },
    kubeconfig: pulumi.secret(KUBECONFIG),
    clusterId: "c0123456789abcdef",
    vpcId: "vpc-0123456789abcdef",
    vswitchIds: ["vsw-0123456789abcdef"],
    prometheusUrl: "http://prometheus.stable-diffusion-monitoring.svc:9090",
    grafanaUrl: undefined,
    grafanaUsername: undefined,
    grafanaPassword: undefined,
    dashboards: [],
};

/** A registration as it goes to the engine, secrets marked. */
interface Request {
    getType(): string;
    getName(): string;
    getObject(): { toJavaScript(): Record<string, unknown> };
    getCustomtimeouts(): { getCreate(): string } | undefined;
}

interface Monitor {
    registerResource(request: Request, callback: (error: unknown, answer: unknown) => void): void;
}

/** Runs the example with these outputs of the platform's stack; what it registers, by type. */
async function deploy({
    config = {},
    outputs = {},
}: {
    readonly config?: Readonly<Record<string, string>>;
    /** Overrides; undefined takes an output away. */
    readonly outputs?: Readonly<Record<string, unknown>>;
} = {}): Promise<Map<string, Request>> {
    const given = Object.entries({ ...OUTPUTS, ...outputs }).filter(
        ([, value]) => value !== undefined,
    );
    await pulumi.runtime.setMocks(
        {
            newResource: ({ type, name, inputs, id }) => ({
                id: id ?? `${name}-id`,
                state:
                    type === "pulumi:pulumi:StackReference"
                        ? {
                              name: (inputs as { name: string }).name,
                              outputs: Object.fromEntries(given),
                              secretOutputNames: given
                                  .filter(([, value]) => pulumi.Output.isInstance(value))
                                  .map(([key]) => key),
                          }
                        : named(name, inputs as Record<string, unknown>),
            }),
            call: ({ token }) => {
                throw new Error(`the example called ${token}`);
            },
        },
        PROJECT,
        "test",
    );
    const { config: declared } = parse(readFileSync(join(FOLDER, "Pulumi.yaml"), "utf8")) as {
        config: Record<string, { default?: string | number }>;
    };
    const defaults = Object.entries(declared).flatMap(([key, { default: value }]) =>
        value === undefined ? [] : [[key, String(value)] as const],
    );
    const values = { platform: PLATFORM, clientImage: CLIENT_IMAGE, ...config };
    pulumi.runtime.setAllConfig(
        Object.fromEntries(
            [...defaults, ...Object.entries(values)].map(([key, value]) => [
                `${PROJECT}:${key}`,
                value,
            ]),
        ),
    );
    const requests = new Map<string, Request>();
    const monitor = pulumi.runtime.getMonitor() as unknown as Monitor;
    const register = monitor.registerResource.bind(monitor);
    monitor.registerResource = (request, callback) => {
        requests.set(request.getType(), request);
        register(request, callback);
    };
    const { job } = await runExample();
    await promiseOf(job);
    return requests;
}

/** A resource's state: its inputs, with the name that the plugin makes up where there is none. */
function named(name: string, inputs: Record<string, unknown>): Record<string, unknown> {
    const metadata = inputs["metadata"] as Record<string, unknown> | undefined;
    return { ...inputs, metadata: { name: `${name}-1234`, ...metadata } };
}

const inputsOf = (requests: Map<string, Request>, type: string): Record<string, unknown> => {
    const request = requests.get(type);
    assert.ok(request, `no ${type} among ${[...requests.keys()].join(", ")}`);
    return request.getObject().toJavaScript();
};

const SECRET_TYPE = "kubernetes:core/v1:Secret";
const JOB_TYPE = "kubernetes:batch/v1:Job";

interface Container {
    readonly image: string;
    readonly command: readonly string[];
    readonly args?: readonly string[];
    readonly env: readonly { readonly name: string; readonly value?: string }[];
}

const containerOf = (job: Record<string, unknown>): Container => {
    const { template } = job["spec"] as { template: { spec: { containers: Container[] } } };
    const [container] = template.spec.containers;
    assert.ok(container);
    return container;
};

describe("the downstream example", () => {
    it("reads the outputs that the platform documents, and no others", async () => {
        const page = readFileSync(join(__dirname, "../docs/outputs.md"), "utf8");
        const documented = [...page.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name);
        assert.deepEqual(documented, Object.keys(OUTPUTS));
        await deploy();
    });

    it("keeps kubeconfig and password secret on their way to the engine", async () => {
        const requests = await deploy();
        assert.deepEqual(inputsOf(requests, "pulumi:providers:kubernetes")["kubeconfig"], {
            ...SECRET,
            value: KUBECONFIG,
        });
        assert.deepEqual(inputsOf(requests, SECRET_TYPE)["stringData"], {
            ...SECRET,
            value: { username: "alice", password: PASSWORD },
        });
        for (const [type, request] of requests) {
            const text = JSON.stringify(request.getObject().toJavaScript());
            assert.equal(text.includes(PASSWORD), type === SECRET_TYPE, type);
        }
    });

    it("knows the cluster again after its kubeconfig was renewed", async () => {
        const requests = await deploy();
        const { clusterIdentifier } = inputsOf(requests, "pulumi:providers:kubernetes");
        assert.equal(clusterIdentifier, "c0123456789abcdef");
    });

    it("does without the outputs that a cluster of another kind has not got", async () => {
        const requests = await deploy({
            outputs: { clusterId: undefined, vpcId: undefined, vswitchIds: undefined },
        });
        const provider = inputsOf(requests, "pulumi:providers:kubernetes");
        assert.ok(!("clusterIdentifier" in provider));
    });

    const refused: [string, Parameters<typeof deploy>[0], RegExp][] = [
        [
            "outputs of another version",
            { outputs: { outputsVersion: 2 } },
            /^the stack organization\/stable-diffusion-knative\/dev has outputs of version 2; this program knows version 1$/,
        ],
        [
            "outputs without a version",
            { outputs: { outputsVersion: undefined } },
            /has no output outputsVersion; this program knows version 1$/,
        ],
        [
            "an image without a digest",
            { config: { clientImage: "busybox:1.36" } },
            /^clientImage is busybox:1.36; allowed: NAME@sha256:DIGEST$/,
        ],
        [
            "a time that is none",
            { config: { timeoutSeconds: "0" } },
            /^timeoutSeconds is 0; allowed: a whole number from 1$/,
        ],
    ];
    for (const [title, given, message] of refused) {
        it(`refuses ${title} before it declares anything`, async () => {
            await assert.rejects(deploy(given), (error: unknown) => {
                assert.ok(pulumi.RunError.isInstance(error));
                assert.match(error.message, message);
                return true;
            });
            const { resources } = pulumi.runtime.getMonitor() as unknown as {
                resources: Map<string, unknown>;
            };
            const declared = [...resources.keys()].filter((urn) => urn.includes("kubernetes"));
            assert.deepEqual(declared, []);
        });
    }

    it("draws in a Job that must complete in time, in a namespace of its own", async () => {
        const requests = await deploy({ config: { timeoutSeconds: "90" } });
        const job = inputsOf(requests, JOB_TYPE);
        const { metadata, spec } = job as {
            metadata: { name?: string; namespace: string; annotations: Record<string, string> };
            spec: { activeDeadlineSeconds: number };
        };
        assert.deepEqual(metadata, {
            namespace: PROJECT,
            annotations: { "pulumi.com/waitFor": "condition=Complete" },
        });
        assert.equal(spec.activeDeadlineSeconds, 90);
        assert.equal(requests.get(JOB_TYPE)?.getCustomtimeouts()?.getCreate(), "150s");
        const { namespace } = inputsOf(requests, SECRET_TYPE)["metadata"] as {
            namespace: string;
        };
        assert.equal(namespace, PROJECT);
    });

    it("gives the container its credentials from the Secret, and no arguments", async () => {
        const requests = await deploy({
            config: { prompt: "ein schöner Hund" },
            outputs: { gatewayAddress: "[2001:db8::1]:8080" },
        });
        const { image, command, args, env } = containerOf(inputsOf(requests, JOB_TYPE));
        assert.equal(image, CLIENT_IMAGE);
        assert.deepEqual(command, ["/bin/sh", "-c", readFileSync(SCRIPT, "utf8")]);
        assert.equal(args, undefined);
        const credential = (key: string): object => ({
            valueFrom: { secretKeyRef: { name: "credentials-1234", key } },
        });
        assert.deepEqual(env, [
            { name: "GATEWAY_ADDRESS", value: "2001:db8::1" },
            { name: "GATEWAY_PORT", value: "8080" },
            { name: "REQUEST_HOST", value: "sd.stable-diffusion.example.com" },
            { name: "REQUEST_PATH", value: "/sdapi/v1/txt2img" },
            { name: "REQUEST_BODY", value: '{"prompt":"ein schöner Hund"}' },
            { name: "REQUEST_LENGTH", value: "30" },
            { name: "API_USERNAME", ...credential("username") },
            { name: "API_PASSWORD", ...credential("password") },
        ]);
    });

    it("takes port 80 where the gateway's address names none", async () => {
        const { env } = containerOf(inputsOf(await deploy(), JOB_TYPE));
        const value = (name: string): string | undefined =>
            env.find((each) => each.name === name)?.value;
        assert.equal(value("GATEWAY_ADDRESS"), "192.0.2.10");
        assert.equal(value("GATEWAY_PORT"), "80");
    });

    it("asks for nothing that the rehearsal's stand-in for the kubernetes plugin refuses", async () => {
        const requests = await deploy();
        const plugin = kubernetesPlugin();
        const provider = inputsOf(requests, "pulumi:providers:kubernetes") as PropertyMap;
        await plugin.configure({ ...provider, kubeconfig: KUBECONFIG });
        for (const type of [SECRET_TYPE, JOB_TYPE]) {
            const { inputs, failures } = await plugin.check(
                { urn: `urn:pulumi:test::test::${type}::subject`, type, name: "subject" },
                undefined,
                inputsOf(requests, type) as PropertyMap,
                () => "subject-1234",
            );
            assert.deepEqual(failures, [], type);
            assert.equal((inputs["metadata"] as PropertyMap)["name"], "subject-1234");
        }
    });

    it("has the versions of the packages that it is tested with", () => {
        const dependencies = (folder: string): Record<string, string> =>
            (
                JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
                    dependencies: Record<string, string>;
                }
            ).dependencies;
        const ours = dependencies(join(__dirname, ".."));
        for (const [name, version] of Object.entries(dependencies(FOLDER))) {
            assert.equal(version, ours[name], name);
        }
    });
});
