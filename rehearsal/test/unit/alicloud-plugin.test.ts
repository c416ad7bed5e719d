import {
    Client,
    type MethodDefinition,
    Server,
    ServerCredentials,
    type ServiceError,
    credentials,
} from "@grpc/grpc-js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as messages from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import assert from "node:assert/strict";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CLOUD_VARIABLE, type CloudClient, startCloud } from "../../cloud/client";
import {
    ADDON,
    AUTOSCALING_CONFIG,
    CLUSTER,
    EIP,
    NODE_POOL,
    VPC,
    VSWITCH,
} from "../../cloud/resource-tokens";
import { kill } from "../../cluster/processes";
import { alicloudPlugin } from "../../plugins/alicloud";
import { type PropertyMap, Secret, UNKNOWN, decode, encode } from "../../plugins/property-values";
import { implementationOf } from "../../plugins/provider-host";
import { STAND_IN_VARIABLE, order } from "./cloud-stand-in-kubernetes";
import { clusterInputs, eventually, textOf } from "./cloud-world";

const CONFIG = { region: "ap-southeast-1", accessKey: "LTAI", secretKey: "hush" };

const struct = (properties: PropertyMap): Struct =>
    Struct.fromJavaScript(encode(properties) as Parameters<typeof Struct.fromJavaScript>[0]);
const plain = (properties: Struct | undefined): PropertyMap =>
    decode(properties?.toJavaScript() ?? {});

/** The plugin behind gRPC, as the engine sees it. */
async function open() {
    const server = new Server();
    server.addService(ResourceProviderService, implementationOf(alicloudPlugin(), undefined));
    const port = await new Promise<number>((resolve, reject) => {
        server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
            if (error) {
                reject(error);
            } else {
                resolve(bound);
            }
        });
    });
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    const call = <Request, Response>(
        { path, requestSerialize, responseDeserialize }: MethodDefinition<Request, Response>,
        request: Request,
    ): Promise<Response> =>
        new Promise((resolve, reject) => {
            const respond = (error: ServiceError | null, response?: Response): void => {
                if (response === undefined) {
                    reject(error ?? new Error("no response"));
                } else {
                    resolve(response);
                }
            };
            client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, respond);
        });
    return {
        configure: (config: PropertyMap) =>
            call(
                ResourceProviderService.configure,
                new messages.ConfigureRequest().setArgs(struct(config)),
            ),
        diffConfig: async (olds: PropertyMap, news: PropertyMap) => {
            const request = new messages.DiffRequest()
                .setOldInputs(struct(olds))
                .setNews(struct(news));
            const response = await call(ResourceProviderService.diffConfig, request);
            return { diffs: response.getDiffsList(), replaces: response.getReplacesList() };
        },
        check: async (type: string, news: PropertyMap, olds?: PropertyMap) => {
            const request = new messages.CheckRequest()
                .setType(type)
                .setName("res")
                .setNews(struct(news))
                .setRandomseed(new Uint8Array([1]));
            if (olds !== undefined) {
                request.setOlds(struct(olds));
            }
            const response = await call(ResourceProviderService.check, request);
            return {
                inputs: plain(response.getInputs()),
                failures: response
                    .getFailuresList()
                    .map((each) => `${each.getProperty()}: ${each.getReason()}`),
            };
        },
        diff: async (
            type: string,
            olds: PropertyMap,
            news: PropertyMap,
            properties: PropertyMap = olds,
        ) => {
            const request = new messages.DiffRequest()
                .setType(type)
                .setOldInputs(struct(olds))
                .setOlds(struct(properties))
                .setNews(struct(news));
            const response = await call(ResourceProviderService.diff, request);
            return {
                changes: [...response.getDetaileddiffMap().keys()],
                replaces: response.getReplacesList(),
                deleteFirst: response.getDeletebeforereplace(),
            };
        },
        create: async (
            type: string,
            inputs: PropertyMap,
            { preview = false, timeout = 0 } = {},
        ) => {
            const request = new messages.CreateRequest()
                .setType(type)
                .setProperties(struct(inputs))
                .setPreview(preview)
                .setTimeout(timeout);
            const response = await call(ResourceProviderService.create, request);
            return { id: response.getId(), properties: plain(response.getProperties()) };
        },
        read: async (type: string, id: string, inputs: PropertyMap = {}) => {
            const request = new messages.ReadRequest()
                .setType(type)
                .setId(id)
                .setInputs(struct(inputs));
            const response = await call(ResourceProviderService.read, request);
            return {
                id: response.getId(),
                properties: plain(response.getProperties()),
                inputs: plain(response.getInputs()),
            };
        },
        update: async (
            type: string,
            id: string,
            olds: PropertyMap,
            news: PropertyMap,
            { preview = false } = {},
        ) => {
            const request = new messages.UpdateRequest()
                .setType(type)
                .setId(id)
                .setOlds(struct(olds))
                .setNews(struct(news))
                .setPreview(preview);
            return plain((await call(ResourceProviderService.update, request)).getProperties());
        },
        delete: async (
            type: string,
            id: string,
            properties: PropertyMap = {},
            { timeout = 0 } = {},
        ): Promise<void> => {
            const request = new messages.DeleteRequest()
                .setType(type)
                .setId(id)
                .setTimeout(timeout)
                .setProperties(struct(properties));
            await call(ResourceProviderService.delete, request);
        },
        invoke: async (token: string, args: PropertyMap) => {
            const request = new messages.InvokeRequest().setTok(token).setArgs(struct(args));
            const response = await call(ResourceProviderService.invoke, request);
            return {
                result: plain(response.getReturn()),
                failures: response
                    .getFailuresList()
                    .map((each) => `${each.getProperty()}: ${each.getReason()}`),
            };
        },
        cancel: () => call(ResourceProviderService.cancel, new Empty()),
        close: () => {
            client.close();
            server.forceShutdown();
        },
    };
}

/** What is left of a creation or change that failed, as the engine keeps it. */
async function partialState(promise: Promise<unknown>) {
    try {
        await promise;
    } catch (error) {
        const [bytes] = (error as ServiceError).metadata.get("grpc-status-details-bin");
        assert.ok(bytes, `no state in ${(error as ServiceError).details}`);
        const [detail] = Status.deserializeBinary(bytes as Buffer).getDetailsList();
        const failure = detail?.unpack(
            (binary) => messages.ErrorResourceInitFailed.deserializeBinary(binary),
            "pulumirpc.ErrorResourceInitFailed",
        );
        assert.ok(failure);
        return {
            id: failure.getId(),
            reasons: failure.getReasonsList(),
            properties: plain(failure.getProperties()),
            inputs: plain(failure.getInputs()),
        };
    }
    assert.fail("did not fail");
}

describe("stand-in for the alicloud plugin", () => {
    let folder: string;
    let cloud: CloudClient;
    let plugin: Awaited<ReturnType<typeof open>>;
    let daemon: number;

    before(async () => {
        folder = mkdtempSync(join(tmpdir(), "alicloud-"));
        cloud = await startCloud({
            folder,
            environment: { PULUMI_HOME: folder, [STAND_IN_VARIABLE]: folder },
            options: {
                timeScale: 1e-3,
                readLagSeconds: 3,
                backend: join(__dirname, "cloud-stand-in-kubernetes.ts"),
            },
        });
        daemon = (await cloud.info()).pid;
        process.env[CLOUD_VARIABLE] = folder;
        plugin = await open();
        await plugin.configure(CONFIG);
    });

    afterEach(async () => {
        await cloud.clearFaults();
        order(folder, {});
    });

    after(() => {
        plugin.close();
        Reflect.deleteProperty(process.env, CLOUD_VARIABLE);
        kill(daemon);
        rmSync(folder, { recursive: true, force: true });
    });

    const vpc = { vpcName: "sd", cidrBlock: "10.0.0.0/16" };
    const writes = async (): Promise<string[]> =>
        (await cloud.requests())
            .filter(({ access }) => access === "write")
            .map(({ action }) => action);

    describe("is configured", () => {
        let fresh: Awaited<ReturnType<typeof open>>;

        beforeEach(async () => {
            fresh = await open();
        });

        afterEach(() => {
            fresh.close();
            for (const name of Object.keys(process.env)) {
                if (/^(ALICLOUD|ALIBABA_CLOUD)_/.test(name)) {
                    process.env[name] = "";
                }
            }
        });

        const refused: [string, PropertyMap, RegExp][] = [
            [
                "without a region",
                { accessKey: "a", secretKey: "b" },
                /missing required configuration key "alicloud:region"/,
            ],
            [
                "with a region that the cloud does not have",
                { ...CONFIG, region: "moon-1" },
                /alicloud:region is moon-1; the simulated cloud has ap-southeast-1, /,
            ],
            [
                "without an access key",
                { region: "eu-central-1", secretKey: "b" },
                /no valid credential/,
            ],
            [
                "without a secret key",
                { region: "eu-central-1", accessKey: "a" },
                /no valid credential/,
            ],
            [
                "with a key that it does not know",
                { ...CONFIG, ecsRoleName: "role" },
                /does not know alicloud:ecsRoleName; it knows region, accessKey, secretKey, /,
            ],
        ];
        for (const [what, config, message] of refused) {
            it(`not ${what}`, async () => {
                await assert.rejects(fresh.configure(config), message);
            });
        }

        it("by environment variables of either name", async () => {
            process.env["ALICLOUD_REGION"] = "eu-central-1";
            process.env["ALICLOUD_ACCESS_KEY"] = "a";
            process.env["ALICLOUD_SECRET_KEY"] = "b";
            await fresh.configure({});
            process.env["ALICLOUD_ACCESS_KEY"] = process.env["ALICLOUD_SECRET_KEY"] = "";
            process.env["ALIBABA_CLOUD_ACCESS_KEY_ID"] = "a";
            process.env["ALIBABA_CLOUD_ACCESS_KEY_SECRET"] = "b";
            await fresh.configure({ skipRegionValidation: "true", accountType: "International" });
        });

        it("with secrets, which stay out of its messages", async () => {
            const config = { ...CONFIG, secretKey: new Secret("moon-1"), region: "moon-1" };
            await assert.rejects(fresh.configure(config), (error: ServiceError) => {
                assert.match(error.details, /alicloud:region is \[secret\]; /);
                return true;
            });
        });

        it("for a cloud that runs", async () => {
            process.env[CLOUD_VARIABLE] = "";
            await assert.rejects(
                fresh.configure(CONFIG),
                /SD_REHEARSAL_CLOUD names; it is not set/,
            );
            process.env[CLOUD_VARIABLE] = join(folder, "none");
            await assert.rejects(fresh.configure(CONFIG), /none/);
            process.env[CLOUD_VARIABLE] = folder;
        });

        it("anew with another region only by replacing what it made", async () => {
            const other = { ...CONFIG, region: "eu-central-1" };
            assert.deepEqual(await fresh.diffConfig(CONFIG, other), {
                diffs: ["region"],
                replaces: ["region"],
            });
            assert.deepEqual(await fresh.diffConfig(CONFIG, { ...CONFIG, accessKey: "new" }), {
                diffs: ["accessKey"],
                replaces: [],
            });
            const unknown = await fresh.diffConfig(CONFIG, { ...CONFIG, region: UNKNOWN });
            assert.deepEqual(unknown.replaces, ["region"]);
        });

        it("before it does anything", async () => {
            await assert.rejects(fresh.create(VPC, vpc), /the alicloud provider is not configured/);
        });
    });

    describe("checks", () => {
        it("what the official plugin checks, and lets the rest through", async () => {
            const { failures } = await plugin.check(NODE_POOL, {
                clusterId: UNKNOWN,
                nodePoolName: "gpu",
                multiAzPolicy: "WHATEVER",
                spotStrategy: "Whatever",
            });
            assert.deepEqual(failures, [
                "multiAzPolicy: expected multi_az_policy to be one of [PRIORITY COST_OPTIMIZED BALANCE], got WHATEVER",
            ]);
        });

        it("that a node pool has one name, by the new argument", async () => {
            const none = await plugin.check(NODE_POOL, { clusterId: "c1" });
            assert.deepEqual(none.failures, [
                `nodePoolName: one of nodePoolName, name of ${NODE_POOL} must be given`,
            ]);
            const both = await plugin.check(NODE_POOL, {
                clusterId: "c1",
                nodePoolName: "a",
                name: "b",
            });
            assert.match(both.failures[0] ?? "", /^name: .* is deprecated.*; use nodePoolName$/);
            assert.match(
                both.failures[1] ?? "",
                /^nodePoolName: only one of nodePoolName, name of /,
            );
        });

        it("that nothing is secret", async () => {
            const { failures } = await plugin.check(VPC, { ...vpc, tags: { a: new Secret("b") } });
            assert.match(failures.join(), /^tags: tags is secret; .* keeps it in a file$/);
        });

        it("makes up the names that Pulumi makes up, and keeps them", async () => {
            const { inputs, failures } = await plugin.check(ADDON, { clusterId: "c1" });
            assert.deepEqual(failures, []);
            assert.match(textOf(inputs["name"]), /^res-[0-9a-f]+$/);
            const named = await plugin.check(
                ADDON,
                { clusterId: "c1" },
                { ...inputs, name: "res-old" },
            );
            assert.equal(named.inputs["name"], "res-old");
            // The name that the program gave is not kept when it no longer gives one.
            const given = { clusterId: "c1", name: "knative" };
            const removed = await plugin.check(ADDON, { clusterId: "c1" }, given);
            assert.match(textOf(removed.inputs["name"]), /^res-[0-9a-f]+$/);
            assert.deepEqual((await plugin.check(ADDON, given)).inputs, given);
            assert.deepEqual((await plugin.check(VPC, {})).inputs, {});
        });

        it("no types that it does not have", async () => {
            await assert.rejects(
                plugin.check("alicloud:oss/bucket:Bucket", {}),
                /has no alicloud:oss\/bucket:Bucket; it has alicloud:vpc\/network:Network, /,
            );
        });
    });

    describe("plans", () => {
        it("a creation: inputs known, outputs not, and no request", async () => {
            const before = (await cloud.requests()).length;
            const planned = await plugin.create(VPC, { ...vpc, tags: UNKNOWN }, { preview: true });
            assert.equal(planned.id, "");
            assert.equal(planned.properties["vpcName"], "sd");
            assert.equal(planned.properties["tags"], UNKNOWN);
            assert.equal(planned.properties["routerId"], UNKNOWN);
            const cluster = await plugin.create(CLUSTER, { name: "sd" }, { preview: true });
            assert.equal(cluster.properties["vpcId"], UNKNOWN);
            assert.equal(cluster.properties["version"], UNKNOWN);
            assert.equal((await cloud.requests()).length, before);
        });

        it("a change: new inputs, outputs as they are, and no request", async () => {
            const before = (await cloud.requests()).length;
            const olds = { ...vpc, description: "old", routerId: "vrt-1" };
            const planned = await plugin.update(
                VPC,
                "vpc-1",
                olds,
                { ...vpc, vpcName: "new" },
                { preview: true },
            );
            assert.deepEqual(planned, {
                vpcName: "new",
                cidrBlock: "10.0.0.0/16",
                routerId: "vrt-1",
            });
            assert.equal((await cloud.requests()).length, before);
        });

        it("what replaces and what does not", async () => {
            assert.deepEqual(await plugin.diff(VPC, vpc, { ...vpc, cidrBlock: "10.0.0.0/8" }), {
                changes: ["cidrBlock"],
                replaces: [],
                deleteFirst: false,
            });
            const vswitch = { vpcId: "vpc-1", zoneId: "a", cidrBlock: "10.0.0.0/24" };
            assert.deepEqual(
                (await plugin.diff(VSWITCH, vswitch, { ...vswitch, vpcId: UNKNOWN })).replaces,
                ["vpcId"],
            );
            assert.deepEqual((await plugin.diff(VPC, vpc, vpc)).changes, []);
        });

        it("to delete first what its replacement would have the name of", async () => {
            const cluster = { name: "sd", podCidr: "172.20.0.0/16" };
            const news = { ...cluster, podCidr: "172.24.0.0/16" };
            assert.equal((await plugin.diff(CLUSTER, cluster, news)).deleteFirst, true);
            const renamed = { ...news, name: "other" };
            assert.equal((await plugin.diff(CLUSTER, cluster, renamed)).deleteFirst, false);
            const defaults = { __defaults: ["name"] };
            const auto = await plugin.diff(
                CLUSTER,
                { ...cluster, ...defaults },
                { ...news, ...defaults },
            );
            assert.deepEqual([auto.deleteFirst, auto.changes], [false, ["podCidr"]]);
        });
    });

    it("creates, reads, changes and deletes, waiting each time until that is done", async () => {
        const { id, properties } = await plugin.create(VPC, vpc);
        assert.match(id, /^vpc-/);
        assert.equal(properties["status"], "Available");
        assert.match(textOf(properties["routerId"]), /^vrt-/);
        assert.equal(properties["vpcName"], "sd");

        const read = await plugin.read(VPC, id, vpc);
        assert.deepEqual(read, { id, properties, inputs: vpc });
        // By id alone, as an import does.
        assert.deepEqual(await plugin.read(VPC, id), { id, properties, inputs: vpc });

        const news = { ...vpc, vpcName: "new" };
        const updated = await plugin.update(VPC, id, properties, news);
        assert.deepEqual(updated, { ...properties, vpcName: "new" });
        const before = await writes();
        await plugin.update(VPC, id, updated, news);
        await plugin.read(VPC, id, news);
        assert.deepEqual(await writes(), before);

        await plugin.delete(VPC, id, updated);
        assert.equal((await plugin.read(VPC, id, news)).id, "");
        // What is gone already is no error.
        await plugin.delete(VPC, id, updated);
    });

    it("keeps the names that it made up when it reads", async () => {
        const inputs = { ...vpc, __defaults: [] };
        const { id, properties } = await plugin.create(VPC, inputs);
        assert.equal(Object.hasOwn(properties, "__defaults"), false);
        assert.deepEqual((await plugin.read(VPC, id, inputs)).inputs, inputs);
        await plugin.delete(VPC, id);
    });

    it("shows what the cloud refuses as the official plugin does", async () => {
        const refused = plugin.create(VPC, { ...vpc, cidrBlock: "999.0.0.0/8" });
        await assert.rejects(refused, (error: ServiceError) => {
            assert.match(
                error.details,
                /^\[ERROR\] Resource alicloud_vpc CreateVpc Failed!!! \[SDK alibaba-cloud-sdk-go ERROR\]: SDKError: StatusCode: 400 Code: InvalidCidrBlock.Malformed Message: cidrBlock is 999.0.0.0\/8; allowed: .* RequestId: [0-9A-F-]{36}$/,
            );
            return true;
        });
    });

    it("tries again when it is throttled, when an answer is lost, and when the server fails", async () => {
        await cloud.setFault({ name: "throttling", count: 1 });
        await cloud.setFault({
            name: "server-error",
            action: "AllocateEipAddress",
            applied: true,
            count: 1,
        });
        const inputs = { addressName: "sd" };
        const before = await writes();
        const { id } = await plugin.create(EIP, inputs, { timeout: 3600 });
        assert.equal((await writes()).length - before.length, 3);
        const { resources } = await cloud.inventory();
        assert.deepEqual(
            resources.filter(({ type }) => type === EIP).map((each) => each.id),
            [id],
        );
        await cloud.setFault({ name: "server-error", count: 1 });
        await plugin.delete(EIP, id, {}, { timeout: 3600 });
    });

    it("gives up after the time of the operation, which is the cloud's", async () => {
        await cloud.setFault({ name: "throttling", action: "CreateVpc" });
        await assert.rejects(plugin.create(VPC, vpc, { timeout: 1 }), /Code: Throttling.User /);
    });

    it("does not try again what is forbidden", async () => {
        await cloud.setFault({ name: "access-denied", type: VPC });
        const before = await writes();
        await assert.rejects(plugin.create(VPC, vpc), /StatusCode: 403 Code: Forbidden.RAM /);
        assert.equal((await writes()).length - before.length, 1);
    });

    it("refuses to delete what is in use, after having tried for a while", async () => {
        const made = await plugin.create(VPC, vpc);
        const vswitch = await plugin.create(VSWITCH, {
            vpcId: made.id,
            zoneId: "ap-southeast-1b",
            cidrBlock: "10.0.0.0/24",
        });
        const before = await writes();
        await assert.rejects(
            plugin.delete(VPC, made.id),
            new RegExp(
                `DeleteVpc Failed!!! .* Code: DependencyViolation Message: .* vSwitch ${vswitch.id};`,
            ),
        );
        assert.ok((await writes()).length - before.length > 1);
        await plugin.delete(VSWITCH, vswitch.id);
        await plugin.delete(VPC, made.id);
    });

    it("keeps what failed when it was created, and has it replaced", async () => {
        await cloud.setFault({ name: "creation-failure", type: VPC, message: "no luck", count: 1 });
        const state = await partialState(plugin.create(VPC, vpc));
        assert.match(state.id, /^vpc-/);
        assert.match(
            state.reasons[0] ?? "",
            /^\[ERROR\] Resource alicloud_vpc vpc-.* CreateVpc Failed!!! the VPC is Failed: no luck$/,
        );
        assert.deepEqual(state.inputs, vpc);
        const diff = await plugin.diff(VPC, vpc, vpc, state.properties);
        assert.deepEqual([diff.replaces, diff.deleteFirst], [["__tainted"], true]);
        await plugin.delete(VPC, state.id, state.properties);
    });

    it("keeps what did not become available in time, and waits on with the next update", async () => {
        await cloud.setFault({ name: "slow-creation", seconds: 500, count: 1 });
        const state = await partialState(plugin.create(VPC, vpc, { timeout: 0.1 }));
        assert.match(
            state.reasons[0] ?? "",
            /timeout while waiting for state to become 'Available' \(last state: 'Pending', timeout: 0.1s\)$/,
        );
        assert.deepEqual(await plugin.diff(VPC, vpc, vpc, state.properties), {
            changes: [],
            replaces: [],
            deleteFirst: false,
        });
        const before = await writes();
        const properties = await plugin.update(VPC, state.id, state.properties, vpc);
        assert.equal(properties["status"], "Available");
        assert.deepEqual(await writes(), before);
        await plugin.delete(VPC, state.id);
    });

    it("keeps what was being created when the engine cancelled", async () => {
        const other = await open();
        await other.configure(CONFIG);
        await cloud.setFault({ name: "slow-creation", seconds: 300, count: 1 });
        const creation = partialState(other.create(EIP, {}));
        await eventually(async () =>
            (await cloud.inventory()).resources.some(({ type }) => type === EIP),
        );
        await other.cancel();
        const state = await creation;
        assert.match(
            state.reasons[0] ?? "",
            /^interrupted while waiting for the elastic IP address eip-/,
        );
        other.close();
        // As long as it is being created, it cannot be deleted: that is tried until it can.
        await plugin.delete(EIP, state.id);
        assert.equal(
            (await cloud.inventory()).resources.some(({ type }) => type === EIP),
            false,
        );
    });

    describe("with a cluster", () => {
        let clusterId: string;
        let vswitchId: string;

        before(async () => {
            const made = await plugin.create(VPC, vpc);
            const vswitch = { vpcId: made.id, zoneId: "ap-southeast-1b", cidrBlock: "10.0.0.0/24" };
            vswitchId = (await plugin.create(VSWITCH, vswitch)).id;
            clusterId = (await plugin.create(CLUSTER, clusterInputs([vswitchId]))).id;
        });

        const token = "alicloud:cs/getClusterCredential:getClusterCredential";

        it("returns its credential, which is in no file and no log", async () => {
            const { result, failures } = await plugin.invoke(token, { clusterId });
            assert.deepEqual(failures, []);
            assert.equal(result["clusterId"], clusterId);
            assert.equal(result["clusterName"], "sd");
            assert.match(textOf(result["kubeConfig"]), /client-key-data/);
            const key = Buffer.from("key-permanent").toString("base64");
            for (const file of ["cloud.log", "cloud.json", "requests.jsonl", "events.jsonl"]) {
                const text = readFileSync(join(folder, file), "utf8");
                assert.equal(text.includes("key-permanent") || text.includes(key), false);
            }
        });

        it("does not write a credential into a file, nor for too short a time", async () => {
            const { failures } = await plugin.invoke(token, {
                clusterId,
                outputFile: "kubeconfig",
                temporaryDurationMinutes: 1,
            });
            assert.deepEqual(failures.length, 2);
            assert.match(
                failures.join("\n"),
                /outputFile: .* leave it out: it writes the result into a file/,
            );
            assert.match(
                failures.join("\n"),
                /temporary_duration_minutes to be in the range \(15 - 4320\), got 1/,
            );
        });

        it("leaves an autoscaling configuration and a required add-on to the cluster", async () => {
            const config = await plugin.create(AUTOSCALING_CONFIG, { clusterId });
            const dns = await plugin.create(ADDON, { clusterId, name: "managed-coredns" });
            const before = await writes();
            await plugin.delete(AUTOSCALING_CONFIG, config.id, config.properties);
            await plugin.delete(ADDON, dns.id, dns.properties);
            assert.deepEqual(await writes(), before);
        });

        it("reports a change that came to nothing, and makes it again", async () => {
            const pool = (desiredSize: string) => ({
                clusterId,
                nodePoolName: "gpu",
                vswitchIds: [vswitchId],
                instanceTypes: ["ecs.gn6i-c8g1.2xlarge"],
                desiredSize,
            });
            const { id, properties } = await plugin.create(NODE_POOL, pool("0"));
            await cloud.setFault({ name: "out-of-stock" });
            await assert.rejects(
                plugin.update(NODE_POOL, id, properties, pool("1")),
                /ModifyClusterNodePool Failed!!! the pool always has 1, but OperationDenied.NoStock/,
            );
            await cloud.clearFaults();
            await plugin.update(NODE_POOL, id, properties, pool("1"));
            assert.equal((await cloud.inventory()).nodes.length, 1);
            await plugin.delete(NODE_POOL, id);
        });

        it("fails with the reason when it cannot be deleted, and is deleted the next time", async () => {
            order(folder, { failing: { deleteCluster: "a process does not end" } });
            await assert.rejects(
                plugin.delete(CLUSTER, clusterId),
                /DeleteCluster Failed!!! a process does not end$/,
            );
            order(folder, {});
            await plugin.delete(CLUSTER, clusterId);
        });
    });

    it("answers functions at preview too, with their arguments", async () => {
        const { result } = await plugin.invoke("alicloud:index/getZones:getZones", {
            availableInstanceType: "ecs.gn5i-c8g1.2xlarge",
        });
        assert.deepEqual(result["ids"], ["ap-southeast-1a"]);
        assert.equal(result["availableInstanceType"], "ecs.gn5i-c8g1.2xlarge");
        assert.equal(result["id"], "ap-southeast-1");
    });

    it("keeps the secret arguments of a function out of its error", async () => {
        const token = "alicloud:cs/getClusterCredential:getClusterCredential";
        const call = plugin.invoke(token, { clusterId: new Secret("hunter2") });
        await assert.rejects(call, (error: ServiceError) => {
            assert.match(
                error.details,
                /Code: ErrorClusterNotFound Message: clusterId is \[secret\]; /,
            );
            return true;
        });
    });

    it("refuses functions that it does not have by name", async () => {
        await assert.rejects(
            plugin.invoke("alicloud:ecs/getImages:getImages", {}),
            /has no function alicloud:ecs\/getImages:getImages; it has alicloud:cs\/getClusterCredential/,
        );
    });
});
