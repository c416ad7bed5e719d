import { guaranteedResources } from "../resources";
import { serviceWith } from "./support/candidates";
import { describeRule } from "./support/cases";
import { type Candidate, UNKNOWN } from "./support/verdict";

const PATH = "spec.template.spec.containers[0].resources";
const given = (requests: unknown, limits: unknown): Candidate =>
    serviceWith({ container: { resources: { requests, limits } } });
const GOOD = { cpu: "3", memory: "12Gi" };

describeRule(guaranteedResources, {
    passes: {
        "the same quantities": given(GOOD, GOOD),
        "the same quantities in other units": given(
            { cpu: "1500m", memory: "1024Mi" },
            { cpu: 1.5, memory: "1Gi" },
        ),
    },
    fails: {
        "a request that is missing": [
            given({ cpu: "3" }, GOOD),
            [`${PATH}.requests.memory is unset; set it to "12Gi", as its limit.`],
        ],
        "a lower request": [
            given({ cpu: "2999m", memory: "12Gi" }, GOOD),
            [`${PATH}.requests.cpu is "2999m"; set it to "3", as its limit.`],
        ],
        "a request that is no quantity": [
            given({ cpu: "three", memory: "12Gi" }, GOOD),
            [`${PATH}.requests.cpu is "three"; set it to "3", as its limit.`],
        ],
        "no limits": [
            given(GOOD, undefined),
            [
                `${PATH}.limits.cpu is unset; set it to a quantity such as "3".`,
                `${PATH}.limits.memory is unset; set it to a quantity such as "12Gi".`,
            ],
        ],
        "a limit of nothing": [
            given(GOOD, { cpu: "0", memory: "12Gi" }),
            [`${PATH}.limits.cpu is "0"; set it to a quantity such as "3".`],
        ],
        "a limit that is no quantity": [
            given(GOOD, { cpu: "3", memory: "12 GB" }),
            [`${PATH}.limits.memory is "12 GB"; set it to a quantity such as "12Gi".`],
        ],
        "each container that serves": [
            serviceWith({
                spec: {
                    containers: [
                        { resources: { requests: GOOD, limits: GOOD } },
                        { resources: { requests: { cpu: "1" }, limits: GOOD } },
                    ],
                },
            }),
            [
                'spec.template.spec.containers[1].resources.requests.cpu is "1"; set it to "3", as its limit.',
                'spec.template.spec.containers[1].resources.requests.memory is unset; set it to "12Gi", as its limit.',
            ],
        ],
    },
    unknown: {
        "a request": given({ cpu: UNKNOWN }, GOOD),
        "a limit": given(GOOD, { cpu: UNKNOWN }),
    },
});
