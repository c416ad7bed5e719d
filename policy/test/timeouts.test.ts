import { timeout } from "../timeouts";
import { serviceWith } from "./support/candidates";
import { describeRule } from "./support/cases";
import { type Candidate, UNKNOWN } from "./support/verdict";

const timed = (spec: Record<string, unknown>): Candidate => serviceWith({ spec });
const rejected = (shown: string, from = 60, to = 600): string =>
    `spec.template.spec.timeoutSeconds is ${shown}; set it to a whole number from ${from} to ${to}.`;

describeRule(timeout, {
    passes: {
        "the least": timed({ timeoutSeconds: 60 }),
        "the most": timed({ timeoutSeconds: 600 }),
        "the configuration's bounds": [
            timed({ timeoutSeconds: 300 }),
            { minSeconds: 300, maxSeconds: 300 },
        ],
        "other timeouts that are off": timed({
            idleTimeoutSeconds: 0,
            responseStartTimeoutSeconds: 0,
        }),
        "other timeouts that end nothing earlier": timed({
            idleTimeoutSeconds: 300,
            responseStartTimeoutSeconds: 300,
        }),
    },
    fails: {
        "a second less": [timed({ timeoutSeconds: 59 }), [rejected("59")]],
        "a second more": [timed({ timeoutSeconds: 601 }), [rejected("601")]],
        "a part of a second": [timed({ timeoutSeconds: 60.5 }), [rejected("60.5")]],
        "a text": [timed({ timeoutSeconds: "300" }), [rejected('"300"')]],
        "a second more than the configuration's bound": [
            timed({ timeoutSeconds: 301 }),
            [rejected("301", 60, 300)],
            { maxSeconds: 300 },
        ],
        unset: [timed({ timeoutSeconds: undefined }), [rejected("unset (the cluster's default)")]],
        "0, which Knative takes as unset": [
            timed({ timeoutSeconds: 0 }),
            [rejected("0 (the cluster's default)")],
        ],
        "other timeouts that end a request earlier": [
            timed({ idleTimeoutSeconds: 299, responseStartTimeoutSeconds: 1 }),
            [
                "spec.template.spec.responseStartTimeoutSeconds is 1, less than timeoutSeconds (300); take it away.",
                "spec.template.spec.idleTimeoutSeconds is 299, less than timeoutSeconds (300); take it away.",
            ],
        ],
        "another timeout that is a text": [
            timed({ idleTimeoutSeconds: "400" }),
            [
                'spec.template.spec.idleTimeoutSeconds is "400", less than timeoutSeconds (300); take it away.',
            ],
        ],
    },
    unknown: {
        "a timeout": timed({ timeoutSeconds: UNKNOWN }),
        "another timeout": timed({ idleTimeoutSeconds: UNKNOWN }),
    },
});
