import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inMachine, startDaemon, type Machine } from "./machine";
import { until } from "./until";

/** The pause container of every pod; packed by `images.ts`. */
export const PAUSE_IMAGE = "dev.local/pause:1";

/** The socket of containerd in each machine that has one. */
export const CONTAINERD = "/run/containerd.sock";

/** The folder of containerd in the state folder of a machine: images and containers. */
export const CONTAINERD_ROOT = "containerd";

/** Where a worker's containerd finds how to connect pods. */
export function cniFolder({ folder }: Machine): string {
    return join(folder, "etc/cni");
}

/** Starts the container runtime of a machine and waits until it answers. */
export async function startContainerd(
    machine: Machine,
    ended: (error: Error) => void,
    signal?: AbortSignal,
): Promise<void> {
    const { folder } = machine;
    const unused = ["snapshotter.v1.btrfs", "snapshotter.v1.zfs", "snapshotter.v1.aufs"];
    const disabled = [...unused, "snapshotter.v1.devmapper", "internal.v1.opt"];
    const file = join(folder, "etc/containerd.toml");
    await mkdir(join(folder, "etc"), { recursive: true });
    await writeFile(
        file,
        `version = 2
root = "${join(folder, CONTAINERD_ROOT)}"
state = "/run/containerd"
disabled_plugins = ${JSON.stringify(disabled.map((name) => `io.containerd.${name}`))}
[grpc]
address = "${CONTAINERD}"
[ttrpc]
address = "${CONTAINERD}.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${PAUSE_IMAGE}"
netns_mounts_under_state_dir = true
disable_apparmor = true
# Where a process may not lower its badness below its parent's, each pod would fail with "can't get final
# child's PID from pipe".
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "${cniFolder(machine)}"
`,
    );
    await startDaemon(machine, "containerd", ["--config", file], ended);
    const version = ["--address", CONTAINERD, "version"];
    await until(
        `containerd of ${machine.name}`,
        30,
        () => inMachine(machine, "ctr", version, signal),
        signal,
    );
}
