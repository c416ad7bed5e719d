import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Name of the extension's volume in a pod. */
export const EXTENSION_VOLUME = "abandoned-requests";

const FILE = "abandoned_requests.py";

/** Folder of the extension in the container; the WebUI looks for scripts in a folder of that name below it. */
const FOLDER = "/opt/abandoned-requests";

/** Where the container of the WebUI has the volume. */
export const extensionMount: k8s.types.input.core.v1.VolumeMount = {
    name: EXTENSION_VOLUME,
    mountPath: `${FOLDER}/scripts`,
    readOnly: true,
};

/**
 * The ConfigMap with the extension of the WebUI that stops its work for clients that have gone away
 * (docs/decisions/0016-abandoned-requests.md). It has no name of its own, so that a changed extension makes a new
 * revision.
 */
export function abandonedRequestsExtension(
    name: string,
    namespace: pulumi.Input<string>,
    opts: pulumi.CustomResourceOptions,
): k8s.core.v1.ConfigMap {
    return new k8s.core.v1.ConfigMap(
        name,
        {
            metadata: { namespace },
            data: { [FILE]: readFileSync(join(__dirname, FILE), "utf8") },
        },
        opts,
    );
}

/**
 * Shell commands that put the extension into the WebUI's extensions folder and end the container where they cannot. The
 * folder is found when the container starts, since each image has the WebUI elsewhere: it is in the working folder, or
 * in that of `--data-dir`.
 *
 * @param webuiArgs flags of the WebUI
 */
export function extensionLink(webuiArgs: readonly string[]): string {
    const folder = `${dataFolder(webuiArgs) ?? "."}/extensions`;
    return [
        `extensions=${quoted(folder)}`,
        `mkdir -p "$extensions" && ln -sfn ${FOLDER} "$extensions/abandoned-requests" || {`,
        `    echo "the image's user cannot write to $extensions in $PWD, where the extension that stops abandoned \\`,
        `requests belongs; set stopAbandonedRequests to false to do without it" >&2; exit 1; }`,
    ].join("\n");
}

/** The last `--data-dir`, which is the one that counts. */
function dataFolder(webuiArgs: readonly string[]): string | undefined {
    const flag = "--data-dir";
    let folder: string | undefined;
    for (const [index, word] of webuiArgs.entries()) {
        if (word === flag) {
            folder = webuiArgs[index + 1];
        } else if (word.startsWith(`${flag}=`)) {
            folder = word.slice(flag.length + 1);
        }
    }
    return folder;
}

function quoted(text: string): string {
    return `'${text.replaceAll("'", "'\\''")}'`;
}
