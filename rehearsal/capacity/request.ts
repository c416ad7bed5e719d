import type { Activator } from "./activator";
import type { Pod } from "./pod";

/** What became of a request. timeout: it took longer than timeoutSeconds. */
export type Outcome = "answered" | "abandoned" | "timeout" | "refused" | "lost";

/** A request of a client. */
export interface Request {
    readonly number: number;
    readonly arrivedAt: number;
    /** Time that a pod needs for it, in seconds. */
    readonly serviceSeconds: number;
    /** Called when its client has an answer, or has gone. */
    readonly onEnd: () => void;
    /** The activator that it came by; undefined if the gateway chose the pod. */
    activator: Activator | undefined;
    /** The pod that it was sent to; undefined while it waits in an activator. */
    pod: Pod | undefined;
    /** Whether it has a place in an activator or a queue-proxy; its client may have gone. */
    isHeld: boolean;
    endedAt: number | undefined;
    /** Undefined while its client waits. */
    outcome: Outcome | undefined;
}
