import { createLocalKubernetes } from "../../cloud/local-kubernetes";
import { bootCluster } from "../../cluster/cluster";

// Boots in a process of its own, for the tests to kill: the whole cluster or, with the name of a worker as
// argument, a control plane and this worker. SIGINT aborts the whole cluster, as in the command line.
const [worker] = process.argv.slice(2);
const abort = new AbortController();
process.once("SIGINT", () => {
    abort.abort(new Error("interrupted"));
});

async function joined(name: string): Promise<unknown> {
    const kubernetes = createLocalKubernetes();
    const report = (what: string): void => {
        process.stderr.write(`waiting for ${what}\n`);
    };
    await kubernetes.createCluster(report);
    await kubernetes.joinNode({ name, labels: {}, taints: [], gpus: 1 }, report);
    return kubernetes.nodes();
}

const booted = worker === undefined ? bootCluster(abort.signal) : joined(worker);
booted.then(
    (result) => {
        process.stdout.write(JSON.stringify(result));
    },
    (error: unknown) => {
        process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
        process.exitCode = 1;
    },
);
