import { requiredLabels, requiredTags } from "../labels";
import { poolWith, serviceWith } from "./support/candidates";
import { describeRule } from "./support/cases";
import { type Candidate, UNKNOWN } from "./support/verdict";

const labelled = (labels: unknown): Candidate => serviceWith({ metadata: { labels } });

describeRule(requiredLabels, {
    passes: {
        "all labels": serviceWith(),
        "those of the configuration": [labelled({ team: "a" }), { keys: ["team"] }],
    },
    fails: {
        "one missing": [
            labelled({ owner: "a", env: "dev" }),
            ['metadata.labels has ["owner","env"] and not cost-center; set it.'],
        ],
        "an empty one": [
            labelled({ owner: "", env: "dev", "cost-center": "1" }),
            ['metadata.labels has ["owner","env","cost-center"] and not owner; set it.'],
        ],
        none: [
            labelled(undefined),
            ["metadata.labels has [] and not owner, env, cost-center; set them."],
        ],
    },
    unknown: { "a label": labelled({ owner: UNKNOWN }) },
});

describeRule(requiredTags, {
    passes: { "all tags": poolWith() },
    fails: {
        none: [
            { type: "alicloud:vpc/network:Network", props: {} },
            ["tags has [] and not owner, env, cost-center; set them."],
        ],
        ...Object.fromEntries(
            [
                "cs/managedKubernetes:ManagedKubernetes",
                "ecs/eipAddress:EipAddress",
                "log/project:Project",
                "nas/fileSystem:FileSystem",
                "oss/bucket:Bucket",
                "vpc/natGateway:NatGateway",
                "vpc/switch:Switch",
            ].map((token) => [
                `one missing of ${token}`,
                [
                    {
                        type: `alicloud:${token}`,
                        props: { tags: { owner: "team", "cost-center": "1" } },
                    },
                    ['tags has ["owner","cost-center"] and not env; set it.'],
                ] as const,
            ]),
        ),
    },
    unknown: { "a tag": poolWith({ tags: { owner: UNKNOWN } }) },
});
