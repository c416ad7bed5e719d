import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ImageSpec } from "../cluster/oci-image";

/**
 * Builds the stand-in of the model server (see README.md in this folder) as a static program, so that
 * it runs in an image without libraries. The same sources and Go version give the same bytes.
 *
 * @param folder an existing folder, in which `model-server` appears
 * @throws Error with what the Go compiler said
 */
export async function buildModelServer(folder: string, signal?: AbortSignal): Promise<void> {
    // Without -buildvcs=false the commit would be part of the program, and each one a new image.
    const flags = ["-trimpath", "-buildvcs=false", "-ldflags", "-s -w"];
    await promisify(execFile)("go", ["build", ...flags, "-o", join(folder, BINARY), "."], {
        cwd: __dirname,
        env: { ...process.env, CGO_ENABLED: "0" },
        signal,
    });
}

/**
 * The image of the stand-in, to be used by digest. Its program has the interpreter's name, so that the
 * command of the real image, `python3 launch.py …`, starts it unchanged; there is no Python in it.
 * Beside it: a shell and the commands of the program's entrypoint.
 *
 * @param folder where `buildModelServer` put the program
 */
export function modelServerImage(folder: string): ImageSpec {
    return {
        name: "dev.local/stable-diffusion-webui-stand-in",
        entrypoint: [],
        user: "65532:65532",
        workingDirectory: "/stable-diffusion-webui",
        files: {
            "/usr/bin/python3": { source: join(folder, BINARY) },
            "/stable-diffusion-webui/launch.py": {
                text: "# Nothing to run: /usr/bin/python3 of this image is the stand-in of the WebUI itself.\n",
            },
            // Here, as in the WebUI's images, its user may write. Files of these images belong to root, but not /tmp.
            "/stable-diffusion-webui/extensions": { link: "/tmp" },
            // Debian's busybox-static: statically linked, which its package busybox is not.
            "/bin/busybox": { source: "/bin/busybox" },
            "/bin/sh": { link: "busybox" },
            "/bin/kill": { link: "busybox" },
            "/bin/ln": { link: "busybox" },
            "/bin/mkdir": { link: "busybox" },
            "/bin/mkfifo": { link: "busybox" },
            "/bin/rm": { link: "busybox" },
        },
    };
}

const BINARY = "model-server";
