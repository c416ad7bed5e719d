import { type Fault, parseFault } from "./faults";
import { FUNCTIONS } from "./functions";
import { RESOURCE_TYPES } from "./resource-types";

/** The API's actions that a fault can be confined to; RunInstances is the cloud's own, for a node. */
const ACTIONS = [
    ...RESOURCE_TYPES.flatMap(({ actions }) => Object.values(actions)),
    ...FUNCTIONS.map(({ action }) => action),
    "RunInstances",
].filter((action) => action !== undefined);

/**
 * Reads a fault from outside.
 *
 * @throws Error naming the field, its value and what is allowed
 */
export function readFault(value: unknown): Fault {
    return parseFault(value, {
        actions: ACTIONS,
        types: RESOURCE_TYPES.map(({ token }) => token),
    });
}
