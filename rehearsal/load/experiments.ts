import type { Disturbance } from "./disturbance";
import { PROFILES, type Profile } from "./profiles";

/** What an experiment changes in the rehearsal before it sends its load. */
export interface ExperimentSettings {
    /** Annotations of the Service's template, without `autoscaling.knative.dev/`. */
    readonly autoscaling: Readonly<Record<string, string>>;
    /** Settings of the model server's stand-in, without `MODEL_SERVER_`. */
    readonly standIn: Readonly<Record<string, string>>;
    /** Pods of Knative's activator. */
    readonly activators: number;
    /** HTTP path of the readiness probe, or `tcp`. */
    readonly readiness: string;
    /** Whether requests that their clients give up are drawn to the end, as without the WebUI's extension. */
    readonly drawsAbandoned: boolean;
    /** Seconds that a request may take. */
    readonly timeoutSeconds: number;
}

/** A measurement on the rehearsal's Knative, and what is expected of it. */
export interface Experiment {
    /** Name of its results: letters, digits and dashes. */
    readonly id: string;
    /** What is changed, in a line. */
    readonly title: string;
    /** What was expected before it was measured, and why. */
    readonly expected: string;
    readonly settings: ExperimentSettings;
    readonly profile: Profile;
    /** What happens while the load goes on. @default - nothing */
    readonly disturbance?: Disturbance | undefined;
    readonly repeats: number;
    /** Whether no other experiment may run meanwhile, though it has a Service of its own. */
    readonly alone: boolean;
}

/** The cold start of the model that explains the recipe best (39 s to 48 s), in one phase: ready means ready. */
const COLD = { PORT_OPEN_SECONDS: "43", API_MOUNTED_SECONDS: "43", MODEL_LOADED_SECONDS: "43" };

/** The recipe's service: one request per pod, 100 % utilisation, at most 10 pods, from zero. */
const RECIPE: ExperimentSettings = {
    autoscaling: {
        "min-scale": "0",
        "max-scale": "10",
        "target-utilization-percentage": "100",
        // Knative's own default.
        "target-burst-capacity": "211",
        "scale-down-delay": "0s",
    },
    standIn: { ...COLD, STAGGER_SECONDS: "0", SERVICE_SECONDS: "9.9-10.5", SIGTERM: "default" },
    activators: 1,
    readiness: "/internal/ping",
    drawsAbandoned: false,
    timeoutSeconds: 300,
};

const profile = (name: keyof typeof PROFILES): Profile => ({ name, ...PROFILES[name] });

function experiment(
    id: string,
    title: string,
    expected: string,
    changes: Partial<ExperimentSettings> &
        Partial<Pick<Experiment, "profile" | "disturbance" | "repeats" | "alone">> = {},
): Experiment {
    const {
        autoscaling,
        standIn,
        profile: load,
        disturbance,
        repeats,
        alone,
        ...settings
    } = changes;
    return {
        id,
        title,
        expected,
        settings: {
            ...RECIPE,
            ...settings,
            autoscaling: { ...RECIPE.autoscaling, ...autoscaling },
            standIn: { ...RECIPE.standIn, ...standIn },
        },
        profile: load ?? profile("recipe"),
        disturbance,
        repeats: repeats ?? 3,
        alone: alone ?? false,
    };
}

const SHARED_QUEUE = { "target-burst-capacity": "-1" };
/** What this program sets for every stack, but for its scale-down-delay. */
const PROGRAM = {
    ...SHARED_QUEUE,
    "target-utilization-percentage": "85",
    "panic-window-percentage": "4",
};
const instant = { PORT_OPEN_SECONDS: "0", API_MOUNTED_SECONDS: "0", MODEL_LOADED_SECONDS: "0" };
const tenSeconds = {
    PORT_OPEN_SECONDS: "10",
    API_MOUNTED_SECONDS: "10",
    MODEL_LOADED_SECONDS: "10",
};

/** All experiments, in the order in which they run. Their settings are those of the recipe but for what they name. */
export const EXPERIMENTS: readonly Experiment[] = [
    experiment("E0", "the recipe's settings, one activator", "166 s, not the recipe's 252 s"),
    experiment(
        "E1",
        "no shared queue: target-burst-capacity 0",
        "170 s to 235 s, P50 12 s to 19 s: requests wait for a busy pod while another idles",
        { autoscaling: { "target-burst-capacity": "0" } },
    ),
    experiment(
        "E2",
        "three activators",
        "200 s to 240 s: each activator owns a share of the pods",
        { activators: 3, repeats: 1 },
    ),
    experiment(
        "E3",
        "three activators, pods that start up to 130 s apart",
        "as the recipe's 252 s, if that is how its pods came",
        { activators: 3, standIn: { STAGGER_SECONDS: "0-130" }, repeats: 1 },
    ),
    experiment("E4", "one warm pod", "159 s, P90 33 s", {
        autoscaling: { ...SHARED_QUEUE, "min-scale": "1" },
    }),
    experiment("E5", "two warm pods", "150 s, P90 25 s", {
        autoscaling: { ...SHARED_QUEUE, "min-scale": "2" },
    }),
    experiment("E6", "five warm pods", "the floor, about 102 s; P95 10.5 s", {
        autoscaling: { ...SHARED_QUEUE, "min-scale": "5" },
    }),
    experiment(
        "E7-tcp",
        "ready when the port is open, 8 s before the model is loaded",
        "404 for requests between port and API",
        {
            autoscaling: SHARED_QUEUE,
            standIn: { PORT_OPEN_SECONDS: "35", API_MOUNTED_SECONDS: "39" },
            readiness: "tcp",
        },
    ),
    experiment(
        "E7-http",
        "the same start, ready when the API is mounted",
        "every answer 200; the first image of a pod waits 4 s for the model",
        {
            autoscaling: SHARED_QUEUE,
            standIn: { PORT_OPEN_SECONDS: "35", API_MOUNTED_SECONDS: "39" },
        },
    ),
    experiment(
        "E8-ignored",
        "pods that ignore SIGTERM",
        "each pod holds its GPU until its grace period ends: about 60 GPU-seconds per image",
        { autoscaling: SHARED_QUEUE, standIn: { SIGTERM: "ignore" } },
    ),
    experiment("E8-honoured", "pods that end on SIGTERM", "about 32 GPU-seconds per image", {
        autoscaling: SHARED_QUEUE,
    }),
    experiment(
        "E9-100-0",
        "0.2 requests a second by chance, 100 % utilisation, no delay",
        "P95 34 s, 31 GPU-seconds per image (modelled with a cold start of 60 s)",
        { autoscaling: SHARED_QUEUE, profile: profile("steady"), repeats: 1 },
    ),
    experiment(
        "E9-100-120",
        "the same with a scale-down-delay of 120 s",
        "P95 20 s, 28 GPU-seconds per image (modelled with a cold start of 60 s)",
        {
            autoscaling: { ...SHARED_QUEUE, "scale-down-delay": "120s" },
            profile: profile("steady"),
            repeats: 1,
        },
    ),
    experiment(
        "E10",
        "12 clients at once on one pod, without an activator",
        "one 503: the pod's own queue takes 10 and works on one",
        {
            autoscaling: { "target-burst-capacity": "0", "min-scale": "1", "max-scale": "1" },
            standIn: instant,
            profile: profile("burst"),
        },
    ),
    experiment(
        "G0",
        "this program's autoscaling, from zero, cold start 10 s",
        "at most 116 s, P95 24 s",
        { autoscaling: PROGRAM, standIn: tenSeconds, alone: true },
    ),
    experiment(
        "G0-panic-6",
        "G0 with Knative's own panic window of 6 s",
        "a few seconds more: the autoscaler averages the five requests with the time before them",
        {
            autoscaling: { ...PROGRAM, "panic-window-percentage": "10" },
            standIn: tenSeconds,
        },
    ),
    experiment(
        "G0-panic-1",
        "G0 with a panic window of 1 s",
        "as with 2 s, if the activator reports in each second before the autoscaler looks; else no panic at all",
        {
            autoscaling: { ...PROGRAM, "panic-window-percentage": "2" },
            standIn: tenSeconds,
        },
    ),
    experiment(
        "G0-activation-5",
        "Knative's own panic window, 100 %, and five pods at once from zero (activation-scale)",
        "about 114 s: no pod waits for the autoscaler's next look",
        {
            autoscaling: { ...SHARED_QUEUE, "activation-scale": "5" },
            standIn: tenSeconds,
        },
    ),
    ...[5, 6, 8].map((pods) =>
        experiment(
            `G${pods}-two-activators`,
            `${pods} warm pods, two activators`,
            pods === 5
                ? "above 1.10 times the floor: 118.9 s were measured"
                : `nearer to the floor, since each activator has ${pods / 2} pods for its share of 5 clients`,
            {
                autoscaling: { ...SHARED_QUEUE, "min-scale": String(pods) },
                standIn: instant,
                activators: 2,
            },
        ),
    ),
    experiment("G5", "five warm pods, one activator", "at most 1.01 times the floor", {
        autoscaling: { ...SHARED_QUEUE, "min-scale": "5" },
        standIn: instant,
        alone: true,
    }),
    ...[
        { id: "S0", pods: 0, window: "4", title: "0.2 requests a second by chance, scale to zero" },
        {
            id: "S0-panic-6",
            pods: 0,
            window: "10",
            title: "S0 with Knative's own panic window of 6 s",
        },
        { id: "S1", pods: 1, window: "4", title: "S0 with one warm pod" },
    ].map(({ id, pods, window, title }) =>
        experiment(id, title, `at most ${pods === 0 ? "23.5" : "20"} GPU-seconds per image`, {
            autoscaling: {
                ...PROGRAM,
                "target-utilization-percentage": "100",
                "panic-window-percentage": window,
                "min-scale": String(pods),
                "max-scale": "4",
                "scale-down-delay": "60s",
            },
            standIn: tenSeconds,
            profile: profile("steady"),
            repeats: 1,
        }),
    ),
    ...[1, 2].map((activators) =>
        experiment(
            `L${activators}`,
            activators === 1 ? "the only activator is lost" : "one of two activators is lost",
            activators === 1
                ? "requests fail until a new one is ready"
                : "only requests that it had are lost",
            {
                autoscaling: { ...SHARED_QUEUE, "min-scale": "5", "max-scale": "5" },
                standIn: instant,
                activators,
                profile: {
                    name: "arrivals",
                    purpose: "0.4 requests a second by chance for eighty seconds",
                    arrivals: { kind: "open", rate: 0.4 },
                    timeoutSeconds: 60,
                    requests: 100,
                    seconds: 80,
                    untilSettled: false,
                },
                disturbance: { kind: "activator-loss", afterSeconds: 30 },
                alone: true,
            },
        ),
    ),
    ...[1, 2].flatMap((activators) =>
        [true, false].map((drawsAbandoned) =>
            experiment(
                `C${activators}-${drawsAbandoned ? "drawn" : "stopped"}`,
                `every third request is given up and ${drawsAbandoned ? "drawn to its end" : "stopped"}, ${activators === 1 ? "one activator" : "two activators"}`,
                drawsAbandoned
                    ? `${activators === 1 ? "39" : "45"} s, requests behind work that nobody wants`
                    : "25 s to 27 s, no request behind such work",
                {
                    autoscaling: { ...SHARED_QUEUE, "min-scale": "5", "max-scale": "5" },
                    standIn: { ...instant, SERVICE_SECONDS: "3" },
                    activators,
                    drawsAbandoned,
                    profile: profile("cancel"),
                },
            ),
        ),
    ),
    experiment(
        "Q100",
        "100 clients at once on two pods, at most 60 s",
        "a fleet's work of 60 s answered with 200, the others with 504 after 60 s",
        {
            autoscaling: { ...SHARED_QUEUE, "min-scale": "2", "max-scale": "2" },
            standIn: instant,
            timeoutSeconds: 60,
            profile: {
                name: "crowd",
                purpose: "100 clients at once, one request each",
                arrivals: { kind: "closed", clients: 100, sender: "built-in" },
                timeoutSeconds: 300,
                requests: 100,
                seconds: 300,
                untilSettled: false,
            },
        },
    ),
    experiment(
        "SOAK",
        "10 000 requests of 0.3 s, every 50th given up, a rollout after 100 s",
        "every answer 200, one request in a pod",
        {
            autoscaling: { ...SHARED_QUEUE, "min-scale": "5" },
            standIn: { ...instant, SERVICE_SECONDS: "0.3" },
            profile: {
                ...profile("soak"),
                cancel: { every: 50, afterSeconds: 0.15 },
            },
            disturbance: { kind: "rollout", afterSeconds: 100 },
            repeats: 1,
            alone: true,
        },
    ),
];

/**
 * The experiments of these ids, in their own order.
 *
 * @param ids @default all
 * @throws Error naming one that is not there
 */
export function experimentsOf(ids: readonly string[]): readonly Experiment[] {
    for (const id of ids) {
        if (!EXPERIMENTS.some((each) => each.id === id)) {
            throw new Error(
                `there is no experiment ${JSON.stringify(id)}; allowed: ${EXPERIMENTS.map((each) => each.id).join(", ")}`,
            );
        }
    }
    return ids.length === 0 ? EXPERIMENTS : EXPERIMENTS.filter(({ id }) => ids.includes(id));
}
