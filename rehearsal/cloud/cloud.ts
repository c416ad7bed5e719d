import { randomUUID } from "node:crypto";
import type { Json, JsonObject } from "../plugins/property-values";
import {
    ApiError,
    type ApiRequest,
    type CloudEvent,
    type Description,
    type LoggedRequest,
    isUsable,
} from "./api";
import { QUOTAS, type Quotas, REGIONS } from "./catalogue";
import { changesBetween } from "./changes";
import { failuresOf } from "./check";
import { createClock } from "./clock";
import { type Fault, concerns } from "./faults";
import { FUNCTIONS } from "./functions";
import { textIn } from "./inputs";
import type { KubernetesBackend } from "./kubernetes-backend";
import { createNodes } from "./nodes";
import { readFault } from "./read-fault";
import { goesWith, referencesIn, refersTo } from "./references";
import { ADDON, CLUSTER, NODE_POOL } from "./resource-tokens";
import { type Made, RESOURCE_TYPES, type ResourceType, resourceType } from "./resource-types";
import type { CloudNode, CloudResource, ImplicitResource, Store } from "./store";

/** How a simulated cloud differs from the real one, and from others. */
export interface CloudOptions {
    /** Seconds that a real second takes. @default 1/60 */
    readonly timeScale: number;
    /** Real seconds in which reads do not find what was just created. @default 3 */
    readonly readLagSeconds: number;
    /** Real seconds that a GPU instance takes to boot. @default 180 */
    readonly gpuBootSeconds: number;
    /** Milliseconds, not scaled, between two looks at the pods at least. @default 500 */
    readonly leastScanPause: number;
    /** @default {@link QUOTAS} */
    readonly quotas: Partial<Quotas>;
}

/** What a cloud is unless told otherwise. */
export const DEFAULT_OPTIONS: CloudOptions = {
    timeScale: 1 / 60,
    readLagSeconds: 3,
    gpuBootSeconds: 180,
    leastScanPause: 500,
    quotas: {},
};

/** What there is in a cloud. */
export interface Inventory {
    readonly resources: readonly CloudResource[];
    /** What the cloud made by itself. */
    readonly implicit: readonly ImplicitResource[];
    readonly nodes: readonly CloudNode[];
}

/**
 * A simulated Alibaba Cloud: its API, and what only a rehearsal may do with it. Only the cluster is real, and it is
 * a local one. What it does not cover:
 *
 * - What it sells is its own short list (catalogue.ts); nothing has a price, and any access key may do anything.
 * - Addresses of the VPC, of pods and of Services are checked, but the local cluster has its own; nothing answers at
 *   the addresses of gateways and load balancers.
 * - All nodes of a CPU pool are one real node, and its GPUs are numbers (kubernetes-backend.ts).
 * - Of the add-ons only `knative` does something; `ack-virtual-node` runs no pods.
 * - Changes of a node pool's labels, taints or disks take effect on nodes that join later.
 */
export interface Cloud {
    /**
     * Answers a request as the API would, and logs it.
     *
     * @throws ApiError when the cloud refuses it
     */
    readonly request: (request: ApiRequest) => Promise<Json>;
    /** @throws Error naming what of it is not allowed */
    readonly setFault: (fault: unknown) => void;
    /** Switches the faults of this name off, or all. */
    readonly clearFaults: (name: string | undefined) => void;
    readonly faults: () => readonly Fault[];
    readonly requests: () => readonly LoggedRequest[];
    readonly events: () => readonly CloudEvent[];
    readonly inventory: () => Inventory;
    /** Goes on with what an earlier process had begun, and lets the pods decide about nodes. */
    readonly run: () => void;
}

/** Creation, description, change and deletion: what an action does to a resource. */
type Operation = keyof ResourceType["actions"];

/**
 * Opens the cloud whose state is in the store.
 *
 * @param signal ends all work, as if the process were killed: the next cloud of the store goes on with it
 */
export function createCloud(
    store: Store,
    backend: KubernetesBackend,
    options: CloudOptions,
    signal: AbortSignal,
): Cloud {
    const { state } = store;
    const clock = createClock(options.timeScale);
    const quotas = { ...QUOTAS, ...options.quotas };

    const event = (kind: string, subject: string, message: string): void => {
        store.logEvent({ at: new Date().toISOString(), kind, subject, message });
    };
    const strike = (struck: readonly Fault[]): void => {
        for (const fault of struck) {
            const index = state.faults.indexOf(fault);
            const left = fault.count === undefined ? undefined : fault.count - 1;
            if (left === 0) {
                state.faults.splice(index, 1);
            } else if (left !== undefined) {
                state.faults[index] = { ...fault, count: left };
            }
        }
        store.save();
    };
    /** The fault of this name that strikes now. */
    const struckBy = (
        name: Fault["name"],
        where: { action?: string; type: string | undefined },
        suits: (fault: Fault) => boolean = () => true,
    ): Fault | undefined => {
        const fault = state.faults.find(
            (each) => each.name === name && concerns(each, where) && suits(each),
        );
        if (fault !== undefined) {
            strike([fault]);
            event("FaultStruck", where.action ?? where.type ?? "", name);
        }
        return fault;
    };
    const nodes = createNodes({
        store,
        backend,
        clock,
        gpuBootSeconds: options.gpuBootSeconds,
        leastScanPause: options.leastScanPause,
        gpuVcpus: quotas.gpuVcpus,
        event,
        strike,
        signal,
    });

    const find = (type: string, id: string | undefined): CloudResource | undefined =>
        state.resources.find((each) => each.type === type && each.id === id);

    /** What Kubernetes has to do with a creation, change or deletion. */
    const effect = async (
        resource: CloudResource,
        operation: "create" | "update" | "delete",
        interrupted: boolean,
    ): Promise<void> => {
        const report = (what: string): void => {
            resource.message = what;
            store.save();
        };
        const isKnative = resource.type === ADDON && resource.inputs["name"] === "knative";
        if (resource.type === CLUSTER && operation === "create") {
            if (interrupted) {
                await backend.deleteCluster();
            }
            await backend.createCluster(report);
        } else if (resource.type === CLUSTER && operation === "delete") {
            await backend.deleteCluster();
        } else if (resource.type === NODE_POOL && operation === "delete") {
            await nodes.removeAll(resource);
        } else if (resource.type === NODE_POOL) {
            await nodes.settle(resource, report);
        } else if (isKnative && operation === "create") {
            await backend.installKnative(report);
        } else if (isKnative && operation === "delete") {
            await backend.removeKnative();
        }
    };

    /** Does the work that takes its time; what becomes of it is in the resource's status. */
    const work = async (
        resource: CloudResource,
        operation: "create" | "update" | "delete",
        interrupted = false,
    ): Promise<void> => {
        const { label } = resourceType(resource.type);
        try {
            if (resource.fails !== undefined && operation === "create") {
                await clock.reach(resource.dueAt, signal);
                throw new Error(resource.fails);
            }
            await Promise.all([
                clock.reach(resource.dueAt, signal),
                effect(resource, operation, interrupted),
            ]);
            signal.throwIfAborted();
        } catch (error) {
            if (signal.aborted) {
                return;
            }
            resource.status = FAILED[operation];
            resource.message = error instanceof Error ? error.message : String(error);
            store.save();
            event(resource.status, resource.id, `${label}: ${resource.message}`);
            return;
        }
        resource.message = "";
        if (operation === "delete") {
            forget(resource);
            event("Deleted", resource.id, label);
        } else {
            resource.status = "Available";
            event(operation === "create" ? "Created" : "Modified", resource.id, label);
        }
        store.save();
    };

    /** Takes a resource out of the store, with what goes when it does. */
    const forget = (resource: CloudResource): void => {
        state.resources = state.resources.filter(
            (each) => each !== resource && !goesWith(each, resourceType(each.type), resource),
        );
        state.implicit = state.implicit.filter(
            ({ owner, retained }) => !isSame(owner, resource) || retained,
        );
    };

    const create = (type: ResourceType, request: ApiRequest): CloudResource => {
        const { region, clientToken, parameters: inputs = {} } = request;
        const same = state.resources.find(
            (each) => clientToken !== undefined && each.clientToken === clientToken,
        );
        if (same !== undefined) {
            return same;
        }
        check(type, request, undefined);
        const id = type.newId(inputs);
        const existing = find(type.token, id);
        if (existing !== undefined && type.adopts && existing.status !== "Failed") {
            update(type, existing, request);
            return existing;
        }
        const where = { action: request.action, type: type.token };
        refuseOverQuota(type, where);
        const slow = struckBy("slow-creation", where);
        const failure =
            struckBy("creation-failure", where) ??
            (type.token === ADDON
                ? struckBy(
                      "addon-failure",
                      where,
                      ({ addon }) => (addon ?? inputs["name"]) === inputs["name"],
                  )
                : undefined);
        const now = clock.now();
        const made: Made = { id, region, inputs, createdAt: new Date(now).toISOString(), find };
        const resource: CloudResource = {
            id,
            type: type.token,
            region,
            status: "Pending",
            message: "",
            inputs,
            outputs: outputsOf(type, made),
            visibleAt: now + clock.scaled(options.readLagSeconds),
            dueAt: now + clock.scaled(slow?.seconds ?? type.seconds.create * (slow?.factor ?? 1)),
            clientToken,
            fails: failure && (failure.message ?? `the rehearsal lets it fail (${failure.name})`),
        };
        state.resources = [...state.resources.filter((each) => each !== existing), resource];
        state.implicit = [
            ...state.implicit.filter(({ owner }) => !isSame(owner, resource)),
            ...type.implicit(made),
        ];
        store.save();
        event("Creating", id, type.label);
        void work(resource, "create");
        return resource;
    };

    const refuseOverQuota = (type: ResourceType, where: { action: string; type: string }): void => {
        const { quota } = type;
        const used = state.resources.filter((each) => each.type === type.token).length;
        const fault = struckBy("quota", where);
        if (fault !== undefined || (quota !== undefined && used >= quotas[quota])) {
            const most = quota === undefined ? used : quotas[quota];
            throw new ApiError(
                400,
                "QuotaExceeded",
                `there are ${used} resources of the type ${type.label}; allowed: ${fault ? used : most}`,
            );
        }
    };

    const update = (type: ResourceType, resource: CloudResource, request: ApiRequest): void => {
        const inputs = request.parameters ?? {};
        requireSettled(type, resource);
        if (!isUsable(resource.status)) {
            throw new ApiError(
                400,
                "IncorrectStatus",
                `${type.label} ${resource.id} is ${resource.status} (${resource.message}); allowed: Available`,
            );
        }
        check(type, request, resource);
        const changes = changesBetween(resource.inputs, inputs, type.inputs);
        const fixed = Object.keys(changes).filter((path) => changes[path]?.replace);
        if (fixed.length > 0) {
            throw new ApiError(
                400,
                "InvalidParameter.Immutable",
                `${fixed.join(", ")} of ${type.label} ${resource.id} cannot be changed; allowed: the value it was created with`,
            );
        }
        if (Object.keys(changes).length === 0 && resource.status === "Available") {
            return;
        }
        const before = resource.inputs;
        const { id, region } = resource;
        const made = { id, region, inputs, createdAt: new Date().toISOString(), find };
        resource.outputs = {
            ...outputsOf(type, made),
            ...pick(resource.outputs, [...type.fixedOutputs, "createTime"]),
            // What someone set once and no longer does stays as it is.
            ...pick(
                { ...resource.outputs, ...before },
                Object.keys(type.outputs).filter((key) => Object.hasOwn(type.inputs, key)),
            ),
        };
        resource.inputs = inputs;
        resource.status = "Modifying";
        resource.dueAt = clock.now() + clock.scaled(type.seconds.update);
        store.save();
        event("Modifying", resource.id, `${type.label}: ${Object.keys(changes).join(", ")}`);
        void work(resource, "update");
    };

    const remove = (type: ResourceType, resource: CloudResource): void => {
        if (resource.status === "Deleting") {
            return;
        }
        requireSettled(type, resource);
        if (type.deletionProtection && resource.inputs["deletionProtection"] === true) {
            throw new ApiError(
                400,
                "ErrorDeletionProtection",
                `deletionProtection of ${type.label} ${resource.id} is true; allowed for a deletion: false`,
            );
        }
        if (resource.outputs["required"] === true) {
            throw new ApiError(
                400,
                "AddonOperationDenied",
                `add-on ${resource.id} is required; allowed: to leave it to the deletion of its cluster`,
            );
        }
        if (
            resource.inputs["name"] === "ack-virtual-node" &&
            resource.inputs["cleanupCloudResources"] === undefined
        ) {
            throw new ApiError(
                400,
                "MissingParameter",
                "cleanupCloudResources of the add-on ack-virtual-node is missing; allowed for an uninstallation: true or false",
            );
        }
        const users = usersOf(type, resource);
        if (users.length > 0) {
            throw new ApiError(
                400,
                "DependencyViolation",
                `${type.label} ${resource.id} is in use by ${users.join(", ")}; allowed: to delete it after those`,
            );
        }
        resource.status = "Deleting";
        resource.message = "";
        resource.dueAt = clock.now() + clock.scaled(type.seconds.delete);
        store.save();
        event("Deleting", resource.id, type.label);
        void work(resource, "delete");
    };

    /** What keeps a resource from being deleted. */
    const usersOf = (type: ResourceType, resource: CloudResource): string[] => {
        const others = state.resources.filter((other) => {
            const otherType = resourceType(other.type);
            return (
                !goesWith(other, otherType, resource) &&
                (type.isNeededBy(resource, other) ||
                    referencesIn(other.inputs, otherType.inputs).some((found) =>
                        refersTo(found, resource),
                    ))
            );
        });
        const implicit = state.implicit.filter(
            ({ owner, uses }) => !isSame(owner, resource) && uses.includes(resource.id),
        );
        return [
            ...others.map(({ type: token, id }) => `${resourceType(token).label} ${id}`),
            ...implicit.map(({ kind, id }) => `${kind} ${id}`),
        ];
    };

    /** Refuses inputs that the cloud does not take. */
    const check = (
        type: ResourceType,
        { region, parameters: inputs = {} }: ApiRequest,
        existing: CloudResource | undefined,
    ): void => {
        const [failure] = failuresOf(inputs, type.inputs, "creation", type.token);
        if (failure !== undefined) {
            throw new ApiError(400, "InvalidParameter", failure.reason);
        }
        for (const { property, reference, name } of referencesIn(inputs, type.inputs)) {
            const found = state.resources.find((each) =>
                refersTo({ property, reference, name }, each),
            );
            const { label } = resourceType(reference.type);
            if (found === undefined) {
                throw new ApiError(
                    404,
                    reference.notFound,
                    `${property} is ${name}; allowed: an existing resource of the type ${label}`,
                );
            }
            if (!isUsable(found.status)) {
                throw new ApiError(
                    400,
                    "IncorrectStatus",
                    `${property} is ${name}, which is ${found.status}; allowed: a resource of the type ${label} that is Available`,
                );
            }
        }
        type.refuse({
            region,
            inputs,
            existing,
            find: (token, name) =>
                state.resources.find(
                    (each) =>
                        each.type === token &&
                        (each.id === name || each.outputs["snatTableIds"] === name),
                ),
            others: (token) =>
                state.resources.filter((each) => each.type === token && each !== existing),
        });
    };

    const describe = (type: ResourceType, id: string): CloudResource => {
        const resource = find(type.token, id);
        if (resource === undefined || clock.now() < resource.visibleAt) {
            throw new ApiError(
                404,
                type.notFound,
                `the ${type.label} ${id} does not exist; allowed: the id of one that does`,
            );
        }
        return resource;
    };

    /** The answer to a request, and the id of the resource that it was about. */
    const answer = async (request: ApiRequest): Promise<{ result: Json; resource: string }> => {
        const call = FUNCTIONS.find(({ action }) => action === request.action);
        if (call !== undefined) {
            const args = request.parameters ?? {};
            const [failure] = failuresOf(args, call.inputs, "creation", call.token);
            if (failure !== undefined) {
                throw new ApiError(400, "InvalidParameter", failure.reason);
            }
            const context = { region: request.region, state, backend, clock };
            return {
                result: await call.run(args, context),
                resource: textIn(args, "clusterId") ?? "",
            };
        }
        const { type, operation } = operationOf(request.action);
        if (operation === "create") {
            const created = create(type, request);
            return { result: { id: created.id }, resource: created.id };
        }
        const { id = "" } = request;
        if (operation === "describe") {
            const { status, message, inputs, outputs } = describe(type, id);
            const result: Description = { id, status, message, inputs, outputs };
            return { result: result as unknown as JsonObject, resource: id };
        }
        const resource = find(type.token, id);
        if (resource === undefined) {
            throw new ApiError(404, type.notFound, `the ${type.label} ${id} does not exist`);
        }
        if (operation === "update") {
            update(type, resource, request);
        } else {
            remove(type, resource);
        }
        return { result: { id }, resource: id };
    };

    const request = async (asked: ApiRequest): Promise<Json> => {
        const requestId = randomUUID().toUpperCase();
        const log = (resource: string, code: string): void => {
            store.logRequest({
                at: new Date().toISOString(),
                requestId,
                action: asked.action,
                resource,
                access: isWrite(asked.action) ? "write" : "read",
                code,
            });
        };
        try {
            refuseCaller(asked);
            const type = RESOURCE_TYPES.find((each) =>
                Object.values(each.actions).includes(asked.action),
            )?.token;
            const where = { action: asked.action, type };
            refuseByFault(struckBy("access-denied", where));
            refuseByFault(struckBy("throttling", where));
            const broken = struckBy("server-error", where);
            if (broken?.applied !== true) {
                refuseByFault(broken);
            }
            const { result, resource } = await answer(asked);
            refuseByFault(broken);
            log(resource, "OK");
            return result;
        } catch (error) {
            const { status, code, message } =
                error instanceof ApiError
                    ? error
                    : new ApiError(
                          500,
                          "InternalError",
                          error instanceof Error ? error.message : String(error),
                      );
            log(asked.id ?? "", code);
            throw new ApiError(status, code, message, requestId);
        }
    };

    return {
        request,

        setFault: (value) => {
            const fault = readFault(value);
            state.faults.push(fault);
            store.save();
            event("FaultSet", fault.name, JSON.stringify(fault));
        },

        clearFaults: (name) => {
            state.faults = state.faults.filter(
                (fault) => name !== undefined && fault.name !== name,
            );
            store.save();
            event("FaultsCleared", name ?? "all", "");
        },

        faults: () => state.faults,
        requests: store.requests,
        events: store.events,
        inventory: () => ({
            resources: state.resources,
            implicit: state.implicit,
            nodes: state.nodes,
        }),

        run: () => {
            nodes.resume();
            for (const resource of state.resources) {
                const unfinished = UNFINISHED[resource.status];
                if (unfinished !== undefined) {
                    event("Resumed", resource.id, `was ${resource.status}`);
                    void work(resource, unfinished, true);
                }
            }
            void nodes.scale();
            void watch(backend, clock.reach, event, signal);
        },
    };
}

/** What becomes of a resource when work on it fails. */
const FAILED = { create: "Failed", update: "ModifyFailed", delete: "DeleteFailed" } as const;

/** The work that was under way, by the status of its resource. */
const UNFINISHED: Readonly<
    Partial<Record<CloudResource["status"], "create" | "update" | "delete">>
> = {
    Pending: "create",
    Modifying: "update",
    Deleting: "delete",
};

/** Reports each daemon of Kubernetes that died, once. */
async function watch(
    backend: KubernetesBackend,
    reach: (moment: number, signal: AbortSignal) => Promise<void>,
    event: (kind: string, subject: string, message: string) => void,
    signal: AbortSignal,
): Promise<void> {
    const known = new Set<string>();
    while (!signal.aborted) {
        for (const failure of backend.failures().filter((each) => !known.has(each))) {
            known.add(failure);
            event("KubernetesFailed", "cluster", failure);
        }
        await reach(Date.now() + 1000, signal).catch(() => undefined);
    }
}

/** Whether these are one resource; the id alone does not say so, since some have that of their cluster. */
function isSame(one: { type: string; id: string }, other: { type: string; id: string }): boolean {
    return one.type === other.type && one.id === other.id;
}

function outputsOf(type: ResourceType, made: Made): JsonObject {
    return Object.fromEntries(
        Object.entries(type.outputs).map(([name, compute]) => [name, compute(made)]),
    );
}

function pick(object: JsonObject, names: readonly string[]): JsonObject {
    return Object.fromEntries(
        names.filter((name) => Object.hasOwn(object, name)).map((name) => [name, object[name]]),
    );
}

/** While it is being worked on, a resource can be neither changed nor deleted. */
function requireSettled(type: ResourceType, { id, status }: CloudResource): void {
    if (status === "Pending" || status === "Modifying" || status === "Deleting") {
        throw new ApiError(
            409,
            "OperationConflict",
            `${type.label} ${id} is ${status}; allowed: to try again when it no longer is`,
        );
    }
}

function refuseCaller({ region, accessKeyId }: ApiRequest): void {
    if (!Object.hasOwn(REGIONS, region)) {
        throw new ApiError(
            404,
            "InvalidRegionId.NotFound",
            `the region is ${region}; allowed: ${Object.keys(REGIONS).join(", ")}`,
        );
    }
    if (accessKeyId === "") {
        throw new ApiError(403, "InvalidAccessKeyId.NotFound", "the access key id is empty");
    }
}

function refuseByFault(fault: Fault | undefined): void {
    switch (fault?.name) {
        case undefined:
            return;
        case "access-denied":
            throw new ApiError(
                403,
                "Forbidden.RAM",
                "the user is not authorized to do this; a fault of the rehearsal",
            );
        case "throttling":
            throw new ApiError(
                400,
                "Throttling.User",
                "request was denied due to user flow control; a fault of the rehearsal",
            );
        default:
            throw new ApiError(
                503,
                "ServiceUnavailable",
                "the request has failed due to a temporary failure of the server; a fault of the rehearsal",
            );
    }
}

function operationOf(action: string): { type: ResourceType; operation: Operation } {
    for (const type of RESOURCE_TYPES) {
        for (const operation of ["create", "describe", "update", "delete"] as const) {
            if (type.actions[operation] === action) {
                return { type, operation };
            }
        }
    }
    throw new ApiError(
        404,
        "InvalidAction.NotFound",
        `the action is ${action}; the simulated cloud has no such action`,
    );
}

function isWrite(action: string): boolean {
    return RESOURCE_TYPES.some(({ actions }) =>
        [actions.create, actions.update, actions.delete].includes(action),
    );
}
