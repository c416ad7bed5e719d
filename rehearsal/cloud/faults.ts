import { REGIONS, instanceType, zoneOf } from "./catalogue";

/** What can be made to go wrong, by name; each with the fields that narrow it down or shape it. */
export const FAULTS = {
    /** Requests are refused as coming too fast (`Throttling.User`). */
    throttling: ["action", "type"],
    /**
     * Requests are answered with HTTP 503 (`ServiceUnavailable`); with `applied` after they have taken effect, as
     * when an answer is lost.
     */
    "server-error": ["action", "type", "applied"],
    /** Requests are refused for lack of permission (`Forbidden.RAM`). */
    "access-denied": ["action", "type"],
    /** Creations are refused as over the quota; of nodes with the action `RunInstances`. */
    quota: ["action", "type"],
    /** No instance is to be had in the zone, of the type, or as a spot instance only. */
    "out-of-stock": ["zone", "instanceType", "spot"],
    /** Creations take `factor` times as long, or this number of seconds, scaled as all others. */
    "slow-creation": ["type", "factor", "seconds"],
    /** Creations fail after their time; the resource is there, and useless. */
    "creation-failure": ["type", "message"],
    /** Installing the add-on fails; with `count: 1` only the next time. */
    "addon-failure": ["addon", "message"],
} as const satisfies Readonly<Record<string, readonly (keyof Fault)[]>>;

/** Name of a fault. */
export type FaultName = keyof typeof FAULTS;

/** One fault that is switched on. */
export interface Fault {
    readonly name: FaultName;
    /** How many times it strikes. @default - until it is cleared */
    readonly count?: number;
    /** API action it is confined to. @default - all */
    readonly action?: string;
    /** Type token of the resources it is confined to. @default - all */
    readonly type?: string;
    /** @default false */
    readonly applied?: boolean;
    /** Zone it is confined to. @default - all */
    readonly zone?: string;
    /** Instance type it is confined to. @default - all */
    readonly instanceType?: string;
    /** Whether only spot instances are out of stock. @default false */
    readonly spot?: boolean;
    /** At least 1. */
    readonly factor?: number;
    /** Real seconds. */
    readonly seconds?: number;
    /** Add-on it is confined to. @default - all */
    readonly addon?: string;
    /** Why it fails. @default - says that it is a fault of the rehearsal */
    readonly message?: string;
}

/**
 * Reads a fault from outside.
 *
 * @param known the actions and type tokens there are
 * @throws Error naming the field, its value and what is allowed
 */
export function parseFault(
    value: unknown,
    known: { readonly actions: readonly string[]; readonly types: readonly string[] },
): Fault {
    const fields = (typeof value === "object" && value !== null ? value : {}) as Record<
        string,
        unknown
    >;
    const { name, count } = fields;
    if (typeof name !== "string" || !Object.hasOwn(FAULTS, name)) {
        refuse("name", name, Object.keys(FAULTS).join(", "));
    }
    const own: readonly string[] = FAULTS[name as FaultName];
    for (const field of Object.keys(fields)) {
        if (!["name", "count", ...own].includes(field)) {
            throw new Error(
                `the fault ${name} has no field ${field}; it has count, ${own.join(", ")}`,
            );
        }
    }
    const check = (field: string, fits: (field: unknown) => boolean, allowed: string): void => {
        if (fields[field] !== undefined && !fits(fields[field])) {
            refuse(field, fields[field], allowed);
        }
    };
    const isOneOf = (names: readonly string[]) => (each: unknown) => names.includes(each as string);
    const isText = (each: unknown) => typeof each === "string" && each !== "";
    if (count !== undefined && !(Number.isInteger(count) && (count as number) > 0)) {
        refuse("count", count, "a whole number from 1 on, or nothing");
    }
    check("action", isOneOf(known.actions), known.actions.join(", "));
    check("type", isOneOf(known.types), known.types.join(", "));
    check("applied", (each) => typeof each === "boolean", "true or false");
    check("spot", (each) => typeof each === "boolean", "true or false");
    check(
        "zone",
        (each) => Object.keys(REGIONS).some((region) => zoneOf(region, String(each))),
        Object.values(REGIONS)
            .flat()
            .map(({ id }) => id)
            .join(", "),
    );
    check(
        "instanceType",
        (each) => instanceType(String(each)) !== undefined,
        "a type of the catalogue, such as ecs.gn6i-c8g1.2xlarge",
    );
    check("factor", (each) => typeof each === "number" && each >= 1, "a number from 1 on");
    check("seconds", (each) => typeof each === "number" && each >= 0, "a number from 0 on");
    check("addon", isText, "the name of an add-on");
    check("message", isText, "a text");
    if (
        name === "slow-creation" &&
        (fields["factor"] === undefined) === (fields["seconds"] === undefined)
    ) {
        throw new Error("the fault slow-creation needs either factor or seconds");
    }
    return fields as unknown as Fault;
}

function refuse(field: string, value: unknown, allowed: string): never {
    throw new Error(`${field} of the fault is ${JSON.stringify(value)}; allowed: ${allowed}`);
}

/** Whether an instance of this kind is made unavailable by the fault. */
export function isOutOfStock(
    fault: Fault,
    { zone, instanceType, spot }: { zone: string; instanceType: string; spot: boolean },
): boolean {
    return (
        fault.name === "out-of-stock" &&
        (fault.zone ?? zone) === zone &&
        (fault.instanceType ?? instanceType) === instanceType &&
        (fault.spot !== true || spot)
    );
}

/** Whether the fault is confined to other actions or types than these. */
export function concerns(
    fault: Fault,
    { action, type }: { action?: string | undefined; type: string | undefined },
): boolean {
    return (
        (fault.action === undefined || fault.action === action) &&
        (fault.type === undefined || fault.type === type)
    );
}
