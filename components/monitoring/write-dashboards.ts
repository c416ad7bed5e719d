import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { HELP, readDashboardArguments } from "./dashboard-arguments";
import { dashboards } from "./dashboards";
import { grafanaDashboard } from "./grafana-dashboard";

/** Writes the dashboards of a service into a folder: `npm run dashboards`. */
try {
    const read = readDashboardArguments(process.argv.slice(2));
    if (read === undefined) {
        process.stdout.write(HELP);
    } else {
        for (const dashboard of dashboards(read.service)) {
            const file = join(read.folder, `${dashboard.uid}.json`);
            writeFileSync(file, `${JSON.stringify(grafanaDashboard(dashboard), undefined, 2)}\n`);
            process.stdout.write(`${file}: ${dashboard.title}\n`);
        }
    }
} catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
}
