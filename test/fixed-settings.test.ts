import * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { fixedChanges, requireFixedSettings } from "../components/fixed-settings";
import { only, promiseOf, recordResources } from "./support/mocks";

const KEPT = "random:index/randomString:RandomString";

const NOW = { target: "ack", zones: ["zone-a", "zone-b"], vpcCidr: "10.0.0.0/16" };
const MADE = { target: "ack", zones: "zone-a,zone-b", vpcCidr: "10.0.0.0/16" };

describe("fixedChanges", () => {
    for (const [title, made, settings, changes] of [
        ["finds none in what the stack was made with", MADE, NOW, []],
        ["lets a list grow at its end", { ...MADE, zones: "zone-a" }, NOW, []],
        [
            "names a setting that differs, with what it was",
            { ...MADE, vpcCidr: "10.1.0.0/16" },
            NOW,
            ['  vpcCidr is "10.0.0.0/16"; allowed: "10.1.0.0/16"'],
        ],
        [
            "names each that differs",
            { target: "kubeconfig", zones: "", vpcCidr: "" },
            NOW,
            [
                '  target is "ack"; allowed: "kubeconfig"',
                '  zones is "zone-a,zone-b"; allowed: ""',
                '  vpcCidr is "10.0.0.0/16"; allowed: ""',
            ],
        ],
        [
            "lets no element of a list go",
            { ...MADE, zones: "zone-a,zone-b,zone-c" },
            NOW,
            ['  zones is "zone-a,zone-b"; allowed: "zone-a,zone-b,zone-c"'],
        ],
        [
            "lets no element of a list move",
            { ...MADE, zones: "zone-b,zone-a" },
            NOW,
            ['  zones is "zone-a,zone-b"; allowed: "zone-b,zone-a"'],
        ],
        [
            "takes an empty list for what it is, not for one that grows",
            { zones: "" },
            { zones: ["zone-a"] },
            ['  zones is "zone-a"; allowed: ""'],
        ],
        ["finds none in an empty list that stays empty", { zones: "" }, { zones: [] }, []],
        [
            "passes over what an earlier version of the program did not keep",
            { target: "ack" },
            NOW,
            [],
        ],
        ["passes over what this version does not ask for", { ...MADE, old: "1" }, NOW, []],
    ] as const) {
        it(title, () => {
            assert.deepEqual(fixedChanges(made, settings), changes);
        });
    }
});

describe("requireFixedSettings", () => {
    it("keeps the settings of a new stack for good, and makes it a name", async () => {
        const seen = await recordResources();
        const suffix = await requireFixedSettings("fixed", NOW);
        const { name, inputs, ignoreChanges } = only(seen, KEPT);
        assert.equal(name, "fixed");
        // Lower case and digits: names of cloud resources take nothing else.
        assert.deepEqual(inputs, { length: 8, special: false, upper: false, keepers: MADE });
        assert.deepEqual(ignoreChanges, ["keepers"]);
        assert.equal(await promiseOf(suffix), "mockuser");
    });

    it("refuses a stack that was made with others, before anything else is declared", async () => {
        await recordResources({ keepers: { ...MADE, zones: "zone-b", vpcCidr: "10.1.0.0/16" } });
        await assert.rejects(requireFixedSettings("fixed", NOW), (error: Error) => {
            assert.ok(pulumi.RunError.isInstance(error));
            assert.equal(
                error.message,
                [
                    "these settings are fixed when a stack is made, since a change would replace what it holds:",
                    '  zones is "zone-a,zone-b"; allowed: "zone-b"',
                    '  vpcCidr is "10.0.0.0/16"; allowed: "10.1.0.0/16"',
                    "set them back, or make another stack",
                ].join("\n"),
            );
            return true;
        });
    });

    it("accepts a stack that was made with a part of a list", async () => {
        await recordResources({ keepers: { ...MADE, zones: "zone-a" } });
        assert.equal(await promiseOf(await requireFixedSettings("fixed", NOW)), "mockuser");
    });

    it("fails a preview as well, by the error that the SDK takes for the program's", async () => {
        await recordResources({ preview: true, keepers: { ...MADE, target: "kubeconfig" } });
        const listeners = process.listeners("unhandledRejection");
        process.removeAllListeners("unhandledRejection");
        try {
            const unhandled = new Promise<unknown>((resolve) => {
                // Each output that came of it reports it.
                process.on("unhandledRejection", resolve);
            });
            await requireFixedSettings("fixed", NOW);
            const error = await unhandled;
            assert.ok(pulumi.RunError.isInstance(error));
            assert.match(error.message, /target is "ack"; allowed: "kubeconfig"/);
        } finally {
            process.removeAllListeners("unhandledRejection");
            for (const listener of listeners) {
                process.on("unhandledRejection", listener);
            }
        }
    });
});
