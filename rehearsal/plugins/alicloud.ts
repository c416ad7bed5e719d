import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { ApiError, type Description } from "../cloud/api";
import { REGIONS } from "../cloud/catalogue";
import { changesBetween } from "../cloud/changes";
import { failuresOf } from "../cloud/check";
import { CLOUD_VARIABLE, type CloudClient, cloudClient } from "../cloud/client";
import { FUNCTIONS } from "../cloud/functions";
import { type ResourceType, resourceType } from "../cloud/resource-types";
import { pluginVersion } from "./plugin-version";
import {
    type Json,
    type JsonObject,
    type PropertyMap,
    UNKNOWN,
    changedKeys,
    hasSecret,
    hasUnknown,
    revealed,
} from "./property-values";
import {
    type CheckFailure,
    InitializationError,
    type OperationOptions,
    type Plugin,
    type PropertyChange,
    serve,
} from "./provider-host";

/** What the provider's configuration amounts to. */
interface Account {
    readonly region: string;
    readonly accessKeyId: string;
    readonly cloud: CloudClient;
    /** Seconds that a second of the cloud takes. */
    readonly timeScale: number;
}

/** Seconds for which the official plugin tries a function again. */
const FUNCTION_TIMEOUT = 300;

/** Seconds for which the official plugin tries to delete what is in use. */
const IN_USE_TIMEOUT = 300;

/** Reads in a row that may not find what was just created; the official plugin's number. */
const MAX_NOT_FOUND = 20;

/** Seconds between two looks at a resource that is waited for; the official plugin's, scaled. */
const POLL_PAUSE = 5;

/** Seconds before the first repetition of a request, doubled each time up to the second; scaled. */
const RETRY_PAUSES = [3, 60] as const;

/** Milliseconds between two requests about one resource at least, to spare the machine. */
const LEAST_PAUSE = 20;

/**
 * Property in the state of a resource that was created and failed: why. The next `up` replaces it, as
 * Terraform does with what it calls tainted.
 */
const TAINT = "__tainted";

/** Inputs that Pulumi made up, by name, where the official plugin keeps them too. */
const DEFAULTS = "__defaults";

/**
 * Makes a stand-in for the official `alicloud` plugin, which works against the simulated cloud of a rehearsal: the
 * one in the folder that {@link CLOUD_VARIABLE} names. It follows the official plugin; where it differs, it is
 * stricter:
 *
 * - Resources, properties and functions that the simulated cloud does not have are refused by name.
 * - Deprecated arguments are refused, not warned of.
 * - Secret inputs are refused, because the simulated cloud keeps inputs in a file.
 * - What has failed when it was created is replaced by the next `up`.
 *
 * What the cloud refuses is in ../cloud/; the plugin knows only what the official one knows without asking it.
 */
export function alicloudPlugin(): Plugin {
    let configured: Account | undefined;
    const account = (): Account => {
        if (configured === undefined) {
            throw new Error("the alicloud provider is not configured");
        }
        return configured;
    };

    return {
        name: "alicloud",
        version: pluginVersion("alicloud"),

        configure: async (config) => {
            configured = await connect(revealed(config) as PropertyMap);
        },

        diffConfig: (olds, news) => {
            // Another region means other resources; one that is not known yet may be another.
            const changes = changedKeys(olds, news).map((key): [string, PropertyChange] => [
                key,
                { kind: "update", replace: key === "region" },
            ]);
            return { changes: Object.fromEntries(changes) };
        },

        check: ({ type: token }, olds, news, proposeName) => {
            const type = resourceType(token);
            const inputs = withName(type, olds, news, proposeName);
            const own = withoutDefaults(inputs);
            return Promise.resolve({
                inputs,
                failures: [
                    ...failuresOf(own, type.inputs, "preview", token),
                    ...exclusionFailures(own, type),
                    ...secretFailures(own),
                ],
            });
        },

        diff: ({ type: token }, { inputs, properties }, news) => {
            const type = resourceType(token);
            const changes = changesBetween(
                withoutDefaults(inputs),
                withoutDefaults(news),
                type.inputs,
            );
            if (properties[TAINT] !== undefined) {
                const tainted = { kind: "update", replace: true } as const;
                return Promise.resolve({
                    changes: { ...changes, [TAINT]: tainted },
                    deleteBeforeReplace: true,
                });
            }
            return Promise.resolve({
                changes,
                deleteBeforeReplace: keepsName(type, inputs, news),
            });
        },

        create: async ({ type: token }, inputs, options) => {
            const type = resourceType(token);
            if (options.preview) {
                return { id: "", properties: planned(type, inputs) };
            }
            const wanted = plain(inputs);
            const seconds = options.timeoutSeconds ?? type.timeouts.create;
            // With the same token, a creation whose answer was lost is not done twice.
            const clientToken = randomUUID();
            const { id } = (await ask(
                account(),
                { type, action: type.actions.create, id: "" },
                { parameters: wanted, clientToken },
                { seconds, signal: options.signal },
            )) as { id: string };
            const made = await untilAvailable(account(), type, id, inputs, seconds, options);
            return { id, properties: propertiesOf(made) };
        },

        read: async ({ type: token }, id, known) => {
            const type = resourceType(token);
            const found = await describe(account(), type, id, new AbortController().signal);
            if (found === undefined) {
                return undefined;
            }
            const kept = known?.inputs[DEFAULTS];
            return {
                id,
                properties: propertiesOf(found),
                inputs: { ...found.inputs, ...(kept === undefined ? {} : { [DEFAULTS]: kept }) },
            };
        },

        update: async ({ type: token }, id, olds, news, options) => {
            const type = resourceType(token);
            if (options.preview) {
                const computed = Object.entries(olds).filter(([key]) =>
                    Object.hasOwn(type.outputs, key),
                );
                return { ...Object.fromEntries(computed), ...withoutDefaults(news) };
            }
            const wanted = plain(news);
            const seconds = options.timeoutSeconds ?? type.timeouts.update;
            // It may still be on its way, if the last `up` was interrupted.
            const before = await untilAvailable(account(), type, id, news, seconds, options);
            const changes = changesBetween(before.inputs, wanted, type.inputs);
            if (Object.keys(changes).length === 0 && before.status === "Available") {
                return propertiesOf(before);
            }
            const what = { type, action: type.actions.update, id };
            await ask(
                account(),
                what,
                { id, parameters: wanted },
                { seconds, signal: options.signal },
            );
            const after = await untilAvailable(account(), type, id, news, seconds, options);
            if (after.status === "ModifyFailed") {
                throw new Error(
                    `[ERROR] Resource ${type.terraform} ${id} ${type.actions.update} Failed!!! ${after.message}`,
                );
            }
            return propertiesOf(after);
        },

        delete: async ({ type: token }, id, properties, options) => {
            const type = resourceType(token);
            // As with the official plugin: the cluster takes such things along.
            if (type.actions.delete === undefined || properties["required"] === true) {
                return;
            }
            const seconds = options.timeoutSeconds ?? type.timeouts.delete;
            try {
                await ask(
                    account(),
                    { type, action: type.actions.delete, id },
                    { id },
                    { seconds, signal: options.signal },
                );
            } catch (error) {
                if (isNotFound(error, type)) {
                    return;
                }
                throw error;
            }
            await untilGone(account(), type, id, seconds, options);
        },

        invoke: async (token, args, signal) => {
            const call = FUNCTIONS.find((each) => each.token === token);
            if (call === undefined) {
                throw new Error(
                    `the stand-in for the alicloud plugin has no function ${token}; it has ${FUNCTIONS.map((each) => each.token).join(", ")}`,
                );
            }
            const failures = failuresOf(args, call.inputs, "preview", token);
            if (failures.length > 0) {
                return { result: {}, failures };
            }
            const parameters = plain(args);
            const result = await ask(
                account(),
                { type: undefined, action: call.action, id: "" },
                { parameters },
                { seconds: FUNCTION_TIMEOUT, signal },
            );
            return { result: { ...parameters, ...(result as JsonObject) }, failures: [] };
        },
    };
}

/** Configuration keys that are read, and those that change nothing here. */
const CONFIG_KEYS = ["region", "accessKey", "secretKey"];
const IGNORED_KEYS = ["version", "accountType", "skipRegionValidation"];

async function connect(config: PropertyMap): Promise<Account> {
    const unknown = Object.keys(config).filter(
        (key) => ![...CONFIG_KEYS, ...IGNORED_KEYS].includes(key) && config[key] !== null,
    );
    if (unknown.length > 0) {
        throw new Error(
            `the stand-in for the alicloud plugin does not know ${unknown.map((key) => `alicloud:${key}`).join(", ")}; it knows ${[...CONFIG_KEYS, ...IGNORED_KEYS].join(", ")}`,
        );
    }
    const setting = (key: string, ...variables: string[]): string => {
        const value = config[key];
        const found = variables.map((name) => process.env[name]).find((each) => each);
        return typeof value === "string" && value !== "" ? value : (found ?? "");
    };
    const region = setting("region", "ALICLOUD_REGION");
    if (region === "") {
        throw new Error(
            'missing required configuration key "alicloud:region": The region where Alicloud operations will take place. Set a value using the command `pulumi config set alicloud:region <value>`.',
        );
    }
    if (!Object.hasOwn(REGIONS, region)) {
        throw new Error(
            `alicloud:region is ${region}; the simulated cloud has ${Object.keys(REGIONS).join(", ")}`,
        );
    }
    const accessKeyId = setting("accessKey", "ALICLOUD_ACCESS_KEY", "ALIBABA_CLOUD_ACCESS_KEY_ID");
    const secret = setting("secretKey", "ALICLOUD_SECRET_KEY", "ALIBABA_CLOUD_ACCESS_KEY_SECRET");
    if (accessKeyId === "" || secret === "") {
        throw new Error(
            "no valid credential sources for the Alibaba Cloud provider: set alicloud:accessKey and alicloud:secretKey, or the environment variables ALICLOUD_ACCESS_KEY and ALICLOUD_SECRET_KEY",
        );
    }
    const folder = process.env[CLOUD_VARIABLE] ?? "";
    if (folder === "") {
        throw new Error(
            `the stand-in for the alicloud plugin works against the simulated cloud of a rehearsal only, whose folder ${CLOUD_VARIABLE} names; it is not set`,
        );
    }
    const cloud = cloudClient(folder);
    const { options } = await cloud.info();
    return { region, accessKeyId, cloud, timeScale: options.timeScale };
}

/** The inputs with a name: the one made up before, as long as the program gives none, or a new one. */
function withName(
    { autonamed }: ResourceType,
    olds: PropertyMap | undefined,
    news: PropertyMap,
    proposeName: () => string,
): PropertyMap {
    if (autonamed === undefined || (news[autonamed] ?? null) !== null) {
        return news;
    }
    const before = Array.isArray(olds?.[DEFAULTS]) ? olds[autonamed] : undefined;
    return { ...news, [autonamed]: before ?? proposeName(), [DEFAULTS]: [autonamed] };
}

function withoutDefaults(inputs: PropertyMap): PropertyMap {
    return Object.fromEntries(Object.entries(inputs).filter(([key]) => key !== DEFAULTS));
}

/** Whether the replacement would have the name of the replaced one, which the program chose. */
function keepsName({ autonamed }: ResourceType, olds: PropertyMap, news: PropertyMap): boolean {
    return (
        autonamed !== undefined &&
        news[DEFAULTS] === undefined &&
        JSON.stringify(olds[autonamed]) === JSON.stringify(news[autonamed])
    );
}

function exclusionFailures(
    inputs: PropertyMap,
    { exactlyOneOf, token }: ResourceType,
): CheckFailure[] {
    const given = exactlyOneOf.filter((key) => (inputs[key] ?? null) !== null);
    if (exactlyOneOf.length === 0 || given.length === 1) {
        return [];
    }
    const [property = ""] = exactlyOneOf;
    const names = exactlyOneOf.join(", ");
    const reason =
        given.length === 0
            ? `one of ${names} of ${token} must be given`
            : `only one of ${names} of ${token} can be given, but ${given.join(", ")} are`;
    return [{ property, reason }];
}

function secretFailures(inputs: PropertyMap): CheckFailure[] {
    return Object.entries(inputs)
        .filter(([, value]) => value !== undefined && hasSecret(value))
        .map(([property]) => ({
            property,
            reason: `${property} is secret; the stand-in for the alicloud plugin takes no secret, because the simulated cloud keeps it in a file`,
        }));
}

/** What is known of a resource before it is created. */
function planned(type: ResourceType, inputs: PropertyMap): PropertyMap {
    const computed = Object.keys(type.outputs).map((key) => [key, UNKNOWN] as const);
    return { ...Object.fromEntries(computed), ...withoutDefaults(inputs) };
}

/** Inputs as the API takes them. */
function plain(inputs: PropertyMap): JsonObject {
    const own = withoutDefaults(inputs);
    if (hasUnknown(own)) {
        throw new Error(
            `the engine sent inputs that are not known: ${Object.keys(own).join(", ")}`,
        );
    }
    return revealed(own) as JsonObject;
}

function propertiesOf({ inputs, outputs, status, message }: Description): PropertyMap {
    return {
        ...outputs,
        ...inputs,
        ...(status === "Failed" ? { [TAINT]: message } : {}),
    };
}

/** What is asked for, for the message of an error. */
interface Asked {
    readonly type: ResourceType | undefined;
    readonly action: string;
    readonly id: string;
}

/**
 * Makes a request, and again while the cloud is busy: throttled, out of order, at work on the resource, or, for a
 * while, using it.
 *
 * @param limits for how long, in seconds of the cloud, and until when
 */
async function ask(
    { cloud, region, accessKeyId, timeScale }: Account,
    { type, action, id }: Asked,
    request: { id?: string; parameters?: JsonObject; clientToken?: string },
    { seconds, signal }: { seconds: number; signal: AbortSignal },
): Promise<Json> {
    const start = performance.now();
    const scaled = (real: number): number => Math.max(LEAST_PAUSE, real * timeScale * 1000);
    let pause = scaled(RETRY_PAUSES[0]);
    for (;;) {
        try {
            return await cloud.request({ action, region, accessKeyId, ...request });
        } catch (error) {
            if (!(error instanceof ApiError)) {
                throw error;
            }
            const limit =
                error.code === "OperationConflict"
                    ? // What the cloud is at work on may take its real time.
                      seconds * 1000
                    : scaled(
                          error.code === "DependencyViolation"
                              ? Math.min(seconds, IN_USE_TIMEOUT)
                              : seconds,
                      );
            const isOver = performance.now() - start + pause > limit;
            if (!isTemporary(error) || isOver || signal.aborted) {
                throw new RefusedError(error, `${type?.terraform ?? "data"} ${id}`.trim(), action);
            }
            await delay(pause, undefined, { signal }).catch(() => undefined);
            pause = Math.min(pause * 2, scaled(RETRY_PAUSES[1]));
        }
    }
}

/** What the cloud refused, in the words of the official plugin. */
class RefusedError extends Error {
    readonly code: string;

    constructor(cause: ApiError, what: string, action: string) {
        const { status, code, message, requestId } = cause;
        super(
            `[ERROR] Resource ${what} ${action} Failed!!! [SDK alibaba-cloud-sdk-go ERROR]: SDKError: StatusCode: ${status} Code: ${code} Message: ${message} RequestId: ${requestId}`,
            { cause },
        );
        this.code = code;
    }
}

function isTemporary({ status, code }: ApiError): boolean {
    return (
        status === 503 ||
        code.startsWith("Throttling") ||
        code === "OperationConflict" ||
        code === "DependencyViolation"
    );
}

function isNotFound(error: unknown, { notFound }: ResourceType): boolean {
    return error instanceof RefusedError && error.code === notFound;
}

/** The resource as it is; undefined if it is not there. */
async function describe(
    account: Account,
    type: ResourceType,
    id: string,
    signal: AbortSignal,
): Promise<Description | undefined> {
    try {
        const answer = await ask(
            account,
            { type, action: type.actions.describe, id },
            { id },
            { seconds: type.timeouts.create, signal },
        );
        return answer as unknown as Description;
    } catch (error) {
        if (isNotFound(error, type)) {
            return undefined;
        }
        throw error;
    }
}

/**
 * Waits until the resource can be used. What failed, takes too long or is interrupted is an error that makes the
 * engine remember the resource, so that it is not created again.
 */
async function untilAvailable(
    account: Account,
    type: ResourceType,
    id: string,
    inputs: PropertyMap,
    seconds: number,
    { signal, report }: OperationOptions,
): Promise<Description> {
    const start = performance.now();
    const elapsed = (): number => (performance.now() - start) / 1000;
    let last: Description | undefined;
    let missed = 0;
    let shown = "";
    const give = (reason: string): never => {
        throw new InitializationError(reason, {
            id,
            properties: last === undefined ? withoutDefaults(inputs) : propertiesOf(last),
            inputs,
        });
    };
    for (;;) {
        try {
            const found = await describe(account, type, id, signal);
            last = found ?? last;
            missed = found === undefined ? missed + 1 : 0;
        } catch (error) {
            give(error instanceof Error ? error.message : String(error));
        }
        if (missed > MAX_NOT_FOUND) {
            give(
                `[ERROR] Resource ${type.terraform} ${id}: couldn't find resource (${missed} retries)`,
            );
        }
        const status = last?.status ?? "not to be found yet";
        if (missed === 0 && (status === "Available" || status === "ModifyFailed")) {
            return last as Description;
        }
        if (status === "Failed" || status === "DeleteFailed") {
            give(
                `[ERROR] Resource ${type.terraform} ${id} ${type.actions.create} Failed!!! the ${type.label} is ${status}: ${last?.message ?? ""}`,
            );
        }
        if (signal.aborted) {
            give(`interrupted while waiting for the ${type.label} ${id}, which is ${status}`);
        }
        if (elapsed() > seconds) {
            give(
                `[ERROR] Resource ${type.terraform} ${id}: timeout while waiting for state to become 'Available' (last state: '${status}', timeout: ${seconds}s)`,
            );
        }
        shown = progress(
            `waiting for the ${type.label} ${id}: ${status}`,
            last?.message ?? "",
            elapsed(),
            seconds,
            shown,
            report,
        );
        await pauseBetweenLooks(account, signal);
    }
}

async function untilGone(
    account: Account,
    type: ResourceType,
    id: string,
    seconds: number,
    { signal, report }: OperationOptions,
): Promise<void> {
    const start = performance.now();
    let shown = "";
    for (;;) {
        const found = await describe(account, type, id, signal);
        const elapsed = (performance.now() - start) / 1000;
        if (found === undefined) {
            return;
        }
        if (found.status === "DeleteFailed") {
            throw new Error(
                `[ERROR] Resource ${type.terraform} ${id} ${type.actions.delete ?? ""} Failed!!! ${found.message}`,
            );
        }
        signal.throwIfAborted();
        if (elapsed > seconds) {
            throw new Error(
                `[ERROR] Resource ${type.terraform} ${id}: timeout while waiting for it to be gone (last state: '${found.status}', timeout: ${seconds}s)`,
            );
        }
        shown = progress(
            `waiting for the ${type.label} ${id} to be gone: ${found.status}`,
            found.message,
            elapsed,
            seconds,
            shown,
            report,
        );
        await pauseBetweenLooks(account, signal);
    }
}

/** Shows what is waited for and for how long, unless that is what was shown last; returns what is shown. */
function progress(
    what: string,
    message: string,
    elapsed: number,
    seconds: number,
    shown: string,
    report: (message: string) => void,
): string {
    const detail = message === "" ? "" : `, ${message}`;
    const text = `${what}${detail} (${Math.floor(elapsed)} s of at most ${seconds} s)`;
    if (text !== shown) {
        report(text);
    }
    return text;
}

async function pauseBetweenLooks({ timeScale }: Account, signal: AbortSignal): Promise<void> {
    const pause = Math.max(LEAST_PAUSE, POLL_PAUSE * timeScale * 1000);
    // An abort is seen at the next look.
    await delay(pause, undefined, { signal }).catch(() => undefined);
}

if (require.main === module) {
    void serve(alicloudPlugin());
}
