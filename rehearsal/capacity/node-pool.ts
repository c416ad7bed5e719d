import type { EventQueue } from "./event-queue";
import type { NodeBehaviour } from "./service";

/** A node with one GPU. */
export interface GpuNode {
    readonly requestedAt: number;
    /** When it can have pods. */
    readonly readyAt: number;
    /** When it was given back; undefined while it is there. */
    readonly removedAt: number | undefined;
}

/** Nodes that join when a GPU is asked for and none is free, and leave when they have been idle for long enough. */
export class NodePool {
    readonly nodes: GpuNode[] = [];
    private readonly free = new Map<MutableNode, number>();

    constructor(
        private readonly events: EventQueue,
        private readonly behaviour: NodeBehaviour,
    ) {}

    /** A free node, or one that is on its way. */
    take(): GpuNode {
        const [idle] = this.free.keys();
        if (idle !== undefined) {
            this.free.delete(idle);
            return idle;
        }
        const now = this.events.now;
        const node: MutableNode = {
            requestedAt: now,
            readyAt: now + this.behaviour.startSeconds,
            removedAt: undefined,
        };
        this.nodes.push(node);
        return node;
    }

    /** Gives a node back to the pool. */
    giveBack(node: GpuNode): void {
        const since = Math.max(this.events.now, node.readyAt);
        this.free.set(node, since);
        this.events.at(since + this.behaviour.idleSeconds, () => {
            if (this.free.get(node) === since) {
                this.free.delete(node);
                (node as MutableNode).removedAt = this.events.now;
            }
        });
    }
}

interface MutableNode extends GpuNode {
    removedAt: number | undefined;
}
