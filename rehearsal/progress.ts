/** How long one step took. */
export interface Timing {
    readonly title: string;
    readonly seconds: number;
}

/** Every step finished so far, in the order in which they ended. */
export const timings: Timing[] = [];

/**
 * Runs one step of a rehearsal and reports it on stderr: a line when it starts, one when it ends, with
 * its time. Steps may nest. `note` reports something worth knowing in between.
 *
 * @throws whatever `work` throws, after reporting that the step failed
 */
export async function step<T>(
    title: string,
    work: (note: (detail: string) => void) => Promise<T>,
): Promise<T> {
    const start = performance.now();
    const seconds = (): number => (performance.now() - start) / 1000;
    const print = (mark: string, text: string): void => {
        process.stderr.write(`${mark} ${text}\n`);
    };
    print("▸", title);
    try {
        const result = await work((detail) => {
            print("  ·", `${title}: ${detail} (${seconds().toFixed(1)} s)`);
        });
        timings.push({ title, seconds: seconds() });
        print("✔", `${title} ${seconds().toFixed(1)} s`);
        return result;
    } catch (error) {
        print("✘", `${title} failed after ${seconds().toFixed(1)} s`);
        throw error;
    }
}
