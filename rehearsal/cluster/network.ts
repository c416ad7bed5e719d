import { isIPv4 } from "node:net";
import { networkInterfaces } from "node:os";
import { command } from "./command";
import { until } from "./until";

/**
 * Addresses of the cluster. The node is a network namespace, joined to this machine by one pair of
 * virtual Ethernet devices. It has no default route, so no packet of the cluster leaves the machine.
 */
export const NETWORK = {
    /** The device on this machine's side; its peer in the node is `eth0`. */
    link: "sd-rehearsal",
    hostAddress: "172.30.0.1",
    nodeAddress: "172.30.0.10",
    /** Where the gateway is served: the address of the stand-in for a load balancer. */
    gatewayAddress: "172.30.1.1",
    nodes: "172.30.0.0/24",
    loadBalancers: "172.30.1.0/24",
    services: "10.96.0.0/16",
    pods: "10.244.0.0/24",
} as const;

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
        links: await links(signal),
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

async function links(signal?: AbortSignal): Promise<string[]> {
    const list = await command("ip", ["-json", "link", "show"], { signal });
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
 * Joins the node to this machine and routes the ranges of the cluster to it. All of it goes away with the
 * node's network namespace.
 *
 * @param node process id, as this machine sees it, of a process in the node
 */
export async function connectNode(node: number, signal?: AbortSignal): Promise<void> {
    const { link, hostAddress, nodeAddress } = NETWORK;
    const ip = (args: string): Promise<string> => command("ip", args.split(" "), { signal });
    const inNode = (program: string, args: string): Promise<string> =>
        command(
            "nsenter",
            [`--target=${node}`, "--mount", "--net", "--", program, ...args.split(" ")],
            { signal },
        );
    await ip(`link add ${link} type veth peer name eth0 netns ${node}`);
    await ip(`address add ${hostAddress}/24 dev ${link}`);
    await ip(`link set ${link} up`);
    await inNode("ip", "link set lo up");
    await inNode("ip", `address add ${nodeAddress}/24 dev eth0`);
    await inNode("ip", "link set eth0 up");
    await inNode("sysctl", "-qw net.ipv4.ip_forward=1");
    for (const range of [NETWORK.loadBalancers, NETWORK.services, NETWORK.pods]) {
        await ip(`route add ${range} via ${nodeAddress} dev ${link}`);
    }
}

/**
 * Waits until the device, and its routes with it, are gone; the kernel removes them a little later than
 * the last process of the node. One that a killed boot left outside of any node is removed.
 */
export async function removeLink(): Promise<void> {
    await until("the network device of the cluster to go away", 20, async () => {
        if (!(await links()).includes(NETWORK.link)) {
            return true;
        }
        // It may vanish by itself in between, so only the next look decides.
        await command("ip", ["link", "delete", NETWORK.link]).catch(() => undefined);
        return undefined;
    });
}
