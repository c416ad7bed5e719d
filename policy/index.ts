import { PolicyPack } from "@pulumi/policy";
import { policies } from "./policies";

new PolicyPack("stable-diffusion-knative", { policies: [...policies] });
