import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "mocha";
import { clusterEnvironment, command, MACHINE_VARIABLE } from "../../cluster/command";
import {
    clusterProcesses,
    endProcesses,
    isRunning,
    machineProcesses,
    processes,
    readProcess,
} from "../../cluster/processes";
import { sharedFailure } from "../../cluster/shared-failure";
import { until, untilAborted } from "../../cluster/until";

describe("processes", () => {
    it("tells program, arguments and start of a process whose name has brackets and blanks", async () => {
        const folder = await mkdtemp(join(tmpdir(), "processes-"));
        const program = join(folder, "a) S 1 (b");
        await symlink("/bin/sleep", program);
        const child = spawn(program, ["1000"]);
        try {
            await once(child, "spawn");
            const [own, found] = await Promise.all([
                readProcess(process.pid),
                until("exec", 5, async () => {
                    const read = await readProcess(Number(child.pid));
                    return read?.command[0] === program ? read : undefined;
                }),
            ]);
            assert.deepEqual(found.command, [program, "1000"]);
            assert.match(found.state, /^[SRD]$/);
            assert.ok(Number(found.started) > Number(own?.started));
        } finally {
            child.kill();
            await once(child, "exit");
            await rm(folder, { recursive: true });
        }
    });

    it("lists this process, and no process that has ended", async () => {
        const child = spawn("true");
        await once(child, "exit");
        const pids = (await processes()).map(({ pid }) => pid);
        assert.ok(pids.includes(process.pid));
        assert.ok(!pids.includes(Number(child.pid)));
        assert.equal(await readProcess(Number(child.pid)), undefined);
    });

    it("belong to the cluster if they or a process above them were started for it", async () => {
        const script = ["-c", "sleep 1000; true"];
        const child = spawn("sh", script, { env: clusterEnvironment(), detached: true });
        const other = spawn("sleep", ["1000"]);
        try {
            const found = await until("both processes", 5, async () => {
                const commands = (await clusterProcesses()).filter(({ command: line }) =>
                    ["sleep 1000", `sh ${script.join(" ")}`].includes(line.join(" ")),
                );
                return commands.length === 2 ? commands : undefined;
            });
            assert.ok(found.some(({ pid }) => pid === child.pid));
            assert.ok(!found.some(({ pid }) => pid === other.pid));
        } finally {
            other.kill();
            // Its whole group.
            process.kill(-Number(child.pid));
        }
    });
});

describe("a process that was recorded", () => {
    it("is running until it ends, and is not another one that has its id", async () => {
        const child = spawn("sleep", ["1000"]);
        try {
            await once(child, "spawn");
            const { pid, started } = await until("it", 5, () => readProcess(Number(child.pid)));
            assert.ok(isRunning({ pid, started }));
            assert.ok(!isRunning({ pid, started: String(Number(started) + 1) }));
            child.kill();
            await once(child, "exit");
            assert.ok(!isRunning({ pid, started }));
        } finally {
            child.kill();
        }
    });
});

describe("the processor time of a process", () => {
    it("is what the process itself is told of it", async () => {
        const used = (): number => {
            const { user, system } = process.cpuUsage();
            return (user + system) / 1_000_000;
        };
        const before = used();
        const found = await readProcess(process.pid);
        assert.ok(found !== undefined && found.processorSeconds > 0);
        // Two times of the kernel, each cut to hundredths.
        assert.ok(found.processorSeconds >= before - 0.02);
        assert.ok(found.processorSeconds <= used());
    });
});

describe("processes of a machine", () => {
    it("are those of the cluster that were started for it, not for another", async () => {
        const mine = spawn("sleep", ["1000"], { env: clusterEnvironment("unit-one") });
        const other = spawn("sleep", ["1000"], { env: clusterEnvironment("unit-two") });
        try {
            await until("both", 5, async () =>
                (await machineProcesses("unit-one")).length === 1 &&
                (await machineProcesses("unit-two")).length === 1
                    ? true
                    : undefined,
            );
            const ours = (await clusterProcesses()).map(({ pid }) => pid);
            assert.deepEqual(
                (await machineProcesses("unit-one")).map(({ pid }) => pid),
                [mine.pid],
            );
            assert.ok(ours.includes(Number(mine.pid)) && ours.includes(Number(other.pid)));
            const ended = once(mine, "exit");
            await endProcesses("unit-one to end", () => machineProcesses("unit-one"));
            assert.deepEqual(await ended, [null, "SIGKILL"]);
            assert.equal(other.exitCode ?? other.signalCode, null);
        } finally {
            mine.kill();
            other.kill();
        }
    });
});

describe("a command of the cluster", () => {
    it("returns what it printed", async () => {
        assert.equal(await command("printf", ["a\\nb\\n"]), "a\nb");
    });

    it("fails with its command line, exit code and last lines", async () => {
        await assert.rejects(command("sh", ["-c", "seq 100; echo why >&2; exit 3"]), (error) => {
            assert.ok(error instanceof Error);
            assert.match(error.message, /^"sh -c seq 100; .*" failed \(.*exit code 3/);
            assert.match(error.message, /100\n\s+why$/);
            assert.doesNotMatch(error.message, /^\s+50$/m);
            return true;
        });
    });

    it("names a program that is not there", async () => {
        await assert.rejects(command("no-such-program", []), /no-such-program.*ENOENT/s);
    });

    it("can clean up when aborted, ends with its children, and fails with the abort's reason", async () => {
        const folder = await mkdtemp(join(tmpdir(), "command-"));
        try {
            const abort = new AbortController();
            const script = `trap "echo done > ${folder}/cleaned; exit" INT; sleep 1001; true`;
            const running = command("sh", ["-c", script], { signal: abort.signal });
            const sleep = await until("the child", 5, async () =>
                (await processes()).find(({ command: line }) => line.join(" ") === "sleep 1001"),
            );
            const reason = new Error("enough");
            abort.abort(reason);
            await assert.rejects(running, reason);
            assert.equal(await readFile(join(folder, "cleaned"), "utf8"), "done\n");
            await until("the child to end", 5, async () =>
                [undefined, "Z"].includes((await readProcess(sleep.pid))?.state) ? true : undefined,
            );
        } finally {
            await rm(folder, { recursive: true });
        }
    });

    it("does not start when aborted before", async () => {
        await assert.rejects(command("true", [], { signal: AbortSignal.abort() }), {
            name: "AbortError",
        });
    });
});

describe("until", () => {
    it("returns the first value, after conditions that failed or were not met", async () => {
        let calls = 0;
        const value = await until("three", 5, () => {
            calls += 1;
            return calls === 1
                ? Promise.reject(new Error("not yet"))
                : Promise.resolve(calls === 3 ? "value" : undefined);
        });
        assert.equal(value, "value");
        assert.equal(calls, 3);
    });

    it("fails at the deadline with what was awaited and the last error", async () => {
        await assert.rejects(
            until("the moon", 0.15, () => Promise.reject(new Error("too far"))),
            /^Error: Waited 0\.15 s in vain for the moon \(too far\)\.$/,
        );
    });

    it("ends at once with the abort's reason", async () => {
        const abort = new AbortController();
        const reason = new Error("enough");
        const waiting = until("never", 60, () => Promise.resolve(undefined), abort.signal);
        abort.abort(reason);
        await assert.rejects(waiting, reason);
    });
});

describe("waiting for the work of others", () => {
    it("gives its result, or its error", async () => {
        const { signal } = new AbortController();
        assert.equal(await untilAborted(Promise.resolve(1), signal), 1);
        const error = new Error("theirs");
        await assert.rejects(untilAborted(Promise.reject(error), signal), error);
    });

    it("ends with the abort's reason while the work goes on", async () => {
        const abort = new AbortController();
        const reason = new Error("enough");
        const waiting = untilAborted(new Promise(() => undefined), abort.signal);
        abort.abort(reason);
        await assert.rejects(waiting, reason);
        await assert.rejects(untilAborted(Promise.resolve(1), abort.signal), reason);
    });
});

describe("work in parts", () => {
    it("ends with the first failure, with which the others end too", () => {
        const { signal, fail } = sharedFailure();
        assert.ok(!signal.aborted);
        const first = new Error("first");
        fail(first);
        fail(new Error("second"));
        assert.equal(signal.reason, first);
    });

    it("ends when the user wants it to", () => {
        const user = new AbortController();
        const { signal } = sharedFailure(user.signal);
        const reason = new Error("enough");
        user.abort(reason);
        assert.equal(signal.reason, reason);
    });
});

describe("clusterEnvironment", () => {
    it("leaves the Pulumi home out, so that ending the engine does not end the cluster", () => {
        const before = process.env["PULUMI_HOME"];
        process.env["PULUMI_HOME"] = "/home/of/some/engine";
        try {
            const environment = clusterEnvironment("gpu-0");
            assert.ok(!("PULUMI_HOME" in environment));
            assert.equal(environment["PATH"], process.env["PATH"]);
            assert.equal(environment[MACHINE_VARIABLE], "gpu-0");
        } finally {
            if (before === undefined) {
                delete process.env["PULUMI_HOME"];
            } else {
                process.env["PULUMI_HOME"] = before;
            }
        }
    });
});
