import { KubeConfig } from "@kubernetes/client-node";
import { randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
    ApiError,
    KubernetesApi,
    type KubernetesObject,
    NoMatchError,
    type ResourceKind,
    UnreachableError,
} from "./kubernetes-api";
import { changesBetween, immutablePaths, pruned } from "./kubernetes-diff";
import {
    annotationOf,
    checkpoint,
    idOf,
    isAnnotated,
    isAutonamed,
    isBuiltIn,
    named,
    normalized,
    parseCheckpoint,
    parseId,
    parseType,
    sendable,
    withSecrets,
} from "./kubernetes-objects";
import { adoptedFields, explainedConflict, isAdoptableConflict } from "./kubernetes-ownership";
import {
    type Readiness,
    UNSUPPORTED_WAITS,
    builtInReadiness,
    evaluateWaits,
    parseWaitFor,
} from "./kubernetes-readiness";
import { pluginVersion } from "./plugin-version";
import {
    type PropertyMap,
    type PropertyValue,
    Unknown,
    changedKeys,
    hasUnknown,
    isMap,
    revealed,
} from "./property-values";
import {
    type CheckFailure,
    InitializationError,
    type OperationOptions,
    type Plugin,
    serve,
} from "./provider-host";

/** What the provider's configuration amounts to. */
interface Connection {
    readonly api: KubernetesApi;
    /** Namespace of namespaced objects that name none. */
    readonly namespace: string;
}

/** Time until a created or changed object must be ready, or a deleted one gone, in seconds. */
const DEFAULT_TIMEOUT = 600;

/** Pauses between attempts to create an object whose kind or namespace is not there yet, in milliseconds. */
const RETRY_PAUSES = [1000, 2000, 4000, 8000, 16_000];

/** Pause between two looks at an object that is waited for, in milliseconds. */
const POLL_PAUSE = 250;

/**
 * Makes a stand-in for the official `kubernetes` plugin, for machines where that one cannot be had. It
 * works against a real API server, with any kind of object that this knows, by server-side apply, and
 * follows the official plugin of the same version; where it differs, it is stricter:
 *
 * - Helm, Kustomize, YAML and list resources, functions, `ignoreChanges` and every provider option but
 *   `kubeconfig`, `clusterIdentifier`, `namespace` and `enableServerSideApply: true` are refused.
 * - Patches are not waited for, as with the official one (pulumi-kubernetes#2455).
 * - Kinds for which the official one waits in ways of their own (pods, jobs, …) are refused unless
 *   `pulumi.com/skipAwait` or `pulumi.com/waitFor` says what to wait for.
 * - A patch of an object that does not exist fails; it creates none.
 * - An unreachable cluster is an error at preview as well.
 * - A server by plain HTTP is refused without `insecure-skip-tls-verify: true`.
 */
export function kubernetesPlugin(): Plugin {
    let connection: Connection | undefined;
    const connected = (): Connection => {
        if (connection === undefined) {
            throw new Error("the kubernetes provider is not configured");
        }
        return connection;
    };

    return {
        name: "kubernetes",
        version: pluginVersion("kubernetes"),

        configure: async (config) => {
            connection = await connect(config);
        },

        diffConfig: (olds, news) => {
            const replaced = replacingKeys(olds, news);
            const changes = changedKeys(olds, news).map(
                (key) => [key, { kind: "update", replace: replaced.includes(key) }] as const,
            );
            return { changes: Object.fromEntries(changes) };
        },

        check: ({ type }, olds, news, proposeName) =>
            reaching(async () => {
                const { isPatch } = parseType(type);
                const plain = normalized(revealed(news) as PropertyMap);
                const failures = failuresOf(plain, type);
                if (failures.length > 0) {
                    return { inputs: news, failures };
                }
                const old = olds && (revealed(olds) as PropertyMap);
                const complete = isPatch ? plain : named(plain, old, proposeName);
                const placed = await withNamespace(complete, connected());
                return { inputs: withSecrets(placed, asData(news)), failures: [] };
            }),

        diff: ({ type }, { inputs, properties }, news, ignoreChanges) =>
            reaching(async () => {
                if (ignoreChanges.length > 0) {
                    throw new Error(
                        `the stand-in for the kubernetes plugin does not support ignoreChanges (${ignoreChanges.join(", ")})`,
                    );
                }
                const { isPatch } = parseType(type);
                const wanted = revealed(news) as PropertyMap;
                const state = parseCheckpoint(properties);
                const asked = Object.keys(state.inputs).length > 0 ? state.inputs : inputs;
                const live = pruned(state.live, revealed(asked) as PropertyMap);
                const identity = wanted as KubernetesObject;
                const immutable = [
                    ...(isPatch
                        ? [
                              ["metadata", "name"],
                              ["metadata", "namespace"],
                          ]
                        : immutablePaths(identity)),
                    ["kind"],
                ];
                let changes = changesBetween(live, wanted, immutable);
                if (Object.keys(changes).length > 0 && isBuiltIn(identity.apiVersion)) {
                    const canonical = await canonicalForm(wanted, connected());
                    changes = changesBetween(live, canonical, immutable);
                }
                const mustReplace = Object.values(changes).some(({ replace }) => replace);
                const [before, after] = [metadataOf(live), metadataOf(wanted)];
                return {
                    changes,
                    deleteBeforeReplace:
                        mustReplace &&
                        !isAutonamed(wanted) &&
                        before["name"] === after["name"] &&
                        before["namespace"] === after["namespace"],
                };
            }),

        create: ({ type }, inputs, options) =>
            reaching(async () => {
                const { isPatch } = parseType(type);
                const { api } = connected();
                const identity = revealed(inputs) as KubernetesObject;
                if (options.preview && (isPatch || (await cannotPreview(identity, api)))) {
                    return { id: "", properties: inputs };
                }
                const wanted = sendable(inputs);
                const fieldManager = `pulumi-kubernetes-${randomBytes(4).toString("hex")}`;
                if (options.preview) {
                    const planned = await planCreation(wanted, fieldManager, api);
                    return {
                        id: "",
                        properties:
                            planned === undefined
                                ? inputs
                                : checkpoint(planned, inputs, fieldManager),
                    };
                }
                const created = await createWithRetries(
                    wanted,
                    isPatch ? applyPatch : createNew,
                    fieldManager,
                    api,
                    options,
                );
                const fail = (reason: string, last: KubernetesObject): never => {
                    throw new InitializationError(
                        `resource ${idOf(last)} was successfully created, but the Kubernetes API server reported that it failed to fully initialize or become live: ${reason}`,
                        {
                            id: idOf(last),
                            properties: checkpoint(last, inputs, fieldManager),
                            inputs,
                        },
                    );
                };
                const live = isPatch
                    ? created
                    : await untilReady(created, inputs, api, options, fail);
                return { id: idOf(live), properties: checkpoint(live, inputs, fieldManager) };
            }),

        read: ({ type }, id, known) =>
            reaching(async () => {
                const token = parseType(type);
                const { api } = connected();
                const state = known && parseCheckpoint(known.properties);
                const asked = known?.inputs ?? {};
                const apiVersion = textOf(asked["apiVersion"]) ?? token.apiVersion;
                const { namespace, name } = parseId(id);
                const kind = await kindIfKnown(apiVersion, token.kind, api);
                const live = kind && (await api.get(kind, namespace, name));
                if (kind === undefined || live === undefined) {
                    return undefined;
                }
                const plain = revealed(asked) as PropertyMap;
                const inputs = withSecrets(
                    known === undefined ? importedInputs(live) : pruned(live, normalized(plain)),
                    asked,
                );
                const fieldManager =
                    state?.fieldManager ?? `pulumi-kubernetes-${randomBytes(4).toString("hex")}`;
                const found = { id, properties: checkpoint(live, inputs, fieldManager), inputs };
                if (known !== undefined && !token.isPatch && !isAnnotated(plain, SKIP_AWAIT)) {
                    const readiness = await builtInReadiness(live, () => hasEndpoints(live, api));
                    if (!readiness.ready) {
                        throw new InitializationError(`resource ${id}: ${readiness.reason}`, found);
                    }
                }
                return found;
            }),

        update: ({ type }, id, olds, news, options) =>
            reaching(async () => {
                const { isPatch } = parseType(type);
                const { api } = connected();
                const identity = revealed(news) as KubernetesObject;
                if (options.preview && (await cannotPreview(identity, api))) {
                    return news;
                }
                const wanted = sendable(news);
                const kind = await api.kind(wanted.apiVersion, wanted.kind);
                const fieldManager =
                    parseCheckpoint(olds).fieldManager ??
                    `pulumi-kubernetes-${randomBytes(4).toString("hex")}`;
                const live = await api.get(
                    kind,
                    wanted.metadata.namespace,
                    wanted.metadata.name ?? "",
                );
                if (live === undefined) {
                    throw new Error(
                        `update of resource ${id} failed because it is not there any more; \`pulumi refresh\` makes the state say so`,
                    );
                }
                const updated = await apply(wanted, live, kind, fieldManager, api, {
                    preview: options.preview,
                    adopt: !isPatch,
                });
                if (options.preview || isPatch) {
                    return checkpoint(updated, news, fieldManager);
                }
                const ready = await untilReady(updated, news, api, options, (reason, last) => {
                    throw new InitializationError(
                        `the Kubernetes API server reported that "${idOf(last)}" failed to fully initialize or become live: ${reason}`,
                        { id, properties: checkpoint(last, news, fieldManager), inputs: news },
                    );
                });
                return checkpoint(ready, news, fieldManager);
            }),

        delete: ({ type }, id, properties, options) =>
            reaching(async () => {
                const { isPatch } = parseType(type);
                const { api } = connected();
                const { live, inputs, fieldManager } = parseCheckpoint(properties);
                const { namespace, name } = parseId(id);
                const identity = live as KubernetesObject;
                const kind = await kindIfKnown(identity.apiVersion, identity.kind, api);
                const present = kind && (await api.get(kind, namespace, name));
                if (kind === undefined || present === undefined) {
                    return;
                }
                if (isPatch) {
                    // An apply of nothing gives up all fields that this manager has set.
                    const { apiVersion, kind: kindName } = present;
                    const nothing = { apiVersion, kind: kindName, metadata: { name } };
                    const manager = {
                        fieldManager: fieldManager ?? "",
                        dryRun: false,
                        force: true,
                    };
                    await api.apply(kind, namespace, nothing, manager);
                    return;
                }
                await removeObject(present, kind, inputs, api, options);
            }),
    };
}

/** Says of a failed connection what it is about, as the official plugin does. */
async function reaching<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
        return await work();
    } catch (error) {
        throw error instanceof UnreachableError
            ? new Error(`configured Kubernetes cluster is unreachable: ${error.message}`, {
                  cause: error,
              })
            : error;
    }
}

async function connect(config: PropertyMap): Promise<Connection> {
    const refused = Object.entries(config).filter(
        ([key, value]) =>
            value !== null &&
            !["kubeconfig", "clusterIdentifier", "namespace", "version"].includes(key) &&
            !(key === "enableServerSideApply" && isTrue(revealedAt(config, key))),
    );
    if (refused.length > 0) {
        throw new Error(
            `the stand-in for the kubernetes plugin does not support the provider's ${refused.map(([key]) => key).join(", ")}; it supports kubeconfig, clusterIdentifier, namespace and enableServerSideApply: true`,
        );
    }
    const kubeConfig = kubeConfigOf(config);
    if (kubeConfig === undefined) {
        throw new Error(
            "the kubernetes provider has no kubeconfig, and the stand-in for the plugin takes none from the environment: set it",
        );
    }
    const context = kubeConfig.getContextObject(kubeConfig.getCurrentContext());
    const namespace = textOf(revealedAt(config, "namespace")) ?? context?.namespace ?? "default";
    return { api: await KubernetesApi.of(kubeConfig), namespace };
}

/** The kubeconfig of a provider, given as contents or as path; undefined if none is set or known. */
function kubeConfigOf(config: PropertyMap): KubeConfig | undefined {
    const value = textOf(revealedAt(config, "kubeconfig"));
    if (value === undefined || value === "") {
        return undefined;
    }
    const path = value.startsWith("~/") ? join(homedir(), value.slice(2)) : value;
    const kubeConfig = new KubeConfig();
    try {
        const isFile = !/[\n{]/.test(value) && statSync(path, { throwIfNoEntry: false })?.isFile();
        kubeConfig.loadFromString(isFile ? readFileSync(path, "utf8") : value);
    } catch {
        // The parser's message quotes the text around the mistake, which may be a key, and the file system's
        // all of it.
        throw new Error(
            "the kubeconfig of the kubernetes provider is neither the path of a file nor valid YAML or JSON",
        );
    }
    return kubeConfig;
}

/**
 * What of a provider's changed configuration replaces it, and with it all its objects. Without
 * `clusterIdentifier` the kubeconfig decides: another cluster means other objects, and one that is not known
 * yet may be another. An identifier that stays the same keeps the provider whatever else changes; one that
 * becomes another, or unknown, replaces it; one that is added or removed says nothing. Source: DiffConfig in
 * provider/pkg/provider/provider.go of pulumi/pulumi-kubernetes.
 */
function replacingKeys(olds: PropertyMap, news: PropertyMap): string[] {
    const [before, after] = [olds, news].map((map) => revealedAt(map, "clusterIdentifier"));
    const isOtherCluster =
        revealedAt(news, "kubeconfig") instanceof Unknown || clusterOf(olds) !== clusterOf(news);
    const isIdentified = before !== null && after !== null;
    if (isIdentified && before === after) {
        return [];
    }
    return [
        ...(isIdentified ? ["clusterIdentifier"] : []),
        ...(isOtherCluster ? ["kubeconfig"] : []),
    ];
}

/** Something that tells one cluster from another, as far as a kubeconfig can. */
function clusterOf(config: PropertyMap): string {
    const cluster = kubeConfigOf(config)?.getCurrentCluster();
    return JSON.stringify([cluster?.server, cluster?.caData, cluster?.caFile]);
}

function revealedAt(map: PropertyMap, key: string): PropertyValue {
    return revealed(map[key] ?? null);
}

/** The engine passes the configuration of a provider as texts. */
function isTrue(value: PropertyValue): boolean {
    return value === true || value === "true";
}

function textOf(value: PropertyValue | undefined): string | undefined {
    return typeof value === "string" ? value : undefined;
}

function metadataOf(object: PropertyMap): PropertyMap {
    return isMap(object["metadata"]) ? object["metadata"] : {};
}

const SKIP_AWAIT = "pulumi.com/skipAwait";
const WAIT_FOR = "pulumi.com/waitFor";
const PATCH_FORCE = "pulumi.com/patchForce";
const TIMEOUT_SECONDS = "pulumi.com/timeoutSeconds";
const PROPAGATION = "pulumi.com/deletionPropagationPolicy";

/** Annotations by which the official plugin is told what this one cannot do. */
const REFUSED_ANNOTATIONS = ["pulumi.com/replaceUnready", "pulumi.com/patchFieldManager"];

/** What is wrong with the inputs of a resource before anything is sent. */
function failuresOf(inputs: PropertyMap, type: string): CheckFailure[] {
    const { apiVersion, kind, isPatch } = parseType(type);
    const metadata = metadataOf(inputs);
    const failures: CheckFailure[] = [];
    const fail = (property: string, reason: string): void => {
        failures.push({ property, reason });
    };
    if (inputs["apiVersion"] !== apiVersion || inputs["kind"] !== kind) {
        fail("kind", `${type} holds a ${JSON.stringify([inputs["apiVersion"], inputs["kind"]])}`);
    }
    if (isPatch && metadata["name"] === undefined) {
        fail("metadata.name", "patch resources require the resource `.metadata.name` to be set");
    }
    if (metadata["generateName"] !== undefined) {
        fail(
            "metadata.generateName",
            "the stand-in for the kubernetes plugin does not support generateName; leave the name out instead",
        );
    }
    for (const annotation of REFUSED_ANNOTATIONS) {
        if (annotationOf(inputs, annotation) !== undefined) {
            fail(
                `metadata.annotations["${annotation}"]`,
                `the stand-in for the kubernetes plugin does not support ${annotation}`,
            );
        }
    }
    const waitFor = annotationOf(inputs, WAIT_FOR);
    try {
        if (waitFor !== undefined) {
            parseWaitFor(waitFor);
        }
    } catch (error) {
        fail(`metadata.annotations["${WAIT_FOR}"]`, error instanceof Error ? error.message : "");
    }
    if (
        UNSUPPORTED_WAITS.includes(`${apiVersion}/${kind}`) &&
        waitFor === undefined &&
        !isAnnotated(inputs, SKIP_AWAIT)
    ) {
        fail(
            "",
            `the stand-in for the kubernetes plugin does not wait for a ${kind} as the official one does; annotate it with ${WAIT_FOR} or ${SKIP_AWAIT}, or use the official plugins`,
        );
    }
    return failures;
}

/** The inputs with the default namespace if they are of a namespaced kind and name none. */
async function withNamespace(
    inputs: PropertyMap,
    { api, namespace }: Connection,
): Promise<PropertyMap> {
    const metadata = metadataOf(inputs);
    if (metadata["namespace"] !== undefined) {
        return inputs;
    }
    const { apiVersion, kind } = inputs as KubernetesObject;
    // Most custom resources whose definition is yet to come are namespaced.
    const namespaced = (await kindIfKnown(apiVersion, kind, api))?.namespaced ?? true;
    return namespaced ? { ...inputs, metadata: { ...metadata, namespace } } : inputs;
}

/** Inputs with what is secret in `stringData` where {@link normalized} puts it. */
function asData(inputs: PropertyMap): PropertyMap {
    return inputs["stringData"] === undefined
        ? inputs
        : { ...inputs, data: [inputs["data"] ?? null, inputs["stringData"]] };
}

async function kindIfKnown(
    apiVersion: string,
    kind: string,
    api: KubernetesApi,
): Promise<ResourceKind | undefined> {
    try {
        return await api.kind(apiVersion, kind);
    } catch (error) {
        if (error instanceof NoMatchError) {
            return undefined;
        }
        throw error;
    }
}

/**
 * The inputs as the API server would write them, so that `cpu: 1000m` is not a change of `cpu: "1"`; as they
 * are if they cannot be applied. Only for kinds of Kubernetes itself: the official plugin compares custom
 * resources as they are.
 */
async function canonicalForm(inputs: PropertyMap, { api }: Connection): Promise<PropertyMap> {
    if (hasUnknown(inputs)) {
        return inputs;
    }
    const wanted = sendable(inputs);
    try {
        const kind = await api.kind(wanted.apiVersion, wanted.kind);
        const options = { fieldManager: "pulumi-kubernetes-diff", dryRun: true, force: true };
        const applied = await api.apply(kind, wanted.metadata.namespace, wanted, options);
        return pruned(applied, wanted);
    } catch (error) {
        if (error instanceof ApiError || error instanceof NoMatchError) {
            return inputs;
        }
        throw error;
    }
}

/** Whether a preview can only repeat the inputs: some are unknown, or the kind is yet to be defined. */
async function cannotPreview(inputs: KubernetesObject, api: KubernetesApi): Promise<boolean> {
    return hasUnknown(inputs) || !(await kindIfKnown(inputs.apiVersion, inputs.kind, api));
}

/** What would be created; undefined where only an update can tell (as with the official plugin). */
async function planCreation(
    wanted: KubernetesObject,
    fieldManager: string,
    api: KubernetesApi,
): Promise<KubernetesObject | undefined> {
    try {
        const kind = await api.kind(wanted.apiVersion, wanted.kind);
        const planned = await api.create(kind, wanted.metadata.namespace, wanted, {
            fieldManager,
            dryRun: true,
        });
        // Empty at first: to the program it is not known yet.
        delete planned["status"];
        return planned;
    } catch (error) {
        const isNamespaceMissing = error instanceof ApiError && isMissing(error);
        const isUndecided =
            error instanceof ApiError && ["AlreadyExists", "Forbidden"].includes(error.reason);
        if (isNamespaceMissing || isUndecided) {
            return undefined;
        }
        throw notCreated(wanted, error);
    }
}

function isMissing({ reason, code }: ApiError): boolean {
    return reason === "NotFound" || (reason === "Unknown" && code === 404);
}

function notCreated(wanted: KubernetesObject, error: unknown): unknown {
    return error instanceof UnreachableError
        ? error
        : new Error(
              `resource ${idOf(wanted)} was not successfully created by the Kubernetes API server: ${error instanceof Error ? error.message : String(error)}`,
              { cause: error },
          );
}

type Creation = (
    wanted: KubernetesObject,
    kind: ResourceKind,
    fieldManager: string,
    api: KubernetesApi,
) => Promise<KubernetesObject>;

// A plain creation and no apply, because that one would silently take over an object that exists.
const createNew: Creation = (wanted, kind, fieldManager, api) =>
    api.create(kind, wanted.metadata.namespace, wanted, { fieldManager, dryRun: false });

const applyPatch: Creation = async (wanted, kind, fieldManager, api) => {
    const { namespace, name = "" } = wanted.metadata;
    const live = await api.get(kind, namespace, name);
    if (live === undefined) {
        const about = { kind: kind.plural, name };
        throw new ApiError(`${kind.plural} "${name}" not found`, 404, "NotFound", [], about);
    }
    return apply(wanted, live, kind, fieldManager, api, { preview: false, adopt: false });
};

/**
 * Creates, again and again only while the object's kind or namespace is not there: order within an update
 * may be loose. Any other refusal is final.
 */
async function createWithRetries(
    wanted: KubernetesObject,
    creation: Creation,
    fieldManager: string,
    api: KubernetesApi,
    { report, signal }: OperationOptions,
): Promise<KubernetesObject> {
    for (let attempt = 0; ; attempt += 1) {
        try {
            const kind = await api.kind(wanted.apiVersion, wanted.kind);
            return await creation(wanted, kind, fieldManager, api);
        } catch (error) {
            const pause = RETRY_PAUSES[attempt];
            const isTooEarly =
                error instanceof NoMatchError || (error instanceof ApiError && isMissing(error));
            if (!isTooEarly || pause === undefined) {
                throw notCreated(wanted, error);
            }
            report(`Retry #${attempt + 1}; creation failed: ${error.message}`);
            await delay(pause, undefined, { signal });
        }
    }
}

/**
 * Applies the wanted fields to an object that exists. With `adopt`, what this plugin created without an
 * apply and what kubectl changed become part of what is applied, so that they neither conflict nor stay
 * behind when the program drops them.
 */
async function apply(
    wanted: KubernetesObject,
    live: KubernetesObject,
    kind: ResourceKind,
    fieldManager: string,
    api: KubernetesApi,
    { preview, adopt }: { readonly preview: boolean; readonly adopt: boolean },
): Promise<KubernetesObject> {
    const { namespace, name = "" } = wanted.metadata;
    const adopted = adopt ? adoptedFields(live, fieldManager) : undefined;
    if (adopted !== undefined && !preview) {
        const version = live.metadata["resourceVersion"];
        await api.patch(kind, namespace, name, [
            { op: "replace", path: "/metadata/managedFields", value: adopted },
            { op: "replace", path: "/metadata/resourceVersion", value: version },
        ]);
    }
    const send = (force: boolean): Promise<KubernetesObject> =>
        api.apply(kind, namespace, wanted, { fieldManager, dryRun: preview, force });
    try {
        return await send(isAnnotated(wanted, PATCH_FORCE));
    } catch (error) {
        if (preview && adopted !== undefined && isAdoptableConflict(error)) {
            return send(true);
        }
        throw explainedConflict(error, fieldManager);
    }
}

/**
 * Waits until the object is what `pulumi.com/waitFor` or, without that, its kind asks for, and returns
 * it. `fail` is called with what is missing when time is up, when the update is cancelled, and when the
 * object disappears.
 */
async function untilReady(
    object: KubernetesObject,
    inputs: PropertyMap,
    api: KubernetesApi,
    options: OperationOptions,
    fail: (reason: string, last: KubernetesObject) => never,
): Promise<KubernetesObject> {
    const plain = revealed(inputs) as PropertyMap;
    if (isAnnotated(plain, SKIP_AWAIT)) {
        return object;
    }
    const waitFor = annotationOf(plain, WAIT_FOR);
    const waits = waitFor === undefined ? undefined : parseWaitFor(waitFor);
    const evaluate = (live: KubernetesObject): Promise<Readiness> =>
        waits === undefined
            ? builtInReadiness(live, () => hasEndpoints(live, api))
            : Promise.resolve(evaluateWaits(waits, live));
    const kind = await api.kind(object.apiVersion, object.kind);
    const seconds = timeoutOf(plain, options);
    const deadline = Date.now() + seconds * 1000;
    let live = object;
    let reported = "";
    for (;;) {
        const readiness = await evaluate(live);
        if (readiness.ready) {
            return live;
        }
        if (options.signal.aborted) {
            fail(`cancelled while waiting: ${readiness.reason}`, live);
        }
        if (Date.now() >= deadline) {
            fail(
                `timed out after ${seconds} s waiting for the condition: ${readiness.reason}`,
                live,
            );
        }
        if (readiness.reason !== reported) {
            options.report(readiness.reason);
            reported = readiness.reason;
        }
        // An abort ends the pause early and is then seen above.
        await delay(POLL_PAUSE, undefined, { signal: options.signal }).catch(() => undefined);
        const { namespace, name = "" } = object.metadata;
        const now = await api.get(kind, namespace, name);
        if (now === undefined) {
            fail("it was deleted while it was waited for", live);
        }
        live = now;
    }
}

function timeoutOf(inputs: PropertyMap, { timeoutSeconds }: OperationOptions): number {
    const annotated = Number(annotationOf(inputs, TIMEOUT_SECONDS));
    return timeoutSeconds ?? (annotated > 0 ? annotated : DEFAULT_TIMEOUT);
}

async function hasEndpoints(service: KubernetesObject, api: KubernetesApi): Promise<boolean> {
    const kind = await api.kind("discovery.k8s.io/v1", "EndpointSlice");
    const { namespace, name = "" } = service.metadata;
    const slices = await api.list(kind, namespace, `kubernetes.io/service-name=${name}`);
    return slices.some((slice) => {
        const endpoints = slice["endpoints"] as { conditions?: { ready?: boolean } }[] | null;
        // Unset means ready, says the API.
        return endpoints?.some(({ conditions }) => conditions?.ready !== false);
    });
}

/** What a program would have to ask for to get this object: everything but what the API server writes. */
function importedInputs(live: KubernetesObject): PropertyMap {
    const inputs = normalized(live);
    delete inputs["status"];
    return inputs;
}

/** Kinds whose deletion is not waited for if they are annotated to skip waiting; others always are. */
const SKIPPABLE_DELETIONS = [
    "v1/Namespace",
    "v1/Pod",
    "v1/ReplicationController",
    "apps/v1/DaemonSet",
    "apps/v1/Deployment",
    "apps/v1/StatefulSet",
    "batch/v1/Job",
];

/** Deletes an object and waits until it is gone, finalizers and dependents included. */
async function removeObject(
    object: KubernetesObject,
    kind: ResourceKind,
    inputs: PropertyMap,
    api: KubernetesApi,
    options: OperationOptions,
): Promise<void> {
    const { namespace, name = "", uid } = object.metadata;
    try {
        await api.delete(kind, namespace, name, propagationOf(inputs));
    } catch (error) {
        if (error instanceof ApiError && isMissing(error)) {
            return;
        }
        throw error;
    }
    const type = `${object.apiVersion}/${object.kind}`;
    if (isAnnotated(inputs, SKIP_AWAIT) && SKIPPABLE_DELETIONS.includes(type)) {
        return;
    }
    const seconds = timeoutOf(inputs, options);
    const deadline = Date.now() + seconds * 1000;
    let reported = "";
    for (;;) {
        const live = await api.get(kind, namespace, name);
        if (live === undefined || live.metadata.uid !== uid) {
            return;
        }
        const reason = remains(live);
        if (Date.now() >= deadline) {
            throw new Error(
                `timed out after ${seconds} s waiting for deletion of ${type} "${name}": ${reason}`,
            );
        }
        if (reason !== reported) {
            options.report(reason);
            reported = reason;
        }
        await delay(POLL_PAUSE, undefined, { signal: options.signal });
    }
}

function propagationOf(inputs: PropertyMap): string {
    switch (annotationOf(inputs, PROPAGATION)?.toLowerCase()) {
        case "orphan":
            return "Orphan";
        case "background":
            return "Background";
        default:
            return "Foreground";
    }
}

/** Why an object that is being deleted still exists, as far as it says so itself. */
function remains(live: KubernetesObject): string {
    const finalizers = live.metadata["finalizers"];
    const { conditions = [] } = (live["status"] ?? {}) as {
        conditions?: { status?: string; message?: string }[];
    };
    const messages = conditions
        .filter(({ status, message }) => status === "True" && message)
        .map(({ message }) => message ?? "");
    const held = Array.isArray(finalizers) ? [`finalizers ${JSON.stringify(finalizers)}`] : [];
    return ["it still exists", ...held, ...messages].join("; ");
}

if (require.main === module) {
    void serve(kubernetesPlugin());
}
