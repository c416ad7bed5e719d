import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Version of the platform's outputs that this program knows (docs/outputs.md there). */
const OUTPUTS_VERSION = 1;

/** The program: draws one image with the service of the stack `platform`, from inside its cluster. */
export = async () => {
    const { platform, clientImage, namespaceName, prompt, timeoutSeconds } = readSettings();

    const stack = new pulumi.StackReference("platform", { name: platform });
    // Awaited, so that nothing is declared on the strength of outputs that mean something else.
    const version: unknown = await stack.getOutputValue("outputsVersion");
    if (version !== OUTPUTS_VERSION) {
        throw userError(
            `the stack ${platform} has ${version === undefined ? "no output outputsVersion" : `outputs of version ${JSON.stringify(version)}`}; this program knows version ${OUTPUTS_VERSION}`,
        );
    }
    const text = (name: string) => stack.requireOutput(name) as pulumi.Output<string>;

    const provider = new k8s.Provider("platform", {
        kubeconfig: text("kubeconfig"),
        // The same cluster when its kubeconfig was renewed; without a value the kubeconfig decides.
        clusterIdentifier: stack.getOutput("clusterId") as pulumi.Output<string | undefined>,
    });
    const inCluster = { provider };

    const namespace = new k8s.core.v1.Namespace(
        "gallery",
        { metadata: { name: namespaceName } },
        inCluster,
    ).metadata.name;

    // No name of its own: other credentials make a Secret of another name, and so another Job.
    const credentials = new k8s.core.v1.Secret(
        "credentials",
        {
            metadata: { namespace },
            type: "kubernetes.io/basic-auth",
            stringData: { username: text("apiUsername"), password: text("apiPassword") },
        },
        inCluster,
    );

    const body = JSON.stringify({ prompt });
    const gateway = text("gatewayAddress").apply((address) => new URL(`http://${address}`));
    const job = new k8s.batch.v1.Job(
        "draw",
        {
            metadata: {
                namespace,
                annotations: { "pulumi.com/waitFor": "condition=Complete" },
            },
            spec: {
                activeDeadlineSeconds: timeoutSeconds,
                // Each attempt may end while a node still boots: the service's own timeout is shorter.
                backoffLimit: 10,
                template: {
                    spec: {
                        restartPolicy: "Never",
                        automountServiceAccountToken: false,
                        enableServiceLinks: false,
                        securityContext: {
                            runAsNonRoot: true,
                            runAsUser: 65532,
                            runAsGroup: 65532,
                            seccompProfile: { type: "RuntimeDefault" },
                        },
                        containers: [
                            {
                                name: "draw",
                                image: clientImage,
                                command: ["/bin/sh", "-c", DRAW],
                                workingDir: "/work",
                                env: [
                                    // An IPv6 address stands in brackets in a URL.
                                    variable(
                                        "GATEWAY_ADDRESS",
                                        gateway.apply(({ hostname }) =>
                                            hostname.replace(/^\[|\]$/g, ""),
                                        ),
                                    ),
                                    variable(
                                        "GATEWAY_PORT",
                                        gateway.apply(({ port }) => port || "80"),
                                    ),
                                    variable("REQUEST_HOST", text("host")),
                                    variable(
                                        "REQUEST_PATH",
                                        text("txt2imgUrl").apply((url) => new URL(url).pathname),
                                    ),
                                    variable("REQUEST_BODY", body),
                                    variable("REQUEST_LENGTH", String(Buffer.byteLength(body))),
                                    secretVariable("API_USERNAME", credentials, "username"),
                                    secretVariable("API_PASSWORD", credentials, "password"),
                                ],
                                securityContext: {
                                    allowPrivilegeEscalation: false,
                                    readOnlyRootFilesystem: true,
                                    capabilities: { drop: ["ALL"] },
                                },
                                resources: {
                                    requests: { cpu: "10m", memory: "16Mi" },
                                    limits: { memory: "64Mi" },
                                },
                                volumeMounts: [{ name: "work", mountPath: "/work" }],
                            },
                        ],
                        volumes: [{ name: "work", emptyDir: {} }],
                    },
                },
            },
        },
        // A Job that has failed is never Complete: without an end it would be waited for in vain.
        { ...inCluster, customTimeouts: { create: `${timeoutSeconds + 60}s` } },
    );

    return { namespace, job: job.metadata.name };
};

/** What the Job's container runs. */
const DRAW = readFileSync(join(__dirname, "draw.sh"), "utf8");

interface Settings {
    /** Full name of the stack that deployed the service. */
    readonly platform: string;
    /** Image that makes the request, by digest. */
    readonly clientImage: string;
    readonly namespaceName: string;
    readonly prompt: string;
    /** Seconds until there must be an image. */
    readonly timeoutSeconds: number;
}

/** @throws pulumi.RunError naming the key, the value given and what is allowed */
function readSettings(): Settings {
    const config = new pulumi.Config();
    const [platform, clientImage] = [config.require("platform"), config.require("clientImage")];
    if (!/@sha256:[0-9a-f]{64}$/.test(clientImage)) {
        throw userError(`clientImage is ${clientImage}; allowed: NAME@sha256:DIGEST`);
    }
    const timeoutSeconds = config.requireNumber("timeoutSeconds");
    if (!Number.isInteger(timeoutSeconds) || timeoutSeconds < 1) {
        throw userError(`timeoutSeconds is ${timeoutSeconds}; allowed: a whole number from 1`);
    }
    return {
        platform,
        clientImage,
        namespaceName: config.require("namespace"),
        prompt: config.require("prompt"),
        timeoutSeconds,
    };
}

function variable(name: string, value: pulumi.Input<string>): k8s.types.input.core.v1.EnvVar {
    return { name, value };
}

function secretVariable(
    name: string,
    secret: k8s.core.v1.Secret,
    key: string,
): k8s.types.input.core.v1.EnvVar {
    return { name, valueFrom: { secretKeyRef: { name: secret.metadata.name, key } } };
}

/** An error that its reader can mend: Pulumi prints the message alone. */
function userError(message: string): pulumi.RunError {
    const error = new pulumi.RunError(message);
    // The SDK formats the stack all the same, which takes Node 20 up to a minute.
    error.stack = message;
    return error;
}
