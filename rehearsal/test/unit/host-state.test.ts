import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import type { Process } from "../../cluster/processes";
import { differences, type HostState, ownOrOrphaned } from "../../host-state";

const EMPTY: HostState = {
    process: [],
    namespace: [],
    mount: [],
    "network address": [],
    route: [],
    "control group": [],
    "kernel setting": [],
    "packet filter rule": [],
    path: [],
    "change in the repository": [],
};

const ASPECTS = Object.keys(EMPTY) as (keyof HostState)[];

describe("differences between states of a machine", () => {
    const state = fc.record(
        Object.fromEntries(ASPECTS.map((aspect) => [aspect, fc.array(fc.string())])),
    ) as unknown as fc.Arbitrary<HostState>;

    it("are none between equal states, in whatever order", () => {
        fc.assert(
            fc.property(state, (before) => {
                const after = Object.fromEntries(
                    ASPECTS.map((aspect) => [aspect, [...before[aspect]].reverse()]),
                ) as unknown as HostState;
                assert.deepEqual(differences(before, after), []);
            }),
        );
    });

    it("are exactly what was added, whatever the aspect", () => {
        fc.assert(
            fc.property(state, fc.constantFrom(...ASPECTS), fc.string(), (before, aspect, line) => {
                const after = { ...before, [aspect]: [...before[aspect], line] };
                assert.deepEqual(differences(before, after), [`new ${aspect}: ${line}`]);
            }),
        );
    });

    it("are exactly what vanished, except of processes and namespaces", () => {
        for (const aspect of ASPECTS) {
            const lost = differences({ ...EMPTY, [aspect]: ["line"] }, EMPTY);
            const expected =
                aspect === "process" || aspect === "namespace" ? [] : [`vanished ${aspect}: line`];
            assert.deepEqual(lost, expected);
        }
    });

    it("are both states of what changed", () => {
        const before = { ...EMPTY, "kernel setting": ["kernel.panic = 1"] };
        const after = { ...EMPTY, "kernel setting": ["kernel.panic = 10"] };
        assert.deepEqual(differences(before, after), [
            "new kernel setting: kernel.panic = 10",
            "vanished kernel setting: kernel.panic = 1",
        ]);
    });

    it("count what is there twice", () => {
        const before = { ...EMPTY, mount: ["/a tmpfs"] };
        const after = { ...EMPTY, mount: ["/a tmpfs", "/a tmpfs"] };
        assert.deepEqual(differences(before, after), ["new mount: /a tmpfs"]);
    });
});

describe("the processes that a rehearsal could have left", () => {
    const process = (pid: number, parent: number, program = "sleep"): Process => ({
        pid,
        parent,
        state: "S",
        started: "0",
        processorSeconds: 0,
        command: [program],
    });
    const SELF = 100;
    const running = [
        process(1, 0, "/sbin/init"),
        process(50, 1, "/lib/systemd/systemd"),
        process(60, 50, "bash"),
        process(61, 60, "browser"),
        process(SELF, 60, "node"),
        process(101, SELF, "unshare"),
        process(102, 101, "kubelet"),
        process(110, 1, "orphan"),
        process(111, 50, "orphan of a session"),
    ];

    it("are its descendants and orphans, not what others start", () => {
        assert.deepEqual(
            ownOrOrphaned(running, SELF).map(({ pid }) => pid),
            [1, 50, 60, 101, 102, 110, 111],
        );
    });
});
