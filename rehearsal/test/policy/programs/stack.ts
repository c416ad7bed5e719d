import * as alicloud from "@pulumi/alicloud";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { serviceWith } from "../../../../policy/test/support/candidates";

/*
 * A program for the rules that are not about one Knative Service: in a stack named bad-stack it breaks all of them
 * that are mandatory, in any other it keeps them. Its cluster is yet to be made.
 */

const isBad = pulumi.getStack() === "bad-stack";

const cluster = new alicloud.cs.ManagedKubernetes(
    "cluster",
    {
        name: "cluster",
        vswitchIds: ["vsw-1"],
        podCidr: "172.20.0.0/16",
        serviceCidr: "172.21.0.0/20",
        deletionProtection: !isBad,
    },
    { protect: !isBad },
);

new alicloud.cs.NodePool("gpus", {
    nodePoolName: "gpus",
    clusterId: cluster.id,
    vswitchIds: ["vsw-1"],
    instanceTypes: ["ecs.gn6i-c8g1.2xlarge"],
    scalingConfig: { enable: true, minSize: 0, maxSize: 4 },
    management: { enable: true, autoRepair: !isBad },
});

const provider = new k8s.Provider("cluster", { kubeconfig: cluster.id });

new k8s.core.v1.ConfigMapPatch(
    "network",
    {
        metadata: { name: "config-network", namespace: "knative-serving" },
        data: { "http-protocol": isBad ? "Enabled" : "Redirected" },
    },
    { provider },
);

// Each is good by itself: two pods at most, of one GPU each. Three of them want more GPUs than there are.
for (const name of isBad ? ["one", "two", "three"] : ["one", "two"]) {
    const { props } = serviceWith({
        metadata: { name },
        annotations: { "autoscaling.knative.dev/min-scale": isBad ? "2" : "0" },
    });
    new k8s.apiextensions.CustomResource(
        name,
        props as unknown as k8s.apiextensions.CustomResourceArgs,
        { provider },
    );
}

new k8s.core.v1.Service(
    "load-balancer",
    {
        metadata: { name: "load-balancer", namespace: "sd" },
        spec: {
            type: "LoadBalancer",
            ports: [{ port: 80 }],
            loadBalancerSourceRanges: [isBad ? "0.0.0.0/0" : "192.0.2.0/24"],
        },
    },
    { provider },
);
