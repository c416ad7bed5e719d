import type { JsonObject } from "../plugins/property-values";

/** One request to the simulated cloud's API, as a provider plugin makes it. */
export interface ApiRequest {
    /** Name of the real API that it stands for, such as `CreateVpc`. */
    readonly action: string;
    readonly region: string;
    readonly accessKeyId: string;
    /** The resource that is meant; without one when it is to be created or a function is called. */
    readonly id?: string;
    /** Properties of a creation or change, arguments of a function. */
    readonly parameters?: JsonObject;
    /** Text of the caller's choice: a creation that is repeated with the same one makes nothing twice. */
    readonly clientToken?: string;
}

/** A resource as the API describes it. */
export interface Description {
    readonly id: string;
    readonly status: Status;
    /** What is being done to it, or why it failed; empty when there is nothing to say. */
    readonly message: string;
    readonly inputs: JsonObject;
    readonly outputs: JsonObject;
}

/** Where a resource is in its life. */
export type Status =
    /** It is being created. */
    | "Pending"
    | "Available"
    /** It is being changed. */
    | "Modifying"
    /** Its last change came to nothing; what was asked for is on record, and can be asked for again. */
    | "ModifyFailed"
    | "Deleting"
    /** Its creation came to nothing; it must be deleted. */
    | "Failed"
    /** Its deletion came to nothing and can be asked for again. */
    | "DeleteFailed";

/** Whether others may use a resource with this status. */
export function isUsable(status: Status): boolean {
    return status === "Available" || status === "Modifying" || status === "ModifyFailed";
}

/** A refusal of the cloud. */
export class ApiError extends Error {
    /**
     * @param status HTTP status
     * @param code such as `InvalidVpcId.NotFound`
     */
    constructor(
        readonly status: number,
        readonly code: string,
        message: string,
        /** Names the request in the request log. */
        readonly requestId = "",
    ) {
        super(message);
    }
}

/** How an {@link ApiError} travels. */
export interface ErrorBody {
    readonly code: string;
    readonly message: string;
    readonly requestId: string;
}

/** One line of the request log. Parameters and results are not in it. */
export interface LoggedRequest {
    /** Time of the answer, ISO 8601. */
    readonly at: string;
    readonly requestId: string;
    readonly action: string;
    /** Id of the resource; empty for functions and for creations that were refused. */
    readonly resource: string;
    readonly access: "read" | "write";
    /** `OK`, or the code of the error. */
    readonly code: string;
}

/** One thing that happened in the cloud. */
export interface CloudEvent {
    /** ISO 8601. */
    readonly at: string;
    /** Such as `NodeJoined`. */
    readonly kind: string;
    /** Id of the resource, or name of the node, it happened to. */
    readonly subject: string;
    readonly message: string;
}
