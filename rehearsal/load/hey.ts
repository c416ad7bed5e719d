import { spawn } from "node:child_process";
import type { Profile } from "./profiles";
import { RECIPE_BODY } from "./recipe";
import { startRelay } from "./relay";
import type { HeyRequest, HeyRun, Sample } from "./run-record";
import type { Target } from "./target";
import type { Clock, Sender } from "./timed-request";

/**
 * Has `hey` itself send the requests of a closed profile, with the recipe's own arguments.
 *
 * `hey` takes credentials as an argument only (`-a`), where every process of the machine reads them. So it calls a
 * relay on the loopback interface, in this process, that adds them, and that measures each request as well: what
 * `hey` writes has no pod and no failed request (docs/decisions/0014-hey-through-a-relay.md).
 *
 * @returns what `hey` measured; undefined when it was stopped before it could say
 * @throws Error when `hey` is not installed or fails
 */
export async function runHey(
    profile: Profile,
    clients: number,
    options: {
        readonly target: Target;
        readonly sender: Sender;
        readonly clock: Clock;
        readonly onSample: (sample: Sample) => void;
        readonly signal: AbortSignal;
    },
): Promise<HeyRun | undefined> {
    const { target, signal } = options;
    const relay = await startRelay(profile, options);
    try {
        const args = heyArguments(
            profile,
            clients,
            `http://127.0.0.1:${relay.port}${target.url.pathname}`,
        );
        const csv = await execute(args, profile.seconds, signal);
        const shown = args.map((each) => (/[^\w/:.=-]/.test(each) ? `'${each}'` : each));
        return csv === undefined
            ? undefined
            : { command: ["hey", ...shown].join(" "), requests: parseHeyCsv(csv) };
    } finally {
        await relay.close();
    }
}

/** The recipe's arguments, and the table of requests in place of the summary. */
function heyArguments(profile: Profile, clients: number, url: string): string[] {
    return [
        ...["-n", String(profile.requests), "-c", String(clients)],
        ...["-t", String(profile.timeoutSeconds), "-m", "POST"],
        ...["-H", "Content-Type: application/json", "-d", RECIPE_BODY],
        ...["-o", "csv", url],
    ];
}

/** Milliseconds that `hey` gets to write what it has, when it is stopped. */
const LAST_WORDS = 5000;

/**
 * Runs `hey`; on SIGINT it sends no further request and writes what it has.
 *
 * @returns its table; undefined when it was stopped before it had written any
 */
function execute(
    args: readonly string[],
    mostSeconds: number,
    signal: AbortSignal,
): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
        const hey = spawn("hey", args, {
            // A group of its own: Ctrl-C in a terminal is for this process, which passes it on.
            detached: true,
            stdio: ["ignore", "pipe", "pipe"],
            env: { PATH: process.env["PATH"] },
        });
        let table = "";
        let complaint = "";
        let lastResort: NodeJS.Timeout | undefined;
        hey.stdout.on("data", (chunk: Buffer) => {
            table += chunk.toString();
        });
        hey.stderr.on("data", (chunk: Buffer) => {
            complaint += chunk.toString();
        });
        const interrupt = (): void => {
            hey.kill("SIGINT");
        };
        const abort = (): void => {
            interrupt();
            lastResort = setTimeout(() => hey.kill("SIGKILL"), LAST_WORDS);
        };
        const limit = setTimeout(interrupt, mostSeconds * 1000);
        signal.addEventListener("abort", abort, { once: true });
        const ended = (): void => {
            clearTimeout(limit);
            clearTimeout(lastResort);
            signal.removeEventListener("abort", abort);
        };
        hey.on("error", (error: NodeJS.ErrnoException) => {
            ended();
            reject(
                error.code === "ENOENT"
                    ? new Error(
                          "hey is not installed, which sends the requests of this profile: apt-get install hey, brew install hey, or go install github.com/rakyll/hey@v0.1.4",
                      )
                    : error,
            );
        });
        hey.on("close", (code) => {
            ended();
            if (signal.aborted) {
                resolve(table === "" ? undefined : table);
            } else if (code === 0) {
                resolve(table);
            } else {
                reject(new Error(`hey ended with code ${String(code)}: ${complaint.trim()}`));
            }
        });
    });
}

/** Columns of `hey -o csv`, version 0.1.4. */
const COLUMNS =
    "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset";

/**
 * Reads what `hey -o csv` writes.
 *
 * @throws Error naming the line that is not as version 0.1.4 writes it
 */
export function parseHeyCsv(csv: string): HeyRequest[] {
    const [header = "", ...rows] = csv.trim().split("\n");
    if (header !== COLUMNS) {
        throw new Error(`hey's table begins with ${JSON.stringify(header)}; allowed: ${COLUMNS}`);
    }
    return rows.map((row) => {
        const fields = row.split(",").map(Number);
        const [responseTime = NaN, , , , , , status = NaN, offset = NaN] = fields;
        if (fields.length !== 8 || fields.some(Number.isNaN)) {
            throw new Error(`hey's table has the row ${JSON.stringify(row)}; allowed: 8 numbers`);
        }
        return { responseTime, status, offset };
    });
}
