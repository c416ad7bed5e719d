import { parseArgs } from "node:util";
import { type Fault, FAULTS } from "./cloud/faults";
import { readFault } from "./cloud/read-fault";
import type { RunOptions } from "./commands";
import { STACK, STACKS } from "./deployment";
import type { PluginChoice } from "./engine/engine";
import { timings } from "./progress";
import { isUsageError, UsageError } from "./usage-error";

const HELP = `Rehearses the program on this machine, without a cloud account: the real Pulumi engine deploys it
with its policy pack on a simulated Alibaba Cloud, whose ACK cluster is a real Kubernetes with real Knative. GPUs and
the diffusion model are stand-ins.

Usage: npm run rehearse [-- COMMAND [OPTIONS]]

Commands
  (none)         everything: up, an image, a second up without changes, a stack downstream, destroy, nothing left
  plan           preview every Pulumi.<stack>.yaml with the policy pack; needs no root and no cluster
  cluster up     boot the local cluster with Knative and leave it running
  cluster down   remove the local cluster
  up             up and an image; with --keep it stays; after a crash it goes on where the earlier one ended
  load           load the service that was kept and judge how it bears it; load --help says more
  experiments    measure it under the settings of docs/performance.md; experiments --help says more
  down           remove everything that any rehearsal left on this machine, also after a crash

Options
  --stack rehearsal|experiments   what to deploy (default: rehearsal); experiments has room for ten pods of several
                                  services at once
  --keep                          leave cloud, cluster and service running, and print how to call it
  --time-scale N                  seconds that a second of the real cloud takes (default: 1/60, so that a minute
                                  takes a second); Knative's own times stay as they are
  --fault JSON                    what goes wrong in the simulated cloud, such as
                                  '{"name": "out-of-stock", "zone": "ap-southeast-1b"}'; may come again. Names:
                                  ${Object.keys(FAULTS).join(", ")}
  --plugins official|stand-in     Pulumi's kubernetes and random plugins, or the rehearsal's stand-ins for
                                  them (default: official where they can be had)
  --kubeconfig FILE               deploy into this cluster, which has Knative and a GPU node, instead of
                                  the simulated cloud; needs no root
  --image NAME@sha256:DIGEST      image for --kubeconfig (default: that of the program's configuration)
  -h, --help                      this text

The first run builds what cannot be downloaded (about 20 minutes on 2 cores) into .cache/; later runs take
minutes. The image that was drawn is left in .rehearsal/image.png,
the dashboards of the run in .rehearsal/report.html.`;

async function main(): Promise<void> {
    const [first, ...rest] = process.argv.slice(2);
    if (first === "load" || first === "experiments") {
        process.exitCode = await loadOf(first, rest);
        return;
    }
    const { command, options } = readArguments();
    if (command === "help") {
        process.stdout.write(`${HELP}\n`);
        return;
    }
    const abort = new AbortController();
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
        process.on(signal, () => {
            if (abort.signal.aborted) {
                process.stderr.write(
                    "ended without cleaning up; mend it with: npm run rehearse -- down\n",
                );
                process.exit(130);
            }
            process.stderr.write(`\n${signal}: cleaning up; once more ends at once\n`);
            abort.abort(new Error(`stopped by ${signal}`));
        });
    }
    // Loaded here because a wrong command line and --help do without, and it takes most of a second.
    const { clusterDown, clusterUp, down, plan, run, up } = await import("./commands.js");
    const commands = {
        run,
        plan,
        up,
        down,
        "cluster up": clusterUp,
        "cluster down": clusterDown,
    };
    try {
        await commands[command]({ ...options, signal: abort.signal });
    } finally {
        printTimings();
    }
}

async function loadOf(command: "load" | "experiments", args: readonly string[]): Promise<number> {
    const { keptStack } = await import("./commands.js");
    if (command === "load") {
        const { loadCommand } = await import("./load/load-command.js");
        return loadCommand(args, keptStack);
    }
    const { experimentsCommand } = await import("./load/experiments-command.js");
    return experimentsCommand(args, keptStack);
}

type Command = "run" | "plan" | "up" | "down" | "cluster up" | "cluster down" | "help";

function readArguments(): { command: Command; options: Omit<RunOptions, "signal"> } {
    const { values, positionals } = parseArgs({
        allowPositionals: true,
        options: {
            stack: { type: "string", default: STACK },
            keep: { type: "boolean", default: false },
            plugins: { type: "string" },
            kubeconfig: { type: "string" },
            image: { type: "string" },
            "time-scale": { type: "string" },
            fault: { type: "string", multiple: true, default: [] },
            help: { type: "boolean", short: "h", default: false },
        },
    });
    const words = positionals.join(" ") || "run";
    const known = ["run", "plan", "up", "down", "cluster up", "cluster down"] as const;
    const command = values.help ? "help" : known.find((each) => each === words);
    if (command === undefined || (command === "run" && positionals.length > 0)) {
        throw new UsageError(
            `no command ${JSON.stringify(words)}; there are plan, up, load, experiments, down, cluster up, cluster down`,
        );
    }
    const plugins = (["official", "stand-in"] satisfies PluginChoice[]).find(
        (each) => each === values.plugins,
    );
    if (values.plugins !== undefined && plugins === undefined) {
        throw new UsageError(
            `--plugins is ${JSON.stringify(values.plugins)}; allowed: official, stand-in`,
        );
    }
    const stack = STACKS.find((each) => each === values.stack);
    if (stack === undefined) {
        throw new UsageError(
            `--stack is ${JSON.stringify(values.stack)}; allowed: ${STACKS.join(", ")}`,
        );
    }
    if (values.image !== undefined && values.kubeconfig === undefined) {
        throw new UsageError("--image goes with --kubeconfig: the local cluster has its own image");
    }
    return {
        command,
        options: {
            stack,
            keep: values.keep,
            plugins,
            kubeconfig: values.kubeconfig,
            image: values.image,
            timeScale: timeScaleOf(values["time-scale"]),
            faults: values.fault.map(faultOf),
        },
    };
}

function timeScaleOf(text: string | undefined): number | undefined {
    const scale = Number(text ?? 1);
    if (!(scale > 0 && scale <= 1)) {
        throw new UsageError(
            `--time-scale is ${JSON.stringify(text)}; allowed: a number above 0, at most 1`,
        );
    }
    return text === undefined ? undefined : scale;
}

function faultOf(text: string): Fault {
    try {
        return readFault(JSON.parse(text));
    } catch (error) {
        throw new UsageError(`--fault ${text}: ${(error as Error).message}`);
    }
}

function printTimings(): void {
    if (timings.length > 0) {
        const lines = timings.map(
            ({ title, seconds }) => `  ${seconds.toFixed(1).padStart(7)} s  ${title}`,
        );
        process.stderr.write(`\n${lines.join("\n")}\n`);
    }
}

main().catch((error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    const isUsage = isUsageError(error);
    process.stderr.write(
        `\nerror: ${message}\n${isUsage ? "See: npm run rehearse -- --help\n" : ""}`,
    );
    process.exitCode = isUsage ? 2 : 1;
});
