import { bootCluster } from "../../cluster/cluster";

// Boots the cluster in a process of its own, for the tests to kill. SIGINT aborts, as in the command line.
const abort = new AbortController();
process.once("SIGINT", () => {
    abort.abort(new Error("interrupted"));
});
bootCluster(abort.signal).then(
    (cluster) => {
        process.stdout.write(JSON.stringify(cluster));
    },
    (error: unknown) => {
        process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
        process.exitCode = 1;
    },
);
