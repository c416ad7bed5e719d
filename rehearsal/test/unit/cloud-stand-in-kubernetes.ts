import type { V1Pod } from "@kubernetes/client-node";
import { randomBytes } from "node:crypto";
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { until } from "../../cluster/until";
import type { KubernetesBackend, NodeShape } from "../../cloud/kubernetes-backend";

/** Environment variable with the folder in which the stand-in keeps what it was told. */
export const STAND_IN_VARIABLE = "SD_STAND_IN_KUBERNETES";

/** What a test tells the stand-in. */
export interface Orders {
    readonly pods?: readonly V1Pod[];
    /** Calls that fail, by the method's name, each with its message. */
    readonly failing?: Readonly<Record<string, string>>;
    /** Calls that do not end before the test gives other orders, by the method's name. */
    readonly holding?: readonly string[];
}

/** A certificate that nobody has the key of. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBfTCCASOgAwIBAgIUXogPlgVAkahELfaWLhmPZSUyJI4wCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIc3RhbmQtaW4wIBcNMjYxMTI0MDcyNjQ2WhgPMjEyNjEwMzEw
NzI2NDZaMBMxETAPBgNVBAMMCHN0YW5kLWluMFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAE7Fb183LtQFb6/NAVjgEZ0Dj2pAmMS47Xr5FkUa7tAdk6c8ZLok07WILR
m044NAYqFF67oe5s5hDwV/veKfQTPaNTMFEwHQYDVR0OBBYEFJCbK/mte3JG4jOf
b9I4wVVKkk3+MB8GA1UdIwQYMBaAFJCbK/mte3JG4jOfb9I4wVVKkk3+MA8GA1Ud
EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAKUOboo8fFf1Rbwk6YCKtMZr
vf+IVsWhFEgP7PkAasuvAiBDHKYaOk+5uUatai/0+5u1pvo7BTaEjQRYm2iq8kp1
jA==
-----END CERTIFICATE-----
`;

/** Gives the stand-in of a folder its orders. */
export function order(folder: string, orders: Orders): void {
    writeFileSync(join(folder, "orders.new"), JSON.stringify(orders));
    renameSync(join(folder, "orders.new"), join(folder, "orders.json"));
}

/** The calls so far that change something, each as its name and argument. */
export function calls(folder: string): string[] {
    const file = join(folder, "calls");
    return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}

/** The nodes that joined, as they were asked for. */
export function shapes(folder: string): NodeShape[] {
    const file = join(folder, "shapes");
    return existsSync(file)
        ? readFileSync(file, "utf8")
              .trim()
              .split("\n")
              .map((line) => JSON.parse(line) as NodeShape)
        : [];
}

/**
 * A stand-in for the Kubernetes of the simulated cloud, for tests of the cloud alone: it runs nothing, and does
 * and says what it is ordered to.
 */
export function createStandInKubernetes(folder: string): KubernetesBackend {
    const orders = (): Orders => {
        const file = join(folder, "orders.json");
        return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Orders) : {};
    };
    const call = async (name: string, argument = ""): Promise<void> => {
        appendFileSync(join(folder, "calls"), `${name} ${argument}`.trim() + "\n");
        await until(`${name} to be let go`, 60, () =>
            Promise.resolve(orders().holding?.includes(name) ? undefined : true),
        );
        const failure = orders().failing?.[name];
        if (failure !== undefined) {
            throw new Error(failure);
        }
    };
    return {
        createCluster: async (report) => {
            report("booting the control plane");
            await call("createCluster");
        },
        deleteCluster: () => call("deleteCluster"),
        kubeconfig: async (validSeconds) => {
            await call("kubeconfig", String(validSeconds));
            const key = validSeconds === undefined ? "permanent" : randomBytes(8).toString("hex");
            const base64 = (text: string): string => Buffer.from(text).toString("base64");
            return stringify({
                clusters: [{ cluster: { "certificate-authority-data": base64("authority") } }],
                users: [
                    {
                        user: {
                            "client-certificate-data": base64(CERTIFICATE),
                            "client-key-data": base64(`key-${key}`),
                        },
                    },
                ],
            });
        },
        joinNode: async (node) => {
            await call("joinNode", node.name);
            appendFileSync(join(folder, "shapes"), `${JSON.stringify(node)}\n`);
        },
        removeNode: (name) => call("removeNode", name),
        installKnative: () => call("installKnative"),
        removeKnative: () => call("removeKnative"),
        failures: () => [],
        pods: () => Promise.resolve(orders().pods ?? []),
        nodes: () => Promise.resolve([]),
    };
}

/** What the daemon loads. */
export const createLocalKubernetes = (): KubernetesBackend =>
    createStandInKubernetes(process.env[STAND_IN_VARIABLE] ?? "");
