import type { ResourceValidationPolicy } from "@pulumi/policy";
import { listOf, type Props, propsOf } from "./props";
import { resourceRule, type RuleContext, type RuleFacts } from "./rule";

/** Pulumi's type token of a Knative Service, whichever SDK class or YAML it was declared with. */
export const KNATIVE_SERVICE = "kubernetes:serving.knative.dev/v1:Service";

/** Pulumi's type token of a Knative Configuration, which makes the same revisions without a route. */
export const KNATIVE_CONFIGURATION = "kubernetes:serving.knative.dev/v1:Configuration";

/** A rule about the revisions that a Knative Service, or a Configuration, makes. */
export function revisionRule<Config extends object = object>(
    facts: RuleFacts<Config>,
    validate: (service: Props, context: RuleContext<Config>) => void,
): ResourceValidationPolicy {
    return resourceRule(facts, [KNATIVE_SERVICE, KNATIVE_CONFIGURATION], validate);
}

/** A rule about what only a Knative Service has: it can be reached. */
export function serviceRule<Config extends object = object>(
    facts: RuleFacts<Config>,
    validate: (service: Props, context: RuleContext<Config>) => void,
): ResourceValidationPolicy {
    return resourceRule(facts, [KNATIVE_SERVICE], validate);
}

/** `spec.template`. */
function template(service: Props): Props {
    return propsOf(propsOf(service["spec"])["template"]);
}

/** `metadata` of the Service itself. */
export function metadataOf(service: Props): Props {
    return propsOf(service["metadata"]);
}

/** `spec.template.metadata.annotations`. */
export function templateAnnotations(service: Props): Props {
    return propsOf(propsOf(template(service)["metadata"])["annotations"]);
}

/** `spec.template.metadata.labels`. */
export function templateLabels(service: Props): Props {
    return propsOf(propsOf(template(service)["metadata"])["labels"]);
}

/** `spec.template.spec`: Knative's fields and those of a pod. */
export function podSpec(service: Props): Props {
    return propsOf(template(service)["spec"]);
}

/** A container and where it stands, for messages. */
export interface Container {
    /** Such as `spec.template.spec.containers[0]`. */
    readonly path: string;
    readonly props: Props;
}

/** The containers that serve. */
export function servingContainers(service: Props): Container[] {
    return containersAt(service, "containers");
}

/** The containers that serve and those that run before them. */
export function allContainers(service: Props): Container[] {
    return [...servingContainers(service), ...containersAt(service, "initContainers")];
}

function containersAt(service: Props, key: string): Container[] {
    return listOf(podSpec(service)[key]).map((container, place) => ({
        path: `spec.template.spec.${key}[${place}]`,
        props: propsOf(container),
    }));
}

/** `namespace/name` of a Service, as far as they are given; a missing namespace is `default`. */
export function namespacedName(service: Props): string {
    const { namespace = "default", name } = metadataOf(service);
    return `${String(namespace)}/${String(name)}`;
}
