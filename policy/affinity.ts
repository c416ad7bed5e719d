import type { ResourceValidationPolicy } from "@pulumi/policy";
import { parseInt32 } from "./go-values";
import { metadataOf, podSpec, serviceRule } from "./knative-service";
import { type Props, propsOf, show } from "./props";

/** Annotations by which ACK's Knative keeps a browser's requests on one pod. */
const AFFINITY = "serving.knative.dev.alibabacloud/affinity";
const COOKIE_NAME = "serving.knative.dev.alibabacloud/cookie-name";
const COOKIE_TIMEOUT = "serving.knative.dev.alibabacloud/cookie-timeout";

/** Most seconds of a cookie's lifetime at an Alibaba Cloud load balancer. */
const MAX_COOKIE_SECONDS = 86_400;

/** `knative-cookie-affinity`: ACK's cookie affinity is complete. */
export const cookieAffinity: ResourceValidationPolicy = serviceRule(
    {
        name: "knative-cookie-affinity",
        displayName: "Knative Service sets ACK's cookie affinity completely",
        description: `Where the annotation ${AFFINITY} is set, it is cookie, with a cookie's name (a token of RFC 6265) and a lifetime from 1 to ${MAX_COOKIE_SECONDS} seconds.`,
        enforcementLevel: "mandatory",
        severity: "medium",
        tags: ["knative", "ack"],
        remediationSteps: `Set ${AFFINITY} to "cookie", ${COOKIE_NAME} to a name such as "sd" and ${COOKIE_TIMEOUT} to seconds such as "1800", or take all three away.`,
    },
    (service, { report }) => {
        const annotations = annotationsOf(service);
        const set = [AFFINITY, COOKIE_NAME, COOKIE_TIMEOUT].filter(
            (key) => annotations[key] !== undefined,
        );
        if (set.length === 0) {
            return;
        }
        const affinity = annotations[AFFINITY];
        if (affinity !== "cookie") {
            report(`the annotation ${AFFINITY} is ${show(affinity)}; set it to "cookie".`);
        }
        const name = annotations[COOKIE_NAME];
        if (typeof name !== "string" || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
            report(
                `the annotation ${COOKIE_NAME} is ${show(name)}; set it to a cookie name as of RFC 6265, such as "sd".`,
            );
        }
        const timeout = annotations[COOKIE_TIMEOUT];
        const seconds = typeof timeout === "string" ? (parseInt32(timeout) ?? 0) : 0;
        if (seconds < 1 || seconds > MAX_COOKIE_SECONDS) {
            report(
                `the annotation ${COOKIE_TIMEOUT} is ${show(timeout)}; set it to a string from "1" to "${MAX_COOKIE_SECONDS}".`,
            );
        }
    },
);

/** `knative-cookie-affinity-queue`: requests of one client do not wait behind one pod. */
export const cookieAffinityQueue: ResourceValidationPolicy = serviceRule(
    {
        name: "knative-cookie-affinity-queue",
        displayName: "Knative Service does without affinity where a pod serves one request",
        description:
            "With containerConcurrency 1 cookie affinity makes the requests of a client that keeps cookies wait behind one pod while others idle. It is for a page, not for an API.",
        enforcementLevel: "advisory",
        severity: "low",
        tags: ["knative", "ack", "reliability"],
        remediationSteps: `Take the annotation ${AFFINITY} and its cookie's away, unless the Service is used by browsers only.`,
    },
    (service, { report }) => {
        const affinity = annotationsOf(service)[AFFINITY];
        if (affinity !== undefined && podSpec(service)["containerConcurrency"] === 1) {
            report(
                `the annotation ${AFFINITY} is ${show(affinity)} and containerConcurrency is 1; take the annotation away if the Service is an API.`,
            );
        }
    },
);

function annotationsOf(service: Props): Props {
    return propsOf(metadataOf(service)["annotations"]);
}
