/** Type tokens of the resources that the simulated cloud has. */
export const VPC = "alicloud:vpc/network:Network";
export const VSWITCH = "alicloud:vpc/switch:Switch";
export const NAT_GATEWAY = "alicloud:vpc/natGateway:NatGateway";
export const EIP = "alicloud:ecs/eipAddress:EipAddress";
export const EIP_ASSOCIATION = "alicloud:ecs/eipAssociation:EipAssociation";
export const SNAT_ENTRY = "alicloud:vpc/snatEntry:SnatEntry";
export const LOG_PROJECT = "alicloud:log/project:Project";
export const CLUSTER = "alicloud:cs/managedKubernetes:ManagedKubernetes";
export const NODE_POOL = "alicloud:cs/nodePool:NodePool";
export const AUTOSCALING_CONFIG = "alicloud:cs/autoscalingConfig:AutoscalingConfig";
export const ADDON = "alicloud:cs/kubernetesAddon:KubernetesAddon";
