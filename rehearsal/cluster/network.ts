import { isIPv4 } from "node:net";
import { networkInterfaces } from "node:os";
import { command } from "./command";
import type { Machine } from "./machine";
import { until } from "./until";

/**
 * Addresses of the cluster. Each of its machines is a network namespace. That of the control plane is joined
 * to this machine by one pair of virtual Ethernet devices, and to each worker by another; it forwards between
 * them. It has no default route, so no packet of the cluster leaves the machine.
 */
export const NETWORK = {
    /** The device on this machine's side; its peer in the control plane is `eth0`. */
    link: "sd-rehearsal",
    hostAddress: "172.30.0.1",
    controlPlaneAddress: "172.30.0.10",
    /** Where the gateway is served: the address of the stand-in for a load balancer. */
    gatewayAddress: "172.30.1.1",
    nodes: "172.30.0.0/24",
    loadBalancers: "172.30.1.0/24",
    services: "10.96.0.0/16",
    pods: "10.244.0.0/16",
} as const;

/** How many workers there can be at once: one address of {@link NETWORK}`.nodes` each. */
export const MOST_WORKERS = 240;

/** What the network knows of a worker, by its number: 1 to {@link MOST_WORKERS}. */
export function workerNetwork(number: number): {
    /** The device in the control plane; its peer in the worker is `eth0`. */
    readonly link: string;
    readonly address: string;
    /** The range of the addresses of its pods. */
    readonly pods: string;
} {
    return {
        link: `worker${number}`,
        address: `172.30.0.${10 + number}`,
        pods: `10.244.${number}.0/24`,
    };
}

const RANGES = [NETWORK.nodes, NETWORK.loadBalancers, NETWORK.services, NETWORK.pods];

/**
 * @throws Error naming every device, address and route of this machine, not made by us, that the cluster
 * would collide with; to be called while no cluster is there
 */
export async function refuseForeignNetwork(signal?: AbortSignal): Promise<void> {
    const routes = await command("ip", ["-json", "-4", "route", "show", "table", "all"], {
        signal,
    });
    const found = conflicts({
        links: await links((program, args) => command(program, args, { signal })),
        addresses: Object.values(networkInterfaces())
            .flatMap((addresses) => addresses ?? [])
            .filter(({ family }) => family === "IPv4")
            .map(({ address }) => address),
        routes: (JSON.parse(routes) as { dst: string }[]).map(({ dst }) => dst),
    });
    if (found.length > 0) {
        throw new Error(
            `The cluster needs ${RANGES.join(", ")} and a network device called ${NETWORK.link}, but ` +
                `this machine already has: ${found.join("; ")}. Remove what these belong to (often a ` +
                `Docker network, a VPN or another cluster), then run the same command again.`,
        );
    }
}

async function links(
    run: (program: string, args: readonly string[]) => Promise<string>,
): Promise<string[]> {
    const list = await run("ip", ["-json", "link", "show"]);
    return (JSON.parse(list) as { ifname: string }[]).map(({ ifname }) => ifname);
}

/**
 * What of a machine's network the cluster would collide with, one description each.
 *
 * @param machine names of devices; IPv4 addresses; destinations of IPv4 routes as `ip` prints them
 */
export function conflicts(machine: {
    readonly links: readonly string[];
    readonly addresses: readonly string[];
    readonly routes: readonly string[];
}): string[] {
    const taken = (range: string): boolean => RANGES.some((ours) => overlap(ours, range));
    return [
        ...machine.links.filter((name) => name === NETWORK.link).map((name) => `device ${name}`),
        ...machine.addresses.filter(taken).map((address) => `address ${address}`),
        ...machine.routes
            .filter((route) => route !== "default" && taken(route))
            .map((route) => `route to ${route}`),
    ];
}

/**
 * Whether two IPv4 ranges have an address in common; a range without a prefix length is one address.
 *
 * @throws Error for anything else
 */
export function overlap(one: string, other: string): boolean {
    const [first, second] = [parse(one), parse(other)];
    const shared = Math.min(first.length, second.length);
    // Shifting by 32 would shift by 0.
    return shared === 0 || (first.address ^ second.address) >>> (32 - shared) === 0;
}

function parse(range: string): { address: number; length: number } {
    const [address = "", length = "32"] = range.split("/");
    if (!isIPv4(address)) {
        throw new Error(`${range} is not an IPv4 range.`);
    }
    return {
        address: address.split(".").reduce((sum, byte) => (sum << 8) | Number(byte), 0),
        length: Number(length),
    };
}

/**
 * Joins the control plane to this machine and routes the ranges of the cluster to it. All of it goes away
 * with its network namespace.
 */
export async function connectControlPlane(machine: Machine, signal?: AbortSignal): Promise<void> {
    const { link, hostAddress, controlPlaneAddress } = NETWORK;
    const ip = (args: string): Promise<string> => command("ip", args.split(" "), { signal });
    await ip(`link add ${link} type veth peer name eth0 netns ${machine.pid}`);
    await ip(`address add ${hostAddress} peer ${controlPlaneAddress} dev ${link}`);
    await ip(`link set ${link} up`);
    await configure(machine, signal, [
        "ip link set lo up",
        `ip address add ${controlPlaneAddress} peer ${hostAddress} dev eth0`,
        "ip link set eth0 up",
        "sysctl -qw net.ipv4.ip_forward=1",
    ]);
    for (const range of RANGES) {
        await ip(`route add ${range} via ${controlPlaneAddress} dev ${link}`);
    }
}

/**
 * Joins a worker to the control plane, and routes its address and those of its pods to it. The addresses of
 * Services and load balancers are routed to the worker that joined first of those that are there: kube-proxy
 * runs on workers only. All of it goes away with the worker's network namespace.
 */
export async function connectWorker(
    controlPlane: Machine,
    worker: Machine,
    number: number,
    signal?: AbortSignal,
): Promise<void> {
    const { link, address, pods } = workerNetwork(number);
    const { controlPlaneAddress, services, loadBalancers } = NETWORK;
    await removeWorkerLink(controlPlane, number);
    await configure(controlPlane, signal, [
        `ip link add ${link} type veth peer name eth0 netns ${worker.pid}`,
    ]);
    await configure(worker, signal, [
        "ip link set lo up",
        `ip address add ${address}/32 dev eth0`,
        "ip link set eth0 up",
        `ip route add ${controlPlaneAddress} dev eth0 scope link`,
        `ip route add default via ${controlPlaneAddress} dev eth0`,
        // Those of pods that are there are more specific; without this one, a packet to one that has ended
        // would go back and forth between the two machines.
        `ip route add unreachable ${pods}`,
        "sysctl -qw net.ipv4.ip_forward=1",
    ]);
    await configure(controlPlane, signal, [
        `ip link set ${link} up`,
        `ip route add ${address} dev ${link} src ${controlPlaneAddress}`,
        `ip route add ${pods} via ${address} dev ${link} onlink`,
        // The first of equal routes counts, so connections stay where they are when a worker joins.
        ...[services, loadBalancers].map(
            (range) => `ip route append ${range} via ${address} dev ${link} onlink`,
        ),
    ]);
}

/** Runs commands, without quotes in them, one after the other in the network of a machine. */
async function configure(
    machine: Machine,
    signal: AbortSignal | undefined,
    commands: readonly string[],
): Promise<void> {
    await inNetwork(machine, "sh", ["-euc", commands.join("\n")], signal);
}

/** Runs a command in the network of a machine, but otherwise outside, where the others' processes are seen. */
async function inNetwork(
    { name, pid }: Machine,
    program: string,
    args: readonly string[],
    signal?: AbortSignal,
): Promise<string> {
    return command("nsenter", [`--target=${pid}`, "--net", "--", program, ...args], {
        machine: name,
        signal,
    });
}

/**
 * Waits until the device of this machine, and its routes with it, are gone; the kernel removes them a little
 * later than the last process of the control plane. One that a killed boot left outside is removed.
 */
export async function removeLink(): Promise<void> {
    await untilGone(NETWORK.link, (program, args) => command(program, args));
}

/** The same for the device of a worker in the control plane. */
export async function removeWorkerLink(controlPlane: Machine, number: number): Promise<void> {
    await untilGone(workerNetwork(number).link, (program, args) =>
        inNetwork(controlPlane, program, args),
    );
}

async function untilGone(
    link: string,
    run: (program: string, args: readonly string[]) => Promise<string>,
): Promise<void> {
    await until(`the network device ${link} to go away`, 20, async () => {
        if (!(await links(run)).includes(link)) {
            return true;
        }
        // It may vanish by itself in between, so only the next look decides.
        await run("ip", ["link", "delete", link]).catch(() => undefined);
        return undefined;
    });
}
