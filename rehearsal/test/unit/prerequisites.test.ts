import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { shortcomings, type DiskNeed, type Machine } from "../../prerequisites";

const GIB = 2 ** 30;

const FIT: Machine = {
    platform: "linux",
    root: true,
    apt: true,
    packages: [],
    needs: [{ folder: "/var/lib/state", device: 1, free: 10 * GIB, needed: 2 * GIB }],
};

describe("prerequisites of the cluster", () => {
    it("are met by a machine that lacks nothing", () => {
        assert.deepEqual(shortcomings(FIT), []);
    });

    it("are all reported at once, with commands and figures", () => {
        const machine: Machine = {
            platform: "linux",
            root: false,
            apt: true,
            packages: ["containerd", "nftables"],
            go: "spawn go ENOENT",
            namespaces: "unshare failed: Operation not permitted",
            needs: [{ folder: "/var/lib/state", device: 1, free: 1.5 * GIB, needed: 2 * GIB }],
        };
        const [root, packages, go, namespaces, disk, ...rest] = shortcomings(machine);
        assert.match(root ?? "", /needs root/);
        assert.equal(
            packages,
            "these packages are missing: apt-get install --no-remove containerd nftables",
        );
        assert.match(go ?? "", /Go 1\.26 is missing.*spawn go ENOENT/);
        assert.match(namespaces ?? "", /namespaces.*Operation not permitted/);
        assert.equal(disk, "the disk of /var/lib/state is too full: 2.0 GiB needed, 1.5 GiB free");
        assert.deepEqual(rest, []);
    });

    it("name packages without a command where there is no apt-get", () => {
        assert.deepEqual(shortcomings({ ...FIT, apt: false, packages: ["runc"] }), [
            "what these Debian packages hold is missing (there is no apt-get here): runc",
        ]);
    });

    it("say only that it needs Linux where it is not Linux", () => {
        assert.deepEqual(shortcomings({ ...FIT, platform: "darwin", root: false }), [
            "it needs Linux, and this is darwin",
        ]);
    });

    it("add up the needs of folders on one disk", () => {
        const shared: DiskNeed[] = [
            { folder: "/a", device: 1, free: 3 * GIB, needed: 2 * GIB },
            { folder: "/b", device: 1, free: 3 * GIB, needed: 2 * GIB },
        ];
        assert.deepEqual(shortcomings({ ...FIT, needs: shared }), [
            "the disk of /a, /b is too full: 4.0 GiB needed, 3.0 GiB free",
        ]);
        const separate = shared.map((need, device) => ({ ...need, device }));
        assert.deepEqual(shortcomings({ ...FIT, needs: separate }), []);
    });

    it("do not count a full disk that nothing is needed on", () => {
        const needs = [{ folder: "/a", device: 1, free: 0, needed: 0 }];
        assert.deepEqual(shortcomings({ ...FIT, needs }), []);
    });

    it("complain about disks exactly where the sum exceeds what is free", () => {
        const disk = fc.record({
            free: fc.nat(100),
            needs: fc.array(fc.nat(50), { maxLength: 4 }),
        });
        fc.assert(
            fc.property(fc.array(disk, { maxLength: 4 }), (disks) => {
                const needs = disks.flatMap(({ free, needs: amounts }, device) =>
                    amounts.map((needed, i) => ({
                        folder: `/${device}/${i}`,
                        device,
                        free,
                        needed,
                    })),
                );
                const full = disks.filter(
                    ({ free, needs: amounts }) => amounts.reduce((a, b) => a + b, 0) > free,
                );
                assert.equal(shortcomings({ ...FIT, needs }).length, full.length);
            }),
        );
    });
});
