import assert from "node:assert/strict";
import { posix } from "node:path";
import { modelServerImage } from "../../model-server/image";

describe("image of the model server's stand-in", () => {
    const image = modelServerImage("/folder");

    it("is known by its digest only, so that no tag can name an old one", () => {
        assert.equal(image.name, "dev.local/stable-diffusion-webui-stand-in");
    });

    it("starts with the command of the real image, in its folder", () => {
        assert.deepEqual(image.files["/usr/bin/python3"], { source: "/folder/model-server" });
        assert.ok(image.workingDirectory !== undefined);
        assert.ok(posix.join(image.workingDirectory, "launch.py") in image.files);
        assert.deepEqual(image.entrypoint, []);
    });

    it("has a shell for the entrypoint that passes signals on", () => {
        assert.deepEqual(image.files["/bin/sh"], { link: "busybox" });
        assert.deepEqual(image.files["/bin/busybox"], { source: "/bin/busybox" });
    });

    it("has the commands with which the entrypoint puts an extension into a folder that its user may write", () => {
        for (const command of ["ln", "mkdir"]) {
            assert.deepEqual(image.files[`/bin/${command}`], { link: "busybox" });
        }
        assert.deepEqual(image.files["/stable-diffusion-webui/extensions"], { link: "/tmp" });
    });

    it("runs as a user that a pod may require not to be root", () => {
        assert.match(image.user, /^[1-9]\d*:[1-9]\d*$/);
    });
});
