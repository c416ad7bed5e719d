import { readFileSync, writeFileSync } from "node:fs";
import { README, withTable } from "./rule-table";

/** Brings the table of README.md up to date: `npm run table`. */
writeFileSync(README, withTable(readFileSync(README, "utf8")));
