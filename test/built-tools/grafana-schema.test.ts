import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { dashboards } from "../../components/monitoring/dashboards";
import { grafanaDashboard } from "../../components/monitoring/grafana-dashboard";
import { SERVICE, WORLDS } from "../support/monitored-service";

/** What the Go types of Grafana's Foundation SDK say of dashboards; they do not know which words an option may be. */
function verdictOn(documents: readonly unknown[]): string {
    const { stdout, stderr, status } = spawnSync("go", ["run", "."], {
        cwd: join(__dirname, "grafana-schema"),
        env: { ...process.env, CGO_ENABLED: "0" },
        input: JSON.stringify(documents),
        encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    return stdout;
}

interface Document {
    readonly panels: readonly {
        readonly gridPos: object;
        readonly options?: object;
        readonly targets?: readonly object[];
    }[];
}

describe("Grafana's own types", function () {
    // The first time they are compiled.
    this.timeout(300_000);

    it("know everything in the dashboards, and miss nothing", () => {
        const documents = WORLDS.flatMap((world) => dashboards(world).map(grafanaDashboard));
        assert.equal(verdictOn(documents), `${documents.length} dashboards, 0 problems\n`);
    });

    it("would find an option that there is not, a place beyond the grid and a missing part", () => {
        const [document] = dashboards(SERVICE).map(grafanaDashboard) as unknown as Document[];
        const [row, plot] = document?.panels ?? [];
        assert.ok(document && row && plot);
        const changed = (panel: object): object => ({ ...document, panels: [row, panel] });
        assert.equal(
            verdictOn([
                changed({ ...plot, options: { ...plot.options, colour: "red" } }),
                changed({ ...plot, targets: [{ ...plot.targets?.[0], query: "up" }] }),
                changed({ ...plot, gridPos: { ...plot.gridPos, w: 25 } }),
                { ...document, annotations: undefined },
            ]),
            [
                "panels[1].options.Options: unexpected field 'colour'",
                "panels[1].targets[0].Dataquery: unexpected field 'query'",
                "panels[1].Panel.gridPos.w: must be <= 24",
                "annotations: required field is missing from input",
                "4 dashboards, 4 problems\n",
            ].join("\n"),
        );
    });
});
