import type { ResourceValidationPolicy } from "@pulumi/policy";
import { EVERYWHERE } from "./exposure";
import { type Props, show } from "./props";
import { resourceRule } from "./rule";

/** `alicloud-security-group`: not everybody reaches the ports that are for few. */
export const securityGroup: ResourceValidationPolicy = resourceRule<{ ports: number[] }>(
    {
        name: "alicloud-security-group",
        displayName: "Security group keeps everybody from the ports of few",
        description:
            "A security group lets nobody in from everywhere to the ports for administration, or past Knative's gateway to the WebUI's own.",
        enforcementLevel: "advisory",
        severity: "high",
        tags: ["alicloud", "security"],
        remediationSteps: "Set cidrIp to the addresses of those who need the port.",
        parameters: {
            ports: {
                type: "array",
                items: { type: "integer", minimum: 1, maximum: 65_535 },
                uniqueItems: true,
                default: [22, 3389, 7860],
                description: "Ports that are not for everybody.",
            },
        },
    },
    ["alicloud:ecs/securityGroupRule:SecurityGroupRule"],
    (rule, { config: { ports }, report }) => {
        const source = [rule["cidrIp"], rule["ipv6CidrIp"]].find((each) =>
            EVERYWHERE.includes(each),
        );
        // The provider's default is accept.
        if (
            rule["type"] !== "ingress" ||
            (rule["policy"] ?? "accept") !== "accept" ||
            source === undefined
        ) {
            return;
        }
        const open = ports.filter((port) => covers(rule, port));
        if (open.length > 0) {
            report(
                `everybody (${show(source)}) may reach ${open.join(", ")} by portRange ${show(rule["portRange"])}; set cidrIp to the addresses of those who need ${open.length === 1 ? "it" : "them"}.`,
            );
        }
    },
);

/** Whether the rule's range holds this TCP port; `-1/-1`, the default, is all of them. */
function covers({ ipProtocol, portRange = "-1/-1" }: Props, port: number): boolean {
    if (ipProtocol !== "tcp" && ipProtocol !== "all") {
        return false;
    }
    if (portRange === "-1/-1") {
        return true;
    }
    const [from, to] = typeof portRange === "string" ? portRange.split("/").map(Number) : [];
    return from !== undefined && to !== undefined && from <= port && port <= to;
}
