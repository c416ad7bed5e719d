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

    /** @param warm nodes that are there already */
    constructor(
        private readonly events: EventQueue,
        private readonly behaviour: NodeBehaviour,
        warm: number,
    ) {
        for (let count = 0; count < warm; count++) {
            this.free.set(this.add(0), this.events.now);
        }
    }

    /** A free node, or one that is on its way. */
    take(): GpuNode {
        const [idle] = this.free.keys();
        if (idle !== undefined) {
            this.free.delete(idle);
            return idle;
        }
        return this.add(this.behaviour.startSeconds);
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

    private add(startSeconds: number): MutableNode {
        const now = this.events.now;
        const node = { requestedAt: now, readyAt: now + startSeconds, removedAt: undefined };
        this.nodes.push(node);
        return node;
    }
}

interface MutableNode extends GpuNode {
    removedAt: number | undefined;
}
