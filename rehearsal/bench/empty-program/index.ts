import * as alicloud from "@pulumi/alicloud";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";

/** Nothing is made, but the SDKs are there; one that nothing is used of would not be loaded. */
export = () => {
    const providers = [alicloud.Provider, kubernetes.Provider, random.Provider];
    if (new pulumi.Config().getBoolean("startPlugins") === true) {
        // A provider makes the engine start its plugin, whether or not it has anything to do.
        new alicloud.Provider("alicloud", { region: "ap-southeast-1" });
        new kubernetes.Provider("kubernetes", { kubeconfig: NO_CLUSTER });
        new random.Provider("random");
    }
    return { sdks: providers.length };
};

/** Nothing answers there, and nothing is asked. */
const NO_CLUSTER = JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "none", cluster: { server: "https://127.0.0.1:9" } }],
    users: [{ name: "none", user: { token: "none" } }],
    contexts: [{ name: "none", context: { cluster: "none", user: "none" } }],
    "current-context": "none",
});
