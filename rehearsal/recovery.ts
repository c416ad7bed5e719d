import { KubeConfig, KubernetesObjectApi, type KubernetesObject } from "@kubernetes/client-node";
import { existsSync } from "node:fs";
import type { CloudClient } from "./cloud/client";
import { KUBECONFIG } from "./cluster/certificates";
import { until } from "./cluster/until";
import type { Deployment } from "./deployment";
import { step } from "./progress";

/** A creation that was under way when the engine ended, as the state keeps it. */
export interface PendingCreation {
    readonly urn: string;
    /** Type token. */
    readonly type: string;
    readonly inputs: Readonly<Record<string, unknown>>;
}

/** Seconds for which a creation that goes on by itself may take. */
const DEADLINE = 300;

/** After a killed run: what it was making when it ended is taken over, if it was made. */
export async function recover(deployment: Deployment, cloud: CloudClient): Promise<void> {
    const pending = await deployment.pendingCreations();
    if (pending.length === 0) {
        return;
    }
    await step("Recover what an interrupted up was making", async (note) => {
        const known = (await deployment.ids()).map(({ id }) => id);
        const made = await interruptedCreations(pending, known, cloud, clusterIfThere());
        for (const { urn } of pending) {
            note(`${urn.split("::").at(-1) ?? urn}: ${made.get(urn) ?? "was not made"}`);
        }
        await deployment.adopt(made);
    });
}

function clusterIfThere(): KubeConfig | undefined {
    if (!existsSync(KUBECONFIG.admin)) {
        return undefined;
    }
    const kubeconfig = new KubeConfig();
    kubeconfig.loadFromFile(KUBECONFIG.admin);
    return kubeconfig;
}

/**
 * Looks for what interrupted creations have made all the same, as docs/guide.md tells a user to: in the simulated
 * cloud by type and inputs, in the cluster by name. What the cloud goes on creating is waited for.
 *
 * @param known ids of the resources in the state
 * @param kubeconfig of the cluster, if there is one already
 * @returns the id of each that exists, by URN; of the others nothing was made
 */
async function interruptedCreations(
    pending: readonly PendingCreation[],
    known: readonly string[],
    cloud: CloudClient,
    kubeconfig: KubeConfig | undefined,
): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (const creation of pending) {
        const id = creation.type.startsWith("kubernetes:")
            ? kubeconfig && (await idInCluster(creation, kubeconfig))
            : await idInCloud(creation, [...known, ...found.values()], cloud);
        if (id !== undefined) {
            found.set(creation.urn, id);
        }
    }
    return found;
}

async function idInCloud(
    { type, inputs }: PendingCreation,
    known: readonly string[],
    cloud: CloudClient,
): Promise<string | undefined> {
    const matches = async () =>
        (await cloud.inventory()).resources.filter(
            (each) =>
                each.type === type && !known.includes(each.id) && isContained(each.inputs, inputs),
        );
    const [first] = await matches();
    if (first === undefined) {
        return undefined;
    }
    return until(`${type} ${first.id} to be created`, DEADLINE, async () => {
        const now = (await matches()).find(({ id }) => id === first.id);
        return now === undefined || now.status === "Pending" ? undefined : now.id;
    });
}

/** Whether each input that the cloud knows is what was asked for. */
function isContained(
    actual: Readonly<Record<string, unknown>>,
    asked: Readonly<Record<string, unknown>>,
): boolean {
    return Object.entries(actual).every(
        ([key, value]) => JSON.stringify(asked[key]) === JSON.stringify(value),
    );
}

/** Only what has a name of the program's choice can be found again. */
async function idInCluster(
    { type, inputs }: PendingCreation,
    kubeconfig: KubeConfig,
): Promise<string | undefined> {
    const { apiVersion, kind, metadata } = inputs as KubernetesObject;
    const name = metadata?.name;
    // A patch changes an object of somebody else, and can be made again.
    if (!apiVersion || !kind || !name || type.endsWith("Patch")) {
        return undefined;
    }
    const { namespace } = metadata;
    try {
        await KubernetesObjectApi.makeApiClient(kubeconfig).read({
            apiVersion,
            kind,
            metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
        });
    } catch (error) {
        if ((error as { code?: unknown }).code === 404) {
            return undefined;
        }
        throw error;
    }
    return namespace === undefined ? name : `${namespace}/${name}`;
}
