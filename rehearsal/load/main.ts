import { run } from "../engine/run";
import { REPOSITORY } from "../paths";
import { isUsageError } from "../usage-error";
import { type LoadedStack, loadCommand } from "./load-command";

/** A stack of the user's, read with the user's pulumi. */
const usersStack: LoadedStack = {
    command: "npm run load --",
    outputs: async (stack, signal) => {
        const inherited = Object.entries(process.env).filter(
            (entry): entry is [string, string] => entry[1] !== undefined,
        );
        const { stdout } = await run({
            program: "pulumi",
            args: ["stack", "output", "--json", "--show-secrets", "--stack", stack],
            cwd: REPOSITORY,
            env: Object.fromEntries(inherited),
            signal,
        });
        return JSON.parse(stdout) as Record<string, unknown>;
    },
};

loadCommand(process.argv.slice(2), usersStack).then(
    (exitCode) => {
        process.exitCode = exitCode;
    },
    (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        const hint = isUsageError(error) ? "See: npm run load -- --help\n" : "";
        process.stderr.write(`\nerror: ${message}\n${hint}`);
        process.exitCode = hint === "" ? 1 : 2;
    },
);
