import type { Pod } from "./pod";

/**
 * The pod that Kubernetes deletes first: one without a node, else one that is not ready, else the youngest. Ages count
 * as equal where their logarithms to the base of 2 have the same whole part, and then the UID decides, so that chance
 * does; whether a pod works plays no role. Source: ActivePodsWithRanks of pkg/controller of Kubernetes 1.35, without the
 * pods of a node that has several.
 *
 * @throws Error when there is no pod
 */
export function victimOf(pods: readonly Pod[], now: number): Pod {
    const [first, ...others] = pods;
    if (first === undefined) {
        throw new Error("there is no pod to delete");
    }
    return others.reduce((victim, pod) => (isBefore(pod, victim, now) ? pod : victim), first);
}

function isBefore(one: Pod, other: Pod, now: number): boolean {
    const ranks = [one, other].map((pod) => [
        pod.scheduledAt > now ? 0 : 1,
        pod.isReady ? 1 : 0,
        ageRank(pod.readyAt ?? pod.createdAt, now),
        pod.uid,
    ]);
    const [mine = [], theirs = []] = ranks;
    const index = mine.findIndex((rank, place) => rank !== theirs[place]);
    return (mine[index] ?? 0) < (theirs[index] ?? 0);
}

/** Kubernetes keeps whole seconds, and takes the logarithm of nanoseconds. */
function ageRank(since: number, now: number): number {
    return Math.floor(Math.log2((now - Math.floor(since)) * 1e9));
}
