import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

/**
 * The version of the plugin that goes with the installed SDK of a package: the engine takes a plugin only
 * if it has exactly this version.
 *
 * @throws Error when the SDK (`@pulumi/<name>`) is not installed or names no version
 */
export function pluginVersion(name: string): string {
    const file = createRequire(__filename).resolve(`@pulumi/${name}/package.json`);
    const { pulumi, version } = JSON.parse(readFileSync(file, "utf8")) as {
        pulumi?: { version?: string };
        version?: string;
    };
    const found = pulumi?.version ?? version;
    if (found === undefined) {
        throw new Error(`${file} names no version, so the plugin to go with it is not known`);
    }
    return found;
}
