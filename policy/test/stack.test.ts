import assert from "node:assert/strict";
import { gpuInstanceType } from "../gpu-instance-type";
import { gpuCapacity, gpuRolloutCapacity, monthlyCost } from "../stack";
import type { StackValidationPolicy } from "@pulumi/policy";
import { poolWith, serviceWith } from "./support/candidates";
import { type Candidate, stackVerdict, UNKNOWN } from "./support/verdict";

const MIN = "autoscaling.knative.dev/min-scale";
const MAX = "autoscaling.knative.dev/max-scale";
const INITIAL = "autoscaling.knative.dev/initial-scale";

function service(
    max: unknown,
    {
        name = "sd",
        gpus = 1,
        annotations = {},
        elastic,
    }: {
        readonly name?: string;
        readonly gpus?: unknown;
        readonly annotations?: Record<string, unknown>;
        readonly elastic?: string;
    } = {},
): Candidate {
    return {
        ...serviceWith({
            metadata: { name },
            annotations: { [MAX]: max, ...annotations },
            container: { resources: { limits: { "nvidia.com/gpu": gpus } } },
            ...(elastic === undefined
                ? {}
                : { templateLabels: { "alibabacloud.com/eci": elastic } }),
        }),
        name,
    };
}
const pool = (maxSize: number, changes: Record<string, unknown> = {}): Candidate =>
    poolWith({ scalingConfig: { enable: true, minSize: 0, maxSize }, ...changes });
const CPU_POOL = poolWith(
    { instanceTypes: ["ecs.c7.xlarge"], scalingConfig: undefined, desiredSize: "3" },
    "cpu",
);

interface StackCase {
    readonly given: readonly Candidate[];
    readonly messages: readonly string[];
    readonly config?: Record<string, unknown>;
}

function describeStackRule(
    policy: StackValidationPolicy,
    cases: Readonly<Record<string, StackCase>>,
    unknown: Candidate,
): void {
    describe(policy.name, () => {
        for (const [title, { given, messages, config }] of Object.entries(cases)) {
            it(title, async () => {
                assert.deepEqual(await stackVerdict(policy, given, config), messages);
            });
        }
        it("leaves a value that is unknown at preview to the engine", async () => {
            await assert.rejects(
                stackVerdict(policy, [pool(3), unknown]),
                /can't be known during preview/,
            );
        });
    });
}

const ADVICE = "lower max-scale, or raise scalingConfig.maxSize of a GPU node pool";
const over = (claimed: number, those: string, capacity: number, advice = ADVICE): string =>
    `${claimed} GPUs may be claimed (${those}), and there are at most ${capacity}; ${advice}.`;
const unbounded =
    'sd: sd/sd may claim any number of GPUs, since autoscaling.knative.dev/max-scale does not bound its pods; set it to a string such as "2".';
const A100 = "ecs.gn7e-c16g1.4xlarge";
const EIGHT = "ecs.gn7i-c128g8.32xlarge";
const SILENT = "ecs.ebmgn7ix.32xlarge";

describeStackRule(
    gpuCapacity,
    {
        "accepts a stack without Services": { given: [CPU_POOL], messages: [] },
        "leaves pools to those who have Services": {
            given: [pool(1, { instanceTypes: [SILENT] })],
            messages: [],
        },
        "looks at no other types, whatever they hold": {
            given: [
                { ...service("9"), type: "other:index:Service" },
                service("2"),
                CPU_POOL,
                { ...pool(9), type: "other:index:Pool" },
            ],
            messages: [over(2, "sd/sd 2", 0)],
        },
        "accepts as many GPUs as there are": { given: [service("3"), pool(3)], messages: [] },
        "rejects one more": {
            given: [service("4"), pool(3), CPU_POOL],
            messages: [over(4, "sd/sd 4", 3)],
        },
        "adds the Services": {
            given: [service("2"), service("1", { name: "other", gpus: "2" }), pool(3)],
            messages: [over(4, "sd/other 2, sd/sd 2", 3)],
        },
        "adds the pools, at the least GPUs of their types": {
            given: [
                service("4"),
                pool(2),
                { ...pool(1, { instanceTypes: [EIGHT, A100] }), name: "more" },
            ],
            messages: [over(4, "sd/sd 4", 3)],
        },
        "counts the GPUs of large nodes": {
            given: [service("17"), pool(2, { instanceTypes: [EIGHT] })],
            messages: [over(17, "sd/sd 17", 16)],
        },
        "rejects a Service without a bound": {
            given: [service(undefined), service("0", { name: "zero" }), pool(3)],
            messages: [unbounded, unbounded.replace("sd: sd/sd", "zero: sd/zero")],
        },
        "counts the others beside one without a bound": {
            given: [service(undefined), service("4", { name: "other" }), pool(3)],
            messages: [unbounded, over(4, "sd/other 4", 3)],
        },
        "rejects claims in a stack without GPUs": {
            given: [service("1"), CPU_POOL],
            messages: [over(1, "sd/sd 1", 0)],
        },
        "leaves out a stack whose cluster is made elsewhere": {
            given: [service("10")],
            messages: [],
        },
        "judges such a stack where the configuration gives the GPUs": {
            given: [service("2")],
            messages: [over(2, "sd/sd 2", 1)],
            config: { gpus: 1 },
        },
        "adds the GPUs of the configuration": {
            given: [service("5"), pool(3)],
            messages: [],
            config: { gpus: 2 },
        },
        "rejects one more than with those of the configuration": {
            given: [service("6"), pool(3)],
            messages: [over(6, "sd/sd 6", 5)],
            config: { gpus: 2 },
        },
        "leaves out pods on elastic container instances": {
            given: [service("10", { elastic: "true" }), CPU_POOL],
            messages: [],
        },
        "counts pods that say they are on none": {
            given: [service("10", { elastic: "false" }), CPU_POOL],
            messages: [over(10, "sd/sd 10", 0)],
        },
        "leaves out Services without GPUs": {
            given: [service("10", { gpus: "0" }), service(undefined, { gpus: "0" }), CPU_POOL],
            messages: [],
        },
        "rejects a pool that does not say its GPUs": {
            given: [service("1"), pool(3, { instanceTypes: [A100, SILENT] })],
            messages: [
                `gpu: instanceTypes is ["${A100}","${SILENT}"], of which not all say how many GPUs they have; give them in gpusOfInstanceTypes.`,
                over(1, "sd/sd 1", 0),
            ],
        },
        "takes the GPUs that the configuration gives": {
            given: [service("9"), pool(1, { instanceTypes: [SILENT] })],
            messages: [over(9, "sd/sd 9", 8)],
            config: { gpusOfInstanceTypes: { [SILENT]: 8 } },
        },
        "takes the size of a pool that does not scale": {
            given: [service("3"), pool(9, { scalingConfig: undefined, desiredSize: "2" })],
            messages: [over(3, "sd/sd 3", 2)],
        },
        "counts nothing for a pool without a size": {
            given: [service("1"), pool(9, { scalingConfig: undefined })],
            messages: [over(1, "sd/sd 1", 0)],
        },
    },
    service(UNKNOWN),
);

const RAISE = "raise scalingConfig.maxSize of a GPU node pool";

describeStackRule(
    gpuRolloutCapacity,
    {
        "accepts a stack without Services": { given: [CPU_POOL], messages: [] },
        "accepts room for one pod more": { given: [service("2"), pool(3)], messages: [] },
        "leaves out a stack whose cluster is made elsewhere": {
            given: [service("10")],
            messages: [],
        },
        "judges such a stack where the configuration gives the GPUs": {
            given: [service("2")],
            messages: [over(3, "sd/sd 3", 2, RAISE)],
            config: { gpus: 2 },
        },
        "rejects no room for it": {
            given: [service("3"), pool(3)],
            messages: [over(4, "sd/sd 4", 3, RAISE)],
        },
        "counts the pods that a new revision starts": {
            given: [service("3", { annotations: { [INITIAL]: "2" } }), pool(4)],
            messages: [over(5, "sd/sd 5", 4, RAISE)],
        },
        "counts the pods that always run": {
            given: [service("3", { annotations: { [MIN]: "2" }, gpus: 2 }), pool(9)],
            messages: [over(10, "sd/sd 10", 9, RAISE)],
        },
        "counts none where a new revision starts none": {
            given: [service("3", { annotations: { [INITIAL]: "0" } }), pool(3)],
            messages: [],
        },
        "leaves a Service without a bound to knative-gpu-capacity": {
            given: [service("0"), pool(0)],
            messages: [],
        },
        "leaves a pool that does not say its GPUs to knative-gpu-capacity": {
            given: [service("1"), pool(3, { instanceTypes: [SILENT] })],
            messages: [over(2, "sd/sd 2", 0, RAISE)],
        },
    },
    service(UNKNOWN),
);

const costs = (cost: number, gpus: number, nodes: number, ceiling: number): string =>
    `what never scales to zero costs ${cost} a month (${gpus} GPUs at 2 and ${nodes} other nodes at 0.2 an hour, 730 hours), more than ${ceiling}; lower min-scale or the sizes of the pools, or raise ceiling.`;
const warm = (min: string, changes = {}): Candidate =>
    service("5", { annotations: { [MIN]: min }, ...changes });
const alwaysOne = (type: string): Candidate =>
    pool(1, {
        instanceTypes: [type],
        scalingConfig: { enable: true, minSize: 1, maxSize: 1 },
    });
const minSized = (minSize: unknown): Candidate =>
    pool(5, { scalingConfig: { enable: true, minSize, maxSize: 5 } });

describeStackRule(
    monthlyCost,
    {
        "accepts what scales to zero": {
            given: [service("5"), pool(5)],
            messages: [],
            config: { ceiling: 0 },
        },
        "accepts the ceiling": { given: [CPU_POOL], messages: [], config: { ceiling: 438 } },
        "rejects more": {
            given: [CPU_POOL],
            messages: [costs(438, 0, 3, 437.9)],
            config: { ceiling: 437.9 },
        },
        "rejects GPUs that pods always hold": {
            given: [warm("1", { gpus: 2 }), CPU_POOL, pool(5)],
            messages: [costs(3358, 2, 3, 1000)],
        },
        "counts a GPU once that pods and pools hold": {
            given: [warm("1"), minSized(2)],
            messages: [costs(2920, 2, 0, 1000)],
        },
        "counts a node of several GPUs": {
            given: [alwaysOne(EIGHT)],
            messages: [costs(11680, 8, 0, 1000)],
        },
        "takes the GPUs that the configuration gives": {
            given: [alwaysOne(SILENT)],
            messages: [costs(5840, 4, 0, 1000)],
            config: { gpusOfInstanceTypes: { [SILENT]: 4 } },
        },
        "rejects a node that always runs and does not say its GPUs": {
            given: [alwaysOne(SILENT)],
            messages: [
                `gpu: instanceTypes is ["${SILENT}"], of which not all say how many GPUs they have; give them in gpusOfInstanceTypes.`,
            ],
        },
        "accepts such a node that does not always run": {
            given: [pool(1, { instanceTypes: [SILENT] })],
            messages: [],
        },
        "adds elastic container instances to the pools": {
            given: [warm("1", { elastic: "true" }), minSized(1)],
            messages: [costs(2920, 2, 0, 1000)],
        },
        "counts elastic container instances once": {
            given: [warm("1", { elastic: "true" })],
            messages: [costs(1460, 1, 0, 1000)],
        },
        "looks at no other types, whatever they hold": {
            given: [
                { ...warm("1"), type: "other:index:Service" },
                { ...minSized(5), type: "other:index:Pool" },
            ],
            messages: [],
        },
        "counts no fewer than no pods": {
            given: [warm("-1"), warm("1", { name: "other" })],
            messages: [costs(1460, 1, 0, 1000)],
        },
        "counts nothing for a size that is no number": { given: [minSized("x")], messages: [] },
        "counts no nodes of other pools that are not sized": {
            given: [poolWith({ instanceTypes: ["ecs.c7.xlarge"], scalingConfig: undefined })],
            messages: [],
            config: { ceiling: 0 },
        },
        "takes the configuration's prices, in hundredths": {
            given: [warm("1"), CPU_POOL],
            messages: [
                "what never scales to zero costs 245.28 a month (1 GPUs at 0.3 and 3 other nodes at 0.012 an hour, 730 hours), more than 245; lower min-scale or the sizes of the pools, or raise ceiling.",
            ],
            config: { ceiling: 245, gpuHour: 0.3, nodeHour: 0.012 },
        },
    },
    service("5", { annotations: { [MIN]: UNKNOWN } }),
);

describe("the GPUs of an instance type", () => {
    for (const [type, gpus] of [
        ["ecs.gn6i-c8g1.2xlarge", 1],
        ["ecs.gn5-c4g1.xlarge", 1],
        ["ecs.gn6i-c24g1.6xlarge", 1],
        ["ecs.gn6i-c24g1.12xlarge", 2],
        ["ecs.gn6i-c24g1.24xlarge", 4],
        ["ecs.gn6v-c10g1.20xlarge", 8],
        ["ecs.gn5-c8g1.large", undefined],
        ["ecs.gn5-c8g1.xlarge", undefined],
        ["ecs.gn7i-c128g8.32xlarge", 8],
        ["ecs.ebmgn7-c13g1.26xlarge", 8],
        ["ecs.vgn6i-m4.xlarge", undefined],
        ["ecs.gn7-c12g0.3xlarge", undefined],
        ["ecs.gn7-c0g1.3xlarge", undefined],
        ["ecs.gn7-c12g1.medium", undefined],
        ["xecs.gn7-c12g1.xlarge", undefined],
        ["ecs.gn7-c12g1.xlarges", undefined],
    ] as const) {
        it(`${type}: ${gpus ?? "unknown"}`, () => {
            assert.equal(gpuInstanceType(type)?.gpus, gpus);
        });
    }
});
