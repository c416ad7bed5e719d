import * as alicloud from "@pulumi/alicloud";
import * as pulumi from "@pulumi/pulumi";
import { userError } from "./user-error";

/** What is asked of the zones of a cluster. */
export interface ZoneNeeds {
    /** Zones of the vSwitches, in their order. */
    readonly zones: readonly string[];
    /** GPU instance types that may be bought in them. */
    readonly gpuInstanceTypes: readonly string[];
    /** Whether the program makes the NAT gateway, in the first zone. */
    readonly makesNatGateway: boolean;
}

/**
 * Asks the cloud, before anything is made, whether the zones exist and sell what the cluster needs. The cloud
 * lists no type that is sold out, so a zone that has none of them at the moment is worth a warning only, as
 * long as another one has.
 *
 * @throws pulumi.RunError saying that the cloud cannot be asked; naming the zones that do not exist, that none sells a GPU type, or that the first one
 * has no enhanced NAT gateways, with those that would do
 */
export async function requireZones(needs: ZoneNeeds): Promise<void> {
    const [all, natZones, ...sellers] = await Promise.all([
        alicloud.getZones({ availableResourceCreation: "VSwitch" }),
        alicloud.vpc.getEnhancedNatAvailableZones({}),
        ...needs.gpuInstanceTypes.map((availableInstanceType) =>
            alicloud.getZones({ availableInstanceType }),
        ),
    ]).catch((error: unknown) => {
        throw userError(
            `Alibaba Cloud does not say what its zones offer; check region and credentials: ${(error as Error).message}`,
        );
    });
    const selling = new Map(
        needs.gpuInstanceTypes.map((type, place) => [type, sellers[place]?.ids ?? []]),
    );
    const problems = zoneProblems(needs, {
        all: all.ids,
        withNat: natZones.zones.map(({ zoneId }) => zoneId),
        selling,
    });
    if (problems.errors.length > 0) {
        throw userError(problems.errors.join("\n"));
    }
    for (const warning of problems.warnings) {
        await pulumi.log.warn(warning);
    }
}

/** What the cloud says of the zones of its region. */
export interface ZoneFacts {
    readonly all: readonly string[];
    /** Zones with enhanced NAT gateways. */
    readonly withNat: readonly string[];
    /** Zones that have a type in stock, by type. */
    readonly selling: ReadonlyMap<string, readonly string[]>;
}

/** What is wrong with the zones: errors, and what is only worth a warning. */
export function zoneProblems(
    { zones, gpuInstanceTypes, makesNatGateway }: ZoneNeeds,
    facts: ZoneFacts,
): { errors: string[]; warnings: string[] } {
    const unknown = zones.filter((zone) => !facts.all.includes(zone));
    if (unknown.length > 0) {
        return {
            errors: [
                `zones has ${unknown.join(", ")}; allowed in this region: ${facts.all.join(", ")}`,
            ],
            warnings: [],
        };
    }
    const errors: string[] = [];
    const [first = ""] = zones;
    if (makesNatGateway && !facts.withNat.includes(first)) {
        errors.push(
            `the first of zones, that of the NAT gateway, is ${first}; allowed: ${facts.withNat.join(", ")}`,
        );
    }
    const sellsNone = zones.filter(
        (zone) => !gpuInstanceTypes.some((type) => facts.selling.get(type)?.includes(zone)),
    );
    const offers = [...facts.selling].map(
        ([type, sellers]) => `${type}: ${sellers.join(", ") || "nowhere in this region"}`,
    );
    if (sellsNone.length === zones.length) {
        errors.push(
            `none of zones (${zones.join(", ")}) has one of gpuInstanceTypes in stock; they are sold in ${offers.join("; ")}`,
        );
        return { errors, warnings: [] };
    }
    return {
        errors,
        warnings: sellsNone.map(
            (zone) =>
                `zone ${zone} has none of gpuInstanceTypes in stock at the moment, so GPU nodes start in the others only`,
        ),
    };
}
