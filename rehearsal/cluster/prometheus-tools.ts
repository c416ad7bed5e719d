import { join } from "node:path";
import { buildPrometheus } from "./binaries";

/**
 * The path of `promtool`, which checks and tests rules, of the pinned release of Prometheus. It is built if it is
 * not in the cache (about 5 minutes on two cores, with Go).
 *
 * @throws Error with the tail of the build's output; the abort reason when aborted
 */
export async function promtool(signal?: AbortSignal): Promise<string> {
    return join(await buildPrometheus(signal), "promtool");
}
