import { KubeConfig, VersionApi } from "@kubernetes/client-node";
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import type { LoggedRequest } from "../../cloud/api";
import { writes } from "../../cloud-watch";
import type { Fault } from "../../cloud/faults";
import { until } from "../../cluster/until";
import { draw, randomSubject } from "../../drawing";
import { startCloudOf } from "../../simulated-cloud";
import {
    gpuNodeTaints,
    nothingTwice,
    type RehearsalStack,
    startRehearsalStack,
} from "./rehearsal-stack";

const GPU_TYPE = "ecs.gn6i-c8g1.2xlarge";

/** What goes wrong, in the order in which `up` meets it, and what it says. The next `up` goes on from there. */
const FAILURES: readonly { readonly fault: Fault; readonly message: RegExp }[] = [
    {
        fault: { name: "access-denied", action: "DescribeZones" },
        message: /does not say what its zones offer[\s\S]*Forbidden\.RAM/,
    },
    {
        fault: { name: "out-of-stock", instanceType: GPU_TYPE },
        message: /none of zones \(.*\) has one of gpuInstanceTypes in stock/,
    },
    {
        fault: { name: "quota", type: "alicloud:vpc/network:Network" },
        message: /Network \(network-vpc\)[\s\S]*QuotaExceeded/,
    },
    {
        fault: { name: "access-denied", type: "alicloud:vpc/switch:Switch" },
        message: /Switch \(network-vswitch-[01]\)[\s\S]*Forbidden\.RAM/,
    },
    {
        fault: { name: "creation-failure", type: "alicloud:vpc/natGateway:NatGateway" },
        message: /NatGateway \(network-nat\)[\s\S]*Failed/,
    },
    {
        fault: {
            name: "creation-failure",
            type: "alicloud:cs/managedKubernetes:ManagedKubernetes",
        },
        message: /ManagedKubernetes \(cluster-control-plane\)[\s\S]*[Ff]ailed/,
    },
    {
        fault: { name: "addon-failure", addon: "knative" },
        message: /KubernetesAddon \(knative-addon\)[\s\S]*[Ff]ail/,
    },
];

/** What the provider gets over by itself. */
const ABSORBED: readonly Fault[] = [
    { name: "throttling", count: 3 },
    { name: "server-error", action: "DescribeVSwitchAttributes", count: 2 },
];

describe("the program on a simulated Alibaba Cloud", () => {
    let stack: RehearsalStack;
    const preview = (...options: readonly string[]) => stack.deployment.preview(...options);

    before(async () => {
        stack = await startRehearsalStack();
        // monitoring.test.ts has it; here it would make each of two dozen commands longer.
        await stack.deployment.set("monitoring", "none");
        // One type, so that its stock decides.
        await stack.engine.pulumi(["config", "set", "--path", "gpuInstanceTypes[0]", GPU_TYPE]);
    });
    after(() => stack.remove());

    for (const { fault, message } of FAILURES) {
        const { name, ...where } = fault;
        it(`says what is wrong with the fault ${name} ${JSON.stringify(where)}`, async () => {
            await stack.cloud.setFault(fault);
            await assert.rejects(stack.deployment.up(), (error: Error) => {
                assert.match(error.message, message);
                process.stderr.write(`    ${errorsOf(error.message).join("\n    ")}\n`);
                return true;
            });
            await stack.cloud.clearFaults();
        });
    }

    it("says why a pod gets no GPU, and starts the revision anew when there are some", async () => {
        await stack.cloud.setFault({ name: "quota", action: "RunInstances" });
        await stack.deployment.set("progressDeadlineSeconds", "15");
        await assert.rejects(
            stack.deployment.up(),
            /revision stable-diffusion-00001 did not become ready:[\s\S]*Insufficient nvidia\.com\/gpu/,
        );
        await stack.cloud.clearFaults();
        await stack.deployment.up();
    });

    it("gets over what passes by itself", async () => {
        for (const fault of ABSORBED) {
            await stack.cloud.setFault(fault);
        }
        await stack.deployment.set("progressDeadlineSeconds", "120");
        await stack.deployment.up("--refresh");
        assert.deepEqual(await stack.cloud.faults(), []);
    });

    it("is complete after all that, with nothing twice, and draws", async () => {
        await nothingTwice(stack);
        await draw(await stack.deployment.service(), randomSubject());
        const config = new KubeConfig();
        config.loadFromString(String((await stack.deployment.outputs())["kubeconfig"]));
        assert.deepEqual(await gpuNodeTaints(config), ["NoSchedule"]);
    });

    const REFUSED: readonly (readonly [key: string, value: string])[] = [
        ["podCidr", "172.30.0.0/16"],
        ["serviceCidr", "172.22.0.0/20"],
        ["vpcCidr", "10.1.0.0/16"],
        ["gpuSupply", "eci"],
        ["target", "kubeconfig"],
    ];
    for (const [key, value] of REFUSED) {
        it(`refuses ${key} ${value}, which would replace what there is`, async () => {
            const before = await stack.engine.pulumi(["config", "get", key]);
            await stack.deployment.set(key, value);
            const plan = new RegExp(`fixed when a stack is made[\\s\\S]*${key} is "${value}"`);
            await assert.rejects(preview(), plan);
            await stack.deployment.set(key, before.stdout.trim());
        });
    }

    it("takes another zone at the end as a change in place", async () => {
        await stack.engine.pulumi(["config", "set", "--path", "zones[2]", "ap-southeast-1a"]);
        const { steps } = JSON.parse(await preview("--json")) as {
            steps: { op: string; urn: string }[];
        };
        const changes = steps.filter(({ op }) => !["same", "read"].includes(op));
        assert.deepEqual(
            changes.map(({ op, urn }) => `${op} ${urn.split("::").at(-1) ?? ""}`).sort(),
            [
                "create network-snat-2",
                "create network-vswitch-2",
                "update cluster-control-plane",
                "update cluster-cpu-pool",
                "update gpu-nodes",
            ],
        );
        await stack.deployment.up();
        await nothingTwice(stack);
        assert.equal(((await stack.deployment.outputs())["vswitchIds"] as string[]).length, 3);
    });

    it("follows a change of the domain to the new URL", async () => {
        await stack.deployment.set("domain", "other.test");
        await stack.deployment.up();
        const { endpoint } = await stack.deployment.outputs();
        assert.equal(endpoint, "http://stable-diffusion.stable-diffusion.other.test");
        await draw(await stack.deployment.service(), randomSubject());
    });

    it("protects a stack from destroy until that is lifted on purpose", async () => {
        await stack.deployment.set("protect", "true");
        await stack.deployment.up();
        await assert.rejects(stack.deployment.destroy(), /protected/);
        await stack.deployment.set("protect", "false");
        await stack.deployment.up();
    });

    it("lives with a kubeconfig that expires, by --run-program", async () => {
        // In the cloud's time, a sixtieth of the real one.
        await stack.deployment.set("kubeconfigMinutes", "30");
        await stack.deployment.up();
        const temporary = new KubeConfig();
        temporary.loadFromString(String((await stack.deployment.outputs())["kubeconfig"]));
        await until("the kubeconfig to expire", 60, async () => {
            const code = await temporary
                .makeApiClient(VersionApi)
                .getCode()
                .then(() => 200)
                .catch((error: unknown) => (error as { code?: unknown }).code);
            return code === 401 ? true : undefined;
        });
        await assert.rejects(
            stack.engine.pulumi(["refresh", "--yes", "--skip-preview"]),
            /[Uu]nauthorized|401/,
        );
        await stack.engine.pulumi(["refresh", "--yes", "--skip-preview", "--run-program"]);
        const { steps } = JSON.parse(await preview("--json")) as {
            steps: { op: string; urn: string }[];
        };
        assert.deepEqual(
            steps
                .filter(({ op }) => !["same", "read"].includes(op))
                .map(({ op, urn }) => [op, urn.split("::").at(-1)]),
            [["update", "cluster"]],
        );
        await stack.deployment.set("kubeconfigMinutes", "0");
        await stack.deployment.up();
    });

    it("waits for a GPU node that takes 12 minutes to arrive", async () => {
        await until("all GPU nodes to leave", 240, async () => {
            const { nodes } = await stack.cloud.inventory();
            return nodes.every(({ gpus }) => gpus === 0) ? true : undefined;
        });
        // A twentieth of the real time, for the node's 12 minutes and the 15 of the deadline; Knative's own
        // times stay as they are.
        await stack.cloud.stop();
        await startCloudOf(stack.folder, { timeScale: 1 / 20, gpuBootSeconds: 720 });
        await stack.deployment.set("progressDeadlineSeconds", "45");
        const before = (await stack.cloud.events()).length;
        await stack.deployment.up();
        const events = (await stack.cloud.events()).slice(before);
        const at = (kind: string): number =>
            Date.parse(events.find((event) => event.kind === kind)?.at ?? "");
        assert.ok(at("NodeJoined") - at("NodeRequested") >= 36_000);
        await draw(await stack.deployment.service(), randomSubject());
    });

    it("is removed in the reverse order, and leaves nothing in the cloud", async () => {
        const before = (await stack.cloud.requests()).length;
        await stack.deployment.destroy();
        const asked: readonly LoggedRequest[] = (await stack.cloud.requests()).slice(before);
        const order = [...new Set(writes(asked).map(({ action }) => action))];
        const place = (action: string): number => {
            assert.ok(order.includes(action), `${action} among ${order.join(", ")}`);
            return order.indexOf(action);
        };
        const expected = [
            "UnInstallClusterAddons",
            "DeleteCluster",
            "DeleteSnatEntry",
            "UnassociateEipAddress",
            "DeleteNatGateway",
            "DeleteVSwitch",
            "DeleteVpc",
        ];
        assert.deepEqual(
            [...expected].sort((one, other) => place(one) - place(other)),
            expected,
        );
        const { resources, implicit, nodes } = await stack.cloud.inventory();
        assert.deepEqual([resources, implicit, nodes], [[], [], []]);
    });
});

/** What the engine's diagnostics say, for the table in docs/rehearsal.md. */
function errorsOf(output: string): string[] {
    const lines = output.slice(output.indexOf("Diagnostics:")).split("\n");
    return lines
        .map((line) => line.trim())
        .filter((line) => /^(error: |\* )/.test(line))
        .filter((line) => !/^error: (update failed|1 error occurred:)$/.test(line));
}
