import { namespace } from "../namespace";
import { serviceWith } from "./support/candidates";
import { describeRule } from "./support/cases";
import { type Candidate, UNKNOWN } from "./support/verdict";

const within = (name: unknown): Candidate => serviceWith({ metadata: { namespace: name } });
const RESERVED = "default, kube-*, knative-*, kourier-*, arms-*, istio-*";

describeRule(namespace, {
    passes: {
        "a namespace of its own": serviceWith(),
        "a name that only begins like default": within("default-sd"),
        "a name that only ends like a reserved one": within("my-kube-system"),
        "anything where nothing is reserved": [within("kube-system"), { reserved: [] }],
        "something that is no text": within(5),
        "a name that begins like the beginning of a reserved one": within("kiosk"),
    },
    fails: {
        unset: [
            within(undefined),
            [`metadata.namespace is unset (default); set it to one that is not ${RESERVED}.`],
        ],
        default: [
            within("default"),
            [`metadata.namespace is "default"; set it to one that is not ${RESERVED}.`],
        ],
        "the cluster's own": [
            within("knative-serving"),
            [`metadata.namespace is "knative-serving"; set it to one that is not ${RESERVED}.`],
        ],
        "what the configuration reserves": [
            within("prod"),
            ['metadata.namespace is "prod"; set it to one that is not a, prod.'],
            { reserved: ["a", "prod"] },
        ],
    },
    unknown: { "a namespace": within(UNKNOWN) },
});
