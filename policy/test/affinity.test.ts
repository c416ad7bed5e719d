import { cookieAffinity, cookieAffinityQueue } from "../affinity";
import { configurationWith, serviceWith } from "./support/candidates";
import { describeRule } from "./support/cases";
import { type Candidate, UNKNOWN } from "./support/verdict";

const KEY = "serving.knative.dev.alibabacloud";
const cookie = (changes: Record<string, unknown> = {}, spec = {}): Candidate =>
    serviceWith({
        metadata: {
            annotations: {
                [`${KEY}/affinity`]: "cookie",
                [`${KEY}/cookie-name`]: "sd",
                [`${KEY}/cookie-timeout`]: "1800",
                ...changes,
            },
        },
        spec,
    });
const OTHERS = {
    "a Kubernetes Service": { type: "kubernetes:core/v1:Service", props: {} },
    "a Configuration, which has no route": configurationWith(),
};
const TIMEOUT = (shown: string): string =>
    `the annotation ${KEY}/cookie-timeout is ${shown}; set it to a string from "1" to "86400".`;
const NAME = (shown: string): string =>
    `the annotation ${KEY}/cookie-name is ${shown}; set it to a cookie name as of RFC 6265, such as "sd".`;

describeRule(cookieAffinity, {
    others: OTHERS,
    passes: {
        "no affinity": serviceWith(),
        "the recipe's": cookie(),
        "the shortest and the longest": cookie({
            [`${KEY}/cookie-timeout`]: "86400",
            [`${KEY}/cookie-name`]: "!#$%&'*+.^_`|~09AZaz-",
        }),
        "a second": cookie({ [`${KEY}/cookie-timeout`]: "1" }),
    },
    fails: {
        "another kind": [
            cookie({ [`${KEY}/affinity`]: "ip" }),
            [`the annotation ${KEY}/affinity is "ip"; set it to "cookie".`],
        ],
        "a cookie's name without affinity": [
            serviceWith({ metadata: { annotations: { [`${KEY}/cookie-name`]: "sd" } } }),
            [`the annotation ${KEY}/affinity is unset; set it to "cookie".`, TIMEOUT("unset")],
        ],
        "a lifetime without affinity": [
            serviceWith({ metadata: { annotations: { [`${KEY}/cookie-timeout`]: "1800" } } }),
            [`the annotation ${KEY}/affinity is unset; set it to "cookie".`, NAME("unset")],
        ],
        "a name with a blank": [cookie({ [`${KEY}/cookie-name`]: "s d" }), [NAME('"s d"')]],
        "an empty name": [cookie({ [`${KEY}/cookie-name`]: "" }), [NAME('""')]],
        "a name with a bracket at the end": [
            cookie({ [`${KEY}/cookie-name`]: "sd(" }),
            [NAME('"sd("')],
        ],
        "a name with a bracket at the start": [
            cookie({ [`${KEY}/cookie-name`]: "(sd" }),
            [NAME('"(sd"')],
        ],
        "a number as name": [cookie({ [`${KEY}/cookie-name`]: 1 }), [NAME("1")]],
        "no lifetime": [cookie({ [`${KEY}/cookie-timeout`]: "0" }), [TIMEOUT('"0"')]],
        "a second more": [cookie({ [`${KEY}/cookie-timeout`]: "86401" }), [TIMEOUT('"86401"')]],
        "a duration": [cookie({ [`${KEY}/cookie-timeout`]: "30m" }), [TIMEOUT('"30m"')]],
        "a number": [cookie({ [`${KEY}/cookie-timeout`]: 1800 }), [TIMEOUT("1800")]],
    },
    unknown: { "a lifetime": cookie({ [`${KEY}/cookie-timeout`]: UNKNOWN }) },
});

describeRule(cookieAffinityQueue, {
    others: OTHERS,
    passes: {
        "no affinity": serviceWith(),
        "affinity with a higher concurrency": cookie({}, { containerConcurrency: 2 }),
    },
    fails: {
        "affinity where a pod serves one request": [
            cookie(),
            [
                `the annotation ${KEY}/affinity is "cookie" and containerConcurrency is 1; take the annotation away if the Service is an API.`,
            ],
        ],
    },
    unknown: { "an annotation": cookie({ [`${KEY}/affinity`]: UNKNOWN }) },
});
