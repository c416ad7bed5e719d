/** Mutates the rules and runs the tests against each mutant: `npm run mutation`. */
export default {
    testRunner: "mocha",
    // Those that start processes judge copies of the rules, which are not mutated.
    mochaOptions: { "no-config": true, spec: ["test/!(served|comment).test.ts"] },
    testRunnerNodeArgs: ["--import=tsx"],
    coverageAnalysis: "perTest",
    mutate: ["*.ts", "!index.ts", "!check-config.ts", "!write-table.ts"],
    // tsx reads no paths from it, and StrykerJS would look for TypeScript where npm exec does not put it.
    tsconfigFile: "none",
    reporters: ["clear-text", "json", "progress-append-only"],
    jsonReporter: { fileName: "reports/mutation.json" },
    clearTextReporter: { allowColor: false, reportTests: false },
    tempDirName: ".stryker-tmp",
    thresholds: { high: 95, low: 95, break: 95 },
};
