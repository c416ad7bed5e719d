import { cudaCheck, gpuLimit } from "../gpu";
import { serviceWith } from "./support/candidates";
import { describeRule } from "./support/cases";
import { type Candidate, UNKNOWN } from "./support/verdict";

const GPU = "nvidia.com/gpu";
const PATH = "spec.template.spec.containers[0]";
const limited = (limits: unknown): Candidate =>
    serviceWith({ container: { resources: { limits } } });
const CONTAINER = (gpus: unknown): unknown => ({ resources: { limits: { [GPU]: gpus } } });

const NONE = `spec.template.spec.containers have no limit of ${GPU} (unset); set resources.limits["${GPU}"] of one to a whole number from 1 to 8.`;
const bad = (shown: string, resource = GPU): string =>
    `${PATH}.resources.limits["${resource}"] is ${shown}; set it to a whole number of at least 1.`;

describeRule(gpuLimit, {
    passes: {
        "one GPU": serviceWith(),
        "a number": limited({ [GPU]: 1 }),
        "the most GPUs": limited({ [GPU]: "8" }),
        "the configuration's bound": [limited({ [GPU]: "2" }), { max: 2 }],
        "a part of a GPU": limited({ "aliyun.com/gpu-mem": "4" }),
        "GPUs of two containers": [
            serviceWith({ spec: { containers: [CONTAINER(1), CONTAINER("1")] } }),
            { max: 2 },
        ],
        "a Service that needs none": [
            limited({ cpu: "1" }),
            { withoutGpu: ["other/other", "sd/sd"] },
        ],
        "a Service without a namespace that needs none": [
            serviceWith({ metadata: { namespace: undefined }, container: { resources: {} } }),
            { withoutGpu: ["default/sd"] },
        ],
    },
    fails: {
        "no resources": [serviceWith({ container: { resources: undefined } }), [NONE]],
        "no limits": [
            serviceWith({ container: { resources: { requests: { [GPU]: 1 } } } }),
            [NONE],
        ],
        "no GPU": [limited({ cpu: "3" }), [NONE]],
        "no container": [serviceWith({ spec: { containers: [] } }), [NONE]],
        "containers that are no list": [
            serviceWith({ spec: { containers: { [GPU]: 1 } } }),
            [NONE],
        ],
        "another Service than those that need none": [
            limited({ cpu: "3" }),
            [NONE],
            { withoutGpu: ["other/sd", "sd/other"] },
        ],
        "0 GPUs": [limited({ [GPU]: "0" }), [bad('"0"')]],
        "a GPU and a half": [limited({ [GPU]: "1500m" }), [bad('"1500m"')]],
        "a list of a GPU": [limited({ [GPU]: ["1"] }), [bad('["1"]')]],
        "no resources at all": [serviceWith({ container: { resources: null } }), [NONE]],
        "half a GPU": [limited({ [GPU]: "500m" }), [bad('"500m"')]],
        "a word": [limited({ [GPU]: "one" }), [bad('"one"')]],
        "half a GiB of a GPU": [
            limited({ "aliyun.com/gpu-mem": 0.5 }),
            [bad("0.5", "aliyun.com/gpu-mem")],
        ],
        "one GPU more": [
            limited({ [GPU]: "9" }),
            [
                `spec.template.spec.containers have limits of 9 ${GPU} together; set them to at most 8.`,
            ],
        ],
        "one GPU more than the configuration's bound, in two containers": [
            serviceWith({ spec: { containers: [CONTAINER(1), CONTAINER("2")] } }),
            [
                `spec.template.spec.containers have limits of 3 ${GPU} together; set them to at most 2.`,
            ],
            { max: 2 },
        ],
    },
    unknown: { "a limit": limited({ [GPU]: UNKNOWN }), "a map of limits": limited(UNKNOWN) },
});

const SKIP = "--skip-torch-cuda-test";
const found = (place: string): string => `${PATH}.${place} has ${SKIP}; take it away.`;

describeRule(cudaCheck, {
    passes: {
        "a WebUI that checks": serviceWith(),
        "another flag that begins so": serviceWith({
            container: { args: [`${SKIP}s`, `-${SKIP}`] },
        }),
        "no command": serviceWith({
            container: { command: undefined, args: undefined, env: undefined },
        }),
    },
    fails: {
        "the flag among the arguments": [
            serviceWith({ container: { args: ["--listen", SKIP] } }),
            [found("args[1]")],
        ],
        "the flag in a shell's script": [
            serviceWith({ container: { command: ["sh", "-c", `python3 launch.py "${SKIP}"\n`] } }),
            [found("command[2]")],
        ],
        "the flag in a variable": [
            serviceWith({
                container: {
                    env: [
                        { name: "A", value: "b" },
                        { name: "COMMANDLINE_ARGS", value: `--api ${SKIP}` },
                    ],
                },
            }),
            [found("env[1].value")],
        ],
        "the flag with a value, in quotes": [
            serviceWith({ container: { args: [`'${SKIP}=true'`] } }),
            [found("args[0]")],
        ],
        "the flag in an init container": [
            serviceWith({ spec: { initContainers: [{ args: [SKIP] }] } }),
            [`spec.template.spec.initContainers[0].args[0] has ${SKIP}; take it away.`],
        ],
    },
    unknown: {
        "an argument": serviceWith({ container: { args: [UNKNOWN] } }),
        "a variable": serviceWith({ container: { env: [{ name: "A", value: UNKNOWN }] } }),
    },
});
