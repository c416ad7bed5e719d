import { PolicyPack } from "@pulumi/policy";
import { policies } from "./policies";

new PolicyPack("stable-diffusion-knative", {
    displayName: "Knative Services that hold GPUs",
    tags: ["knative", "gpu", "alicloud"],
    policies: [...policies],
});
