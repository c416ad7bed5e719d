import { livenessProbe, readinessHttp, readinessProbe } from "../probes";
import { serviceWith } from "./support/candidates";
import { describeRule } from "./support/cases";
import { type Candidate, UNKNOWN } from "./support/verdict";

const PATH = "spec.template.spec.containers[0]";
const ready = (probe: unknown): Candidate => serviceWith({ container: { readinessProbe: probe } });
const http = (path: unknown): Candidate => ready({ httpGet: { path, port: 7860 } });
const guarded = (shown: string, folder = "/sdapi"): string =>
    `${PATH}.readinessProbe.httpGet.path is ${shown}, which answers only with credentials; set it to a path that is not below ${folder}.`;
const UNSET = `${PATH}.readinessProbe is unset; set its httpGet to a path that answers without credentials.`;

describeRule(readinessProbe, {
    passes: {
        "an open path": http("/internal/ping"),
        "a path that only begins so": http("/sdapi-docs"),
        "no path, which is /": http(undefined),
        TCP: ready({ tcpSocket: { port: 7860 } }),
        gRPC: ready({ grpc: { port: 7860 } }),
        "any path where none is guarded": [http("/sdapi/v1/options"), { guardedPaths: [] }],
        "no container": serviceWith({ spec: { containers: [] } }),
    },
    fails: {
        "no probe": [ready(undefined), [UNSET]],
        "a probe that asks nothing": [ready({ periodSeconds: 1 }), [UNSET]],
        "a command": [
            ready({ exec: { command: ["true"] }, httpGet: { path: "/" } }),
            [`${PATH}.readinessProbe.exec is set; set httpGet instead.`],
        ],
        "a guarded path": [http("/sdapi/v1/options"), [guarded('"/sdapi/v1/options"')]],
        "the guarded folder itself": [http("/sdapi"), [guarded('"/sdapi"')]],
        "a path below a folder with a slash": [
            http("/api/x"),
            [guarded('"/api/x"', "/api/")],
            { guardedPaths: ["/other", "/api/"] },
        ],
    },
    unknown: { "a path": http(UNKNOWN), "a probe": ready(UNKNOWN) },
});

describeRule(readinessHttp, {
    passes: {
        HTTP: http("/"),
        "no probe": ready(undefined),
        "no container": serviceWith({ spec: { containers: [] } }),
    },
    fails: {
        "an open port": [
            ready({ tcpSocket: { port: 7860 } }),
            [
                `${PATH}.readinessProbe.tcpSocket is set; set httpGet to a path that answers without credentials.`,
            ],
        ],
    },
    unknown: { "a probe": ready(UNKNOWN) },
});

const alive = (probe: unknown): Candidate => serviceWith({ container: { livenessProbe: probe } });
const OTHER = { httpGet: { path: "/alive", port: 7860 } };
const short = (seconds: number, least: number): string =>
    `${PATH}.livenessProbe kills the pod after ${seconds} s (periodSeconds × failureThreshold); set failureThreshold to at least ${least}.`;

describeRule(livenessProbe, {
    passes: {
        "no probe": serviceWith(),
        "a patient probe": alive({ ...OTHER, periodSeconds: 10, failureThreshold: 6 }),
        "the configuration's bound by the defaults": [alive(OTHER), { minSeconds: 30 }],
        "a patient probe without a readiness probe": serviceWith({
            container: {
                readinessProbe: undefined,
                livenessProbe: { ...OTHER, failureThreshold: 6 },
            },
        }),
    },
    fails: {
        "the defaults": [alive(OTHER), [short(30, 6)]],
        "one failure less": [
            alive({ ...OTHER, periodSeconds: 7, failureThreshold: 8 }),
            [short(56, 9)],
        ],
        "numbers that Kubernetes takes as unset": [
            alive({ ...OTHER, periodSeconds: 0, failureThreshold: 0 }),
            [short(30, 6)],
        ],
        texts: [alive({ ...OTHER, periodSeconds: "60" }), [short(30, 6)]],
        "the readiness probe again": [
            alive({
                httpGet: { path: "/internal/ping", port: 7860 },
                periodSeconds: 60,
                failureThreshold: 10,
            }),
            [
                `${PATH}.livenessProbe asks the same as readinessProbe, so a pod that is only busy is killed; take it away, or let it ask something that a busy pod answers.`,
            ],
        ],
        "a probe that asks nothing, without a readiness probe": [
            serviceWith({ container: { readinessProbe: undefined, livenessProbe: {} } }),
            [short(30, 6)],
        ],
        "the second container's": [
            serviceWith({ spec: { containers: [{}, { livenessProbe: OTHER }] } }),
            [short(30, 6).replace("[0]", "[1]")],
        ],
    },
    unknown: { "a period": alive({ ...OTHER, periodSeconds: UNKNOWN }), "a probe": alive(UNKNOWN) },
});
