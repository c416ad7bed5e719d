import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import runProgram from "../index";
import { KNATIVE_SERVICE } from "../policy/knative-service";
import { cluster, gateway, installed, serveApi } from "./support/api-server";
import { BEFORE, CHANGES, type ConfigChange } from "./support/config-changes";
import { leaves } from "./support/leaves";
import {
    GET_CREDENTIAL,
    GET_SWITCHES,
    only,
    promiseOf,
    recordResources,
    type Registered,
} from "./support/mocks";
import { CLOUD_ARGUMENTS, isCreateOnly, planOf, type Step, withoutPositions } from "./support/plan";
import { configure, DECLARED } from "./support/project";

const PAGE = join(__dirname, "../docs/changes.md");

type Values = Readonly<Record<string, unknown>>;

/** What becomes of a change. */
interface Outcome {
    readonly change: ConfigChange;
    readonly from: unknown;
    /** Who refuses it, if somebody does. */
    readonly refusedBy?: "config.ts" | "fixed-settings.ts";
    /** What the engine does; for a change that fixed-settings.ts refuses, what it would do. */
    readonly steps: readonly Step[];
    /** What the program declares after it, in whatever way; empty where the configuration is refused. */
    readonly declared: readonly Registered[];
}

describe("a change of the configuration", () => {
    const { stackTraceLimit } = Error;
    let api: Awaited<ReturnType<typeof serveApi>>;
    let outcomes: Outcome[];
    const baselines = new Map<string, Registered[]>();

    before(async function () {
        this.timeout(60_000);
        // Two programs for each change: the SDK takes a stack trace for each of its promises, which is most of it.
        Error.stackTraceLimit = 0;
        api = await serveApi({
            ...cluster({ gpus: [1] }),
            ...gateway(),
            ...installed(),
            ...ELSEWHERE,
        });
        outcomes = [];
        for (const change of CHANGES) {
            outcomes.push(await outcomeOf(change));
        }
    });

    after(async () => {
        Error.stackTraceLimit = stackTraceLimit;
        await api.close();
    });

    async function outcomeOf(change: ConfigChange): Promise<Outcome> {
        const before = { ...BEFORE, ...change.with };
        const together = togetherWith(change, api.kubeconfig);
        const after = { ...before, ...together, [change.key]: change.to };
        const from = before[change.key as keyof typeof before] ?? DECLARED[change.key]?.default;
        assert.notDeepEqual(from, change.to, change.key);

        const old = await declaredBefore(before);
        const { keepers } = only(
            old.filter(({ name }) => name === "fixed-settings"),
            "random:index/randomString:RandomString",
        ).inputs as { keepers: Record<string, string> };
        try {
            const now = await declared(after, keepers);
            return { change, from, steps: planOf(old, now), declared: now };
        } catch (error) {
            const { message } = error as Error;
            if (message.startsWith("the configuration of this stack has a problem:")) {
                return { change, from, refusedBy: "config.ts", steps: [], declared: [] };
            }
            assert.match(message, /^these settings are fixed when a stack is made/);
        }
        // As if it were not refused.
        const now = await declared(after);
        return {
            change,
            from,
            refusedBy: "fixed-settings.ts",
            steps: planOf(old, now),
            declared: now,
        };
    }

    /** Most changes begin with the same. */
    async function declaredBefore(configuration: Values): Promise<Registered[]> {
        const key = JSON.stringify(configuration);
        const known = baselines.get(key) ?? (await declared(configuration));
        baselines.set(key, known);
        return known;
    }

    /** What the program declares with this configuration, in a stack that was made with these keepers. */
    async function declared(
        configuration: Values,
        keepers?: Readonly<Record<string, string>>,
    ): Promise<Registered[]> {
        const domain = configuration["domain"] ?? DECLARED["domain"]?.default;
        const seen = await recordResources({
            domain: domain as string,
            calls: { [GET_CREDENTIAL]: credential, [GET_SWITCHES]: switches },
            ...(keepers ? { keepers } : {}),
        });
        configure(configuration);
        const { endpoint } = await runProgram();
        await promiseOf(endpoint);
        return seen;
    }

    /** A temporary credential is another one each time. */
    function credential({ temporaryDurationMinutes: minutes }: Values): Record<string, unknown> {
        const lasting = JSON.parse(api.kubeconfig) as Values;
        const kubeConfig =
            minutes === undefined ? lasting : { ...lasting, preferences: { minutes } };
        return { kubeConfig: JSON.stringify(kubeConfig) };
    }

    it("is tried for every key there is, in the order of Pulumi.yaml", () => {
        const keys = [...new Set(CHANGES.map(({ key }) => key))];
        assert.deepEqual(keys, ["alicloud:region", ...Object.keys(DECLARED)]);
    });

    it("never replaces or deletes anything of the cloud, unless fixed-settings.ts refuses it", () => {
        const lost = outcomes
            .filter(({ refusedBy }) => refusedBy !== "fixed-settings.ts")
            .flatMap(({ change, steps }) =>
                steps
                    .filter((step) => isHeld(step) && isLost(step))
                    .map(({ action, name }) => `${change.key} would ${action} ${name}`),
            );
        assert.deepEqual(lost, []);
    });

    it("is refused by fixed-settings.ts only where something would be lost, now or later", () => {
        const harmless = outcomes
            .filter(({ refusedBy }) => refusedBy === "fixed-settings.ts")
            .filter(({ steps }) => !steps.some((step) => isHeld(step) && isLost(step)))
            .map(({ change }) => `${change.key} ${JSON.stringify(change.to)}`);
        assert.deepEqual(harmless, REFUSED_ALL_THE_SAME);
    });

    it("finds the replacement of network and cluster that it is there to find", () => {
        const replaced = new Set(
            outcomes
                .flatMap(({ steps }) => steps)
                .filter(({ action }) => action === "replace")
                .map(({ name }) => name),
        );
        for (const name of ["network-vswitch-0", "cluster-control-plane", "knative-addon"]) {
            assert.ok(replaced.has(name), name);
        }
    });

    it("sets no argument that is deprecated, and each that is required", () => {
        const types = new Set<string>();
        for (const { type, name, inputs } of cloudResources(outcomes)) {
            const facts = CLOUD_ARGUMENTS[type];
            assert.ok(facts, type);
            const paths = [...leaves(inputs).keys()].map(withoutPositions);
            const deprecated = facts.deprecated.filter((each) =>
                paths.some((path) => path === each || path.startsWith(`${each}.`)),
            );
            assert.deepEqual(deprecated, [], name);
            assert.deepEqual(
                facts.required.filter((each) => inputs[each] === undefined),
                [],
                name,
            );
            types.add(type);
        }
        assert.deepEqual([...types].sort(), Object.keys(CLOUD_ARGUMENTS).sort());
    });

    it("reaches an argument that is fixed at creation only by a key that is refused", () => {
        const reached = Object.fromEntries(
            argumentRows(outcomes)
                .filter(({ isFixed, keys }) => isFixed && keys.length > 0)
                .filter(({ resource }) => !OBSERVING.test(resource))
                .map(({ resource, argument, keys }) => [`${resource} ${argument}`, keys]),
        );
        assert.deepEqual(reached, FIXED_BY_CONFIGURATION);
    });

    it("is described by docs/changes.md; UPDATE_DOCS=1 rewrites it", async () => {
        const options = { ...(await resolveConfig(PAGE)), filepath: PAGE };
        const page = await format(pageOf(outcomes), options);
        if (process.env["UPDATE_DOCS"] === "1") {
            writeFileSync(PAGE, page);
        }
        assert.equal(readFileSync(PAGE, "utf8"), page);
    });
});

const togetherWith = ({ together }: ConfigChange, kubeconfig: string): Values =>
    (typeof together === "function" ? together(kubeconfig) : together) ?? {};

/** Where the changed keys have the gateway. */
const ELSEWHERE = {
    ...gateway({ namespace: "knative-serving" }),
    ...gateway({ name: "ingress" }),
};

/** vSwitches of two VPCs. */
function switches({ ids }: Values): Record<string, unknown> {
    return {
        vswitches: (ids as string[]).map((id, place) => ({
            id,
            vpcId: /[89]$/.test(id) ? "vpc-other" : "vpc-adopted",
            zoneId: `ap-southeast-1${"abc"[place] ?? ""}`,
        })),
    };
}

/** Refused although nothing would be lost at once. */
const REFUSED_ALL_THE_SAME: readonly string[] = [
    // The VPC of a cluster is fixed.
    "vswitchIds []",
    'vswitchIds ["vsw-8","vsw-9"]',
    // The way back would lose Knative.
    'knativeInstall "ack-addon"',
];

/** The arguments that are fixed when a resource is made, and the keys that reach them: all are refused. */
const FIXED_BY_CONFIGURATION: Readonly<Record<string, readonly string[]>> = {
    "network-vswitch-N cidrBlock": ["vpcCidr"],
    "network-vswitch-N zoneId": ["alicloud:region", "zones"],
    "cluster-control-plane podCidr": ["podCidr"],
    "cluster-control-plane serviceCidr": ["serviceCidr"],
    "knative-addon name": ["knativeAddonName"],
};

const isOfCloud = ({ type }: { readonly type: string }): boolean => type.startsWith("alicloud:");

/** Whatever watches the service can be made anew, or be switched off: it holds nothing of it. */
const OBSERVING = /^(monitoring|logs)-/;

const isHeld = (step: Step): boolean => isOfCloud(step) && !OBSERVING.test(step.name);

const isLost = ({ action }: Step): boolean => action === "replace" || action === "delete";

const cloudResources = (outcomes: readonly Outcome[]): Registered[] =>
    outcomes.flatMap(({ declared }) => declared).filter(isOfCloud);

/** An argument of a resource of the cloud that the program sets. */
interface ArgumentRow {
    /** Name of the resource, with N for a number. */
    readonly resource: string;
    readonly argument: string;
    /** Whether a change of it replaces the resource. */
    readonly isFixed: boolean;
    /** Whether it counts only when the resource is made. */
    readonly isIgnored: boolean;
    /** Keys of the configuration whose change reaches it. */
    readonly keys: readonly string[];
    /** Resources from which it comes. */
    readonly sources: readonly string[];
}

function argumentRows(outcomes: readonly Outcome[]): ArgumentRow[] {
    const resources = cloudResources(outcomes);
    const names = [...new Set(resources.map(({ name }) => numbered(name)))].sort();
    return names.flatMap((resource) => {
        const instances = resources.filter(({ name }) => numbered(name) === resource);
        const set = new Set(instances.flatMap(({ inputs }) => Object.keys(inputs)));
        return [...set].sort().map((argument) => {
            const reaches = ({ name, paths }: Step): boolean =>
                numbered(name) === resource && paths.some((path) => rootOf(path) === argument);
            const sources = instances.flatMap(
                ({ inputDependencies }) => inputDependencies[argument] ?? [],
            );
            return {
                resource,
                argument,
                isFixed: instances.some(({ type }) => isCreateOnly(type, argument)),
                isIgnored: instances.some(({ ignoreChanges }) => ignoreChanges.includes(argument)),
                keys: [
                    ...new Set(
                        outcomes
                            .filter(({ steps }) => steps.some(reaches))
                            .map(({ change }) => change.key),
                    ),
                ],
                sources: [
                    ...new Set(sources.map((urn) => numbered(urn.slice(urn.lastIndexOf(":") + 1)))),
                ],
            };
        });
    });
}

const numbered = (name: string): string =>
    name.replace(/[0-9]+$/, "N").replace(/^(monitoring-alert-).*/, "$1NAME");

const rootOf = (path: string): string => path.split(".")[0] ?? path;

/** The page, before Prettier. */
function pageOf(outcomes: readonly Outcome[]): string {
    const changes = outcomes.map((outcome) => {
        const { change, from } = outcome;
        const context = Object.entries(change.with ?? {})
            .filter(([key]) => key !== change.key)
            .map(([key, value]) => ` with \`${key}\` ${shown(value)}`);
        const together = Object.keys(togetherWith(change, "")).map((key) => ` and \`${key}\``);
        const what = `\`${change.key}\`${together.join("")}: ${shown(from)} → ${shown(change.to)}${context.join(",")}`;
        return `| ${what} | ${verdictOn(outcome)} | ${effectOf(outcome)} |`;
    });
    const argumentList = argumentRows(outcomes).map(
        ({ resource, argument, isFixed, isIgnored, keys, sources }) => {
            const origins = [...keys, ...sources].map((each) => `\`${each}\``).join(", ");
            const change = isIgnored ? "ignored" : isFixed ? "replaces" : "in place";
            return `| \`${resource}\` | \`${argument}\` | ${origins || "constant"} | ${change} |`;
        },
    );
    return [
        "<!-- Written by test/replacements.test.ts: UPDATE_DOCS=1 npm test -->",
        "",
        INTRODUCTION,
        "",
        "| change | what happens | to what |",
        "| --- | --- | --- |",
        ...changes,
        "",
        ARGUMENTS,
        "",
        "| resource | argument | comes from | a change of it |",
        "| --- | --- | --- | --- |",
        ...argumentList,
    ].join("\n");
}

const INTRODUCTION = `# What a change of a configuration key does

For each key of [\`Pulumi.yaml\`](../Pulumi.yaml) a change that was tried, in a stack with \`target: ack\`, spot
instances and cookie affinity. The test declares the program before and after it, compares what it asks for, and looks
up each argument that differs in the documentation of the provider
([\`test/fixtures/alicloud-arguments.json\`](../test/fixtures/alicloud-arguments.json)). No account was asked: where a
\`pulumi preview\` differs, the preview is right.

- **refused**: it would replace or delete what the stack holds, or set what Knative needs aside. \`up\` and \`preview\` end
  with an error before anything is changed ([\`components/fixed-settings.ts\`](../components/fixed-settings.ts)). What it
  would do stands beside it.
- **not allowed**: the check of the configuration has no such value.
- **replaces, in the cluster**: the service goes and comes again; nothing of the cloud does.
- **watching anew**: something of the monitoring is replaced, and nothing of what it watches.
- **new revision**: Knative starts pods with the new settings, and ends those with the old ones when the new ones are
  ready.
- **in place**: updated where it is; **+** is made, **−** deleted.
- **nothing**: no resource is touched; outputs and checks may differ.`;

const ARGUMENTS = `## Every argument that the program sets in the cloud

A change **replaces** the resource, happens **in place**, or is **ignored** once the resource is made. Whatever replaces is
a constant, the id of another resource, behind a key that is refused above, or only watches (\`monitoring-\`, \`logs-\`). N
is the place of a zone, NAME that of an alert.`;

function verdictOn({ refusedBy, steps }: Outcome): string {
    if (refusedBy) {
        return refusedBy === "config.ts" ? "not allowed" : "refused";
    }
    if (steps.length === 0) {
        return "nothing";
    }
    const replaced = steps.filter(({ action }) => action === "replace");
    if (replaced.some(({ name }) => !OBSERVING.test(name))) {
        return "replaces, in the cluster";
    }
    const isRevision = steps.some(
        ({ type, paths }) =>
            type === KNATIVE_SERVICE && paths.some((path) => path.startsWith("spec.template.")),
    );
    const kinds = [
        ...(steps.some(({ name }) => !OBSERVING.test(name)) || replaced.length === 0
            ? [isRevision ? "in place, new revision" : "in place"]
            : []),
        ...(replaced.length > 0 ? ["watching anew"] : []),
    ];
    return kinds.join(", ");
}

/** The resources that a change touches, those of the same kind and arguments together. */
function effectOf({ refusedBy, steps, change }: Outcome): string {
    const would = refusedBy === "fixed-settings.ts";
    const listed = (action: Step["action"], verb: string, conditional: string): string[] =>
        listOf(
            would ? conditional : verb,
            steps.filter((step) => step.action === action),
        );
    const parts = [
        ...listed("replace", "", "would replace "),
        ...(would ? [] : listed("update", "", "")),
        ...listed("create", "+ ", "would create "),
        ...listed("delete", "− ", "would delete "),
        ...(would ? [] : optionsOf(steps)),
        ...(change.note ? [change.note] : []),
    ];
    return parts.join("; ");
}

function listOf(verb: string, steps: readonly Step[]): string[] {
    const byPaths = new Map<string, Set<string>>();
    for (const { type, name, action, paths, replacing } of steps) {
        const changed = new Set((action === "replace" ? replacing : paths).map(shortened(type)));
        if (action === "update" && changed.size === 0) {
            continue;
        }
        const text = [...changed].map((path) => `\`${path}\``).join(", ");
        byPaths.set(text, (byPaths.get(text) ?? new Set()).add(`\`${numbered(name)}\``));
    }
    const groups = [...byPaths].map(
        ([paths, names]) => `${[...names].join(", ")}${paths ? ` (${paths})` : ""}`,
    );
    return groups.length > 0 ? [`${verb}${groups.join("; ")}`] : [];
}

function optionsOf(steps: readonly Step[]): string[] {
    const options = steps.flatMap((step) => step.options);
    return [...new Set(options)].map((option) => {
        const count = options.filter((each) => each === option).length;
        return `option \`${option}\` of ${count} resource${count === 1 ? "" : "s"}`;
    });
}

/** Of what is not the cloud's the beginning: the rest would only repeat the key. */
const shortened =
    (type: string) =>
    (path: string): string => {
        const isDeep = /^(spec|metadata)\./.test(path);
        return type.startsWith("alicloud:")
            ? path
            : path
                  .split(".")
                  .slice(0, isDeep ? 2 : 1)
                  .join(".");
    };

function shown(value: unknown): string {
    if (value === "") {
        return "empty";
    }
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return `\`${text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text}\``;
}

/** Digits of a digest tell nobody anything. */
const MAX_TEXT = 60;
