import { join } from "node:path";

/** The checkout this rehearsal belongs to. */
export const REPOSITORY = join(__dirname, "..");

/** Builds and downloads, keyed by their pinned versions; git-ignored, safe to delete. */
export const CACHE = join(REPOSITORY, ".cache");

/** What one rehearsal works with and leaves for its user (the image, logs of a failure); git-ignored. */
export const WORK = join(REPOSITORY, ".rehearsal");

/** Results of loads, which outlive the rehearsals that they were measured on; git-ignored. */
export const LOAD_RESULTS = join(REPOSITORY, ".load");

/** What experiments have observed; committed, and the source of the tables in docs/performance.md. */
export const EXPERIMENT_RESULTS = join(REPOSITORY, "docs", "performance");

/**
 * State of the local cluster. One fixed place per machine, because the network namespace and the
 * addresses are one per machine too, so that any checkout's `down` finds what another left; and short,
 * because Unix socket paths end at 107 bytes.
 */
export const CLUSTER_STATE = "/var/lib/sd-rehearsal";
