import * as alicloud from "@pulumi/alicloud";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";

/** Nothing is made, but the SDKs are there; one that nothing is used of would not be loaded. */
export = () => ({
    sdks: [alicloud.Provider, kubernetes.Provider, pulumi.CustomResource, random.Provider].length,
});
