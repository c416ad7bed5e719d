import assert from "node:assert/strict";
import { authentication, loadBalancerSources, tls } from "../exposure";
import { KNATIVE_SERVICE } from "../knative-service";
import { configurationWith, serviceWith } from "./support/candidates";
import { describeRule } from "./support/cases";
import { type Candidate, stackVerdict, UNKNOWN } from "./support/verdict";

const PATH = "spec.template.spec.containers[0]";
const VISIBILITY = "networking.knative.dev/visibility";
const OPEN = `the Service is reached from outside without credentials: no variable COMMANDLINE_ARGS from a Secret and no flag --api-auth or --gradio-auth; set one, or the label ${VISIBILITY} to "cluster-local".`;
const clear = (place: string): string =>
    `${PATH}.${place} holds credentials in clear; take them from a Secret.`;
const container = (changes: Record<string, unknown>): Candidate =>
    serviceWith({ container: { env: undefined, ...changes } });
const LOCAL = { labels: { [VISIBILITY]: "cluster-local" } };

describeRule(authentication, {
    others: {
        "a Kubernetes Service": { type: "kubernetes:core/v1:Service", props: {} },
        "a Configuration, which has no route": configurationWith(),
    },
    passes: {
        "flags from a Secret": serviceWith(),
        "a Service inside the cluster": serviceWith({
            metadata: LOCAL,
            container: { env: undefined },
        }),
        "a flag whose value is a variable": container({ args: ["--api-auth", "$(AUTH)"] }),
        "a flag with a variable of the shell": container({ args: ["--api-auth=${AUTH}"] }),
        "a flag with user and password as variables": container({
            args: ["--gradio-auth", "$(USER):$PASSWORD"],
        }),
        "a flag with user and password as variables of Kubernetes": container({
            args: ["--gradio-auth", "$(USER_1):$(PASSWORD_1)"],
        }),
        "a flag in quotes": container({ command: ["--api-auth", "'$AUTH'"] }),
        "a gateway that asks": [
            serviceWith({
                metadata: { annotations: { "gateway/auth": "on" } },
                container: { env: undefined },
            }),
            { gatewayAnnotations: ["other", "gateway/auth"] },
        ],
        "the configuration's variable and flag": [
            container({
                env: [{ name: "KEYS", valueFrom: { secretKeyRef: { name: "a", key: "b" } } }],
                args: ["--api-auth", "user:password"],
            }),
            { variables: ["KEYS"], flags: ["--key"] },
        ],
        "a script that only looks for the flag": serviceWith({
            container: { command: ["sh", "-c", "case $x in *--api-auth*) ;; esac; trap x TERM"] },
        }),
        "other variables in clear": serviceWith({
            container: {
                env: [
                    { name: "OTHER", value: "--api-auth me:secret" },
                    {
                        name: "COMMANDLINE_ARGS",
                        valueFrom: { secretKeyRef: { name: "a", key: "b" } },
                    },
                ],
            },
        }),
        "the second container's flags": serviceWith({
            spec: { containers: [{}, { args: ["--api-auth", "$(AUTH)"] }] },
        }),
    },
    fails: {
        "no credentials": [container({}), [OPEN]],
        "a flag without a value": [container({ args: ["--api", "--api-auth"] }), [OPEN]],
        "flags from a ConfigMap": [
            container({
                env: [{ name: "COMMANDLINE_ARGS", valueFrom: { configMapKeyRef: { name: "a" } } }],
            }),
            [OPEN],
        ],
        "another variable from a Secret": [
            container({
                env: [{ name: "OTHER", valueFrom: { secretKeyRef: { name: "a", key: "b" } } }],
            }),
            [OPEN],
        ],
        "another visibility": [
            serviceWith({
                metadata: { labels: { [VISIBILITY]: "public" } },
                container: { env: undefined },
            }),
            [OPEN],
        ],
        "credentials among the arguments, without showing them": [
            container({ args: ["--api", "--api-auth", "me:secret"] }),
            [clear("args[2]")],
        ],
        "credentials in one word": [
            container({ command: ["--gradio-auth=me:secret"] }),
            [clear("command[0]")],
        ],
        "credentials that only begin or end as a variable": [
            container({ args: ["--api-auth", "$USER:secret", "--gradio-auth", "x$(AUTH)"] }),
            [clear("args[1]"), clear("args[3]")],
        ],
        "credentials in a variable": [
            serviceWith({
                container: {
                    env: [
                        { name: "A", value: "b" },
                        { name: "COMMANDLINE_ARGS", value: "--api  --api-auth me:secret" },
                    ],
                },
            }),
            [clear("env[1].value")],
        ],
        "credentials in clear inside the cluster": [
            serviceWith({ metadata: LOCAL, container: { args: ["--api-auth", "me:secret"] } }),
            [clear("args[1]")],
        ],
        "what the configuration calls so": [
            container({}),
            [
                `the Service is reached from outside without credentials: no variable A or B from a Secret and no flag --key; set one, or the label ${VISIBILITY} to "cluster-local".`,
            ],
            { variables: ["A", "B"], flags: ["--key"] },
        ],
        "a variable of plain flags": [
            container({ env: [{ name: "COMMANDLINE_ARGS", value: "--api --api-auth  $(AUTH)" }] }),
            [OPEN],
        ],
        "a gateway that is not annotated": [
            container({}),
            [OPEN],
            { gatewayAnnotations: ["gateway/auth"] },
        ],
    },
    unknown: {
        "an argument": container({ args: [UNKNOWN] }),
        "a label": serviceWith({ metadata: { labels: { [VISIBILITY]: UNKNOWN } } }),
    },
});

const configNetwork = (data: unknown, type = "kubernetes:core/v1:ConfigMapPatch"): Candidate => ({
    type,
    name: "network",
    props: { metadata: { name: "config-network" }, data },
});
const REDIRECTED = { "http-protocol": "Redirected" };
const UNSET =
    'subject: the Service answers plain HTTP: http-protocol in config-network is not set by the stack; set http-protocol to "redirected".';

describe("knative-tls", () => {
    const cases: Record<string, [Candidate[], string[], Record<string, unknown>?]> = {
        "rejects a Service that answers plain HTTP": [[serviceWith()], [UNSET]],
        "rejects each of several": [
            [serviceWith(), serviceWith()],
            [UNSET, UNSET],
        ],
        "accepts a stack without a Service": [[configNetwork({})], []],
        "accepts a Service inside the cluster": [[serviceWith({ metadata: LOCAL })], []],
        "accepts a cluster that redirects": [[configNetwork(REDIRECTED), serviceWith()], []],
        "accepts a ConfigMap that redirects": [
            [configNetwork(REDIRECTED, "kubernetes:core/v1:ConfigMap"), serviceWith()],
            [],
        ],
        "rejects where another ConfigMap says so": [
            [
                {
                    ...configNetwork(REDIRECTED),
                    props: { metadata: { name: "other" }, data: REDIRECTED },
                },
                serviceWith(),
            ],
            [UNSET],
        ],
        "rejects where another type says so": [
            [configNetwork(REDIRECTED, "kubernetes:core/v1:Secret"), serviceWith()],
            [UNSET],
        ],
        "rejects a cluster that enables plain HTTP": [
            [configNetwork({ "http-protocol": "enabled" }), serviceWith()],
            [UNSET.replace("not set by the stack", '"enabled"')],
        ],
        "accepts what is done outside the stack": [[serviceWith()], [], { clusterRedirects: true }],
        "accepts a Service that redirects": [
            [
                serviceWith({
                    metadata: {
                        annotations: { "networking.knative.dev/http-protocol": "redirected" },
                    },
                }),
            ],
            [],
        ],
        "takes the annotation that Knative takes first, before the cluster": [
            [
                configNetwork(REDIRECTED),
                serviceWith({
                    metadata: {
                        annotations: {
                            "networking.knative.dev/httpOption": "Enabled",
                            "networking.knative.dev/http-protocol": "redirected",
                        },
                    },
                }),
            ],
            [
                'subject: the Service answers plain HTTP: the annotation networking.knative.dev/httpOption is "Enabled"; set networking.knative.dev/httpOption to "redirected".',
            ],
        ],
        "rejects an annotation that is no text": [
            [
                serviceWith({
                    metadata: { annotations: { "networking.knative.dev/http-protocol": true } },
                }),
            ],
            [
                'subject: the Service answers plain HTTP: the annotation networking.knative.dev/http-protocol is true; set networking.knative.dev/http-protocol to "redirected".',
            ],
        ],
    };
    for (const [title, [candidates, messages, config]] of Object.entries(cases)) {
        it(title, async () => {
            assert.deepEqual(await stackVerdict(tls, candidates, config), messages);
        });
    }

    it("leaves a label that is unknown at preview to the engine", async () => {
        await assert.rejects(
            stackVerdict(tls, [serviceWith({ metadata: { labels: UNKNOWN } })]),
            /can't be known during preview/,
        );
    });
});

const balanced = (spec: Record<string, unknown>, annotations?: unknown): Candidate => ({
    type: "kubernetes:core/v1:Service",
    props: { metadata: { annotations }, spec: { type: "LoadBalancer", ...spec } },
});
const ACCESS = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer";
const everybody = (shown: string): string =>
    `spec.loadBalancerSourceRanges is ${shown}, so everybody may come; set it to the ranges of those who may, or the annotation ${ACCESS}-address-type to "intranet".`;

describeRule(loadBalancerSources, {
    others: { "a Knative Service": { type: KNATIVE_SERVICE, props: {} } },
    passes: {
        "a Service of the cluster": balanced({ type: "ClusterIP" }),
        "no spec": { type: "kubernetes:core/v1:Service", props: {} },
        "ranges of some": balanced({ loadBalancerSourceRanges: ["10.0.0.0/8", "192.0.2.0/24"] }),
        "an address inside the VPC": balanced({}, { [`${ACCESS}-address-type`]: "intranet" }),
        "an access control list": balanced({}, { [`${ACCESS}-acl-status`]: "on" }),
    },
    fails: {
        "no ranges": [balanced({}), [everybody("unset")]],
        "everywhere among the ranges": [
            balanced({ loadBalancerSourceRanges: ["10.0.0.0/8", "0.0.0.0/0"] }),
            [everybody('["10.0.0.0/8","0.0.0.0/0"]')],
        ],
        "everywhere of IPv6": [
            balanced({ loadBalancerSourceRanges: ["::/0"] }),
            [everybody('["::/0"]')],
        ],
        "a public address and no list": [
            balanced(
                {},
                { [`${ACCESS}-address-type`]: "internet", [`${ACCESS}-acl-status`]: "off" },
            ),
            [everybody("unset")],
        ],
    },
    unknown: { "a type": balanced({ type: UNKNOWN }) },
});
