import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type CloudClient, cloudClient, isAnswering, startCloud } from "../../cloud/client";
import type { DaemonOptions } from "../../cloud/daemon";
import { VPC } from "../../cloud/resource-tokens";
import { kill } from "../../cluster/processes";
import type { JsonObject } from "../../plugins/property-values";
import { STAND_IN_VARIABLE } from "./cloud-stand-in-kubernetes";
import { eventually, textOf } from "./cloud-world";

const BACKEND = join(__dirname, "cloud-stand-in-kubernetes.ts");

describe("the daemon of the simulated cloud", () => {
    let root: string;
    let folder: string;
    let pids: number[];

    beforeEach(() => {
        root = mkdtempSync(join(tmpdir(), "cloud-daemon-"));
        // Longer than the path of a socket may be.
        folder = join(root, "a".repeat(120));
        pids = [];
    });

    afterEach(() => {
        pids.forEach(kill);
        rmSync(root, { recursive: true, force: true });
    });

    const start = async (options: Partial<DaemonOptions> = {}): Promise<CloudClient> => {
        const client = await startCloud({
            folder,
            environment: {
                PULUMI_HOME: join(root, "home"),
                SD_REHEARSAL_CLUSTER: "/var/lib/sd-rehearsal",
                [STAND_IN_VARIABLE]: root,
            },
            options: { timeScale: 1e-6, backend: BACKEND, ...options },
        });
        pids.push((await client.info()).pid);
        return client;
    };
    const createVpc = async (client: CloudClient): Promise<string> => {
        const { id } = (await client.request({
            action: "CreateVpc",
            region: "ap-southeast-1",
            accessKeyId: "LTAI",
            parameters: { cidrBlock: "10.0.0.0/16" },
        })) as JsonObject;
        return textOf(id);
    };
    const statusOf = async (client: CloudClient, id: string) => {
        const { resources } = await client.inventory();
        return resources.find((each) => each.id === id)?.status;
    };

    it("serves the cloud of its folder, which only its owner may enter", async () => {
        const client = await start();
        const id = await createVpc(client);
        await eventually(async () => (await statusOf(client, id)) === "Available");
        assert.equal((await client.inventory()).resources[0]?.type, VPC);
        assert.deepEqual(
            (await client.requests()).map(({ action, resource }) => [action, resource]),
            [["CreateVpc", id]],
        );
        assert.ok((await client.events()).some(({ kind }) => kind === "Created"));
        assert.equal(statSync(folder).mode & 0o777, 0o700);
        for (const file of ["cloud.sock", "cloud.json", "cloud.log", "options.json"]) {
            assert.equal(statSync(join(folder, file)).mode & 0o077, 0);
        }
    });

    it("has the environment it was given, but is no process of the cluster", async () => {
        const client = await start();
        const { pid } = await client.info();
        const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
        assert.ok(environment.includes(`PULUMI_HOME=${join(root, "home")}`));
        assert.equal(
            environment.some((each) => each.startsWith("SD_REHEARSAL_CLUSTER")),
            false,
        );
    });

    it("is started once: who starts it again gets the one that runs", async () => {
        const first = await (await start()).info();
        const second = await (await start()).info();
        assert.equal(second.pid, first.pid);
        await assert.rejects(start({ timeScale: 1 }), {
            message:
                /^a simulated cloud with other options runs in .*"timeScale":0.000001.*; stop it first$/,
        });
        const daemon = join(__dirname, "../../cloud/daemon.ts");
        await assert.rejects(
            promisify(execFile)(process.execPath, ["--import", "tsx", daemon, folder]),
            /a simulated cloud is running in .* already/,
        );
    });

    it("passes refusals and faults on", async () => {
        const client = await start();
        await assert.rejects(
            client.request({ action: "DropVpc", region: "ap-southeast-1", accessKeyId: "LTAI" }),
            { code: "InvalidAction.NotFound", status: 404, requestId: /^[0-9A-F-]{36}$/ },
        );
        await client.setFault({ name: "throttling" });
        assert.deepEqual(await client.faults(), [{ name: "throttling" }]);
        await assert.rejects(createVpc(client), { code: "Throttling.User", status: 400 });
        await client.clearFaults("quota");
        assert.equal((await client.faults()).length, 1);
        await client.clearFaults();
        assert.deepEqual(await client.faults(), []);
        await assert.rejects(client.setFault({ name: "throttling", count: -1 }), {
            message: /^count of the fault is -1; allowed: /,
        });
    });

    it("can be killed at any moment: who asks it learns that, and the next one goes on", async () => {
        const client = await start({ timeScale: 0.02 });
        const id = await createVpc(client);
        assert.equal(await statusOf(client, id), "Pending");
        appendFileSync(join(folder, "cloud.log"), "its last words\n");
        const { pid } = await client.info();
        kill(pid);
        await eventually(() =>
            client.info().then(
                () => false,
                () => true,
            ),
        );
        await assert.rejects(client.inventory(), {
            message:
                /^the simulated cloud in .* does not answer \(.*ECONNREFUSED.*\)\n[^]*its last words$/,
        });
        const again = await start({ timeScale: 0.02 });
        assert.notEqual((await again.info()).pid, pid);
        await eventually(async () => (await statusOf(again, id)) === "Available");
        assert.equal((await again.inventory()).resources.length, 1);
    });

    it("stops when told to, and leaves the state", async () => {
        const client = await start();
        const id = await createVpc(client);
        await eventually(async () => (await statusOf(client, id)) === "Available");
        await client.stop();
        await assert.rejects(client.info(), /does not answer/);
        assert.equal(await statusOf(await start(), id), "Available");
    });

    it("that does not start says why", async () => {
        await assert.rejects(start({ backend: join(root, "none.ts") }), {
            message: /^the simulated cloud ended with code 1\n[^]*none\.ts/,
        });
        await assert.rejects(start({ backend: join(__dirname, "cloud-world.ts") }), {
            message: /cloud-world\.ts exports no createLocalKubernetes/,
        });
        await assert.rejects(start({ timeScale: -1 }), {
            message: "timeScale of the simulated cloud is -1; allowed: a number from 0 on",
        });
    });

    it("that ends just now does not answer, whatever the connection says", async () => {
        mkdirSync(folder);
        // Closes what it accepts, mostly before it is written to, as the kernel does for a process that was killed.
        const closes = `require("node:net").createServer((socket) => socket.destroy())
            .listen("cloud.sock", () => console.log("listening"))`;
        const daemon = spawn(process.execPath, ["-e", closes], { cwd: folder });
        pids.push(daemon.pid ?? 0);
        await once(daemon.stdout, "data");
        for (let attempt = 0; attempt < 50; attempt++) {
            assert.equal(await isAnswering(folder), false);
        }
    });

    it("that was never started is missed with a clear message", async () => {
        mkdirSync(folder);
        await assert.rejects(cloudClient(folder).info(), {
            message: /^the simulated cloud in .* does not answer \(.*ENOENT.*\)\nit has no log /,
        });
    });
});
