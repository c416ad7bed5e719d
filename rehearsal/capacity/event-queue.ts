/** Something that happens at a moment. */
interface Event {
    readonly at: number;
    /** Of what happens at the same moment, what was planned first comes first. */
    readonly order: number;
    readonly happen: () => void;
}

/** What is going to happen, by time: a binary heap. Times are seconds. */
export class EventQueue {
    private readonly heap: Event[] = [];
    private planned = 0;
    private time = 0;

    /** Time of the event that happens, or happened last. */
    get now(): number {
        return this.time;
    }

    /**
     * Plans an event.
     *
     * @throws RangeError if `at` has passed, or is no number
     */
    at(at: number, happen: () => void): void {
        if (!(at >= this.time)) {
            throw new RangeError(`an event at ${at} is planned at ${this.time}`);
        }
        const event = { at, order: this.planned++, happen };
        let index = this.heap.push(event) - 1;
        while (index > 0) {
            const parent = (index - 1) >> 1;
            const above = this.heap[parent];
            if (above === undefined || isBefore(above, event)) {
                break;
            }
            this.heap[index] = above;
            index = parent;
        }
        this.heap[index] = event;
    }

    /** Lets the next event happen. @returns whether there was one */
    step(): boolean {
        const first = this.heap[0];
        const last = this.heap.pop();
        if (first === undefined || last === undefined) {
            return false;
        }
        if (first !== last) {
            this.sink(last);
        }
        this.time = first.at;
        first.happen();
        return true;
    }

    /** Puts an event in the place of the first, and moves it down to where it belongs. */
    private sink(event: Event): void {
        let index = 0;
        for (;;) {
            const left = this.heap[2 * index + 1];
            const right = this.heap[2 * index + 2];
            const isRight = left !== undefined && right !== undefined && isBefore(right, left);
            const below = isRight ? right : left;
            if (below === undefined || isBefore(event, below)) {
                break;
            }
            this.heap[index] = below;
            index = 2 * index + (isRight ? 2 : 1);
        }
        this.heap[index] = event;
    }
}

function isBefore(one: Event, other: Event): boolean {
    return one.at < other.at || (one.at === other.at && one.order < other.order);
}
