import type { PolicyResource } from "@pulumi/policy";
import type { Props } from "./props";

/** Inputs of the resources that the rules were asked about, by URN. */
const seen = new Map<string, Props>();

/** Keeps a resource's inputs for {@link judgedProps}. */
export function keepInputs(urn: string, inputs: Props): void {
    seen.set(urn, inputs);
}

/**
 * What a rule about a stack judges of a resource: its outputs, or its inputs where the engine has no outputs. At a
 * preview it asks no provider whose configuration it does not know, such as that of a cluster that is yet to be made,
 * and takes the outputs of all its resources for empty: a rule that saw only these would find no Service to judge.
 * (`Create` in pulumi/pulumi sdk/go/common/resource/plugin/provider_plugin.go, `AnalyzeResources` in
 * pkg/resource/deploy/step_generator.go)
 */
export function judgedProps({ urn, props }: Pick<PolicyResource, "urn" | "props">): Props {
    return (Object.keys(props).length === 0 ? seen.get(urn) : undefined) ?? props;
}
