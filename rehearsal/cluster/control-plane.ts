import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CLUSTER_STATE } from "../paths";
import type { Binaries } from "./binaries";
import { ETC, KUBECONFIG, PKI } from "./certificates";
import { CONTROL_PLANE, startDaemon, type Machine } from "./machine";
import { NETWORK } from "./network";

/** Names of the programs that {@link startApi} and {@link startControllers} start. */
export const CONTROL_PLANE_DAEMONS = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "coredns",
];

/** Starts etcd and the API server. */
export async function startApi(
    machine: Machine,
    binaries: Binaries,
    ended: (error: Error) => void,
): Promise<void> {
    const client = "http://127.0.0.1:2379";
    const peer = "http://127.0.0.1:2380";
    await startDaemon(
        machine,
        join(binaries.kubernetes, "etcd"),
        [
            `--name=${CONTROL_PLANE}`,
            `--data-dir=${join(CLUSTER_STATE, "etcd")}`,
            `--listen-client-urls=${client}`,
            `--advertise-client-urls=${client}`,
            `--listen-peer-urls=${peer}`,
            `--initial-advertise-peer-urls=${peer}`,
            `--initial-cluster=${CONTROL_PLANE}=${peer}`,
            // The data does not outlive the machine.
            "--unsafe-no-fsync",
            "--log-level=warn",
        ],
        ended,
    );
    await startDaemon(
        machine,
        join(binaries.kubernetes, "kube-apiserver"),
        [
            `--etcd-servers=${client}`,
            `--advertise-address=${NETWORK.controlPlaneAddress}`,
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

/** Starts what needs the API server: controllers, scheduler and DNS. */
export async function startControllers(
    machine: Machine,
    binaries: Binaries,
    ended: (error: Error) => void,
): Promise<void> {
    const start = (program: string, args: string[]): Promise<void> =>
        startDaemon(machine, join(binaries.kubernetes, program), args, ended);
    const identity = (name: string): string[] => [
        `--kubeconfig=${ETC}/${name}.conf`,
        `--authentication-kubeconfig=${ETC}/${name}.conf`,
        `--authorization-kubeconfig=${ETC}/${name}.conf`,
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
    ];
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
    const corefile = join(ETC, "Corefile");
    // No forward: a name outside of the cluster is refused, never asked for outside.
    await writeFile(
        corefile,
        `.:53 {
  bind ${NETWORK.controlPlaneAddress}
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
    await startDaemon(machine, join(binaries.coredns, "coredns"), [`-conf=${corefile}`], ended);
}
