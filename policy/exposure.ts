import type { ResourceValidationPolicy, StackValidationPolicy } from "@pulumi/policy";
import { KNATIVE_SERVICE, metadataOf, serviceRule, servingContainers } from "./knative-service";
import { listOf, type Props, propsOf, show, textsOf } from "./props";
import { resourceRule, stackRule } from "./rule";

/** Label of a Knative Service that only its cluster can reach. */
const VISIBILITY = "networking.knative.dev/visibility";
const CLUSTER_LOCAL = "cluster-local";

function isClusterLocal(service: Props): boolean {
    return propsOf(metadataOf(service)["labels"])[VISIBILITY] === CLUSTER_LOCAL;
}

interface AuthenticationConfig {
    readonly flags: string[];
    readonly variables: string[];
    readonly gatewayAnnotations: string[];
}

/** `knative-authentication`: who can reach a Service from outside must show who he is. */
export const authentication: ResourceValidationPolicy = serviceRule<AuthenticationConfig>(
    {
        name: "knative-authentication",
        displayName: "Knative Service asks for credentials, and keeps them secret",
        description: `A Service that is reached from outside the cluster (without the label ${VISIBILITY}: ${CLUSTER_LOCAL}) asks for credentials, and these come from a Secret: what stands in command, args or env is shown to all who may read the pod.`,
        enforcementLevel: "mandatory",
        severity: "critical",
        tags: ["knative", "stable-diffusion", "security"],
        remediationSteps: `Take the WebUI's flags from a Secret (env COMMANDLINE_ARGS with valueFrom.secretKeyRef, holding --api-auth and --gradio-auth), or set the label ${VISIBILITY} to ${CLUSTER_LOCAL}.`,
        parameters: {
            flags: {
                type: "array",
                items: { type: "string", pattern: "^--" },
                uniqueItems: true,
                default: ["--api-auth", "--gradio-auth"],
                description: "Flags of the server whose value is a credential.",
            },
            variables: {
                type: "array",
                items: { type: "string", minLength: 1 },
                uniqueItems: true,
                default: ["COMMANDLINE_ARGS"],
                description:
                    "Variables that bring the credentials; what a Secret holds no policy can see.",
            },
            gatewayAnnotations: {
                type: "array",
                items: { type: "string", minLength: 1 },
                uniqueItems: true,
                default: [],
                description:
                    "Annotations of the Service with which a gateway asks for credentials in its place.",
            },
        },
    },
    (service, { config, report }) => {
        const isOpenElsewhere = config.gatewayAnnotations.some(
            (key) => propsOf(metadataOf(service)["annotations"])[key] !== undefined,
        );
        let isAsked = isClusterLocal(service) || isOpenElsewhere;
        for (const { path, props } of servingContainers(service)) {
            const given = credentials(props, config);
            for (const place of given.inClear) {
                report(`${path}.${place} holds credentials in clear; take them from a Secret.`);
            }
            isAsked ||= given.fromSecret || given.inClear.length > 0;
        }
        if (!isAsked) {
            report(
                `the Service is reached from outside without credentials: no variable ${config.variables.join(" or ")} from a Secret and no flag ${config.flags.join(" or ")}; set one, or the label ${VISIBILITY} to "${CLUSTER_LOCAL}".`,
            );
        }
    },
);

/** Where a container's credentials come from. Their values never enter a message. */
function credentials(
    container: Props,
    { flags, variables }: AuthenticationConfig,
): { readonly fromSecret: boolean; readonly inClear: readonly string[] } {
    const inClear: string[] = [];
    let fromSecret = false;
    for (const key of ["command", "args"]) {
        const words = textsOf(container[key]);
        for (const [place, word] of words.entries()) {
            for (const { value, at } of valuesOf(flags, words, word, place)) {
                if (isReference(value)) {
                    fromSecret = true;
                } else {
                    inClear.push(`${key}[${at}]`);
                }
            }
        }
    }
    for (const [place, each] of listOf(container["env"]).entries()) {
        const variable = propsOf(each);
        const isFlags = variables.includes(String(variable["name"]));
        if (isFlags && propsOf(variable["valueFrom"])["secretKeyRef"] !== undefined) {
            fromSecret = true;
        }
        const { value: text } = variable;
        const words = typeof text === "string" ? text.split(/\s+/) : [];
        const plain = words.flatMap((word, index) => valuesOf(flags, words, word, index));
        if (isFlags && plain.some(({ value }) => !isReference(value))) {
            inClear.push(`env[${place}].value`);
        }
    }
    return { fromSecret, inClear };
}

/** The value that a flag has at this place, as `--flag value` or `--flag=value`. */
function valuesOf(
    flags: readonly string[],
    words: readonly string[],
    word: string,
    place: number,
): { readonly value: string; readonly at: number }[] {
    return flags.flatMap((flag) => {
        if (word.startsWith(`${flag}=`)) {
            return [{ value: word.slice(flag.length + 1), at: place }];
        }
        const next = words[place + 1];
        return word === flag && next !== undefined ? [{ value: next, at: place + 1 }] : [];
    });
}

/** A variable as Kubernetes or a shell puts it in. */
const VARIABLE = String.raw`\$(?:\([A-Za-z_]\w*\)|\{?[A-Za-z_]\w*\}?)`;

/** One variable, or two for user and password; a shell's quotes may be around them. */
const REFERENCE = new RegExp(`^["']?${VARIABLE}(?::${VARIABLE})?["']?$`);

/** Whether a text only names variables, so that no credential stands in it. */
function isReference(text: string): boolean {
    return REFERENCE.test(text);
}

/** ConfigMap of Knative's network, and its key for plain HTTP. */
const CONFIG_NETWORK = "config-network";
const HTTP_PROTOCOL = "http-protocol";

/** Annotations of a Service for the same, the one that Knative takes first. */
const HTTP_PROTOCOL_ANNOTATIONS = [
    "networking.knative.dev/httpOption",
    "networking.knative.dev/http-protocol",
];

/** Pulumi's type token of a patch of a ConfigMap, by which Knative's own are set. */
export const CONFIG_MAP_PATCH = "kubernetes:core/v1:ConfigMapPatch";

const CONFIG_MAPS = ["kubernetes:core/v1:ConfigMap", CONFIG_MAP_PATCH];

/** `knative-tls`: credentials do not travel in clear. */
export const tls: StackValidationPolicy = stackRule<{ clusterRedirects: boolean }>(
    {
        name: "knative-tls",
        displayName: "Knative Service sends plain HTTP to HTTPS",
        description: `A Service that is reached from outside answers plain HTTP with a redirect to HTTPS: by ${HTTP_PROTOCOL} in the stack's ${CONFIG_NETWORK}, or by its own annotation. It needs external-domain-tls or a certificate at the gateway.`,
        enforcementLevel: "mandatory",
        severity: "high",
        tags: ["knative", "security"],
        remediationSteps: `Set ${HTTP_PROTOCOL} to "redirected" and external-domain-tls to "enabled" in ${CONFIG_NETWORK}, with cert-manager; or say clusterRedirects where something else does.`,
        parameters: {
            clusterRedirects: {
                type: "boolean",
                default: false,
                description:
                    "Whether something outside the stack, such as the gateway or the cluster's owner, redirects plain HTTP.",
            },
        },
    },
    (resources, { clusterRedirects }, report) => {
        const [ofStack] = resources
            .filter(
                ({ type, props }) =>
                    CONFIG_MAPS.includes(type) && metadataOf(props)["name"] === CONFIG_NETWORK,
            )
            .map(({ props }) => propsOf((props as Props)["data"])[HTTP_PROTOCOL])
            .filter((protocol) => protocol !== undefined);
        const redirects = clusterRedirects || isRedirected(ofStack);
        for (const { type, props, urn } of resources) {
            if (type !== KNATIVE_SERVICE || isClusterLocal(props)) {
                continue;
            }
            const annotations = propsOf(metadataOf(props)["annotations"]);
            const key = HTTP_PROTOCOL_ANNOTATIONS.find((each) => annotations[each] !== undefined);
            if (key === undefined ? !redirects : !isRedirected(annotations[key])) {
                const found =
                    key === undefined
                        ? `${HTTP_PROTOCOL} in ${CONFIG_NETWORK} is ${ofStack === undefined ? "not set by the stack" : show(ofStack)}`
                        : `the annotation ${key} is ${show(annotations[key])}`;
                report(
                    `the Service answers plain HTTP: ${found}; set ${key ?? HTTP_PROTOCOL} to "redirected".`,
                    urn,
                );
            }
        }
    },
);

function isRedirected(value: unknown): boolean {
    return typeof value === "string" && value.toLowerCase() === "redirected";
}

const ADDRESS_TYPE = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type";
const ACL_STATUS = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-acl-status";

/** Address ranges that are everywhere. */
export const EVERYWHERE: readonly unknown[] = ["0.0.0.0/0", "::/0"];

/** `kubernetes-load-balancer-sources`: a load balancer says who may come. */
export const loadBalancerSources: ResourceValidationPolicy = resourceRule(
    {
        name: "kubernetes-load-balancer-sources",
        displayName: "Load balancer says who may come",
        description:
            "A Kubernetes Service of type LoadBalancer has an address inside the VPC, an access control list, or address ranges that are not everywhere. Knative's own gateway is the public way in.",
        enforcementLevel: "mandatory",
        severity: "high",
        tags: ["kubernetes", "ack", "security"],
        remediationSteps: `Set spec.loadBalancerSourceRanges, or the annotation ${ADDRESS_TYPE} to "intranet".`,
    },
    ["kubernetes:core/v1:Service"],
    (service, { report }) => {
        const spec = propsOf(service["spec"]);
        if (spec["type"] !== "LoadBalancer") {
            return;
        }
        const annotations = propsOf(metadataOf(service)["annotations"]);
        if (annotations[ADDRESS_TYPE] === "intranet" || annotations[ACL_STATUS] === "on") {
            return;
        }
        const ranges = textsOf(spec["loadBalancerSourceRanges"]);
        if (ranges.length === 0 || ranges.some((range) => EVERYWHERE.includes(range))) {
            report(
                `spec.loadBalancerSourceRanges is ${show(spec["loadBalancerSourceRanges"])}, so everybody may come; set it to the ranges of those who may, or the annotation ${ADDRESS_TYPE} to "intranet".`,
            );
        }
    },
);
