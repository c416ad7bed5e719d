import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CLUSTER_STATE } from "../paths";
import type { Binaries } from "./binaries";
import { CGROUP } from "./cgroups";
import { command } from "./command";
import { NETWORK } from "./network";
import { LOGS, inNode, startDaemon, type Node } from "./node";
import { until } from "./until";
import { VERSIONS } from "./versions";

/** The pause container of every pod; packed by `images.ts`. */
export const PAUSE_IMAGE = "dev.local/pause:1";

/** Name of the only node. */
export const NODE_NAME = "node0";

/** Label of a node whose GPUs are only numbers in its status; the program accepts such a cluster by it. */
export const GPU_STAND_IN_LABEL = "sd-rehearsal/gpu-stand-in";

/** The socket of containerd. */
export const CONTAINERD = join(CLUSTER_STATE, "containerd.sock");

/** Kubeconfigs; mode 600. */
export const KUBECONFIG = {
    /** For users of the cluster: group `kubeadm:cluster-admins`. */
    admin: join(CLUSTER_STATE, "kubeconfig"),
    /** Group `system:masters`, to be used until the first one's role binding exists. */
    superAdmin: join(CLUSTER_STATE, "etc/super-admin.conf"),
};

const ETC = join(CLUSTER_STATE, "etc");
const PKI = join(CLUSTER_STATE, "pki");

/** Names of the programs that {@link startRuntime}, {@link startApi} and {@link startRest} start. */
export const DAEMONS = [
    "containerd",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "coredns",
];

/** Makes certificates and kubeconfigs with kubeadm's phases. */
export async function createCertificates(binaries: Binaries, signal?: AbortSignal): Promise<void> {
    const kubeadm = join(binaries.kubernetes, "kubeadm");
    const cluster = {
        apiVersion: "kubeadm.k8s.io/v1beta4",
        kind: "ClusterConfiguration",
        // Anything but an exact version, such as stable-1, makes kubeadm ask the internet.
        kubernetesVersion: VERSIONS.kubernetes,
        certificatesDir: PKI,
        controlPlaneEndpoint: `${NETWORK.nodeAddress}:6443`,
        networking: { serviceSubnet: NETWORK.services, podSubnet: NETWORK.pods },
        encryptionAlgorithm: "ECDSA-P256",
    };
    const init = {
        apiVersion: "kubeadm.k8s.io/v1beta4",
        kind: "InitConfiguration",
        localAPIEndpoint: { advertiseAddress: NETWORK.nodeAddress, bindPort: 6443 },
        nodeRegistration: { name: NODE_NAME, criSocket: `unix://${CONTAINERD}` },
    };
    await mkdir(ETC, { recursive: true });
    const clusterFile = join(ETC, "kubeadm-cluster.yaml");
    const initFile = join(ETC, "kubeadm.yaml");
    await writeFile(clusterFile, JSON.stringify(cluster));
    await writeFile(initFile, `${JSON.stringify(init)}\n---\n${JSON.stringify(cluster)}`);

    const phase = ["init", "phase"];
    await command(kubeadm, [...phase, "certs", "all", "--config", initFile], { signal });
    await command(
        kubeadm,
        [...phase, "kubeconfig", "all", "--config", initFile, "--kubeconfig-dir", ETC],
        { signal },
    );
    const proxy = await command(
        kubeadm,
        ["kubeconfig", "user", "--config", clusterFile, "--client-name", "system:kube-proxy"],
        { signal },
    );
    await writeFile(join(ETC, "proxy.conf"), proxy, { mode: 0o600 });
    await rename(join(ETC, "admin.conf"), KUBECONFIG.admin);
}

/** Starts the container runtime and waits until it answers. */
export async function startRuntime(
    node: Node,
    ended: (error: Error) => void,
    signal?: AbortSignal,
): Promise<void> {
    await mkdir(join(ETC, "cni"), { recursive: true });
    await writeFile(
        join(ETC, "cni/pods.conflist"),
        JSON.stringify({
            cniVersion: "0.4.0",
            name: "pods",
            plugins: [
                {
                    type: "ptp",
                    ipam: {
                        type: "host-local",
                        dataDir: join(CLUSTER_STATE, "ipam"),
                        ranges: [[{ subnet: NETWORK.pods }]],
                        routes: [{ dst: "0.0.0.0/0" }],
                    },
                },
            ],
        }),
    );
    const unused = ["snapshotter.v1.btrfs", "snapshotter.v1.zfs", "snapshotter.v1.aufs"];
    const disabled = [...unused, "snapshotter.v1.devmapper", "internal.v1.opt"];
    await writeFile(
        join(ETC, "containerd.toml"),
        `version = 2
root = "${join(CLUSTER_STATE, "containerd")}"
state = "${join(CLUSTER_STATE, "run/containerd")}"
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
conf_dir = "${join(ETC, "cni")}"
`,
    );
    await startDaemon(node, "containerd", ["--config", join(ETC, "containerd.toml")], ended);
    const version = ["--address", CONTAINERD, "version"];
    await until("containerd", 30, () => inNode(node, "ctr", version, signal), signal);
}

/** Starts etcd and the API server. */
export async function startApi(
    node: Node,
    binaries: Binaries,
    ended: (error: Error) => void,
): Promise<void> {
    const client = "http://127.0.0.1:2379";
    const peer = "http://127.0.0.1:2380";
    await startDaemon(
        node,
        join(binaries.kubernetes, "etcd"),
        [
            `--name=${NODE_NAME}`,
            `--data-dir=${join(CLUSTER_STATE, "etcd")}`,
            `--listen-client-urls=${client}`,
            `--advertise-client-urls=${client}`,
            `--listen-peer-urls=${peer}`,
            `--initial-advertise-peer-urls=${peer}`,
            `--initial-cluster=${NODE_NAME}=${peer}`,
            // The data does not outlive the machine.
            "--unsafe-no-fsync",
            "--log-level=warn",
        ],
        ended,
    );
    await startDaemon(
        node,
        join(binaries.kubernetes, "kube-apiserver"),
        [
            `--etcd-servers=${client}`,
            `--advertise-address=${NETWORK.nodeAddress}`,
            `--service-cluster-ip-range=${NETWORK.services}`,
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            `--tls-cert-file=${PKI}/apiserver.crt`,
            `--tls-private-key-file=${PKI}/apiserver.key`,
            `--client-ca-file=${PKI}/ca.crt`,
            `--kubelet-client-certificate=${PKI}/apiserver-kubelet-client.crt`,
            `--kubelet-client-key=${PKI}/apiserver-kubelet-client.key`,
            "--kubelet-preferred-address-types=InternalIP",
            `--requestheader-client-ca-file=${PKI}/front-proxy-ca.crt`,
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            `--proxy-client-cert-file=${PKI}/front-proxy-client.crt`,
            `--proxy-client-key-file=${PKI}/front-proxy-client.key`,
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            `--service-account-key-file=${PKI}/sa.pub`,
            `--service-account-signing-key-file=${PKI}/sa.key`,
            // Webhooks are called at their pods' addresses, so that no service has to be programmed first.
            "--enable-aggregator-routing=true",
        ],
        ended,
    );
}

/** Starts what needs the API server: controllers, scheduler, kubelet, proxy and DNS. */
export async function startRest(
    node: Node,
    binaries: Binaries,
    ended: (error: Error) => void,
): Promise<void> {
    await writeConfiguration();
    const start = (program: string, args: string[]): Promise<void> =>
        startDaemon(node, join(binaries.kubernetes, program), args, ended);
    const identity = (name: string): string[] => [
        `--kubeconfig=${ETC}/${name}.conf`,
        `--authentication-kubeconfig=${ETC}/${name}.conf`,
        `--authorization-kubeconfig=${ETC}/${name}.conf`,
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
    ];
    await start("kubelet", [
        `--kubeconfig=${ETC}/kubelet.conf`,
        `--config=${ETC}/kubelet.json`,
        `--hostname-override=${NODE_NAME}`,
        `--node-ip=${NETWORK.nodeAddress}`,
        `--node-labels=${GPU_STAND_IN_LABEL}=true`,
        `--root-dir=${CLUSTER_STATE}/kubelet`,
        `--cert-dir=${CLUSTER_STATE}/kubelet/pki`,
        // Without this flag, deprecated and hidden, /metrics/cadvisor names no containers.
        `--containerd=${CONTAINERD}`,
    ]);
    await start("kube-controller-manager", [
        ...identity("controller-manager"),
        "--use-service-account-credentials=true",
        `--root-ca-file=${PKI}/ca.crt`,
        `--service-account-private-key-file=${PKI}/sa.key`,
        `--cluster-signing-cert-file=${PKI}/ca.crt`,
        `--cluster-signing-key-file=${PKI}/ca.key`,
        `--flex-volume-plugin-dir=${CLUSTER_STATE}/volume-plugins`,
    ]);
    await start("kube-scheduler", identity("scheduler"));
    await start("kube-proxy", [`--config=${ETC}/kube-proxy.json`]);
    await startDaemon(node, join(binaries.coredns, "coredns"), [`-conf=${ETC}/Corefile`], ended);
}

async function writeConfiguration(): Promise<void> {
    const resolver = join(ETC, "resolv.conf");
    await writeFile(resolver, `nameserver ${NETWORK.nodeAddress}\n`);
    const kubelet = {
        apiVersion: "kubelet.config.k8s.io/v1beta1",
        kind: "KubeletConfiguration",
        failCgroupV1: false,
        cgroupDriver: "cgroupfs",
        cgroupRoot: `/${CGROUP}`,
        containerRuntimeEndpoint: `unix://${CONTAINERD}`,
        authentication: {
            anonymous: { enabled: false },
            webhook: { enabled: true },
            x509: { clientCAFile: join(PKI, "ca.crt") },
        },
        authorization: { mode: "Webhook" },
        clusterDomain: "cluster.local",
        clusterDNS: [NETWORK.nodeAddress],
        resolvConf: resolver,
        podLogsDir: join(LOGS, "pods"),
        volumePluginDir: join(CLUSTER_STATE, "volume-plugins"),
        failSwapOn: false,
        // As restrict_oom_score_adj of containerd.
        oomScoreAdj: 0,
        enforceNodeAllocatable: [],
        serializeImagePulls: false,
        // Percentages of a developer's large disk would evict everything although gigabytes are free.
        evictionHard: {
            "memory.available": "200Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
        // There is no registry to pull a collected image from again.
        imageGCHighThresholdPercent: 100,
        healthzBindAddress: "127.0.0.1",
    };
    await writeFile(join(ETC, "kubelet.json"), JSON.stringify(kubelet));
    const proxy = {
        apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
        kind: "KubeProxyConfiguration",
        mode: "nftables",
        clientConnection: { kubeconfig: join(ETC, "proxy.conf") },
        clusterCIDR: NETWORK.pods,
        hostnameOverride: NODE_NAME,
        oomScoreAdj: 0,
        // Zero leaves these settings of the kernel alone, which partly are the whole machine's.
        conntrack: {
            maxPerCore: 0,
            min: 0,
            tcpEstablishedTimeout: "0s",
            tcpCloseWaitTimeout: "0s",
        },
        metricsBindAddress: "127.0.0.1:10249",
        healthzBindAddress: "127.0.0.1:10256",
    };
    await writeFile(join(ETC, "kube-proxy.json"), JSON.stringify(proxy));
    // No forward: a name outside of the cluster is refused, never asked for outside.
    await writeFile(
        join(ETC, "Corefile"),
        `.:53 {
  bind ${NETWORK.nodeAddress}
  errors
  health 127.0.0.1:8087
  ready 127.0.0.1:8181
  kubernetes cluster.local in-addr.arpa ip6.arpa {
    kubeconfig ${KUBECONFIG.superAdmin}
    pods insecure
    ttl 5
  }
  cache 5
}
`,
    );
}
