import assert from "node:assert/strict";
import { knativeAddon, type KnativeAddonArgs } from "../components/knative-addon";
import { only, promiseOf, recordResources, type Registered } from "./support/mocks";

async function deploy(args: Partial<KnativeAddonArgs> = {}): Promise<Registered> {
    const seen = await recordResources();
    const addon = knativeAddon(
        "addon",
        { clusterId: "c1", name: "knative", config: {}, ...args },
        { protect: true },
    );
    await promiseOf(addon.id);
    return only(seen, "alicloud:cs/kubernetesAddon:KubernetesAddon");
}

describe("knativeAddon", () => {
    it("installs the add-on by its name, in the newest version and as it comes", async () => {
        assert.deepEqual((await deploy()).inputs, { clusterId: "c1", name: "knative" });
    });

    it("passes version and configuration through, the latter as JSON", async () => {
        const { inputs } = await deploy({
            name: "knative-next",
            version: "v1.8.2-aliyun.1",
            config: { gateway: "kourier" },
        });
        assert.deepEqual(inputs, {
            clusterId: "c1",
            name: "knative-next",
            version: "v1.8.2-aliyun.1",
            config: '{"gateway":"kourier"}',
        });
    });

    it("takes the options that it is given", async () => {
        assert.equal((await deploy()).protect, true);
    });
});
