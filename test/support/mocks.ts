import * as pulumi from "@pulumi/pulumi";
import { kubeconfigOf } from "./api-server";
import { PROJECT } from "./project";

/** A resource that the program asked the engine for. */
export interface Registered {
    readonly type: string;
    readonly name: string;
    readonly urn: string;
    readonly inputs: Record<string, unknown>;
    /** URN of its parent; the stack's is empty. */
    readonly parent: string;
    /** URN and id of its provider; empty for a default one. */
    readonly provider: string;
    /** URNs of the resources that it needs, by an input or by dependsOn. */
    readonly dependencies: readonly string[];
    /** URNs of those among them by input; an input without is a constant. */
    readonly inputDependencies: Readonly<Record<string, readonly string[]>>;
    /** URNs of the resources with which it is replaced. */
    readonly replaceWith: readonly string[];
    /** How long its creation may take, as in "1020s"; undefined where the provider decides. */
    readonly createTimeout: string | undefined;
    readonly protect: boolean;
    readonly retainOnDelete: boolean;
    readonly ignoreChanges: readonly string[];
    readonly deleteBeforeReplace: boolean;
    readonly additionalSecretOutputs: readonly string[];
}

/** What the SDK sends for a resource and the mocks do not hand on. */
interface Request {
    getType(): string;
    getName(): string;
    getParent(): string;
    getProvider(): string;
    getDependenciesList(): string[];
    getPropertydependenciesMap(): Map<string, { getUrnsList(): string[] }>;
    getReplaceWithList(): string[];
    getCustomtimeouts(): { getCreate(): string } | undefined;
    getProtect(): boolean | undefined;
    getRetainondelete(): boolean | undefined;
    getIgnorechangesList(): string[];
    getDeletebeforereplace(): boolean | undefined;
    getAdditionalsecretoutputsList(): string[];
}

type Callback = (error: unknown, response: unknown) => void;

interface Monitor {
    newUrn(parent: string, type: string, name: string): string;
    registerResource(request: Request, callback: Callback): void;
    registerErrorHook?(request: unknown, callback: Callback): void;
    registerResourceHook?(request: unknown, callback: Callback): void;
}

type Values = Record<string, unknown>;

/** Answers to what the program looks up, by token. */
export type Calls = Readonly<Record<string, (inputs: Values) => Values>>;

/** What a test may decide of the world outside the program. */
export interface World {
    /** Whether this is a preview; other than in a real one, ids are known. @default false */
    readonly preview?: boolean;
    /** Domain in which Knative serves. @default "example.com" */
    readonly domain?: string;
    /** Answers that differ from {@link CALLS}, or that a test wants to see asked. */
    readonly calls?: Calls;
    /** What happens while a resource is created. */
    readonly whileCreated?: (name: string) => Promise<void>;
    /** What the stack was made with (fixed-settings.ts). @default - what the program says now */
    readonly keepers?: Readonly<Record<string, string>>;
}

/**
 * Puts a recorder in the engine's place; the array it returns fills as resources register. A Knative
 * Service gets the URL that Knative would give it in `domain`, a cloud resource an id of the form that the cloud
 * gives.
 */
export async function recordResources(world: World = {}): Promise<Registered[]> {
    const seen: Registered[] = [];
    const requests = new Map<string, Request>();
    const calls = { ...CALLS, ...world.calls };
    await pulumi.runtime.setMocks(
        {
            newResource: async ({ type, name, inputs: given, id }) => {
                const inputs = given as Values;
                const request = requests.get(key(type, name));
                const parent = request?.getParent() ?? "";
                seen.push({
                    type,
                    name,
                    urn: monitor.newUrn(parent, type, name),
                    inputs,
                    parent,
                    provider: request?.getProvider() ?? "",
                    dependencies: request?.getDependenciesList() ?? [],
                    inputDependencies: Object.fromEntries(
                        [...(request?.getPropertydependenciesMap().entries() ?? [])].map(
                            ([input, urns]) => [input, urns.getUrnsList()],
                        ),
                    ),
                    replaceWith: request?.getReplaceWithList() ?? [],
                    createTimeout: request?.getCustomtimeouts()?.getCreate(),
                    protect: request?.getProtect() ?? false,
                    retainOnDelete: request?.getRetainondelete() ?? false,
                    ignoreChanges: request?.getIgnorechangesList() ?? [],
                    deleteBeforeReplace: request?.getDeletebeforereplace() ?? false,
                    additionalSecretOutputs: request?.getAdditionalsecretoutputsList() ?? [],
                });
                await world.whileCreated?.(name);
                return {
                    id: id || `${ID_PREFIXES[type] ?? ""}${name}-id`,
                    state: { ...inputs, ...outputsOf(type, name, inputs, world) },
                };
            },
            call: ({ token, inputs }) => {
                const answer = calls[token];
                if (!answer) {
                    throw new Error(`the program called ${token}, which no test expects`);
                }
                return answer(inputs as Values);
            },
        },
        PROJECT,
        "test",
        world.preview ?? false,
    );
    const monitor = pulumi.runtime.getMonitor() as unknown as Monitor;
    const registerResource = monitor.registerResource.bind(monitor);
    monitor.registerResource = (request, callback) => {
        requests.set(key(request.getType(), request.getName()), request);
        registerResource(request, callback);
    };
    // The SDK's mock monitor claims to support hooks but has no methods for them.
    for (const method of ["registerErrorHook", "registerResourceHook"] as const) {
        monitor[method] = (_, callback) => {
            callback(null, {});
        };
    }
    return seen;
}

/** The password that the recorder hands out. */
export const MOCK_PASSWORD = "mock-password";

/** The wrapper by which the SDK tells the engine that a value is a secret. Source: runtime/rpc.js of its own. */
export const SECRET = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270" };

/** What the program looks up. */
export const GET_ZONES = "alicloud:index/getZones:getZones";
export const GET_NAT_ZONES =
    "alicloud:vpc/getEnhancedNatAvailableZones:getEnhancedNatAvailableZones";
export const GET_SWITCHES = "alicloud:vpc/getSwitches:getSwitches";
export const GET_CREDENTIAL = "alicloud:cs/getClusterCredential:getClusterCredential";
export const GET_PROMETHEIS = "alicloud:arms/getPrometheis:getPrometheis";

/** A cloud that sells everything in six zones of the region that is configured, and has every vSwitch. */
const CALLS: Calls = {
    [GET_ZONES]: () => ({ ids: zones(), zones: zones().map((id) => ({ id })) }),
    [GET_NAT_ZONES]: () => ({ zones: zones().map((zoneId) => ({ zoneId })) }),
    [GET_SWITCHES]: ({ ids }) => ({
        vswitches: (ids as string[]).map((id, place) => ({
            id,
            vpcId: "vpc-adopted",
            zoneId: zones()[place],
        })),
    }),
    [GET_PROMETHEIS]: ({ ids }) => ({
        prometheis: (ids as string[]).map((id) => ({
            id,
            httpApiInterUrl: `https://arms.example/api/v1/prometheus/mock-token/${id}`,
        })),
    }),
    [GET_CREDENTIAL]: ({ clusterId }) => ({
        clusterId,
        kubeConfig: kubeconfigOf("https://192.0.2.1:6443"),
    }),
};

/** Zones of the region, named as the cloud names them: ap-southeast-1a, cn-shanghai-a. */
function zones(): string[] {
    const region = pulumi.runtime.allConfig()["alicloud:region"] ?? "ap-southeast-1";
    const separator = /[0-9]$/.test(region) ? "" : "-";
    return ["a", "b", "c", "d", "e", "f"].map((letter) => `${region}${separator}${letter}`);
}

/** How the cloud's ids begin, by type. */
const ID_PREFIXES: Readonly<Record<string, string>> = {
    "alicloud:vpc/network:Network": "vpc-",
    "alicloud:vpc/switch:Switch": "vsw-",
    "alicloud:vpc/natGateway:NatGateway": "ngw-",
    "alicloud:ecs/eipAddress:EipAddress": "eip-",
    "alicloud:cs/managedKubernetes:ManagedKubernetes": "c-",
    "alicloud:cs/nodePool:NodePool": "np-",
};

function key(type: string, name: string): string {
    return `${type}::${name}`;
}

function outputsOf(
    type: string,
    name: string,
    inputs: Values,
    { domain = "example.com", keepers }: World,
): Values {
    const metadata = inputs["metadata"] as { name?: string; namespace?: string } | undefined;
    switch (type) {
        case "random:index/randomPassword:RandomPassword":
            return { result: MOCK_PASSWORD };
        case "random:index/randomString:RandomString":
            return {
                result: "mockuser",
                // The engine puts back what is ignored.
                ...(keepers && inputs["keepers"] ? { keepers } : {}),
            };
        case "alicloud:vpc/natGateway:NatGateway":
            return { snatTableIds: `stb-${name}`, forwardTableIds: `ftb-${name}` };
        case "alicloud:ecs/eipAddress:EipAddress":
            return { ipAddress: "203.0.113.10" };
        case "kubernetes:core/v1:Secret":
            return { metadata: { ...metadata, name: "credentials-1234" } };
        case "kubernetes:core/v1:ConfigMap":
            return { metadata: { name: "extension-1234", ...metadata } };
        case "kubernetes:serving.knative.dev/v1:Service":
            return {
                status: {
                    url: `http://${metadata?.name ?? ""}.${metadata?.namespace ?? ""}.${domain}`,
                },
            };
        default:
            return {};
    }
}

/** The value of an output, once known. */
export function promiseOf<T>(output: pulumi.Output<T>): Promise<T> {
    return new Promise((resolve) => {
        output.apply((value) => {
            resolve(value);
        });
    });
}

/**
 * Names of all that must be there before a resource: what it needs and what its parent needs, and so on. A component's
 * parts wait for the component, and go before what it needs goes.
 */
export function neededBy(seen: readonly Registered[], { urn }: Registered): Set<string> {
    const byUrn = new Map(seen.map((each) => [each.urn, each]));
    const found = new Set<Registered>();
    const add = (each: Registered | undefined): void => {
        for (const next of [each?.parent, ...(each?.dependencies ?? [])]) {
            const resource = next === undefined ? undefined : byUrn.get(next);
            if (resource && !found.has(resource)) {
                found.add(resource);
                add(resource);
            }
        }
    };
    add(byUrn.get(urn));
    return new Set([...found].map(({ name }) => name));
}

/** The one resource of a type among those registered. @throws Error when there is none, or another */
export function only(seen: readonly Registered[], type: string): Registered {
    const found = seen.filter((each) => each.type === type);
    if (found.length !== 1 || found[0] === undefined) {
        throw new Error(
            `expected one ${type}, found ${found.length} among ${seen.map((each) => each.type).join(", ")}`,
        );
    }
    return found[0];
}
