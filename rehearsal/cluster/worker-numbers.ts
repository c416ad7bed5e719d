import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CLUSTER_STATE } from "../paths";
import { listIfThere, readIfThere } from "./if-there";
import { CONTROL_PLANE, runningMachine } from "./machine";
import { MOST_WORKERS, removeWorkerLink } from "./network";

/** Holds a file for each number that a worker has, with the worker's name. */
const NUMBERS = join(CLUSTER_STATE, "numbers");

/** Gives a worker the lowest number that is free; its addresses follow from it. @throws Error if there is none */
export async function claimNumber(name: string): Promise<number> {
    await mkdir(NUMBERS, { recursive: true });
    for (let number = 1; number <= MOST_WORKERS; number++) {
        try {
            await writeFile(join(NUMBERS, String(number)), name, { flag: "wx" });
            return number;
        } catch (error) {
            if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
                throw error;
            }
        }
    }
    throw new Error(`The local cluster has ${MOST_WORKERS} nodes; it can have no more.`);
}

/** Gives back what numbers a worker has, once its machine has ended. */
export async function releaseNumbers(name: string): Promise<void> {
    const controlPlane = await runningMachine(CONTROL_PLANE);
    for (const number of listIfThere(NUMBERS)) {
        const file = join(NUMBERS, number);
        // Other workers give theirs back at the same time.
        if (readIfThere(file) === name) {
            if (controlPlane !== undefined) {
                await removeWorkerLink(controlPlane, Number(number));
            }
            await rm(file);
        }
    }
}
