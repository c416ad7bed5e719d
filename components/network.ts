import * as alicloud from "@pulumi/alicloud";
import * as pulumi from "@pulumi/pulumi";
import { formatCidr, parseCidr, part } from "./cidr";
import { userError } from "./user-error";

/** Arguments for {@link Network}. */
export interface NetworkArgs {
    /** Display name of its parts. */
    readonly clusterName: string;
    /** Address range of the VPC, prefix length 8 to 24. */
    readonly vpcCidr: string;
    /** Zones of the vSwitches, the first also that of the NAT gateway; at most {@link MAX_ZONES}. */
    readonly zones: readonly string[];
}

/** vSwitches that an ACK cluster can have (`vswitchIds` of ManagedKubernetes: 1 to 5). */
export const MAX_ZONES = 5;

/** Each vSwitch gets a sixteenth of the VPC: the part of its zone's place in the list. */
const VSWITCH_BITS = 4;

/**
 * A VPC with a vSwitch in each zone, and one way out: an enhanced NAT gateway with an address of its own, through
 * which nodes and pods pull images. Nothing comes in through it.
 */
export class Network extends pulumi.ComponentResource {
    /** The VPC. */
    public readonly vpcId: pulumi.Output<string>;
    /** The vSwitches in the order of the zones. */
    public readonly vswitchIds: readonly pulumi.Output<string>[];

    constructor(name: string, args: NetworkArgs, opts?: pulumi.ComponentResourceOptions) {
        super("sd:network:Network", name, {}, opts);
        const self = { parent: this };

        const vpc = new alicloud.vpc.Network(
            `${name}-vpc`,
            { vpcName: args.clusterName, cidrBlock: args.vpcCidr },
            self,
        );
        // Named by place and not by zone, so that another zone is a change of a vSwitch that exists, which
        // is refused, and never a new vSwitch beside it (fixed-settings.ts).
        const vswitches = args.zones.map(
            (zoneId, place) =>
                new alicloud.vpc.Switch(
                    `${name}-vswitch-${place}`,
                    {
                        vswitchName: `${args.clusterName}-${zoneId}`,
                        vpcId: vpc.id,
                        zoneId,
                        cidrBlock: vswitchCidr(args.vpcCidr, place),
                    },
                    self,
                ),
        );
        const nat = new alicloud.vpc.NatGateway(
            `${name}-nat`,
            {
                natGatewayName: args.clusterName,
                vpcId: vpc.id,
                vswitchId: vswitches[0]?.id,
                natType: "Enhanced",
                paymentType: "PayAsYouGo",
                internetChargeType: "PayByLcu",
            },
            self,
        );
        const address = new alicloud.ecs.EipAddress(
            `${name}-nat-address`,
            {
                addressName: args.clusterName,
                paymentType: "PayAsYouGo",
                internetChargeType: "PayByTraffic",
                // Mbit/s. At 100 the 10 GB image of a new node would take 13 minutes, and it is the traffic
                // that is paid, not the bandwidth.
                bandwidth: "200",
            },
            self,
        );
        const association = new alicloud.ecs.EipAssociation(
            `${name}-nat-association`,
            { allocationId: address.id, instanceId: nat.id, instanceType: "Nat" },
            self,
        );
        for (const [place, vswitch] of vswitches.entries()) {
            new alicloud.vpc.SnatEntry(
                `${name}-snat-${place}`,
                {
                    snatTableId: nat.snatTableIds,
                    sourceVswitchId: vswitch.id,
                    snatIp: address.ipAddress,
                },
                // The cloud refuses an address that the gateway does not have yet.
                { ...self, dependsOn: association },
            );
        }

        this.vpcId = vpc.id;
        this.vswitchIds = vswitches.map(({ id }) => id);
        this.registerOutputs({ vpcId: this.vpcId, vswitchIds: this.vswitchIds });
    }
}

/** Address range of the vSwitch at this place. */
export function vswitchCidr(vpcCidr: string, place: number): string {
    const whole = parseCidr(vpcCidr);
    if (whole === undefined) {
        throw new Error(`${vpcCidr} is no address range`);
    }
    return formatCidr(part(whole, VSWITCH_BITS, place));
}

/** A network that exists already; the way out of it is its owner's. */
export interface AdoptedNetwork {
    readonly vpcId: string;
    readonly vswitchIds: readonly string[];
    /** Zones of the vSwitches, in their order. */
    readonly zones: readonly string[];
}

/**
 * Looks up the vSwitches that the configuration names.
 *
 * @throws pulumi.RunError naming those that do not exist, or that they are of several VPCs or of one zone only
 */
export async function adoptNetwork(vswitchIds: readonly string[]): Promise<AdoptedNetwork> {
    const { vswitches } = await alicloud.vpc.getSwitches({ ids: [...vswitchIds] });
    const found = vswitchIds.map((wanted) => vswitches.find(({ id }) => id === wanted));
    const missing = vswitchIds.filter((_, place) => found[place] === undefined);
    if (missing.length > 0) {
        throw userError(
            `vswitchIds names ${missing.join(", ")}, which the region does not have; allowed: ids of vSwitches that exist`,
        );
    }
    const known = found.filter((each) => each !== undefined);
    const zones = known.map(({ zoneId }) => zoneId);
    const [vpcId = "", ...others] = new Set(known.map((each) => each.vpcId));
    if (others.length > 0 || new Set(zones).size < 2) {
        const list = known.map((each) => `${each.id} in ${each.vpcId}, zone ${each.zoneId}`);
        throw userError(
            `vswitchIds names ${list.join("; ")}; allowed: vSwitches of one VPC in at least two zones`,
        );
    }
    return { vpcId, vswitchIds, zones };
}
