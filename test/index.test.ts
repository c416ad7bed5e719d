import type * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { mock } from "node:test";
import runProgram from "../index";
import { cluster, gateway, installed, serveApi } from "./support/api-server";
import {
    type Calls,
    GET_CREDENTIAL,
    GET_NAT_ZONES,
    GET_SWITCHES,
    GET_ZONES,
    neededBy,
    only,
    promiseOf,
    recordResources,
    type Registered,
} from "./support/mocks";
import { configure } from "./support/project";

type Program = Readonly<Record<string, unknown>>;

interface Run {
    readonly seen: Registered[];
    readonly program: Program;
    readonly kubeconfig: string;
}

/** Runs the program against a cluster, and waits for what comes last. */
async function run(
    overrides: (kubeconfig: string) => Readonly<Record<string, unknown>>,
    stack?: string,
    calls: Calls = {},
): Promise<Run> {
    const api = await serveApi({ ...cluster({ gpus: [10] }), ...gateway(), ...installed() });
    const { kubeconfig } = api;
    try {
        const seen = await recordResources({
            domain: "rehearsal.test",
            calls: { [GET_CREDENTIAL]: () => ({ kubeConfig: kubeconfig }), ...calls },
        });
        configure(overrides(kubeconfig), stack);
        const program = await runProgram();
        await promiseOf(program.endpoint);
        return { seen, program, kubeconfig };
    } finally {
        await api.close();
    }
}

const value = (program: Program, name: string): Promise<unknown> =>
    promiseOf(program[name] as pulumi.Output<unknown>);

const onAck = (
    overrides: Readonly<Record<string, unknown>> = {},
    calls: Calls = {},
): Promise<Run> => run(() => overrides, "rehearsal", calls);

const onKubeconfig = (): Promise<Run> =>
    run((kubeconfig) => ({
        target: "kubeconfig",
        kubeconfig,
        domain: "rehearsal.test",
        manageKnativeConfig: true,
    }));

/** What the documentation of the outputs says of each of these stacks. */
const TARGETS = {
    ack: { runTarget: onAck, settings: ["target: ack", "grafana: false"], objects: 12 + 14 },
    kubeconfig: { runTarget: onKubeconfig, settings: ["target: kubeconfig"], objects: 12 + 22 },
};

for (const [target, { runTarget, settings, objects }] of Object.entries(TARGETS)) {
    describe(`the program with target ${target}`, () => {
        let seen: Registered[];
        let program: Program;
        let kubeconfig: string;

        before(async () => {
            ({ seen, program, kubeconfig } = await runTarget());
        });

        it("exports the documented outputs, but for those that the documentation says are absent", () => {
            const page = readFileSync(join(__dirname, "../docs/outputs.md"), "utf8");
            const documented = [...page.matchAll(/^\| `(\w+)`(?:[^|]*\|){3}([^|]*)/gm)];
            const exported = documented
                .filter(
                    ([, , absent]) =>
                        !settings.some((setting) => absent?.includes(`\`${setting}\``)),
                )
                .map(([, name]) => name);
            assert.ok(exported.length > 0);
            assert.ok(exported.length < documented.length);
            assert.deepEqual(Object.keys(program).sort(), exported.sort());
        });

        it("exports the version of the contract as a plain number", () => {
            assert.equal(program["outputsVersion"], 1);
        });

        it("exports addresses that fit together", async () => {
            assert.equal(program["host"], "stable-diffusion.stable-diffusion.rehearsal.test");
            assert.equal(
                await value(program, "endpoint"),
                "http://stable-diffusion.stable-diffusion.rehearsal.test",
            );
            assert.equal(
                await value(program, "txt2imgUrl"),
                "http://stable-diffusion.stable-diffusion.rehearsal.test/sdapi/v1/txt2img",
            );
            assert.equal(await value(program, "gatewayAddress"), "192.0.2.10");
            assert.equal(program["namespace"], "stable-diffusion");
            assert.equal(program["serviceName"], "stable-diffusion");
        });

        it("exports the kubeconfig of the cluster that the service is in", async () => {
            assert.equal(await value(program, "kubeconfig"), kubeconfig);
        });

        it("keeps password and kubeconfig secret", async () => {
            const names = ["apiPassword", "kubeconfig", "grafanaPassword"];
            for (const name of names.filter((each) => program[each] !== undefined)) {
                const output = program[name] as { isSecret: Promise<boolean> };
                assert.equal(await output.isSecret, true, name);
            }
        });

        it("puts everything into the cluster by its own provider", () => {
            const inCluster = seen.filter(({ type }) => type.startsWith("kubernetes:"));
            // Namespace, Secret, the extension, Service, admission policy and its binding, six of Knative's ConfigMaps; and what
            // monitoring adds: the seventh, a restart of the activator, and its own.
            assert.equal(inCluster.length, objects);
            const { urn } = only(seen, "pulumi:providers:kubernetes");
            for (const { name, provider } of inCluster) {
                assert.ok(provider.startsWith(`${urn}::`), name);
            }
        });

        it("declares the service once what is bad is refused", () => {
            const place = (type: string): number =>
                seen.findIndex((it) => it.type === `kubernetes:${type}`);
            const group = "admissionregistration.k8s.io/v1";
            const binding = place(`${group}:ValidatingAdmissionPolicyBinding`);
            assert.ok(binding > place(`${group}:ValidatingAdmissionPolicy`));
            assert.ok(binding < place("core/v1:Namespace"));
        });

        it("begins with what is fixed", () => {
            const custom = seen.filter(
                ({ type }) => !type.startsWith("sd:") && !type.startsWith("pulumi:"),
            );
            assert.equal(custom[0]?.name, "fixed-settings");
            const { target: kept } = custom[0].inputs["keepers"] as { target: string };
            assert.equal(kept, target);
        });
    });
}

describe("the program on ACK", () => {
    const GPUS_AND_KNATIVE = ["gpu-nodes", "gpu-autoscaling", "knative-addon"];

    function named(seen: readonly Registered[], name: string): Registered {
        const found = seen.find((each) => each.name === name && !each.type.startsWith("sd:"));
        assert.ok(found, name);
        return found;
    }

    it("exports ids of cluster and network, and the limits in force", async () => {
        const { program } = await onAck({ minScale: 1, gpuNodesMax: 5 });
        assert.equal(await value(program, "clusterId"), "c-cluster-control-plane-id");
        assert.equal(await value(program, "vpcId"), "vpc-network-vpc-id");
        const vswitchIds = program["vswitchIds"] as pulumi.Output<string>[];
        assert.deepEqual(await Promise.all(vswitchIds.map(promiseOf)), [
            "vsw-network-vswitch-0-id",
            "vsw-network-vswitch-1-id",
        ]);
        const { gpuCapacity, ...limits } = program["limits"] as {
            gpuCapacity: pulumi.Output<number>;
        };
        assert.deepEqual(limits, { containerConcurrency: 1, minScale: 1, maxScale: 2 });
        assert.equal(await promiseOf(gpuCapacity), 5);
    });

    it("comes up in order: network, cluster, GPUs and Knative, its settings, the service", async () => {
        const { seen } = await onAck();
        const needs = (name: string): Set<string> => neededBy(seen, named(seen, name));
        const order: [string[], string[]][] = [
            [
                ["network-snat-0", "network-snat-1"],
                ["cluster-logs", "cluster-control-plane"],
            ],
            [["cluster-control-plane", "cluster-cpu-pool"], GPUS_AND_KNATIVE],
            [GPUS_AND_KNATIVE, ["knative-config-features", "stable-diffusion-namespace"]],
            [["knative-config-features"], ["stable-diffusion-service"]],
        ];
        for (const [first, then] of order) {
            for (const later of then) {
                assert.deepEqual(
                    first.filter((name) => !needs(later).has(name)),
                    [],
                    later,
                );
            }
        }
        assert.ok(!needs("cluster-control-plane").has("stable-diffusion-service"));
    });

    it("leaves Knative's settings where they are when Knative goes with the cluster", async () => {
        const { seen } = await onAck();
        assert.equal(named(seen, "knative-config-features").retainOnDelete, true);
        const existing = await onKubeconfig();
        assert.equal(named(existing.seen, "knative-config-features").retainOnDelete, false);
    });

    it("keeps what would replace network, cluster or Knative", async () => {
        const { seen } = await onAck();
        assert.deepEqual(named(seen, "fixed-settings").inputs["keepers"], {
            target: "ack",
            "alicloud:region": "ap-southeast-1",
            zones: "ap-southeast-1b,ap-southeast-1c",
            vswitchIds: "none",
            vpcCidr: "10.0.0.0/16",
            podCidr: "172.20.0.0/16",
            serviceCidr: "172.21.0.0/20",
            gpuSupply: "node-pool",
            knativeAddonName: "knative",
        });
    });

    it("takes a network that exists, and keeps which VPC it is", async () => {
        const vswitchIds = ["vsw-a", "vsw-b"];
        const { seen, program } = await onAck(
            { zones: [], vswitchIds },
            // Its way out is its owner's.
            { [GET_NAT_ZONES]: () => ({ zones: [] }) },
        );
        assert.deepEqual(
            seen.filter(({ type }) => /^alicloud:(vpc|ecs)\//.test(type)),
            [],
        );
        assert.deepEqual(named(seen, "cluster-control-plane").inputs["vswitchIds"], vswitchIds);
        assert.deepEqual(named(seen, "gpu-nodes").inputs["vswitchIds"], vswitchIds);
        assert.equal(await value(program, "vpcId"), "vpc-adopted");
        assert.deepEqual(program["vswitchIds"], vswitchIds);
        const { keepers } = named(seen, "fixed-settings").inputs as {
            keepers: Record<string, string>;
        };
        assert.equal(keepers["vswitchIds"], "vSwitches of vpc-adopted");
        assert.equal(keepers["vpcCidr"], "of an existing VPC");
    });

    it("asks whether the zones of a network that exists sell the GPUs", async () => {
        const vswitchIds = ["vsw-a", "vsw-b"];
        const calls: Calls = {
            [GET_SWITCHES]: () => ({
                vswitches: vswitchIds.map((id, place) => ({
                    id,
                    vpcId: "vpc-adopted",
                    zoneId: `ap-southeast-1${"ef"[place] ?? ""}`,
                })),
            }),
            [GET_ZONES]: ({ availableInstanceType }) => ({
                ids: availableInstanceType
                    ? ["ap-southeast-1b"]
                    : ["b", "e", "f"].map((zone) => `ap-southeast-1${zone}`),
            }),
        };
        await assert.rejects(
            onAck({ zones: [], vswitchIds }, calls),
            /none of zones \(ap-southeast-1e, ap-southeast-1f\) has one of gpuInstanceTypes in stock/,
        );
    });

    it("refuses zones that do not exist", async () => {
        await assert.rejects(
            onAck({}, { [GET_ZONES]: () => ({ ids: [] }) }),
            /zones has ap-southeast-1b, ap-southeast-1c; allowed in this region: /,
        );
    });

    it("protects network, cluster, pools and logs when told to, and nothing else", async () => {
        const protectedNames = (seen: readonly Registered[]): string[] =>
            seen
                .filter((each) => each.protect && !each.type.startsWith("sd:"))
                .map(({ name }) => name);
        const { seen } = await onAck({ protect: true });
        assert.deepEqual(protectedNames(seen).sort(), [
            "cluster",
            "cluster-control-plane",
            "cluster-cpu-pool",
            "cluster-logs",
            "gpu-autoscaling",
            "gpu-nodes",
            "knative-addon",
            "logs-store",
            "network-nat",
            "network-nat-address",
            "network-nat-association",
            "network-snat-0",
            "network-snat-1",
            "network-vpc",
            "network-vswitch-0",
            "network-vswitch-1",
        ]);
        const without = await onAck();
        assert.deepEqual(protectedNames(without.seen), []);
    });

    it("watches nothing, and asks nothing of Knative's metrics, when told not to", async () => {
        const { seen, program } = await onAck({ monitoring: "none", collectLogs: false });
        assert.deepEqual(
            seen.filter(({ name }) => /^(monitoring|logs|knative-config-obs)/.test(name)),
            [],
        );
        for (const name of ["prometheusUrl", "grafanaUrl", "grafanaPassword", "dashboards"]) {
            assert.ok(!(name in program), name);
        }
    });

    it("watches by ARMS unless told otherwise, once Knative answers", async () => {
        const { seen, program } = await onAck({ monitoring: "" });
        const rules = seen.filter(({ type }) => type.startsWith("alicloud:arms/"));
        assert.ok(rules.length > 5);
        assert.equal(
            named(seen, "monitoring-prometheus").inputs["clusterId"],
            await value(program, "clusterId"),
        );
        const { isSecret } = program["prometheusUrl"] as { isSecret: Promise<boolean> };
        assert.equal(await isSecret, true);
        assert.ok(neededBy(seen, named(seen, "monitoring-scraping")).has("cluster-cpu-pool"));
    });

    it("collects logs for as long as those of the control plane", async () => {
        const { seen } = await onAck({ logRetentionDays: 45 });
        assert.equal(named(seen, "logs-store").inputs["retentionPeriod"], 45);
        assert.equal(
            named(seen, "logs-store").inputs["projectName"],
            named(seen, "cluster-logs").inputs["projectName"],
        );
    });

    it("takes GPUs from elastic container instances in place of nodes when told to", async () => {
        const { seen, program } = await onAck({ gpuSupply: "eci", maxScale: 10 });
        assert.ok(!seen.some(({ name }) => name.startsWith("gpu")));
        const service = named(seen, "stable-diffusion-service");
        assert.ok(neededBy(seen, service).has("virtual-node"));
        const { gpuCapacity } = program["limits"] as { gpuCapacity: pulumi.Output<number> };
        assert.equal(await promiseOf(gpuCapacity), 10);
    });

    it("installs no Knative where something else does, and then sets nothing of it", async () => {
        const { seen } = await onAck({ knativeInstall: "existing" });
        assert.ok(!seen.some(({ name }) => name.startsWith("knative-")));
        const { keepers } = named(seen, "fixed-settings").inputs as {
            keepers: Record<string, string>;
        };
        assert.equal(keepers["knativeAddonName"], "none, since knativeInstall is existing");
    });

    it("asks Knative for an answer only once its add-on is there", async () => {
        const api = await serveApi({ ...gateway(), ...installed() });
        const { clusters } = JSON.parse(api.kubeconfig) as {
            clusters: [{ cluster: { server: string } }];
        };
        try {
            await recordResources({
                domain: "rehearsal.test",
                calls: { [GET_CREDENTIAL]: () => ({ kubeConfig: api.kubeconfig }) },
                // Takes longer than a question that does not wait for it.
                whileCreated: async (name) => {
                    for (let trip = 0; name === "knative-addon" && trip < 20; trip += 1) {
                        await fetch(`${clusters[0].cluster.server}/installing`);
                    }
                },
            });
            configure({}, "rehearsal");
            await promiseOf((await runProgram()).endpoint);
            const paths = api.requests.map(({ path }) => path);
            const asked = api.requests.findIndex(({ method }) => method === "POST");
            assert.ok(asked > paths.lastIndexOf("/installing"));
        } finally {
            await api.close();
        }
    });

    it("warns of what will wait where the GPUs leave no room for a rollout", async () => {
        // Where the SDK's log goes without an engine.
        const warn = mock.method(console, "warn", () => undefined);
        try {
            await onAck({ gpuNodesMax: 2, gpuCapacityShortfall: "warn" });
            const said = warn.mock.calls.map((call) => (call.arguments as string[])[0]);
            assert.deepEqual(
                said.filter((text) => text?.includes("gpuNodesMax is 2: there is room for 2")),
                said,
            );
            assert.equal(said.length, 1);
        } finally {
            warn.mock.restore();
        }
    });
});
