/** A load: who sends what, how often, and when it ends at the latest. */
export interface Profile {
    readonly name: string;
    /** What it is for, in a line. */
    readonly purpose: string;
    readonly arrivals: Closed | Open;
    /** Seconds until a request without an answer counts as failed; `hey -t`. */
    readonly timeoutSeconds: number;
    /** Most requests. */
    readonly requests: number;
    /** No request is sent later than this, in seconds from the first. */
    readonly seconds: number;
    /** Requests that their client gives up. @default - none */
    readonly cancel?: Cancel;
    /**
     * Whether the run goes on until the pods that it brought are gone again, so that what the way down costs counts
     * among its GPU-seconds.
     */
    readonly untilSettled: boolean;
}

/** Clients that send a request, wait for its answer and send the next: what a fixed number of users does at most. */
export interface Closed {
    readonly kind: "closed";
    /** Clients, which all start at once; they share the requests equally. */
    readonly clients: number;
    /** What sends: `hey` itself, or this program in the same way. */
    readonly sender: "hey" | "built-in";
}

/** Requests that arrive by chance, whether or not the earlier ones are answered: what many users do. */
export interface Open {
    readonly kind: "open";
    /** Requests per second, on average. */
    readonly rate: number;
}

/** Clients that go away. */
export interface Cancel {
    /** One request in so many, the first included. */
    readonly every: number;
    /** Seconds after which its connection is closed. */
    readonly afterSeconds: number;
}

/** The profiles, by name. */
export const PROFILES = {
    recipe: {
        purpose: "the recipe's own: hey with 50 requests by 5 clients",
        arrivals: { kind: "closed", clients: 5, sender: "hey" },
        timeoutSeconds: 180,
        requests: 50,
        seconds: 1800,
        untilSettled: true,
    },
    burst: {
        purpose: "12 clients at once, one request each",
        arrivals: { kind: "closed", clients: 12, sender: "built-in" },
        timeoutSeconds: 300,
        requests: 12,
        seconds: 300,
        untilSettled: true,
    },
    steady: {
        purpose: "half an hour of 0.2 requests a second by chance, which keeps two GPUs busy",
        arrivals: { kind: "open", rate: 0.2 },
        timeoutSeconds: 300,
        requests: 1000,
        seconds: 1800,
        untilSettled: false,
    },
    cancel: {
        purpose: "10 clients with 60 requests, of which every third is given up after a second",
        arrivals: { kind: "closed", clients: 10, sender: "built-in" },
        timeoutSeconds: 300,
        requests: 60,
        seconds: 1800,
        cancel: { every: 3, afterSeconds: 1 },
        untilSettled: false,
    },
    soak: {
        purpose:
            "10 clients with 10 000 requests, of which every 50th is given up after half a second",
        arrivals: { kind: "closed", clients: 10, sender: "built-in" },
        timeoutSeconds: 300,
        requests: 10_000,
        seconds: 4 * 3600,
        cancel: { every: 50, afterSeconds: 0.5 },
        untilSettled: false,
    },
} as const satisfies Readonly<Record<string, Omit<Profile, "name">>>;

/** Most that any profile may ask for, so that no load runs away. */
const BOUNDS = { requests: 20_000, seconds: 6 * 3600, clients: 200, rate: 50 };

/**
 * The profile of this name.
 *
 * @throws Error naming those that there are
 */
export function profileOf(name: string): Profile {
    const found = Object.entries(PROFILES).find(([each]) => each === name);
    if (found === undefined) {
        throw new Error(
            `--profile is ${JSON.stringify(name)}; allowed: ${Object.keys(PROFILES).join(", ")}`,
        );
    }
    return { name, ...found[1] };
}

/**
 * Checks that a profile is within bounds, and that the recipe's tool can send it.
 *
 * @throws Error naming the property, its value and what is allowed
 */
export function checkProfile(profile: Profile): void {
    const { name, arrivals, requests, seconds, timeoutSeconds, cancel } = profile;
    const require = (isMet: boolean, property: string, value: number, allowed: string): void => {
        if (!isMet) {
            throw new Error(`profile ${name}: ${property} is ${value}; allowed: ${allowed}`);
        }
    };
    const whole = (value: number, most: number): boolean =>
        Number.isInteger(value) && value >= 1 && value <= most;
    const positive = (value: number, most: number): boolean => value > 0 && value <= most;
    require(whole(requests, BOUNDS.requests), "requests", requests, `1 to ${BOUNDS.requests}`);
    require(positive(
        seconds,
        BOUNDS.seconds,
    ), "seconds", seconds, `above 0, at most ${BOUNDS.seconds}`);
    require(whole(timeoutSeconds, 3600), "timeoutSeconds", timeoutSeconds, "1 to 3600");
    if (arrivals.kind === "open") {
        require(positive(
            arrivals.rate,
            BOUNDS.rate,
        ), "rate", arrivals.rate, `above 0, at most ${BOUNDS.rate}`);
    } else {
        const { clients } = arrivals;
        require(whole(clients, BOUNDS.clients), "clients", clients, `1 to ${BOUNDS.clients}`);
        // hey sends floor(requests ÷ clients) by each client, and says nothing of the rest.
        require(requests % clients ===
            0, "requests", requests, `a multiple of its ${clients} clients`);
    }
    if (cancel !== undefined) {
        require(whole(cancel.every, requests), "cancel.every", cancel.every, `1 to ${requests}`);
        require(positive(
            cancel.afterSeconds,
            timeoutSeconds,
        ), "cancel.afterSeconds", cancel.afterSeconds, `above 0, at most ${timeoutSeconds}`);
        if (arrivals.kind === "closed" && arrivals.sender === "hey") {
            throw new Error(
                `profile ${name}: hey gives up no request; allowed: cancel with the built-in sender`,
            );
        }
    }
}
