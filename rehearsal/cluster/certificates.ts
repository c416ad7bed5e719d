import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CLUSTER_STATE } from "../paths";
import type { Binaries } from "./binaries";
import { command } from "./command";
import { CONTROL_PLANE } from "./machine";
import { NETWORK } from "./network";
import { VERSIONS } from "./versions";

/** Configuration of the control plane; the kubeconfigs of its daemons, mode 600, are called `<daemon>.conf`. */
export const ETC = join(CLUSTER_STATE, "etc");

/** Certificates and keys of the control plane. */
export const PKI = join(CLUSTER_STATE, "pki");

/** Kubeconfigs; mode 600. */
export const KUBECONFIG = {
    /** For users of the cluster: group `kubeadm:cluster-admins`. */
    admin: join(CLUSTER_STATE, "kubeconfig"),
    /** Group `system:masters`, to be used until the first one's role binding exists. */
    superAdmin: join(ETC, "super-admin.conf"),
};

const CLUSTER_FILE = join(ETC, "kubeadm-cluster.yaml");

/** Makes certificates and kubeconfigs of the control plane with kubeadm's phases. */
export async function createCertificates(binaries: Binaries, signal?: AbortSignal): Promise<void> {
    const kubeadm = join(binaries.kubernetes, "kubeadm");
    const cluster = {
        apiVersion: "kubeadm.k8s.io/v1beta4",
        kind: "ClusterConfiguration",
        // Anything but an exact version, such as stable-1, makes kubeadm ask the internet.
        kubernetesVersion: VERSIONS.kubernetes,
        certificatesDir: PKI,
        controlPlaneEndpoint: `${NETWORK.controlPlaneAddress}:6443`,
        networking: { serviceSubnet: NETWORK.services, podSubnet: NETWORK.pods },
        encryptionAlgorithm: "ECDSA-P256",
    };
    const init = {
        apiVersion: "kubeadm.k8s.io/v1beta4",
        kind: "InitConfiguration",
        localAPIEndpoint: { advertiseAddress: NETWORK.controlPlaneAddress, bindPort: 6443 },
        nodeRegistration: { name: CONTROL_PLANE },
    };
    await mkdir(ETC, { recursive: true });
    const initFile = join(ETC, "kubeadm.yaml");
    await writeFile(CLUSTER_FILE, JSON.stringify(cluster));
    await writeFile(initFile, `${JSON.stringify(init)}\n---\n${JSON.stringify(cluster)}`);

    const phase = ["init", "phase"];
    await command(kubeadm, [...phase, "certs", "all", "--config", initFile], { signal });
    await command(
        kubeadm,
        [...phase, "kubeconfig", "all", "--config", initFile, "--kubeconfig-dir", ETC],
        { signal },
    );
    await rename(join(ETC, "admin.conf"), KUBECONFIG.admin);
}

/**
 * Issues a client certificate, with a key of its own at each call.
 *
 * @param client `name` and `groups` of the user; `validSeconds`: whole seconds from now, a year by default;
 * `machine`: the one it is for, if it is for one
 * @returns a kubeconfig with it
 */
export async function createKubeconfig(
    binaries: Binaries,
    client: {
        readonly name: string;
        readonly groups?: readonly string[];
        readonly validSeconds?: number | undefined;
        readonly machine?: string;
    },
    signal?: AbortSignal,
): Promise<string> {
    const { name, groups = [], validSeconds, machine } = client;
    return command(
        join(binaries.kubernetes, "kubeadm"),
        [
            ...["kubeconfig", "user", "--config", CLUSTER_FILE, "--client-name", name],
            ...groups.flatMap((group) => ["--org", group]),
            ...(validSeconds === undefined ? [] : ["--validity-period", `${validSeconds}s`]),
        ],
        { machine, signal },
    );
}
