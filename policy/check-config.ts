import { readFileSync } from "node:fs";
import { configProblems } from "./config-problems";

/** Checks the configuration files that are named as arguments, and ends with 1 if one has a problem. */
for (const file of process.argv.slice(2)) {
    for (const problem of configProblems(JSON.parse(readFileSync(file, "utf8")))) {
        process.stderr.write(`${file}: ${problem}\n`);
        process.exitCode = 1;
    }
}
