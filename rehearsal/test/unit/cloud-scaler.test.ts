import type { V1Pod } from "@kubernetes/client-node";
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { instanceType } from "../../cloud/catalogue";
import {
    type Action,
    type Offer,
    type PoolView,
    type Situation,
    decide,
    fits,
    gpusOf,
    waitsForGpu,
} from "../../cloud/scaler";
import type { CloudNode } from "../../cloud/store";

const TAINTS = [{ key: "nvidia.com/gpu", value: "present", effect: "NoSchedule" }];
const T4 = "ecs.gn6i-c8g1.2xlarge";
const A10 = "ecs.gn7i-c8g1.2xlarge";
const TWO = "ecs.gn6i-c24g1.12xlarge";

const pool = (more: Partial<PoolView> = {}): PoolView => ({
    id: "p",
    least: 0,
    most: 3,
    scaled: true,
    instanceTypes: [T4, A10].map((id) => instanceType(id)).filter((each) => each !== undefined),
    zones: ["b", "c"],
    payment: { spot: false, onDemandBase: 0, onDemandShare: 0, compensated: false },
    labels: { pool: "gpu" },
    taints: TAINTS,
    grewAt: undefined,
    ...more,
});

const node = (name: string, more: Partial<CloudNode> = {}): CloudNode => ({
    name,
    instanceId: "i-1",
    pool: "p",
    instanceType: T4,
    zone: "b",
    spot: false,
    gpus: 1,
    labels: { pool: "gpu" },
    taints: TAINTS,
    status: "ready",
    bootsUntil: 0,
    idleSince: undefined,
    ...more,
});

const pod = (
    name: string,
    {
        gpus = 1,
        on,
        tolerates = true,
        ...spec
    }: {
        gpus?: number;
        on?: string | undefined;
        tolerates?: boolean;
        nodeSelector?: Record<string, string>;
    } = {},
): V1Pod => ({
    metadata: { name, namespace: "default" },
    spec: {
        containers: [
            {
                name: "a",
                ...(gpus > 0 ? { resources: { limits: { "nvidia.com/gpu": String(gpus) } } } : {}),
            },
            { name: "queue-proxy" },
        ],
        ...(on === undefined ? {} : { nodeName: on }),
        ...(tolerates ? { tolerations: [{ key: "nvidia.com/gpu", operator: "Exists" }] } : {}),
        ...spec,
    },
    status: {
        phase: on === undefined ? "Pending" : "Running",
        ...(on === undefined
            ? { conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable" }] }
            : {}),
    },
});

const SCALING = { unneeded: 100, coolDown: 50, scaleDown: true, fromZero: true };

const situation = (more: Partial<Situation> = {}): Situation => ({
    now: 1000,
    pools: [pool()],
    nodes: [],
    pods: [],
    scaling: SCALING,
    refusal: () => undefined,
    ...more,
});

const offers = (actions: readonly Action[]): Offer[] =>
    actions.flatMap((each) => (each.kind === "add" ? [each.offer] : []));
const kinds = (actions: readonly Action[]): string[] => actions.map(({ kind }) => kind);

describe("the scaler", () => {
    it("asks for one node for each pod that waits for a GPU, the first type in the first zone", () => {
        const actions = decide(situation({ pods: [pod("a"), pod("b")] }));
        assert.deepEqual(
            actions.map((each) => each.kind === "add" && each.reason),
            ["pod default/a waits for 1 GPU", "pod default/b waits for 1 GPU"],
        );
        const first = { instanceType: T4, zone: "b", spot: false, vcpus: 8, gpus: 1 };
        assert.deepEqual(offers(actions), [first, first]);
    });

    it("asks for nothing while nodes on their way have room", () => {
        const nodes = [node("1", { status: "booting" }), node("2", { status: "joining" })];
        assert.deepEqual(decide(situation({ nodes, pods: [pod("a"), pod("b")] })), []);
        assert.equal(
            offers(decide(situation({ nodes, pods: [pod("a"), pod("b"), pod("c")] }))).length,
            1,
        );
    });

    it("asks again for a pod whose node is leaving", () => {
        const nodes = [node("1", { status: "leaving" })];
        assert.equal(offers(decide(situation({ nodes, pods: [pod("a")] }))).length, 1);
    });

    it("puts two pods on a node with two GPUs", () => {
        const types = [instanceType(TWO)].filter((each) => each !== undefined);
        const actions = decide(
            situation({ pools: [pool({ instanceTypes: types })], pods: [pod("a"), pod("b")] }),
        );
        assert.deepEqual(
            offers(actions).map(({ instanceType: id }) => id),
            [TWO],
        );
    });

    it("takes the first type that has enough GPUs", () => {
        const types = [T4, TWO].map((id) => instanceType(id)).filter((each) => each !== undefined);
        const pools = [pool({ instanceTypes: types })];
        const actions = decide(situation({ pools, pods: [pod("a", { gpus: 2 })] }));
        assert.deepEqual(
            offers(actions).map(({ instanceType: id }) => id),
            [TWO],
        );
        assert.deepEqual(decide(situation({ pods: [pod("a", { gpus: 2 })] })), []);
    });

    const ignored: [string, V1Pod][] = [
        ["asks for no GPU", pod("a", { gpus: 0 })],
        ["does not tolerate the taint", pod("a", { tolerates: false })],
        ["selects other nodes", pod("a", { nodeSelector: { pool: "cpu" } })],
        [
            "selects another zone",
            pod("a", { nodeSelector: { "topology.kubernetes.io/zone": "d" } }),
        ],
        ["runs", pod("a", { on: "elsewhere" })],
    ];
    for (const [what, each] of ignored) {
        it(`asks for nothing for a pod that ${what}`, () => {
            assert.deepEqual(decide(situation({ pods: [each] })), []);
        });
    }

    it("asks for nothing for a pod that the scheduler has not looked at, or that is being deleted", () => {
        const fresh = Object.assign(pod("a"), { status: { phase: "Pending" } });
        assert.equal(waitsForGpu(fresh), false);
        const going = Object.assign(pod("a"), { metadata: { deletionTimestamp: new Date() } });
        assert.equal(waitsForGpu(going), false);
        assert.equal(waitsForGpu(pod("a")), true);
    });

    it("buys in the zone that a pod selects", () => {
        const picky = pod("a", { nodeSelector: { "topology.kubernetes.io/zone": "c" } });
        assert.deepEqual(
            offers(decide(situation({ pods: [picky] }))).map(({ zone }) => zone),
            ["c"],
        );
    });

    it("tries zones before types, and says what is lacking when nothing is left", () => {
        const soldOut = (wanted: readonly string[]) => (offer: Offer) =>
            wanted.includes(`${offer.instanceType} ${offer.zone}`)
                ? `${offer.instanceType} is sold out in ${offer.zone}`
                : undefined;
        const buy = (...sold: string[]) =>
            offers(decide(situation({ pods: [pod("a")], refusal: soldOut(sold) }))).map(
                (offer) => `${offer.instanceType} ${offer.zone}`,
            );
        assert.deepEqual(buy(`${T4} b`), [`${T4} c`]);
        assert.deepEqual(buy(`${T4} b`, `${T4} c`), [`${A10} b`]);
        const all = [`${T4} b`, `${T4} c`, `${A10} b`, `${A10} c`];
        assert.deepEqual(decide(situation({ pods: [pod("a")], refusal: soldOut(all) })), [
            {
                kind: "blocked",
                pool: "p",
                reason: `pod default/a waits for 1 GPU, but ${T4} is sold out in b; ${T4} is sold out in c; ${A10} is sold out in b; ${A10} is sold out in c`,
            },
        ]);
    });

    it("takes the next pool when one has nothing left", () => {
        const pools = [pool(), pool({ id: "q", zones: ["d"] })];
        const refusal = ({ zone }: Offer) => (zone === "d" ? undefined : "none");
        const actions = decide(situation({ pools, pods: [pod("a")], refusal }));
        assert.deepEqual(kinds(actions), ["blocked", "add"]);
        assert.deepEqual(
            offers(actions).map(({ zone }) => zone),
            ["d"],
        );
    });

    it("buys on demand what is not to be had as spot instance, only if told to", () => {
        const spot = { spot: true, onDemandBase: 0, onDemandShare: 0, compensated: true };
        const refusal = (offer: Offer) => (offer.spot ? "no spot instance" : undefined);
        const buy = (payment: PoolView["payment"]) =>
            decide(situation({ pools: [pool({ payment })], pods: [pod("a")], refusal }));
        assert.deepEqual(
            offers(buy(spot)).map((each) => each.spot),
            [false],
        );
        assert.deepEqual(kinds(buy({ ...spot, compensated: false })), ["blocked"]);
    });

    it("buys the base on demand and a share of what is beyond it", () => {
        const payment = { spot: true, onDemandBase: 1, onDemandShare: 0.5, compensated: false };
        const pods = ["a", "b", "c", "d", "e"].map((name) => pod(name));
        const pools = [pool({ most: 5, payment })];
        const bought = offers(decide(situation({ pools, pods }))).map(({ spot }) => spot);
        assert.deepEqual(bought, [false, true, false, true, false]);
    });

    it("stays at the most nodes, those on their way counted", () => {
        const nodes = [node("1", { status: "booting" })];
        const pods = ["a", "b", "c"].map((name) => pod(name));
        const pools = [pool({ most: 2 })];
        assert.equal(offers(decide(situation({ pools, nodes, pods }))).length, 1);
    });

    it("gives every pool the nodes that it always has, without any pod or configuration", () => {
        const pools = [pool({ least: 2, most: 2, scaled: false })];
        const actions = decide(situation({ pools, nodes: [node("1")], scaling: undefined }));
        assert.deepEqual(
            actions.map((each) => each.kind === "add" && each.reason),
            ["the pool always has 2"],
        );
    });

    it("does nothing about pods without an autoscaling configuration", () => {
        assert.deepEqual(decide(situation({ pods: [pod("a")], scaling: undefined })), []);
    });

    it("does not start from zero where that is off", () => {
        const scaling = { ...SCALING, fromZero: false };
        assert.deepEqual(decide(situation({ pods: [pod("a")], scaling })), []);
        const nodes = [node("1")];
        const pods = [pod("a", { on: "1" }), pod("b")];
        assert.equal(offers(decide(situation({ nodes, pods, scaling }))).length, 1);
    });

    it("gives back nodes beyond a fixed size", () => {
        const pools = [pool({ least: 1, most: 1, scaled: false })];
        const nodes = [node("1"), node("2")];
        assert.deepEqual(decide(situation({ pools, nodes, scaling: undefined })), [
            { kind: "remove", node: "2", reason: "the pool has 1 only" },
        ]);
    });

    it("marks a node as idle and as needed again", () => {
        assert.deepEqual(decide(situation({ nodes: [node("1")] })), [
            { kind: "mark", node: "1", idleSince: 1000 },
        ]);
        const idle = [node("1", { idleSince: 950 })];
        const needed = [{ kind: "mark", node: "1", idleSince: undefined }];
        assert.deepEqual(decide(situation({ nodes: idle, pods: [pod("a", { on: "1" })] })), needed);
        // Or is about to be: the scheduler has not seen yet that it is free.
        assert.deepEqual(decide(situation({ nodes: idle, pods: [pod("a")] })), needed);
    });

    it("lets a node leave that has been idle for long enough, and not before", () => {
        const nodes = (idleSince: number) => [node("1", { idleSince })];
        assert.deepEqual(decide(situation({ nodes: nodes(901) })), []);
        assert.deepEqual(decide(situation({ nodes: nodes(900) })), [
            { kind: "remove", node: "1", reason: "no pod needs its GPU" },
        ]);
    });

    it("keeps idle nodes that it always has, while its pool cools down, and where told to", () => {
        const nodes = [node("1", { idleSince: 0 }), node("2", { idleSince: 0 })];
        assert.deepEqual(kinds(decide(situation({ nodes, pools: [pool({ least: 1 })] }))), [
            "remove",
        ]);
        assert.deepEqual(decide(situation({ nodes, pools: [pool({ grewAt: 951 })] })), []);
        assert.equal(decide(situation({ nodes, pools: [pool({ grewAt: 950 })] })).length, 2);
        assert.deepEqual(
            decide(situation({ nodes, scaling: { ...SCALING, scaleDown: false } })),
            [],
        );
    });

    it("takes a pod that has ended for gone", () => {
        const ended = Object.assign(pod("a", { on: "1" }), { status: { phase: "Succeeded" } });
        const nodes = [node("1", { idleSince: 0 })];
        assert.deepEqual(kinds(decide(situation({ nodes, pods: [ended] }))), ["remove"]);
    });

    const arbitrary = fc.record({
        least: fc.integer({ min: 0, max: 3 }),
        more: fc.integer({ min: 0, max: 4 }),
        nodes: fc.array(
            fc.record({
                status: fc.constantFrom("booting", "joining", "ready", "leaving"),
                idleSince: fc.option(fc.integer({ min: 0, max: 1000 }), { nil: undefined }),
            }),
            { maxLength: 6 },
        ),
        pods: fc.array(
            fc.record({
                gpus: fc.integer({ min: 0, max: 2 }),
                tolerates: fc.boolean(),
                on: fc.option(fc.nat({ max: 5 }), { nil: undefined }),
            }),
            { maxLength: 8 },
        ),
        sold: fc.boolean(),
    });
    const build = ({
        least,
        more,
        nodes,
        pods,
        sold,
    }: typeof arbitrary extends fc.Arbitrary<infer T> ? T : never) =>
        situation({
            pools: [pool({ least, most: least + more })],
            nodes: nodes.map((each, index) => node(String(index), each as Partial<CloudNode>)),
            pods: pods.map(({ on, ...each }, index) =>
                pod(String(index), { ...each, on: on === undefined ? undefined : String(on) }),
            ),
            refusal: () => (sold ? "sold out" : undefined),
        });

    it("never has more nodes than the most, nor fewer than the least that can be had", () => {
        fc.assert(
            fc.property(arbitrary, (values) => {
                const given = build(values);
                const [{ least, most } = pool()] = given.pools;
                const actions = decide(given);
                const before = given.nodes.filter(({ status }) => status !== "leaving").length;
                const added = offers(actions).length;
                const removed = actions.filter(({ kind }) => kind === "remove").length;
                assert.ok(added === 0 || before + added <= most);
                assert.ok(removed === 0 || before - removed >= least);
                assert.ok(values.sold || before + added >= least);
            }),
        );
    });

    it("never asks for a node without a pod that waits for a GPU there, beyond the least", () => {
        fc.assert(
            fc.property(arbitrary, (values) => {
                const given = build(values);
                const waiting = given.pods.filter(
                    (each) => waitsForGpu(each) && fits(each, { pool: "gpu" }, TAINTS),
                ).length;
                const before = given.nodes.filter(({ status }) => status !== "leaving").length;
                const floor = Math.max(0, values.least - before);
                assert.ok(offers(decide(given)).length <= floor + waiting);
            }),
        );
    });

    it("never removes a node on which a pod uses a GPU, or one that is not Ready", () => {
        fc.assert(
            fc.property(arbitrary, (values) => {
                const given = build(values);
                for (const each of decide(given)) {
                    if (each.kind === "remove") {
                        const found = given.nodes.find(({ name }) => name === each.node);
                        assert.equal(found?.status, "ready");
                        const busy = given.pods.some(
                            (one) => one.spec?.nodeName === each.node && gpusOf(one) > 0,
                        );
                        assert.equal(busy, false);
                    }
                }
            }),
        );
    });
});

describe("whether a pod fits a node", () => {
    const spec = (value: Partial<NonNullable<V1Pod["spec"]>>): V1Pod => ({
        spec: { containers: [], ...value },
    });
    const labels = { a: "1" };

    it("depends on the taints that keep pods away", () => {
        assert.equal(fits(spec({}), {}, TAINTS), false);
        assert.equal(
            fits(spec({}), {}, [{ ...TAINTS[0], effect: "PreferNoSchedule" } as never]),
            true,
        );
        const tolerates = (toleration: object) =>
            fits(spec({ tolerations: [toleration] }), {}, TAINTS);
        assert.equal(tolerates({ operator: "Exists" }), true);
        assert.equal(tolerates({ key: "nvidia.com/gpu", operator: "Exists" }), true);
        assert.equal(tolerates({ key: "nvidia.com/gpu", value: "present" }), true);
        assert.equal(tolerates({ key: "nvidia.com/gpu", value: "absent" }), false);
        assert.equal(tolerates({ key: "other", operator: "Exists" }), false);
        assert.equal(tolerates({ operator: "Exists", effect: "NoExecute" }), false);
        assert.equal(tolerates({ operator: "Exists", effect: "NoSchedule" }), true);
    });

    it("depends on node selectors and required affinity", () => {
        assert.equal(fits(spec({ nodeSelector: { a: "1" } }), labels, []), true);
        assert.equal(fits(spec({ nodeSelector: { a: "2" } }), labels, []), false);
        const attracted = (operator: string, key: string, values?: string[]) =>
            fits(
                spec({
                    affinity: {
                        nodeAffinity: {
                            requiredDuringSchedulingIgnoredDuringExecution: {
                                nodeSelectorTerms: [
                                    {
                                        matchExpressions: [
                                            { key, operator, ...(values ? { values } : {}) },
                                        ],
                                    },
                                ],
                            },
                        },
                    },
                }),
                labels,
                [],
            );
        assert.equal(attracted("In", "a", ["1"]), true);
        assert.equal(attracted("In", "a", ["2"]), false);
        assert.equal(attracted("NotIn", "a", ["1"]), false);
        assert.equal(attracted("NotIn", "b", ["1"]), true);
        assert.equal(attracted("Exists", "a"), true);
        assert.equal(attracted("Exists", "b"), false);
        assert.equal(attracted("DoesNotExist", "a"), false);
        assert.equal(attracted("DoesNotExist", "b"), true);
        assert.equal(attracted("Gt", "a", ["0"]), false);
    });
});
