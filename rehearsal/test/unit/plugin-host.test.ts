import assert from "node:assert/strict";
import {
    Client,
    type MethodDefinition,
    type ServiceError,
    Server,
    ServerCredentials,
    credentials,
    status,
} from "@grpc/grpc-js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as messages from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { type PropertyMap, Secret, UNKNOWN, encode } from "../../plugins/property-values";
import {
    InitializationError,
    type Plugin,
    implementationOf,
    redacted,
} from "../../plugins/provider-host";

const struct = (properties: PropertyMap): Struct =>
    Struct.fromJavaScript(encode(properties) as Parameters<typeof Struct.fromJavaScript>[0]);

const plain = (properties: Struct | undefined): Record<string, unknown> =>
    properties?.toJavaScript() ?? {};

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");

describe("the provider host", () => {
    let server: Server;
    let client: Client;
    let plugin: Plugin;
    let configured: PropertyMap | undefined;

    before(async () => {
        plugin = {
            name: "toy",
            version: "1.2.3",
            configure: (config) => {
                configured = config;
            },
            diffConfig: () => ({ changes: { a: { kind: "update", replace: true } } }),
            check: (_resource, olds, news, proposeName) =>
                Promise.resolve({
                    inputs: { ...news, olds: olds ?? "none", name: proposeName() },
                    failures: [{ property: "b", reason: "is missing" }],
                }),
            diff: (_resource, { inputs, properties }, news, ignoreChanges) =>
                Promise.resolve({
                    changes: {
                        "a.b": { kind: "update", replace: false },
                        c: { kind: "add", replace: true },
                        [textOf(inputs["i"])]: { kind: "delete", replace: false },
                        [textOf(properties["p"])]: { kind: "add", replace: false },
                        [textOf(news["n"])]: { kind: "add", replace: false },
                        [ignoreChanges.join()]: { kind: "add", replace: false },
                    },
                    deleteBeforeReplace: true,
                }),
            create: ({ name }, inputs, { preview, timeoutSeconds }) => {
                if (name === "broken") {
                    throw new Error("it was hunter2, in base64 aHVudGVyMg==");
                }
                if (name === "late") {
                    const state = { id: "late", properties: { p: new Secret("hunter2") }, inputs };
                    throw new InitializationError("not ready: hunter2", state);
                }
                return Promise.resolve({
                    id: preview ? "" : "id",
                    properties: { ...inputs, timeout: timeoutSeconds ?? "none" },
                });
            },
            read: (_resource, id, known) =>
                Promise.resolve(
                    id === "gone"
                        ? undefined
                        : { id, properties: { known: known !== undefined }, inputs: {} },
                ),
            update: (_resource, _id, olds, news) => Promise.resolve({ ...olds, ...news }),
            delete: (_resource, _id, _properties, { signal }) =>
                new Promise((_resolve, reject) => {
                    signal.addEventListener("abort", () => {
                        reject(new Error("cancelled"));
                    });
                }),
        };
        server = new Server();
        server.addService(ResourceProviderService, implementationOf(plugin, undefined));
        const port = await new Promise<number>((resolve, reject) => {
            server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
                if (error) {
                    reject(error);
                } else {
                    resolve(bound);
                }
            });
        });
        client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    });

    after(() => {
        client.close();
        server.forceShutdown();
    });

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

    it("says which version the plugin has", async () => {
        const info = await call(ResourceProviderService.getPluginInfo, new Empty());
        assert.equal(info.getVersion(), "1.2.3");
    });

    it("passes the configuration on, secrets included, and offers secrets and previews", async () => {
        const request = new messages.ConfigureRequest().setArgs(struct({ a: new Secret("b") }));
        const response = await call(ResourceProviderService.configure, request);
        assert.deepEqual(configured, { a: new Secret("b") });
        assert.equal(response.getAcceptsecrets(), true);
        assert.equal(response.getSupportspreview(), true);
    });

    it("does not configure a plugin with unknown values", async () => {
        const request = new messages.ConfigureRequest().setArgs(struct({ a: UNKNOWN }));
        await assert.rejects(
            call(ResourceProviderService.configure, request),
            /with values it does not know/,
        );
    });

    it("reports a provider that must be replaced", async () => {
        const request = new messages.DiffRequest()
            .setOlds(struct({ a: "1" }))
            .setNews(struct({ a: "2" }));
        const response = await call(ResourceProviderService.diffConfig, request);
        assert.deepEqual(response.getReplacesList(), ["a"]);
    });

    it("checks with old and new inputs, failures and a name of the seed", async () => {
        const request = new messages.CheckRequest()
            .setName("thing")
            .setNews(struct({ a: new Secret(1) }))
            .setRandomseed(new Uint8Array([1, 2, 3]));
        const first = await call(ResourceProviderService.check, request);
        assert.deepEqual(
            first.getFailuresList().map((failure) => failure.toObject()),
            [{ property: "b", reason: "is missing" }],
        );
        const { name, ...inputs } = plain(first.getInputs());
        assert.deepEqual(inputs, { ...encode({ a: new Secret(1) }), olds: "none" });
        assert.match(String(name), /^thing-[0-9a-f]{8}$/);
        const again = await call(ResourceProviderService.check, request);
        assert.equal(plain(again.getInputs())["name"], name);
        const other = await call(
            ResourceProviderService.check,
            request.setRandomseed(new Uint8Array([1, 2, 4])),
        );
        assert.notEqual(plain(other.getInputs())["name"], name);
    });

    it("follows the project's autonaming", async () => {
        const options = new messages.CheckRequest.AutonamingOptions().setProposedName("exact");
        const request = new messages.CheckRequest().setName("a").setAutonaming(options);
        const response = await call(ResourceProviderService.check, request);
        assert.equal(plain(response.getInputs())["name"], "exact");
        options.setMode(messages.CheckRequest.AutonamingOptions.Mode.DISABLE);
        await assert.rejects(
            call(ResourceProviderService.check, request),
            /autonaming is disabled/,
        );
    });

    it("reports a detailed diff", async () => {
        const request = new messages.DiffRequest()
            .setOldInputs(struct({ i: "inputs" }))
            .setOlds(struct({ p: "properties" }))
            .setNews(struct({ n: "news" }))
            .setIgnorechangesList(["x"]);
        const response = await call(ResourceProviderService.diff, request);
        const { Kind } = messages.PropertyDiff;
        const details = [...response.getDetaileddiffMap().entries()].map(
            ([path, diff]) => [path, diff.getKind()] as const,
        );
        assert.deepEqual(Object.fromEntries(details), {
            "a.b": Kind.UPDATE,
            c: Kind.ADD_REPLACE,
            inputs: Kind.DELETE,
            properties: Kind.ADD,
            news: Kind.ADD,
            x: Kind.ADD,
        });
        assert.deepEqual(response.getDiffsList(), ["a", "c", "inputs", "properties", "news", "x"]);
        assert.deepEqual(response.getReplacesList(), ["c"]);
        assert.equal(response.getDeletebeforereplace(), true);
        assert.equal(response.getChanges(), messages.DiffResponse.DiffChanges.DIFF_SOME);
    });

    it("creates with the timeout of the program, and plans without id", async () => {
        const request = new messages.CreateRequest().setProperties(struct({ a: UNKNOWN }));
        const created = await call(ResourceProviderService.create, request.setTimeout(7));
        assert.equal(created.getId(), "id");
        assert.deepEqual(plain(created.getProperties()), { ...encode({ a: UNKNOWN }), timeout: 7 });
        const planned = await call(
            ResourceProviderService.create,
            request.setPreview(true).setTimeout(0),
        );
        assert.equal(planned.getId(), "");
        assert.equal(plain(planned.getProperties())["timeout"], "none");
    });

    it("keeps the secrets of a request out of its error", async () => {
        const request = new messages.CreateRequest()
            .setName("broken")
            .setProperties(struct({ a: [new Secret({ b: "hunter2" })] }));
        await assert.rejects(
            call(ResourceProviderService.create, request),
            (error: ServiceError) => {
                assert.equal(error.details, "it was [secret], in base64 [secret]");
                return true;
            },
        );
    });

    it("reports a resource that exists but is not ready with its state and reason", async () => {
        const request = new messages.CreateRequest()
            .setName("late")
            .setProperties(struct({ a: new Secret("hunter2") }));
        await assert.rejects(
            call(ResourceProviderService.create, request),
            (error: ServiceError) => {
                const [bytes] = error.metadata.get("grpc-status-details-bin");
                const [detail] = Status.deserializeBinary(bytes as Buffer).getDetailsList();
                const failure = detail?.unpack(
                    (binary) => messages.ErrorResourceInitFailed.deserializeBinary(binary),
                    "pulumirpc.ErrorResourceInitFailed",
                );
                assert.equal(failure?.getId(), "late");
                assert.deepEqual(failure.getReasonsList(), ["not ready: [secret]"]);
                assert.deepEqual(
                    plain(failure.getProperties()),
                    encode({ p: new Secret("hunter2") }),
                );
                return true;
            },
        );
    });

    it("reads what is known, what is imported, and what is gone", async () => {
        const request = new messages.ReadRequest().setId("a");
        const imported = await call(ResourceProviderService.read, request);
        assert.deepEqual(plain(imported.getProperties()), { known: false });
        const known = await call(ResourceProviderService.read, request.setInputs(struct({ a: 1 })));
        assert.deepEqual(plain(known.getProperties()), { known: true });
        const gone = await call(ResourceProviderService.read, request.setId("gone"));
        assert.equal(gone.getId(), "");
    });

    it("updates from old to new", async () => {
        const request = new messages.UpdateRequest()
            .setOlds(struct({ a: 1, b: 1 }))
            .setNews(struct({ b: 2 }));
        const response = await call(ResourceProviderService.update, request);
        assert.deepEqual(plain(response.getProperties()), { a: 1, b: 2 });
    });

    it("refuses functions and components by name", async () => {
        const invoke = call(
            ResourceProviderService.invoke,
            new messages.InvokeRequest().setTok("toy:a:b"),
        );
        await assert.rejects(invoke, /stand-in for the toy plugin has no function toy:a:b/);
        const construct = call(
            ResourceProviderService.construct,
            new messages.ConstructRequest().setType("toy:c:D"),
        );
        await assert.rejects(construct, /stand-in for the toy plugin has no component toy:c:D/);
    });

    it("does not implement the rest", async () => {
        const schema = call(ResourceProviderService.getSchema, new messages.GetSchemaRequest());
        await assert.rejects(schema, { code: status.UNIMPLEMENTED });
    });

    // Last, because a plugin that was cancelled stays so.
    it("ends what is under way when the engine cancels", async () => {
        const deletion = call(
            ResourceProviderService.delete,
            new messages.DeleteRequest().setId("a"),
        );
        const rejected = assert.rejects(deletion, /cancelled/);
        await call(ResourceProviderService.cancel, new Empty());
        await rejected;
    });
});

describe("redacted", () => {
    it("replaces texts that contain each other, as they are and in base64", () => {
        const message = redacted("abc ab YWJj c", ["ab", "abc", ""]);
        assert.equal(message, "[secret] [secret] [secret] c");
    });
});
