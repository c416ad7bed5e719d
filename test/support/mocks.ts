import * as pulumi from "@pulumi/pulumi";
import { PROJECT } from "./project";

/** A resource that the program asked the engine for. */
export interface Registered {
    readonly type: string;
    readonly name: string;
    readonly inputs: Record<string, unknown>;
    /** URN of its parent; the stack's is empty. */
    readonly parent: string;
    /** How long its creation may take, as in "1020s"; undefined where the provider decides. */
    readonly createTimeout: string | undefined;
}

/** What the SDK sends for a resource and the mocks do not hand on. */
interface Request {
    getName(): string;
    getParent(): string;
    getCustomtimeouts(): { getCreate(): string } | undefined;
}

type Callback = (error: unknown, response: unknown) => void;

interface Monitor {
    registerResource(request: Request, callback: Callback): void;
    registerErrorHook?(request: unknown, callback: Callback): void;
}

/**
 * Puts a recorder in the engine's place; the array it returns fills as resources register. A Knative
 * Service gets the URL that Knative would give it in `domain`, the gateway's Service a load balancer.
 */
export async function recordResources({ preview = false, domain = "example.com" } = {}): Promise<
    Registered[]
> {
    const seen: Registered[] = [];
    const requests = new Map<string, Request>();
    await pulumi.runtime.setMocks(
        {
            newResource: ({ type, name, inputs: given, id }) => {
                const inputs = given as Record<string, unknown>;
                const request = requests.get(name);
                seen.push({
                    type,
                    name,
                    inputs,
                    parent: request?.getParent() ?? "",
                    createTimeout: request?.getCustomtimeouts()?.getCreate(),
                });
                return {
                    id: id ?? `${name}-id`,
                    state: { ...inputs, ...outputsOf(type, inputs, domain) },
                };
            },
            call: ({ token }) => {
                throw new Error(`the program called ${token}, which no test expects`);
            },
        },
        PROJECT,
        "test",
        preview,
    );
    const monitor = pulumi.runtime.getMonitor() as unknown as Monitor;
    const registerResource = monitor.registerResource.bind(monitor);
    monitor.registerResource = (request, callback) => {
        requests.set(request.getName(), request);
        registerResource(request, callback);
    };
    // The SDK's mock monitor claims to support error hooks but has no method for them.
    monitor.registerErrorHook = (_, callback) => {
        callback(null, {});
    };
    return seen;
}

/** The password that the recorder hands out. */
export const MOCK_PASSWORD = "mock-password";

function outputsOf(
    type: string,
    inputs: Record<string, unknown>,
    domain: string,
): Record<string, unknown> {
    const metadata = inputs["metadata"] as { name?: string; namespace?: string } | undefined;
    switch (type) {
        case "random:index/randomPassword:RandomPassword":
            return { result: MOCK_PASSWORD };
        case "random:index/randomString:RandomString":
            return { result: "mockuser" };
        case "kubernetes:core/v1:Secret":
            return { metadata: { ...metadata, name: "credentials-1234" } };
        case "kubernetes:core/v1:Service":
            return { status: { loadBalancer: { ingress: [{ ip: "192.0.2.10" }] } } };
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
