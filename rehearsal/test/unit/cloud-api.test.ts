import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ApiError } from "../../cloud/api";
import { refuseKnative } from "../../cloud/refusals";
import {
    ADDON,
    AUTOSCALING_CONFIG,
    CLUSTER,
    EIP,
    EIP_ASSOCIATION,
    LOG_PROJECT,
    NAT_GATEWAY,
    NODE_POOL,
    SNAT_ENTRY,
    VPC,
    VSWITCH,
} from "../../cloud/resource-tokens";
import type { JsonObject } from "../../plugins/property-values";
import { calls, order } from "./cloud-stand-in-kubernetes";
import {
    type World,
    clusterInputs,
    eventually,
    gpuPoolInputs,
    makeCluster,
    makeNetwork,
    openWorld,
    textOf,
} from "./cloud-world";

async function refusal(promise: Promise<unknown>): Promise<string> {
    try {
        await promise;
    } catch (error) {
        assert.ok(error instanceof ApiError);
        return `${error.code}: ${error.message}`;
    }
    assert.fail("was not refused");
}

const tokens = (world: World): string[] =>
    world.cloud.inventory().resources.map(({ type }) => type.split(":")[2] ?? "");

describe("the simulated cloud", () => {
    let world: World;

    beforeEach(() => {
        world = openWorld();
    });

    afterEach(() => {
        world.close();
    });

    describe("lets things take their time", () => {
        it("creates, changes and deletes asynchronously", async () => {
            world.close();
            world = openWorld({ timeScale: 0.01, readLagSeconds: 0 });
            const parameters = { vpcName: "sd", cidrBlock: "10.0.0.0/16" };
            const { id } = (await world.request("CreateVpc", { parameters })) as { id: string };
            assert.match(id, /^vpc-[a-z0-9]{21}$/);
            assert.equal((await world.describe(VPC, id)).status, "Pending");
            await eventually(async () => (await world.describe(VPC, id)).status === "Available");
            const found = await world.describe(VPC, id);
            assert.deepEqual(found.inputs, parameters);
            assert.equal(found.outputs["regionId"], "ap-southeast-1");
            assert.match(textOf(found.outputs["routerId"]), /^vrt-/);

            await world.request("ModifyVpcAttribute", {
                id,
                parameters: { ...parameters, vpcName: "other" },
            });
            assert.equal((await world.describe(VPC, id)).status, "Modifying");
            await eventually(async () => (await world.describe(VPC, id)).status === "Available");
            assert.equal((await world.describe(VPC, id)).inputs["vpcName"], "other");

            await world.request("DeleteVpc", { id });
            assert.equal((await world.describe(VPC, id)).status, "Deleting");
            await eventually(() => world.cloud.inventory().resources.length === 0);
            assert.equal(
                await refusal(world.describe(VPC, id)),
                `InvalidVpcId.NotFound: the VPC ${id} does not exist; allowed: the id of one that does`,
            );
        });

        it("does not find at once what was just created", async () => {
            world.close();
            world = openWorld({ timeScale: 0.01, readLagSeconds: 20 });
            const parameters = { cidrBlock: "10.0.0.0/16" };
            const { id } = (await world.request("CreateVpc", { parameters })) as { id: string };
            assert.match(await refusal(world.describe(VPC, id)), /^InvalidVpcId.NotFound: /);
            await eventually(
                async () => (await world.describe(VPC, id).catch(() => undefined)) !== undefined,
            );
        });

        it("neither changes nor deletes what it is at work on", async () => {
            const { vswitchIds } = await makeNetwork(world);
            order(world.folder, { holding: ["createCluster"] });
            const parameters = clusterInputs(vswitchIds);
            const { id } = (await world.request("CreateCluster", { parameters })) as { id: string };
            const conflict = `OperationConflict: ACK cluster ${id} is Pending; allowed: to try again when it no longer is`;
            assert.equal(await refusal(world.request("DeleteCluster", { id })), conflict);
            assert.equal(
                await refusal(world.request("ModifyCluster", { id, parameters })),
                conflict,
            );
            order(world.folder, {});
            await eventually(
                () => world.cloud.inventory().resources.at(-1)?.status === "Available",
            );
        });

        it("says what is being done to a cluster", async () => {
            const { vswitchIds } = await makeNetwork(world);
            order(world.folder, { holding: ["createCluster"] });
            const parameters = clusterInputs(vswitchIds);
            const { id } = (await world.request("CreateCluster", { parameters })) as { id: string };
            await eventually(async () => {
                const found = await world.describe(CLUSTER, id).catch(() => undefined);
                return found?.message === "booting the control plane";
            });
            order(world.folder, {});
            await eventually(
                async () => (await world.describe(CLUSTER, id)).status === "Available",
            );
            assert.equal((await world.describe(CLUSTER, id)).message, "");
        });
    });

    it("creates once what is asked for twice with one client token", async () => {
        const parameters = { cidrBlock: "10.0.0.0/16" };
        const clientToken = "token";
        const first = await world.request("CreateVpc", { parameters, clientToken });
        const again = await world.request("CreateVpc", { parameters, clientToken });
        assert.deepEqual(again, first);
        assert.equal(world.cloud.inventory().resources.length, 1);
        await world.request("CreateVpc", { parameters, clientToken: "another" });
        assert.equal(world.cloud.inventory().resources.length, 2);
    });

    describe("refuses", () => {
        const vpc = (cidrBlock: string) => world.make(VPC, { cidrBlock });

        it("actions, regions and callers that it does not know", async () => {
            assert.match(
                await refusal(world.request("DropVpc")),
                /^InvalidAction.NotFound: .* DropVpc; /,
            );
            assert.equal(
                await refusal(world.request("DescribeZones", { region: "moon-1" })),
                "InvalidRegionId.NotFound: the region is moon-1; allowed: ap-southeast-1, cn-shanghai, eu-central-1",
            );
            assert.match(
                await refusal(world.request("DescribeZones", { accessKeyId: "" })),
                /^InvalidAccessKeyId.NotFound: /,
            );
        });

        for (const cidr of ["999.0.0.0/8", "10.0.0.1/16", "8.8.0.0/16", "10.0.0.0/29", "x"]) {
            it(`a VPC with the addresses ${cidr}`, async () => {
                assert.equal(
                    await refusal(vpc(cidr)),
                    `InvalidCidrBlock.Malformed: cidrBlock is ${cidr}; allowed: a part of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 with a prefix from /8 to /28 and no host bits set`,
                );
            });
        }

        it("a VPC without addresses, and one that loses its vSwitches", async () => {
            assert.equal(
                await refusal(world.make(VPC, {})),
                "MissingParameter: cidrBlock is missing; allowed: a text",
            );
            const { vpcId, vswitchIds } = await makeNetwork(world);
            assert.equal(
                await refusal(world.change(VPC, vpcId, { cidrBlock: "10.0.16.0/20" })),
                `InvalidCidrBlock: cidrBlock is 10.0.16.0/20; allowed: one that holds the vSwitch ${vswitchIds[0]} (10.0.0.0/20)`,
            );
            assert.equal(
                (await world.change(VPC, vpcId, { cidrBlock: "10.0.0.0/8" })).status,
                "Available",
            );
        });

        it("a vSwitch out of place", async () => {
            const { vpcId, vswitchIds } = await makeNetwork(world);
            const vswitch = (more: JsonObject) =>
                refusal(
                    world.make(VSWITCH, {
                        vpcId,
                        zoneId: "ap-southeast-1b",
                        cidrBlock: "10.0.32.0/20",
                        ...more,
                    }),
                );
            assert.equal(
                await vswitch({ zoneId: "eu-central-1a" }),
                "InvalidZoneId.NotFound: zoneId is eu-central-1a; allowed in ap-southeast-1: ap-southeast-1a, ap-southeast-1b, ap-southeast-1c",
            );
            assert.equal(
                await vswitch({ cidrBlock: "10.1.0.0/20" }),
                `InvalidCidrBlock.Malformed: cidrBlock is 10.1.0.0/20; allowed: a part of 10.0.0.0/16, the addresses of the VPC ${vpcId}`,
            );
            assert.equal(
                await vswitch({ cidrBlock: "10.0.17.0/24" }),
                `InvalidCidrBlock.Overlapped: cidrBlock is 10.0.17.0/24; allowed: addresses that the vSwitch ${vswitchIds[1]} (10.0.16.0/20) does not have`,
            );
            assert.match(await vswitch({ cidrBlock: "10.0.32.0/30" }), /from \/16 to \/29/);
            assert.equal(
                await vswitch({ vpcId: "vpc-1" }),
                "InvalidVpcId.NotFound: vpcId is vpc-1; allowed: an existing resource of the type VPC",
            );
            assert.match(await vswitch({ zoneId: null }), /^MissingParameter: zoneId is missing/);
        });

        it("a vSwitch in a VPC that is not there yet", async () => {
            world.close();
            world = openWorld({ timeScale: 1 });
            const parameters = { cidrBlock: "10.0.0.0/16" };
            const { id } = (await world.request("CreateVpc", { parameters })) as { id: string };
            const inputs = { vpcId: id, zoneId: "ap-southeast-1b", cidrBlock: "10.0.0.0/24" };
            assert.equal(
                await refusal(world.make(VSWITCH, inputs)),
                `IncorrectStatus: vpcId is ${id}, which is Pending; allowed: a resource of the type VPC that is Available`,
            );
        });

        it("a NAT gateway out of place", async () => {
            const request = world.request;
            const shanghai = async (action: string, parameters: JsonObject): Promise<string> => {
                const made = await request(action, { region: "cn-shanghai", parameters });
                await eventually(() =>
                    world.cloud.inventory().resources.every(({ status }) => status === "Available"),
                );
                return textOf(made["id"]);
            };
            const vpcId = await shanghai("CreateVpc", { cidrBlock: "10.0.0.0/16" });
            const vswitchId = await shanghai("CreateVSwitch", {
                vpcId,
                zoneId: "cn-shanghai-g",
                cidrBlock: "10.0.0.0/24",
            });
            assert.equal(
                await refusal(shanghai("CreateNatGateway", { vpcId, vswitchId })),
                `OperationUnsupported.EnhancedNat: vswitchId is ${vswitchId} in cn-shanghai-g; allowed: a vSwitch in cn-shanghai-b, cn-shanghai-l`,
            );
            const other = await makeNetwork(world);
            assert.equal(
                await refusal(world.make(NAT_GATEWAY, { vpcId: other.vpcId, vswitchId })),
                `InvalidVSwitch.NotFound: vswitchId is ${vswitchId}; allowed: a vSwitch of the VPC ${other.vpcId}`,
            );
            assert.equal(
                await refusal(
                    world.make(NAT_GATEWAY, {
                        vpcId: other.vpcId,
                        vswitchId: other.vswitchIds[0],
                        natType: "Normal",
                    }),
                ),
                "InvalidParameter: natType is Normal; allowed: Enhanced",
            );
        });

        it("an elastic IP address with too much bandwidth", async () => {
            const eip = (more: JsonObject) => refusal(world.make(EIP, more));
            assert.equal(
                await eip({ bandwidth: "201", internetChargeType: "PayByTraffic" }),
                'InvalidBandwidth: bandwidth is 201; allowed: "1" to "200"',
            );
            assert.match(await eip({ bandwidth: "501" }), /allowed: "1" to "500"$/);
            assert.match(await eip({ bandwidth: "0" }), /allowed: "1" to "500"$/);
        });

        it("an SNAT entry without an address of its gateway, and a second one", async () => {
            const { vpcId, vswitchIds } = await makeNetwork(world);
            const [vswitchId] = vswitchIds;
            const nat = await world.make(NAT_GATEWAY, { vpcId, vswitchId });
            const eip = await world.make(EIP, {
                bandwidth: "200",
                internetChargeType: "PayByTraffic",
            });
            const snatIp = textOf(eip.outputs["ipAddress"]);
            const snatTableId = textOf(nat.outputs["snatTableIds"]);
            const entry = { snatTableId, snatIp, sourceVswitchId: vswitchId };
            assert.equal(
                await refusal(world.make(SNAT_ENTRY, entry)),
                `InvalidIp.NotInNatgw: snatIp is ${snatIp}; allowed: an address associated with the NAT gateway ${nat.id} (it has none)`,
            );
            const association = { allocationId: eip.id, instanceId: nat.id, instanceType: "Nat" };
            await world.make(EIP_ASSOCIATION, association);
            assert.match(
                await refusal(world.make(EIP_ASSOCIATION, association)),
                new RegExp(`^IncorrectEipStatus: allocationId is ${eip.id}; .* ${nat.id}$`),
            );
            const made = await world.make(SNAT_ENTRY, entry);
            assert.equal(made.status, "Available");
            assert.match(made.id, new RegExp(`^${snatTableId}:snat-`));
            assert.match(
                await refusal(world.make(SNAT_ENTRY, entry)),
                /^InvalidSourceVSwitch.AlreadyExist: sourceVswitchId is /,
            );
            const other = await world.make(VPC, { cidrBlock: "192.168.0.0/16" });
            const far = await world.make(VSWITCH, {
                vpcId: other.id,
                zoneId: "ap-southeast-1a",
                cidrBlock: "192.168.0.0/24",
            });
            assert.equal(
                await refusal(world.make(SNAT_ENTRY, { ...entry, sourceVswitchId: far.id })),
                `InvalidVSwitchId.NotFound: sourceVswitchId is ${far.id}; allowed: a vSwitch of ${vpcId}, the VPC of the NAT gateway`,
            );
        });

        it("a log project with a name that is taken or malformed", async () => {
            await world.make(LOG_PROJECT, { projectName: "sd-logs" });
            assert.equal(
                await refusal(world.make(LOG_PROJECT, { projectName: "sd-logs" })),
                "ProjectAlreadyExist: projectName is sd-logs; allowed: a name that no project has yet",
            );
            assert.match(
                await refusal(world.make(LOG_PROJECT, { projectName: "SD" })),
                /^InvalidParameter: projectName is SD; allowed: 3 to 63 lower-case/,
            );
        });

        it("what the quota does not allow", async () => {
            world.close();
            world = openWorld({ quotas: { vpcs: 1, eips: 0 } });
            await vpc("10.0.0.0/16");
            assert.equal(
                await refusal(vpc("10.0.0.0/16")),
                "QuotaExceeded: there are 1 resources of the type VPC; allowed: 1",
            );
            assert.match(await refusal(world.make(EIP, {})), /elastic IP address; allowed: 0$/);
        });

        const clusters: [string, JsonObject, RegExp][] = [
            [
                "addresses of pods within the VPC",
                { podCidr: "10.0.0.0/16" },
                /^InvalidPodCidr: podCidr is 10.0.0.0\/16; allowed: addresses that do not overlap those of the VPC \(10.0.0.0\/16\)$/,
            ],
            [
                "addresses of Services within the VPC",
                { serviceCidr: "10.0.128.0/20" },
                /^InvalidServiceCidr: serviceCidr is 10.0.128.0\/20; allowed: .* VPC \(10.0.0.0\/16\)$/,
            ],
            [
                "addresses of Services within those of pods",
                { serviceCidr: "172.20.0.0/20" },
                /^InvalidServiceCidr: serviceCidr is 172.20.0.0\/20; allowed: .* podCidr \(172.20.0.0\/16\)$/,
            ],
            [
                "malformed addresses",
                { podCidr: "172.20.0.0" },
                /^InvalidCidrBlock.Malformed: podCidr/,
            ],
            ["no addresses of pods", { podCidr: null }, /^MissingParameter: podCidr is missing/],
            [
                "too few addresses of pods",
                { podCidr: "172.20.0.0/24" },
                /^InvalidPodCidr: podCidr is 172.20.0.0\/24; allowed: a prefix shorter than nodeCidrMask \(24\)/,
            ],
            [
                "no vSwitch",
                { vswitchIds: [] },
                /^InvalidVSwitchId: vswitchIds is \[\]; allowed: 1 to 5/,
            ],
            [
                "an unknown vSwitch",
                { vswitchIds: ["vsw-1"] },
                /^InvalidVSwitchId.NotFound: vswitchIds\[0\] is vsw-1; allowed: an existing/,
            ],
            [
                "an unknown version",
                { version: "1.26.3-aliyun.1" },
                /^InvalidKubernetesVersion: version is 1.26.3-aliyun.1; allowed: 1.34.8-aliyun.1, /,
            ],
            [
                "nftables before 1.35",
                { version: "1.34.8-aliyun.1", proxyMode: "nftables" },
                /^InvalidProxyMode: proxyMode is nftables; allowed with Kubernetes 1.34: iptables, ipvs$/,
            ],
            [
                "an unknown add-on",
                { addons: [{ name: "flannel" }, { name: "no-such" }] },
                /^AddonNotFound: addons\[1\].name is "no-such"; allowed: managed-coredns, flannel, /,
            ],
            [
                "Terway",
                { addons: [{ name: "terway-eniip" }] },
                /^AddonNotSupported: addons\[0\].name is terway-eniip; allowed: flannel/,
            ],
            [
                "Knative at creation",
                { addons: [{ name: "knative" }] },
                /^AddonNotSupported: addons\[0\].name is knative; .* KubernetesAddon$/,
            ],
            [
                "add-on configuration that is not strings",
                { addons: [{ name: "arms-prometheus", config: '{"a":{"b":[true]}}' }] },
                /^InvalidAddonConfig: addons\[0\].config.a.b\[0\] is true; allowed: strings/,
            ],
            [
                "certificates in the state",
                { skipSetCertificateAuthority: false },
                /^InvalidParameter: skipSetCertificateAuthority is false; allowed: true/,
            ],
            [
                "upgrades by itself at any time",
                { operationPolicy: { clusterAutoUpgrade: { enabled: true, channel: "patch" } } },
                /^InvalidParameter: operationPolicy.clusterAutoUpgrade.enabled is true; allowed: false, unless/,
            ],
            [
                "an unknown log project",
                { auditLogConfig: { enabled: true, slsProjectName: "none" } },
                /^ProjectNotExist: auditLogConfig.slsProjectName is none; /,
            ],
            [
                "a malformed name",
                { name: "-sd" },
                /^InvalidParameter: name is -sd; allowed: 1 to 63/,
            ],
        ];
        for (const [what, more, message] of clusters) {
            it(`a cluster with ${what}`, async () => {
                const { vswitchIds } = await makeNetwork(world);
                const inputs = clusterInputs(vswitchIds, more);
                assert.match(await refusal(world.make(CLUSTER, inputs)), message);
                assert.deepEqual(calls(world.folder), []);
            });
        }

        it("a cluster with vSwitches of two VPCs, and a second cluster of the same name", async () => {
            const { vswitchIds, vpcId } = await makeNetwork(world);
            const other = await world.make(VPC, { cidrBlock: "192.168.0.0/16" });
            const far = await world.make(VSWITCH, {
                vpcId: other.id,
                zoneId: "ap-southeast-1a",
                cidrBlock: "192.168.0.0/24",
            });
            assert.match(
                await refusal(world.make(CLUSTER, clusterInputs([vswitchIds[0], far.id]))),
                new RegExp(
                    `^InvalidVSwitchId.VpcMismatch: .* of ${vpcId} and ${other.id}; allowed`,
                ),
            );
            await world.make(CLUSTER, clusterInputs(vswitchIds));
            assert.equal(
                await refusal(world.make(CLUSTER, clusterInputs(vswitchIds))),
                "ErrorClusterNameAlreadyExist: name is sd; allowed: a name that no cluster has yet",
            );
            assert.equal(
                await refusal(world.make(CLUSTER, clusterInputs(vswitchIds, { name: "b" }))),
                "QuotaExceeded: there are 1 resources of the type ACK cluster; allowed: 1",
            );
        });

        it("an older Kubernetes version, and a change of what is fixed", async () => {
            const { vswitchIds } = await makeNetwork(world);
            const inputs = clusterInputs(vswitchIds, { version: "1.35.7-aliyun.1" });
            const { id } = await world.make(CLUSTER, inputs);
            assert.equal(
                await refusal(world.change(CLUSTER, id, { ...inputs, version: "1.34.8-aliyun.1" })),
                "InvalidKubernetesVersion: version is 1.34.8-aliyun.1; allowed: 1.35.7-aliyun.1, which runs, or a later one",
            );
            assert.equal(
                await refusal(world.change(CLUSTER, id, { ...inputs, podCidr: "172.24.0.0/16" })),
                `InvalidParameter.Immutable: podCidr of ACK cluster ${id} cannot be changed; allowed: the value it was created with`,
            );
            const upgraded = { ...inputs, version: "1.36.2-aliyun.1" };
            assert.equal((await world.change(CLUSTER, id, upgraded)).status, "Available");
            // What someone set once and no longer does is still so.
            const found = await world.change(CLUSTER, id, clusterInputs(vswitchIds));
            assert.equal(found.outputs["version"], "1.36.2-aliyun.1");
        });

        const pools: [string, JsonObject, RegExp][] = [
            [
                "an unknown instance type",
                { instanceTypes: ["ecs.gn99.large"] },
                /^InvalidInstanceType.NotSupported: instanceTypes has ecs.gn99.large; allowed: ecs.c7.large, /,
            ],
            [
                "types that no zone of it sells",
                { instanceTypes: ["ecs.gn5i-c8g1.2xlarge"] },
                /^InvalidResourceType.NotSupported: instanceTypes is \["ecs.gn5i-c8g1.2xlarge"\] with vswitchIds in ap-southeast-1b, ap-southeast-1c; allowed: ecs.gn5i-c8g1.2xlarge in ap-southeast-1a$/,
            ],
            [
                "CPU and GPU types",
                { instanceTypes: ["ecs.gn6i-c8g1.2xlarge", "ecs.g7.xlarge"] },
                /^InvalidInstanceType.NotSupported: .* does not mix them$/,
            ],
            [
                "no instance type",
                { instanceTypes: [] },
                /^MissingParameter: instanceTypes is missing/,
            ],
            ["no vSwitch", { vswitchIds: null }, /^MissingParameter: vswitchIds is missing/],
            [
                "more nodes at least than at most",
                { scalingConfig: { enable: true, minSize: 3, maxSize: 2 } },
                /^InvalidScalingConfig: scalingConfig.minSize is 3 and maxSize is 2; allowed: minSize from 0 to maxSize$/,
            ],
            [
                "no most",
                { scalingConfig: { minSize: 0 } },
                /^InvalidScalingConfig: .* maxSize is missing; /,
            ],
            [
                "a size beside the autoscaler's",
                { desiredSize: "1" },
                /^InvalidDesiredSize: desiredSize is 1; allowed: none with scalingConfig.enable/,
            ],
            [
                "no size",
                { scalingConfig: { enable: false } },
                /^MissingParameter: desiredSize is missing; /,
            ],
            [
                "a size that is no number",
                { scalingConfig: null, desiredSize: "many" },
                /^InvalidDesiredSize: desiredSize is many; allowed: "0" to "1000"$/,
            ],
            [
                "a wrong spot strategy",
                { spotStrategy: "Cheap" },
                /^InvalidParameter: spotStrategy is Cheap; allowed: NoSpot, /,
            ],
            [
                "a price limit without a limit",
                { spotStrategy: "SpotWithPriceLimit" },
                /^MissingParameter: spotPriceLimits is missing; /,
            ],
            [
                "a wrong taint effect",
                { taints: [{ key: "a", value: "b", effect: "no-schedule" }] },
                /^InvalidParameter: taints\[0\].effect is no-schedule; allowed: NoSchedule, /,
            ],
            [
                "a performance level for a disk that has none",
                { systemDiskCategory: "cloud_auto", systemDiskPerformanceLevel: "PL1" },
                /^InvalidSystemDiskCategory: systemDiskPerformanceLevel is PL1; allowed: none, unless/,
            ],
            ["a key pair", { keyName: "mine" }, /^InvalidKeyPair.NotFound: keyName is mine; /],
            [
                "changes to running nodes",
                { updateNodes: true },
                /^InvalidParameter: updateNodes is true; /,
            ],
            [
                "an unknown cluster",
                { clusterId: "c1" },
                /^ErrorClusterNotFound: clusterId is c1; allowed: an existing/,
            ],
        ];
        for (const [what, more, message] of pools) {
            it(`a node pool with ${what}`, async () => {
                const made = await makeCluster(world);
                const pool = world.make(NODE_POOL, gpuPoolInputs(made, more));
                assert.match(await refusal(pool), message);
            });
        }

        it("a node pool in another VPC", async () => {
            const made = await makeCluster(world);
            const other = await world.make(VPC, { cidrBlock: "192.168.0.0/16" });
            const far = await world.make(VSWITCH, {
                vpcId: other.id,
                zoneId: "ap-southeast-1b",
                cidrBlock: "192.168.0.0/24",
            });
            assert.equal(
                await refusal(world.make(NODE_POOL, gpuPoolInputs(made, { vswitchIds: [far.id] }))),
                `InvalidVSwitchId.VpcMismatch: vswitchIds has ${far.id}; allowed: vSwitches of ${made.vpcId}, the VPC of the cluster`,
            );
        });

        it("a wrong autoscaler", async () => {
            const { clusterId } = await makeCluster(world);
            const config = (more: JsonObject) =>
                refusal(world.make(AUTOSCALING_CONFIG, { clusterId, ...more }));
            assert.equal(
                await config({ scalerType: "autoscaler" }),
                "InvalidParameter: scalerType is autoscaler; allowed: cluster-autoscaler, goatscaler",
            );
            assert.equal(
                await config({ scalerType: "goatscaler", expander: "random" }),
                "InvalidExpander: expander is random; allowed with goatscaler: least-waste",
            );
            assert.match(
                await config({ unneededDuration: "10 minutes" }),
                /allowed: a number with s, m/,
            );
            assert.match(
                await config({ clusterId: null }),
                /^MissingParameter: clusterId is missing/,
            );
        });

        it("a wrong add-on", async () => {
            const { clusterId, cpuPoolId, vswitchIds } = await makeCluster(world);
            const addon = (more: JsonObject) =>
                refusal(world.make(ADDON, { clusterId, name: "knative", ...more }));
            assert.match(
                await addon({ name: "knative-1a2b3c4" }),
                /^AddonNotFound: name is "knative-1a2b3c4"; allowed: .*, knative$/,
            );
            assert.equal(
                await addon({ version: "v0.1" }),
                "InvalidAddonVersion: version of knative is v0.1; allowed: v1.20.1-aliyun.1, v1.21.0-aliyun.1",
            );
            assert.equal(
                await addon({ config: "gateway" }),
                "InvalidAddonConfig: config is gateway; allowed: a JSON object",
            );
            assert.equal(
                await addon({ config: '{"gateway":{"enabled":true}}' }),
                'InvalidAddonConfig: config.gateway.enabled is true; allowed: strings, such as "true"',
            );
            await world.change(NODE_POOL, cpuPoolId, {
                clusterId,
                nodePoolName: "cpu",
                vswitchIds: [...vswitchIds],
                instanceTypes: ["ecs.g7.xlarge"],
                desiredSize: "2",
            });
            assert.equal(
                await addon({}),
                "AddonPrecheckFailed: name is knative with 2 CPU nodes; allowed: at least 3 nodes without GPUs",
            );
        });

        it("Knative on an old Kubernetes", () => {
            assert.throws(
                () => {
                    refuseKnative("1.26.3-aliyun.1", 3);
                },
                {
                    message:
                        "name is knative with Kubernetes 1.26.3-aliyun.1; allowed: Kubernetes 1.28 or later",
                },
            );
            refuseKnative("1.28.0-aliyun.1", 3);
        });
    });

    describe("deletes", () => {
        it("nothing that another resource needs", async () => {
            const { vpcId, vswitchIds, clusterId, cpuPoolId } = await makeCluster(world);
            const [vswitchId, second] = vswitchIds;
            const nat = await world.make(NAT_GATEWAY, { vpcId, vswitchId });
            const eip = await world.make(EIP, {});
            const association = await world.make(EIP_ASSOCIATION, {
                allocationId: eip.id,
                instanceId: nat.id,
            });
            const snat = await world.make(SNAT_ENTRY, {
                snatTableId: nat.outputs["snatTableIds"] ?? "",
                snatIp: eip.outputs["ipAddress"] ?? "",
                sourceVswitchId: vswitchId,
            });
            await world.make(AUTOSCALING_CONFIG, { clusterId });
            const knative = await world.make(ADDON, { clusterId, name: "knative" });
            const users = async (type: string, id: string): Promise<string> => {
                const message = await refusal(world.remove(type, id));
                return (
                    /^DependencyViolation: .* is in use by (.*); allowed/.exec(message)?.[1] ??
                    message
                );
            };

            assert.equal(await users(EIP_ASSOCIATION, association.id), `SNAT entry ${snat.id}`);
            assert.equal(
                await users(NAT_GATEWAY, nat.id),
                `association of an elastic IP address ${association.id}, SNAT entry ${snat.id}`,
            );
            assert.equal(
                await users(EIP, eip.id),
                `association of an elastic IP address ${association.id}, SNAT entry ${snat.id}`,
            );
            // The autoscaling configuration is not in the way: it goes with its cluster.
            assert.equal(
                await users(CLUSTER, clusterId),
                `node pool ${cpuPoolId}, add-on ${knative.id}`,
            );
            const vpcUsers = (await users(VPC, vpcId))
                .split(", ")
                .map((user) => user.replace(/ \S+$/, ""));
            assert.deepEqual(vpcUsers, [
                "vSwitch",
                "vSwitch",
                "NAT gateway",
                "security group",
                "load balancer of the API server",
                "load balancer of the Knative gateway",
            ]);

            await world.remove(ADDON, knative.id);
            await world.remove(NODE_POOL, cpuPoolId);
            await world.remove(CLUSTER, clusterId);
            await world.remove(SNAT_ENTRY, snat.id);
            await world.remove(EIP_ASSOCIATION, association.id);
            await world.remove(EIP, eip.id);
            assert.match(await users(VSWITCH, vswitchId), /^NAT gateway ngw-[a-z0-9]{21}$/);
            await world.remove(NAT_GATEWAY, nat.id);
            await world.remove(VSWITCH, vswitchId);
            assert.equal(await users(VPC, vpcId), `vSwitch ${second}`);
            await world.remove(VSWITCH, second);
            await world.remove(VPC, vpcId);
            assert.deepEqual(world.cloud.inventory(), { resources: [], implicit: [], nodes: [] });
            assert.deepEqual(
                calls(world.folder).map((call) => call.split(" ")[0]),
                [
                    "createCluster",
                    "joinNode",
                    "installKnative",
                    "removeKnative",
                    "removeNode",
                    "deleteCluster",
                ],
            );
        });

        it("no cluster that is protected", async () => {
            const { vswitchIds } = await makeNetwork(world);
            const inputs = clusterInputs(vswitchIds, { deletionProtection: true });
            const { id } = await world.make(CLUSTER, inputs);
            assert.equal(
                await refusal(world.remove(CLUSTER, id)),
                `ErrorDeletionProtection: deletionProtection of ACK cluster ${id} is true; allowed for a deletion: false`,
            );
            await world.change(CLUSTER, id, { ...inputs, deletionProtection: false });
            await world.remove(CLUSTER, id);
            assert.deepEqual(tokens(world), ["Network", "Switch", "Switch"]);
        });

        it("a cluster without the logs that it was not told to delete", async () => {
            const { vswitchIds } = await makeNetwork(world);
            const logs = {
                controlPlaneLogComponents: ["apiserver"],
                auditLogConfig: { enabled: true },
                deleteOptions: [{ resourceType: "SLS_Data", deleteMode: "delete" }],
            };
            const { id } = await world.make(CLUSTER, clusterInputs(vswitchIds, logs));
            await world.remove(CLUSTER, id);
            assert.deepEqual(
                world.cloud.inventory().implicit.map((each) => [each.kind, each.id]),
                [["log project of the control plane", `k8s-log-${id}`]],
            );
        });

        it("no required add-on, and no virtual node without being told of its instances", async () => {
            const { clusterId } = await makeCluster(world);
            const dns = await world.make(ADDON, { clusterId, name: "managed-coredns" });
            assert.equal(dns.outputs["required"], true);
            assert.match(await refusal(world.remove(ADDON, dns.id)), /^AddonOperationDenied: /);
            const inputs = { clusterId, name: "ack-virtual-node" };
            const { id } = await world.make(ADDON, inputs);
            assert.match(
                await refusal(world.remove(ADDON, id)),
                /^MissingParameter: cleanupCloudResources/,
            );
            await world.change(ADDON, id, { ...inputs, cleanupCloudResources: true });
            await world.remove(ADDON, id);
        });

        it("again what could not be deleted the first time", async () => {
            const { vswitchIds } = await makeNetwork(world);
            const { id } = await world.make(CLUSTER, clusterInputs(vswitchIds));
            order(world.folder, { failing: { deleteCluster: "a process does not end" } });
            await world.remove(CLUSTER, id);
            const { status, message } = await world.describe(CLUSTER, id);
            assert.deepEqual([status, message], ["DeleteFailed", "a process does not end"]);
            order(world.folder, {});
            await world.remove(CLUSTER, id);
            assert.deepEqual(tokens(world), ["Network", "Switch", "Switch"]);
        });
    });

    it("makes a cluster with the outputs of a real one", async () => {
        const { vpcId, vswitchIds } = await makeNetwork(world);
        const { id, outputs } = await world.make(CLUSTER, clusterInputs(vswitchIds));
        assert.match(id, /^c[0-9a-f]{32}$/);
        assert.equal(outputs["vpcId"], vpcId);
        assert.match(textOf(outputs["securityGroupId"]), /^sg-/);
        assert.match(textOf(outputs["slbId"]), /^lb-/);
        assert.equal(outputs["natGatewayId"], "");
        assert.equal(outputs["version"], "1.36.2-aliyun.1");
        const { apiServerInternet, masterPublicIp } = outputs["connections"] as JsonObject;
        assert.equal(apiServerInternet, `https://${textOf(masterPublicIp)}:6443`);
        await world.remove(CLUSTER, id);

        const inputs = clusterInputs(vswitchIds, {
            newNatGateway: true,
            slbInternetEnabled: false,
        });
        const hidden = await world.make(CLUSTER, inputs);
        assert.match(textOf(hidden.outputs["natGatewayId"]), /^ngw-/);
        assert.equal((hidden.outputs["connections"] as JsonObject)["apiServerInternet"], "");
        assert.ok(world.cloud.inventory().implicit.some(({ kind }) => kind === "NAT gateway"));
        // They act at creation only.
        const changed = await world.change(CLUSTER, hidden.id, { ...inputs, newNatGateway: false });
        assert.deepEqual(changed.outputs["natGatewayId"], hidden.outputs["natGatewayId"]);
    });

    it("installs an add-on once, and changes the one that is there", async () => {
        const { clusterId } = await makeCluster(world);
        const knative = { clusterId, name: "knative", version: "v1.20.1-aliyun.1" };
        const first = await world.make(ADDON, knative);
        assert.equal(first.id, `${clusterId}:knative`);
        assert.equal(first.outputs["nextVersion"], "v1.21.0-aliyun.1");
        assert.equal(first.outputs["canUpgrade"], true);
        const again = await world.make(ADDON, { ...knative, version: "v1.21.0-aliyun.1" });
        assert.equal(again.id, first.id);
        assert.equal(again.outputs["canUpgrade"], false);
        assert.equal(tokens(world).filter((each) => each === "KubernetesAddon").length, 1);
        assert.deepEqual(calls(world.folder).filter((call) => call === "installKnative").length, 1);
    });

    describe("answers", () => {
        it("which zones sell an instance type, and not those in which it is sold out", async () => {
            const zones = async (parameters: JsonObject) =>
                (await world.request("DescribeZones", { parameters }))["ids"];
            const [a, b, c] = ["ap-southeast-1a", "ap-southeast-1b", "ap-southeast-1c"];
            assert.deepEqual(await zones({ availableResourceCreation: "VSwitch" }), [a, b, c]);
            assert.deepEqual(await zones({ availableInstanceType: "ecs.gn7i-c8g1.2xlarge" }), [
                b,
                c,
            ]);
            assert.deepEqual(await zones({ availableInstanceType: "ecs.gn5i-c8g1.2xlarge" }), [a]);
            world.cloud.setFault({ name: "out-of-stock", zone: b, spot: true });
            const t4 = { availableInstanceType: "ecs.gn6i-c8g1.2xlarge" };
            assert.deepEqual(await zones(t4), [b, c]);
            assert.deepEqual(await zones({ ...t4, spotStrategy: "SpotAsPriceGo" }), [c]);
            assert.match(
                await refusal(zones({ multi: true })),
                /^InvalidParameter: An argument named "multi"/,
            );
        });

        it("which zones have enhanced NAT gateways", async () => {
            const answer = await world.request("ListEnhanhcedNatGatewayAvailableZones", {
                region: "cn-shanghai",
            });
            assert.deepEqual(answer["zones"], [
                { zoneId: "cn-shanghai-b", localName: "Shanghai Zone B" },
                { zoneId: "cn-shanghai-l", localName: "Shanghai Zone L" },
            ]);
            assert.deepEqual(answer["ids"], ["cn-shanghai-b", "cn-shanghai-l"]);
        });

        it("which vSwitches there are", async () => {
            const { vpcId, vswitchIds } = await makeNetwork(world);
            const find = async (parameters: JsonObject) =>
                (await world.request("DescribeVSwitches", { parameters }))[
                    "vswitches"
                ] as JsonObject[];
            const [found] = await find({ ids: [vswitchIds[1], "vsw-none"] });
            assert.equal(found?.["id"], vswitchIds[1]);
            assert.equal(found["vpcId"], vpcId);
            assert.equal(found["zoneId"], "ap-southeast-1c");
            assert.equal(found["cidrBlock"], "10.0.16.0/20");
            assert.equal(found["availableIpAddressCount"], 4092);
            assert.equal((await find({ vpcId })).length, 2);
            assert.equal((await find({ zoneId: "ap-southeast-1b" })).length, 1);
            assert.equal((await find({ vpcId: "vpc-none" })).length, 0);
        });

        it("which Kubernetes versions there are, newest first", async () => {
            const parameters = { clusterType: "ManagedKubernetes" };
            const answer = await world.request("DescribeKubernetesVersionMetadata", { parameters });
            const versions = (answer["metadatas"] as JsonObject[]).map(({ version }) => version);
            assert.deepEqual(versions, ["1.36.2-aliyun.1", "1.35.7-aliyun.1", "1.34.8-aliyun.1"]);
        });
    });

    describe("hands out credentials", () => {
        const credential = (more: JsonObject): Promise<JsonObject> =>
            world.request("DescribeClusterUserKubeconfig", { parameters: more });

        it("that stay, or others at each call that end after the minutes asked for", async () => {
            world.close();
            world = openWorld({ timeScale: 0.0001 });
            const { clusterId } = await makeCluster(world);
            const permanent = await credential({ clusterId });
            assert.equal(permanent["kubeConfig"], (await credential({ clusterId }))["kubeConfig"]);
            const temporary = { clusterId, temporaryDurationMinutes: 4320 };
            const first = await credential(temporary);
            assert.notEqual(first["kubeConfig"], permanent["kubeConfig"]);
            assert.notEqual((await credential(temporary))["kubeConfig"], first["kubeConfig"]);
            assert.deepEqual(
                calls(world.folder).filter((call) => call.startsWith("kubeconfig")),
                ["kubeconfig undefined", "kubeconfig undefined", "kubeconfig 26", "kubeconfig 26"],
            );
        });

        it("with the parts of the kubeconfig and the end of its certificate", async () => {
            const { clusterId } = await makeCluster(world);
            const { certificateAuthority, ...rest } = await credential({ clusterId });
            const base64 = (text: string): string => Buffer.from(text).toString("base64");
            const { clusterCert, clientKey } = certificateAuthority as JsonObject;
            assert.deepEqual(
                [clusterCert, clientKey],
                [base64("authority"), base64("key-permanent")],
            );
            assert.equal(rest["clusterName"], "sd");
            assert.equal(rest["expiration"], "2126-10-31T07:26:46.000Z");
        });

        it("that stand in no file of its own", async () => {
            const { clusterId } = await makeCluster(world);
            await credential({ clusterId });
            for (const file of ["cloud.json", "requests.jsonl", "events.jsonl"]) {
                const text = readFileSync(join(world.folder, file), "utf8");
                assert.doesNotMatch(text, /key-|a2V5LXBlcm1hbmVudA|client-key/);
            }
        });

        it("only of clusters that run, and for 15 to 4320 minutes", async () => {
            assert.equal(
                await refusal(credential({ clusterId: "c1" })),
                "ErrorClusterNotFound: clusterId is c1; there is no such cluster",
            );
            const { vswitchIds } = await makeNetwork(world);
            order(world.folder, { failing: { createCluster: "no etcd" } });
            const { id } = await world.make(CLUSTER, clusterInputs(vswitchIds));
            assert.equal(
                await refusal(credential({ clusterId: id })),
                `ErrorClusterState: clusterId is ${id}, which is Failed; allowed: a cluster that is Available`,
            );
            assert.match(
                await refusal(credential({ clusterId: id, temporaryDurationMinutes: 5 })),
                /to be in the range \(15 - 4320\), got 5$/,
            );
        });
    });

    describe("goes wrong as it is told to:", () => {
        const vpc = () => world.make(VPC, { cidrBlock: "10.0.0.0/16" });

        it("throttling, for an action and a number of times", async () => {
            world.cloud.setFault({ name: "throttling", action: "CreateVpc", count: 2 });
            assert.match(await refusal(vpc()), /^Throttling.User: /);
            assert.match(await refusal(vpc()), /^Throttling.User: /);
            assert.equal((await vpc()).status, "Available");
            assert.deepEqual(world.cloud.faults(), []);
        });

        it("errors of the server, before a request or after it", async () => {
            world.cloud.setFault({ name: "server-error", type: VPC, count: 1 });
            assert.match(await refusal(vpc()), /^ServiceUnavailable: /);
            assert.deepEqual(tokens(world), []);
            world.cloud.setFault({ name: "server-error", applied: true, action: "CreateVpc" });
            assert.match(await refusal(vpc()), /^ServiceUnavailable: /);
            assert.deepEqual(tokens(world), ["Network"]);
            assert.match(await refusal(vpc()), /^ServiceUnavailable: /);
            world.cloud.clearFaults(undefined);
            assert.equal((await vpc()).status, "Available");
        });

        it("a lack of permission", async () => {
            world.cloud.setFault({ name: "access-denied", type: EIP });
            assert.match(await refusal(world.make(EIP, {})), /^Forbidden.RAM: /);
            assert.equal((await vpc()).status, "Available");
        });

        it("quotas", async () => {
            world.cloud.setFault({ name: "quota", action: "CreateVpc" });
            assert.equal(
                await refusal(vpc()),
                "QuotaExceeded: there are 0 resources of the type VPC; allowed: 0",
            );
            world.cloud.clearFaults("quota");
            await vpc();
        });

        it("slow creation, by a factor or in seconds", async () => {
            world.close();
            world = openWorld({ timeScale: 0.001, readLagSeconds: 0 });
            const due = async (): Promise<number> => {
                const parameters = { cidrBlock: "10.0.0.0/16" };
                const before = Date.now();
                await world.request("CreateVpc", { parameters });
                const resource = world.cloud.inventory().resources.at(-1);
                return Math.round(((resource?.dueAt ?? 0) - before) / 1000);
            };
            world.cloud.setFault({ name: "slow-creation", type: VPC, factor: 1000, count: 1 });
            assert.equal(await due(), 5);
            world.cloud.setFault({ name: "slow-creation", seconds: 9000, count: 1 });
            assert.equal(await due(), 9);
            assert.equal(await due(), 0);
        });

        it("creations that fail, which then can be deleted but not used", async () => {
            world.cloud.setFault({
                name: "creation-failure",
                type: VPC,
                message: "no luck",
                count: 1,
            });
            const { id, status, message } = await vpc();
            assert.deepEqual([status, message], ["Failed", "no luck"]);
            const inputs = { vpcId: id, zoneId: "ap-southeast-1b", cidrBlock: "10.0.0.0/24" };
            assert.match(
                await refusal(world.make(VSWITCH, inputs)),
                /^IncorrectStatus: .* is Failed; /,
            );
            assert.equal(
                await refusal(world.change(VPC, id, { cidrBlock: "10.0.0.0/8" })),
                `IncorrectStatus: VPC ${id} is Failed (no luck); allowed: Available`,
            );
            await world.remove(VPC, id);
            assert.equal((await vpc()).status, "Available");
        });

        it("add-ons that fail once, without Kubernetes having to do with it", async () => {
            const { clusterId } = await makeCluster(world);
            world.cloud.setFault({ name: "addon-failure", addon: "knative", count: 1 });
            const other = await world.make(ADDON, { clusterId, name: "metrics-server" });
            assert.equal(other.status, "Available");
            const { id, status, message } = await world.make(ADDON, { clusterId, name: "knative" });
            assert.deepEqual(
                [status, message],
                ["Failed", "the rehearsal lets it fail (addon-failure)"],
            );
            assert.equal(calls(world.folder).includes("installKnative"), false);
            // The same name again is the same add-on.
            const again = await world.make(ADDON, { clusterId, name: "knative" });
            assert.deepEqual([again.id, again.status], [id, "Available"]);
            assert.equal(tokens(world).filter((each) => each === "KubernetesAddon").length, 2);
        });

        it("add-ons that fail for good", async () => {
            const { clusterId } = await makeCluster(world);
            world.cloud.setFault({ name: "addon-failure", addon: "knative" });
            for (let time = 0; time < 2; time += 1) {
                const { status } = await world.make(ADDON, { clusterId, name: "knative" });
                assert.equal(status, "Failed");
            }
        });

        it("but not as it does not know how to", () => {
            assert.throws(
                () => {
                    world.cloud.setFault({ name: "throttling", action: "CreateVcp" });
                },
                {
                    message:
                        /^action of the fault is "CreateVcp"; allowed: CreateVpc, DescribeVpcAttribute, /,
                },
            );
            assert.deepEqual(world.cloud.faults(), []);
        });
    });

    describe("makes a failure of Kubernetes one of the resource:", () => {
        it("a cluster that does not boot", async () => {
            const { vswitchIds } = await makeNetwork(world);
            order(world.folder, { failing: { createCluster: "etcd ended: no space" } });
            const { status, message } = await world.make(CLUSTER, clusterInputs(vswitchIds));
            assert.deepEqual([status, message], ["Failed", "etcd ended: no space"]);
        });

        it("a node that does not join, which is removed again", async () => {
            const { vswitchIds } = await makeNetwork(world);
            const cluster = await world.make(CLUSTER, clusterInputs(vswitchIds));
            order(world.folder, { failing: { joinNode: "no kubelet" } });
            const { status, message } = await world.make(NODE_POOL, {
                clusterId: cluster.id,
                nodePoolName: "cpu",
                vswitchIds: [...vswitchIds],
                instanceTypes: ["ecs.g7.xlarge"],
                desiredSize: "3",
            });
            assert.equal(status, "Failed");
            assert.match(
                message,
                /^node ap-southeast-1\.10\.0\.\d+\.\d+ did not become Ready: no kubelet$/,
            );
            assert.deepEqual(world.cloud.inventory().nodes, []);
            assert.match(calls(world.folder).at(-1) ?? "", /^removeNode ap-southeast-1\.10\.0/);
        });
    });

    it("logs every request with its result, and nothing that was sent", async () => {
        const { id } = await world.make(VPC, { cidrBlock: "10.0.0.0/16", description: "sesame" });
        await refusal(world.change(VPC, id, { cidrBlock: "10.0.0.1/16" }));
        await refusal(world.describe(EIP, "eip-1"));
        assert.deepEqual(
            world.cloud
                .requests()
                .map(({ action, resource, access, code }) => [action, resource, access, code]),
            [
                ["CreateVpc", id, "write", "OK"],
                ["DescribeVpcAttribute", id, "read", "OK"],
                ["ModifyVpcAttribute", id, "write", "InvalidCidrBlock.Malformed"],
                ["DescribeEipAddresses", "eip-1", "read", "InvalidAllocationId.NotFound"],
            ],
        );
        assert.doesNotMatch(readFileSync(join(world.folder, "requests.jsonl"), "utf8"), /sesame/);
    });
});

describe("a simulated cloud that is opened again", () => {
    it("knows what it knew: resources, requests, events and faults", async () => {
        const world = openWorld();
        const { vpcId } = await makeNetwork(world);
        world.cloud.setFault({ name: "quota", count: 3 });
        const before = world.cloud.inventory();
        const again = world.reopened();
        assert.deepEqual(again.cloud.inventory(), JSON.parse(JSON.stringify(before)));
        assert.equal((await again.describe(VPC, vpcId)).status, "Available");
        assert.deepEqual(again.cloud.faults(), [{ name: "quota", count: 3 }]);
        assert.equal(again.cloud.requests().length, world.cloud.requests().length);
        again.close();
    });

    const waiting = async (world: World, action: string): Promise<void> => {
        await eventually(() => calls(world.folder).includes(action));
    };

    it("boots a cluster anew whose boot was cut off", async () => {
        const world = openWorld();
        const { vswitchIds } = await makeNetwork(world);
        order(world.folder, { holding: ["createCluster"] });
        const parameters = clusterInputs(vswitchIds);
        const { id } = (await world.request("CreateCluster", { parameters })) as { id: string };
        await waiting(world, "createCluster");
        const again = world.reopened();
        await waiting(again, "deleteCluster");
        order(world.folder, {});
        await eventually(
            () =>
                again.cloud.inventory().resources.find((each) => each.id === id)?.status ===
                "Available",
        );
        assert.deepEqual(calls(world.folder), ["createCluster", "deleteCluster", "createCluster"]);
        again.close();
    });

    const statusOf = (world: World, id: string) =>
        world.cloud.inventory().resources.find((resource) => resource.id === id)?.status;

    it("goes on with nodes that were joining and leaving, and with deletions", async () => {
        const world = openWorld();
        const { vswitchIds } = await makeNetwork(world);
        const cluster = await world.make(CLUSTER, clusterInputs(vswitchIds));
        order(world.folder, { holding: ["joinNode"] });
        const parameters = {
            clusterId: cluster.id,
            nodePoolName: "cpu",
            vswitchIds: [...vswitchIds],
            instanceTypes: ["ecs.g7.xlarge"],
            desiredSize: "3",
        };
        const { id } = (await world.request("CreateClusterNodePool", { parameters })) as {
            id: string;
        };
        await eventually(() => calls(world.folder).length === 2);
        const second = world.reopened();
        await eventually(() => calls(world.folder).length === 3);
        // Something that takes its time, in which the pool must not be taken for finished.
        await second.make(LOG_PROJECT, { projectName: "sd-logs" });
        assert.equal(statusOf(second, id), "Pending");
        order(world.folder, {});
        await eventually(() => statusOf(second, id) === "Available");
        const [node] = second.cloud.inventory().nodes;
        assert.deepEqual(calls(world.folder).slice(1, 3), [
            `joinNode ${node?.name ?? ""}`,
            `joinNode ${node?.name ?? ""}`,
        ]);
        assert.equal(second.cloud.inventory().nodes.length, 1);

        order(world.folder, { holding: ["removeNode"] });
        await second.request("DeleteClusterNodepool", { id });
        await waiting(second, `removeNode ${node?.name ?? ""}`);
        const third = second.reopened();
        order(world.folder, {});
        await eventually(() => statusOf(third, id) === undefined);
        assert.deepEqual(third.cloud.inventory().nodes, []);
        third.close();
    });
});
