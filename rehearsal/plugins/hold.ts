import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";

/**
 * Environment variable of the engine, for tests that end it between two resources: path of a file with a JSON list
 * of logical names. The creation of these resources never begins; of the first that would have, `<path>.held` gets
 * the name.
 */
export const HOLD_VARIABLE = "SD_REHEARSAL_HOLD";

/** Goes on at once, or never for a resource that is held. */
export async function unlessHeld(name: string): Promise<void> {
    const file = process.env[HOLD_VARIABLE];
    if (file === undefined || !existsSync(file)) {
        return;
    }
    if ((JSON.parse(readFileSync(file, "utf8")) as string[]).includes(name)) {
        await writeFile(`${file}.held`, name);
        await new Promise(() => undefined);
    }
}
