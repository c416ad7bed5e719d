import {
    Metadata,
    type UntypedServiceImplementation,
    credentials,
    type sendUnaryData,
    type ServerUnaryCall,
    status,
} from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as messages from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import { Any } from "google-protobuf/google/protobuf/any_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";
import { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { createHash, randomBytes } from "node:crypto";
import { unlessHeld } from "./hold";
import { engineAddress, startPluginServer } from "./plugin-server";
import { type PropertyMap, decode, encode, hasUnknown, secretTexts } from "./property-values";

/** A resource as the engine names it in every request. */
export interface ResourceIdentity {
    readonly urn: string;
    /** Type token, e.g. `kubernetes:core/v1:Secret`. */
    readonly type: string;
    /** Logical name in the program. */
    readonly name: string;
}

/** One input that a plugin does not accept, and why. */
export interface CheckFailure {
    /** Path of the property; empty if it is about the resource as a whole. */
    readonly property: string;
    readonly reason: string;
}

/** How one property changes; the engine shows it with these words' signs (+, ~, -) and replaces if told so. */
export interface PropertyChange {
    readonly kind: "add" | "delete" | "update";
    readonly replace: boolean;
}

/** What changes between a resource and its new inputs: path of each property to its change; empty if nothing. */
export interface ResourceDiff {
    readonly changes: Readonly<Record<string, PropertyChange>>;
    /** Whether a replacement must delete the old one first, because both would have the same name. */
    readonly deleteBeforeReplace?: boolean;
}

/** What the engine asks of an operation that changes something. */
export interface OperationOptions {
    /** Only say what would become of it. */
    readonly preview: boolean;
    /** From `customTimeouts`, in seconds; undefined if the program gives none. */
    readonly timeoutSeconds: number | undefined;
    /** Aborts when the engine cancels. */
    readonly signal: AbortSignal;
    /** Shows a line beside the resource while it is worked on. */
    readonly report: (message: string) => void;
}

/** A resource as it is. */
export interface ResourceState {
    readonly id: string;
    readonly properties: PropertyMap;
    readonly inputs: PropertyMap;
}

/** One resource plugin: what the engine asks, with decoded values. Every function may throw. */
export interface Plugin {
    /** Package name as in type tokens. */
    readonly name: string;
    readonly version: string;
    /** Takes the provider's configuration; called once before anything else, never with unknown values. */
    readonly configure: (config: PropertyMap) => void | Promise<void>;
    /** What of the provider's configuration changes, by key. */
    readonly diffConfig: (olds: PropertyMap, news: PropertyMap) => ResourceDiff;
    /**
     * Completes and checks the inputs of a resource; `olds` are those of an earlier update. `proposeName`
     * makes a name unique in this update, or throws if the project forbids that.
     */
    readonly check: (
        resource: ResourceIdentity,
        olds: PropertyMap | undefined,
        news: PropertyMap,
        proposeName: () => string,
    ) => Promise<{ inputs: PropertyMap; failures: readonly CheckFailure[] }>;
    readonly diff: (
        resource: ResourceIdentity,
        olds: { readonly inputs: PropertyMap; readonly properties: PropertyMap },
        news: PropertyMap,
        ignoreChanges: readonly string[],
    ) => Promise<ResourceDiff>;
    readonly create: (
        resource: ResourceIdentity,
        inputs: PropertyMap,
        options: OperationOptions,
    ) => Promise<{ id: string; properties: PropertyMap }>;
    /** Reads what is there; `undefined` if it is gone. Without `known`, nothing but the id is known of it. */
    readonly read: (
        resource: ResourceIdentity,
        id: string,
        known: { readonly inputs: PropertyMap; readonly properties: PropertyMap } | undefined,
    ) => Promise<ResourceState | undefined>;
    readonly update: (
        resource: ResourceIdentity,
        id: string,
        olds: PropertyMap,
        news: PropertyMap,
        options: OperationOptions,
    ) => Promise<PropertyMap>;
    readonly delete: (
        resource: ResourceIdentity,
        id: string,
        properties: PropertyMap,
        options: OperationOptions,
    ) => Promise<void>;
    /** Answers a function of the package, at preview too; a plugin without it has no functions. */
    readonly invoke?: (
        token: string,
        args: PropertyMap,
        signal: AbortSignal,
    ) => Promise<{ result: PropertyMap; failures: readonly CheckFailure[] }>;
}

/** A resource that exists but did not become what it should: the engine keeps it and says so. */
export class InitializationError extends Error {
    constructor(
        message: string,
        readonly state: ResourceState,
        options?: ErrorOptions,
    ) {
        super(message, options);
    }
}

/** Serves a plugin to the Pulumi engine that started this process. */
export async function serve(plugin: Plugin): Promise<void> {
    await startPluginServer(ResourceProviderService, implementationOf(plugin, engineAddress()));
}

/** The plugin as a gRPC service; what the stand-ins have no use for answers that it is not implemented. */
export function implementationOf(
    plugin: Plugin,
    address: string | undefined,
): UntypedServiceImplementation {
    const cancelled = new AbortController();
    const engine = address && new EngineClient(address, credentials.createInsecure());

    const optionsOf = (
        urn: string,
        preview: boolean,
        timeout: number,
        confidential: readonly string[],
    ): OperationOptions => ({
        preview,
        timeoutSeconds: timeout > 0 ? timeout : undefined,
        signal: cancelled.signal,
        report: (message) => {
            const request = new LogRequest()
                .setUrn(urn)
                .setSeverity(LogSeverity.INFO)
                .setMessage(redacted(message, confidential))
                .setEphemeral(true);
            // A progress line that does not arrive changes nothing, and the engine may already be gone.
            if (engine) {
                engine.log(request, () => undefined);
            }
        },
    });

    return {
        getPluginInfo: unary(() => new PluginInfo().setVersion(plugin.version)),

        checkConfig: unary((request: messages.CheckRequest) =>
            new messages.CheckResponse().setInputs(request.getNews()),
        ),

        diffConfig: unary((request: messages.DiffRequest, confide) => {
            const olds = confide(decodeStruct(request.getOldInputs() ?? request.getOlds()));
            const news = confide(decodeStruct(request.getNews()));
            return diffResponse(plugin.diffConfig(olds, news));
        }),

        configure: unary(async (request: messages.ConfigureRequest, confide) => {
            const config = confide(decodeStruct(request.getArgs()));
            if (hasUnknown(config)) {
                throw new Error("the engine configured the plugin with values it does not know");
            }
            await plugin.configure(config);
            return new messages.ConfigureResponse()
                .setAcceptsecrets(true)
                .setSupportspreview(true)
                .setSupportsAutonamingConfiguration(true);
        }),

        check: unary(async (request: messages.CheckRequest, confide) => {
            const olds = request.getOlds();
            const { inputs, failures } = await plugin.check(
                identityOf(request),
                olds === undefined ? undefined : confide(decodeStruct(olds)),
                confide(decodeStruct(request.getNews())),
                () => proposedName(request),
            );
            return new messages.CheckResponse()
                .setInputs(encodeStruct(inputs))
                .setFailuresList(failures.map(checkFailure));
        }),

        diff: unary(async (request: messages.DiffRequest, confide) => {
            const diff = await plugin.diff(
                identityOf(request),
                {
                    inputs: confide(decodeStruct(request.getOldInputs())),
                    properties: confide(decodeStruct(request.getOlds())),
                },
                confide(decodeStruct(request.getNews())),
                request.getIgnorechangesList(),
            );
            return diffResponse(diff);
        }),

        create: unary(async (request: messages.CreateRequest, confide, confidential) => {
            await unlessHeld(request.getName());
            const { id, properties } = await plugin.create(
                identityOf(request),
                confide(decodeStruct(request.getProperties())),
                optionsOf(
                    request.getUrn(),
                    request.getPreview(),
                    request.getTimeout(),
                    confidential,
                ),
            );
            return new messages.CreateResponse().setId(id).setProperties(encodeStruct(properties));
        }),

        read: unary(async (request: messages.ReadRequest, confide) => {
            const inputs = confide(decodeStruct(request.getInputs()));
            const properties = confide(decodeStruct(request.getProperties()));
            const known = Object.keys(inputs).length > 0 || Object.keys(properties).length > 0;
            const found = await plugin.read(
                identityOf(request),
                request.getId(),
                known ? { inputs, properties } : undefined,
            );
            // An empty answer is how a plugin says that the resource is gone.
            return found === undefined
                ? new messages.ReadResponse()
                : new messages.ReadResponse()
                      .setId(found.id)
                      .setProperties(encodeStruct(found.properties))
                      .setInputs(encodeStruct(found.inputs));
        }),

        update: unary(async (request: messages.UpdateRequest, confide, confidential) => {
            const properties = await plugin.update(
                identityOf(request),
                request.getId(),
                confide(decodeStruct(request.getOlds())),
                confide(decodeStruct(request.getNews())),
                optionsOf(
                    request.getUrn(),
                    request.getPreview(),
                    request.getTimeout(),
                    confidential,
                ),
            );
            return new messages.UpdateResponse().setProperties(encodeStruct(properties));
        }),

        delete: unary(async (request: messages.DeleteRequest, confide, confidential) => {
            await plugin.delete(
                identityOf(request),
                request.getId(),
                confide(decodeStruct(request.getProperties())),
                optionsOf(request.getUrn(), false, request.getTimeout(), confidential),
            );
            return new Empty();
        }),

        invoke: unary(async (request: messages.InvokeRequest, confide) => {
            if (plugin.invoke === undefined) {
                throw new Error(
                    `the stand-in for the ${plugin.name} plugin has no function ${request.getTok()}; it has none`,
                );
            }
            const args = confide(decodeStruct(request.getArgs()));
            const { result, failures } = await plugin.invoke(
                request.getTok(),
                args,
                cancelled.signal,
            );
            return new messages.InvokeResponse()
                .setReturn(encodeStruct(result))
                .setFailuresList(failures.map(checkFailure));
        }),

        construct: unary((request: messages.ConstructRequest) => {
            throw new Error(
                `the stand-in for the ${plugin.name} plugin has no component ${request.getType()}; it has none`,
            );
        }),

        cancel: unary(() => {
            cancelled.abort(new Error("cancelled"));
            return new Empty();
        }),
    };
}

/**
 * A gRPC method around a function. The function passes every property map it decodes through `confide`;
 * the secrets in them are kept out of the message of any error it throws.
 */
function unary<Request, Response>(
    handle: (
        request: Request,
        confide: (properties: PropertyMap) => PropertyMap,
        confidential: readonly string[],
    ) => Response | Promise<Response>,
) {
    return (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>): void => {
        const confidential: string[] = [];
        const confide = (properties: PropertyMap): PropertyMap => {
            confidential.push(...secretTexts(properties));
            return properties;
        };
        Promise.resolve()
            .then(() => handle(call.request, confide, confidential))
            .then(
                (response) => {
                    callback(null, response);
                },
                (error: unknown) => {
                    callback(grpcError(error, confidential));
                },
            );
    };
}

function grpcError(error: unknown, confidential: readonly string[]) {
    const message = error instanceof Error ? error.message : String(error);
    const details = redacted(message, confidential);
    if (!(error instanceof InitializationError)) {
        return { code: status.UNKNOWN, details };
    }
    const { id, properties, inputs } = error.state;
    const failure = new messages.ErrorResourceInitFailed()
        .setId(id)
        .setProperties(encodeStruct(properties))
        .setInputs(encodeStruct(inputs))
        .setReasonsList([details]);
    const any = new Any();
    any.pack(failure.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
    const rich = new Status().setCode(status.UNKNOWN).setMessage(details);
    rich.addDetails(any);
    const metadata = new Metadata();
    metadata.set("grpc-status-details-bin", Buffer.from(rich.serializeBinary()));
    return { code: status.UNKNOWN, details, metadata };
}

/** The message with every one of the texts, as it is or in base64, replaced by `[secret]`. */
export function redacted(message: string, confidential: readonly string[]): string {
    const forms = confidential
        .flatMap((text) => [text, Buffer.from(text).toString("base64")])
        .filter((text) => text.length > 0);
    // Longest first, so that a text within another does not leave the rest of that one standing.
    return forms
        .sort((a, b) => b.length - a.length)
        .reduce((rest, text) => rest.replaceAll(text, "[secret]"), message);
}

function checkFailure({ property, reason }: CheckFailure): messages.CheckFailure {
    return new messages.CheckFailure().setProperty(property).setReason(reason);
}

function identityOf(request: {
    getUrn(): string;
    getType(): string;
    getName(): string;
}): ResourceIdentity {
    return { urn: request.getUrn(), type: request.getType(), name: request.getName() };
}

/** The name that the project's `pulumi:autonaming` asks for, else `<logical name>-<8 hexadecimal digits>`. */
function proposedName(request: messages.CheckRequest): string {
    const autonaming = request.getAutonaming();
    if (autonaming?.getMode() === messages.CheckRequest.AutonamingOptions.Mode.DISABLE) {
        throw new Error("autonaming is disabled for this resource: give it a name");
    }
    if (autonaming?.getProposedName()) {
        return autonaming.getProposedName();
    }
    // From the engine's seed where it sends one: with an update plan it is that of the preview.
    const seed = request.getRandomseed_asU8();
    const digest = createHash("sha256").update(seed.length > 0 ? seed : randomBytes(32));
    return `${request.getName()}-${digest.digest("hex").slice(0, 8)}`;
}

function diffResponse({ changes, deleteBeforeReplace }: ResourceDiff): messages.DiffResponse {
    const { DiffChanges } = messages.DiffResponse;
    const paths = Object.keys(changes);
    const response = new messages.DiffResponse()
        .setChanges(paths.length > 0 ? DiffChanges.DIFF_SOME : DiffChanges.DIFF_NONE)
        // The CLI's summary of a change, e.g. [diff: ~spec], names top-level properties only.
        .setDiffsList([...new Set(paths.map((path) => path.replace(/[.[].*$/s, "")))])
        .setReplacesList(paths.filter((path) => changes[path]?.replace))
        .setDeletebeforereplace(deleteBeforeReplace ?? false)
        .setHasdetaileddiff(true);
    for (const [path, { kind, replace }] of Object.entries(changes)) {
        const detail = new messages.PropertyDiff().setKind(DIFF_KINDS[kind][replace ? 1 : 0]);
        response.getDetaileddiffMap().set(path, detail);
    }
    return response;
}

const { Kind } = messages.PropertyDiff;
const DIFF_KINDS = {
    add: [Kind.ADD, Kind.ADD_REPLACE],
    delete: [Kind.DELETE, Kind.DELETE_REPLACE],
    update: [Kind.UPDATE, Kind.UPDATE_REPLACE],
} as const;

function decodeStruct(struct: Struct | undefined): PropertyMap {
    return struct === undefined ? {} : decode(struct.toJavaScript());
}

function encodeStruct(properties: PropertyMap): Struct {
    return Struct.fromJavaScript(encode(properties) as Parameters<typeof Struct.fromJavaScript>[0]);
}
