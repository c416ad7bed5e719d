import assert from "node:assert/strict";
import { Cluster, type ClusterArgs } from "../components/cluster";
import {
    GET_CREDENTIAL,
    neededBy,
    only,
    promiseOf,
    recordResources,
    type Registered,
    SECRET,
} from "./support/mocks";

const LOGS = "alicloud:log/project:Project";
const CONTROL_PLANE = "alicloud:cs/managedKubernetes:ManagedKubernetes";
const POOL = "alicloud:cs/nodePool:NodePool";
const PROVIDER = "pulumi:providers:kubernetes";

const ARGS: ClusterArgs = {
    clusterName: "sd",
    suffix: "x7",
    clusterSpec: "ack.pro.small",
    vswitchIds: ["vsw-a", "vsw-b"],
    podCidr: "172.20.0.0/16",
    serviceCidr: "172.21.0.0/20",
    apiServerPublic: true,
    nodeImageType: "AliyunLinux3",
    cpuInstanceTypes: ["ecs.u1-c1m2.xlarge", "ecs.c7.xlarge"],
    cpuNodes: 4,
    protect: false,
    logRetentionDays: 30,
};

async function deploy(args: Partial<ClusterArgs> = {}): Promise<{
    seen: Registered[];
    cluster: Cluster;
    asked: unknown[];
}> {
    const asked: unknown[] = [];
    const seen = await recordResources({
        calls: {
            [GET_CREDENTIAL]: (inputs) => {
                asked.push(inputs);
                return { kubeConfig: "the kubeconfig" };
            },
        },
    });
    const cluster = new Cluster("cluster", { ...ARGS, ...args }, { protect: args.protect });
    await promiseOf(cluster.provider.urn);
    return { seen, cluster, asked };
}

describe("Cluster", () => {
    it("is a managed Pro cluster with everything said that is fixed at creation", async () => {
        const { seen } = await deploy();
        assert.deepEqual(only(seen, CONTROL_PLANE).inputs, {
            name: "sd",
            clusterSpec: "ack.pro.small",
            vswitchIds: ["vsw-a", "vsw-b"],
            podCidr: "172.20.0.0/16",
            serviceCidr: "172.21.0.0/20",
            proxyMode: "iptables",
            isEnterpriseSecurityGroup: true,
            newNatGateway: false,
            slbInternetEnabled: true,
            skipSetCertificateAuthority: true,
            deletionProtection: false,
            addons: [
                { name: "flannel" },
                { name: "csi-plugin" },
                { name: "managed-csiprovisioner" },
                { name: "metrics-server" },
                { name: "nginx-ingress-controller", disabled: true },
            ],
            controlPlaneLogProject: "stable-diffusion-x7",
            controlPlaneLogComponents: ["apiserver", "kcm", "scheduler", "ccm"],
            controlPlaneLogTtl: "30",
            deleteOptions: [
                { resourceType: "SLB", deleteMode: "delete" },
                { resourceType: "ALB", deleteMode: "delete" },
                { resourceType: "SLS_Data", deleteMode: "delete" },
                { resourceType: "SLS_ControlPlane", deleteMode: "delete" },
                { resourceType: "PrivateZone", deleteMode: "delete" },
            ],
        });
    });

    it("takes a version and a private API server when told to", async () => {
        const { seen } = await deploy({
            kubernetesVersion: "1.35.7-aliyun.1",
            apiServerPublic: false,
        });
        const { inputs } = only(seen, CONTROL_PLANE);
        assert.equal(inputs["version"], "1.35.7-aliyun.1");
        assert.equal(inputs["slbInternetEnabled"], false);
    });

    it("gives the control plane an hour and a half, and no say to add-ons once it is there", async () => {
        const { seen } = await deploy();
        const { createTimeout, ignoreChanges } = only(seen, CONTROL_PLANE);
        assert.equal(createTimeout, "90m");
        assert.deepEqual(ignoreChanges, ["addons"]);
    });

    it("keeps its logs in a project whose name is unique", async () => {
        const { seen } = await deploy();
        assert.deepEqual(only(seen, LOGS).inputs, {
            projectName: "stable-diffusion-x7",
            description: "Control plane of the ACK cluster sd",
        });
    });

    it("has CPU nodes in a number of its own, spread over the zones", async () => {
        const { seen } = await deploy();
        assert.deepEqual(only(seen, POOL).inputs, {
            clusterId: "c-cluster-control-plane-id",
            nodePoolName: "cpu",
            vswitchIds: ["vsw-a", "vsw-b"],
            instanceTypes: ["ecs.u1-c1m2.xlarge", "ecs.c7.xlarge"],
            // A string: the provider takes no number here.
            desiredSize: "4",
            multiAzPolicy: "BALANCE",
            imageType: "AliyunLinux3",
            systemDiskCategory: "cloud_essd",
            systemDiskPerformanceLevel: "PL0",
            systemDiskSize: 80,
            installCloudMonitor: true,
            instanceMetadataOptions: { httpTokens: "required" },
            management: {
                enable: true,
                autoRepair: true,
                autoRepairPolicy: { restartNode: true },
            },
        });
    });

    it("hands its provider a secret kubeconfig and the cluster's identity, once there are nodes", async () => {
        const { seen, cluster } = await deploy();
        const provider = only(seen, PROVIDER);
        const { kubeconfig, clusterIdentifier } = provider.inputs;
        assert.deepEqual(kubeconfig, { ...SECRET, value: "the kubeconfig" });
        assert.equal(clusterIdentifier, "c-cluster-control-plane-id");
        assert.ok(neededBy(seen, provider).has("cluster-cpu-pool"));
        assert.equal(await promiseOf(cluster.kubeconfig), "the kubeconfig");
        assert.equal(
            await (cluster.kubeconfig as unknown as { isSecret: Promise<boolean> }).isSecret,
            true,
        );
        assert.equal(await promiseOf(cluster.clusterId), "c-cluster-control-plane-id");
    });

    it("asks for no temporary credential unless told to", async () => {
        const { asked } = await deploy();
        assert.deepEqual(asked, [{ clusterId: "c-cluster-control-plane-id" }]);
        const temporary = await deploy({ kubeconfigMinutes: 60 });
        assert.deepEqual(temporary.asked, [
            { clusterId: "c-cluster-control-plane-id", temporaryDurationMinutes: 60 },
        ]);
    });

    it("is protected with all its parts, and leaves its logs, when told to", async () => {
        const { seen } = await deploy({ protect: true });
        const { inputs } = only(seen, CONTROL_PLANE);
        assert.equal(inputs["deletionProtection"], true);
        assert.deepEqual(inputs["deleteOptions"], [
            { resourceType: "SLB", deleteMode: "delete" },
            { resourceType: "ALB", deleteMode: "delete" },
            { resourceType: "SLS_Data", deleteMode: "retain" },
            { resourceType: "SLS_ControlPlane", deleteMode: "retain" },
            { resourceType: "PrivateZone", deleteMode: "delete" },
        ]);
        for (const { type, protect, retainOnDelete } of seen) {
            assert.equal(protect, true, type);
            assert.equal(retainOnDelete, type === LOGS, type);
        }
    });

    it("leaves nothing and protects nothing otherwise", async () => {
        const { seen } = await deploy();
        for (const { type, protect, retainOnDelete } of seen) {
            assert.deepEqual([protect, retainOnDelete], [false, false], type);
        }
    });
});
