import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { ENVOY_IMAGE, KNATIVE_IMAGES } from "../../cluster/images";
import { knativeRelease, prometheusRelease, VERSIONS } from "../../cluster/versions";

describe("versions of the cluster", () => {
    it("are exact, of Go modules with a leading v", () => {
        const { envoy, ...modules } = VERSIONS;
        assert.match(envoy, /^\d+\.\d+\.\d+$/);
        assert.equal(Object.keys(modules).length, 6);
        for (const version of Object.values(modules)) {
            assert.match(version, /^v\d+\.\d+\.\d+$/);
        }
    });

    it("say which release a module of Knative is", () => {
        assert.equal(knativeRelease("v0.50.0"), "1.23.0");
        assert.equal(knativeRelease("v0.27.3"), "1.0.3");
        assert.throws(() => knativeRelease("v0.26.0"), /v0\.26\.0 of a Go module/);
        assert.throws(() => knativeRelease("v1.23.0"), /v1\.23\.0 of a Go module/);
    });

    it("say which release the module of Prometheus is", () => {
        assert.equal(prometheusRelease("v0.316.0"), "3.16.0");
        assert.equal(prometheusRelease("v0.305.2"), "3.5.2");
        assert.throws(() => prometheusRelease("v0.55.1"), /v0\.55\.1 of the Go module/);
    });

    it("are the tags of images, in a registry that Knative does not ask", () => {
        assert.equal(ENVOY_IMAGE, `dev.local/envoy:v${VERSIONS.envoy}`);
        assert.deepEqual(KNATIVE_IMAGES, {
            activator: `dev.local/knative-activator:${VERSIONS.knativeServing}`,
            autoscaler: `dev.local/knative-autoscaler:${VERSIONS.knativeServing}`,
            controller: `dev.local/knative-controller:${VERSIONS.knativeServing}`,
            webhook: `dev.local/knative-webhook:${VERSIONS.knativeServing}`,
            queue: `dev.local/knative-queue:${VERSIONS.knativeServing}`,
            kourier: `dev.local/kourier:${VERSIONS.netKourier}`,
        });
    });
});
