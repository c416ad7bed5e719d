import { readdir, readFile } from "node:fs/promises";
import type { ConfiguredImage } from "./cluster/images";
import type { Engine } from "./engine/engine";
import type { Service } from "./drawing";
import { leakForms, searchCommandLines, searchFiles } from "./leak-search";
import { REPOSITORY } from "./paths";

/** Stacks that a rehearsal can deploy, the default one first; their configuration is `Pulumi.<stack>.yaml`. */
export const STACKS = ["rehearsal", "experiments"] as const;

/** Name of the stack that a rehearsal deploys by default. */
export const [STACK] = STACKS;

/** Names of the program's stacks: those that have a configuration file. */
export async function stackNames(): Promise<string[]> {
    return (await readdir(REPOSITORY))
        .map((file) => /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1])
        .filter((stack) => stack !== undefined);
}

/** The policies' environment of a stack that has none of its own. */
const ENVIRONMENTS: Readonly<Record<string, string>> = { [STACK]: "dev" };

/** The policy pack, configured for the environment of a stack. */
function withPack(stack: string): string[] {
    const config = `policy/config/${ENVIRONMENTS[stack] ?? stack}.json`;
    return ["--policy-pack", "policy", "--policy-pack-config", config];
}

/** What a deployment goes into, and what it runs there. */
export interface Target {
    /** Path of the kubeconfig of a cluster that exists. @default - a cluster is made (`target: ack`) */
    readonly kubeconfig?: string | undefined;
    /** Images by digest, by the key of the configuration that names them. @default - what the stack's says */
    readonly images?: Readonly<Partial<Record<ConfiguredImage, string>>>;
}

/** What is read of `pulumi stack export`. */
interface ExportedState {
    readonly resources?: readonly {
        readonly urn: string;
        readonly type: string;
        readonly id?: string;
    }[];
    readonly pending_operations?: readonly {
        readonly type: string;
        readonly resource: { readonly urn: string };
    }[];
}

/** One stack of the program, worked on with the commands that users type. */
export class Deployment {
    private readonly signal: AbortSignal | undefined;
    private readonly stack: string;
    private readonly show: boolean;

    /**
     * @param options `stack`: whose configuration file it takes, {@link STACK} by default; `show`: whether
     * what the longer commands print appears on stderr, where it is then not repeated in their errors
     */
    constructor(
        private readonly engine: Engine,
        {
            signal,
            stack = STACK,
            show = true,
        }: {
            readonly signal?: AbortSignal;
            readonly stack?: string;
            readonly show?: boolean;
        } = {},
    ) {
        this.signal = signal;
        this.stack = stack;
        this.show = show;
    }

    /** Makes the stack, or finds it again. */
    async select(): Promise<void> {
        await this.pulumi(["stack", "select", "--create", this.stack]);
    }

    /** Selects the stack and gives it what only a run knows: where to, and which images. */
    async configure({ kubeconfig, images = {} }: Target): Promise<void> {
        await this.select();
        if (kubeconfig !== undefined) {
            // By standard input: an argument would show it to every process of the machine.
            await this.pulumi(["config", "set", "--secret", "kubeconfig"], {
                input: await readFile(kubeconfig, "utf8"),
            });
            await this.set("target", "kubeconfig");
            await this.set("manageKnativeConfig", "true");
        }
        for (const [key, image] of Object.entries(images)) {
            await this.set(key, image);
        }
    }

    /** Sets one plain configuration key. */
    async set(key: string, value: string): Promise<void> {
        await this.pulumi(["config", "set", key, value]);
    }

    /**
     * The stack's configuration as the program gets it: with the defaults of Pulumi.yaml, each value as a text. Secrets
     * are left out.
     */
    async configuration(): Promise<Record<string, string>> {
        const json = await this.pulumi(["config", "--json"]);
        const values = JSON.parse(json) as Record<string, { readonly value?: string }>;
        return Object.fromEntries(
            Object.entries(values).flatMap(([key, { value }]) =>
                value === undefined ? [] : [[key, value]],
            ),
        );
    }

    /** `pulumi preview` with the policy pack. */
    async preview(...options: readonly string[]): Promise<string> {
        return this.pulumi(["preview", ...withPack(this.stack), ...options], { show: this.show });
    }

    /** `pulumi up` with the policy pack. */
    async up(...options: readonly string[]): Promise<string> {
        return this.pulumi(["up", "--yes", "--skip-preview", ...withPack(this.stack), ...options], {
            show: this.show,
        });
    }

    /** Logical names of what was being made when an earlier command was killed. */
    async pendingCreations(): Promise<string[]> {
        const { pending_operations: operations = [] } = await this.exported();
        return operations
            .filter(({ type }) => type === "creating")
            .map(({ resource: { urn } }) => urn.split("::").at(-1) ?? urn);
    }

    /** `pulumi destroy`, after which the state must hold nothing. @throws Error naming what is left */
    async destroy(): Promise<void> {
        await this.pulumi(["destroy", "--yes", "--skip-preview"], { show: this.show });
        const left = await this.resources();
        if (left.length > 0) {
            throw new Error(`after destroy the state still holds ${left.join(", ")}`);
        }
        await this.pulumi(["stack", "rm", "--yes", "--preserve-config", this.stack]);
    }

    /** URNs of the resources in the state. */
    async resources(): Promise<string[]> {
        return (await this.ids()).map(({ urn }) => urn);
    }

    /** URNs of the resources in the state, each with the id that its provider gave it; components have none. */
    async ids(): Promise<{ readonly urn: string; readonly id: string }[]> {
        const { resources = [] } = await this.exported();
        return resources
            .filter(({ type }) => type !== "pulumi:pulumi:Stack")
            .map(({ urn, id = "" }) => ({ urn, id }));
    }

    private async exported(): Promise<ExportedState> {
        const { deployment } = JSON.parse(await this.pulumi(["stack", "export"])) as {
            deployment: ExportedState;
        };
        return deployment;
    }

    /** The stack's outputs, secrets in clear: for use, not for printing. */
    async outputs(): Promise<Record<string, unknown>> {
        const json = await this.pulumi(["stack", "output", "--json", "--show-secrets"]);
        return JSON.parse(json) as Record<string, unknown>;
    }

    /** How to reach the service, from the outputs. */
    async service(): Promise<Service> {
        return serviceOf(await this.outputs());
    }

    /**
     * Searches for the password and the key of the kubeconfig where neither may stand: in the state with its
     * history and backups, in `logFolders`, and in the command lines of all processes.
     *
     * @returns how many forms of secrets were searched for
     * @throws Error naming the files and processes that hold one
     */
    async searchForLeaks(logFolders: readonly string[]): Promise<number> {
        const outputs = await this.outputs();
        const { credentials } = serviceOf(outputs);
        const forms = [credentials.slice(credentials.indexOf(":") + 1), credentials].flatMap(
            leakForms,
        );
        const key = /client-key-data["']?: *["']?([A-Za-z0-9+/=]+)/.exec(
            String(outputs["kubeconfig"]),
        );
        if (key?.[1] !== undefined) {
            // A line of the PEM file, after its constant header.
            const pem = Buffer.from(key[1], "base64").toString().split("\n");
            forms.push(key[1], ...leakForms(pem[1] ?? key[1]));
        }
        const hits = await searchCommandLines(forms);
        for (const folder of [this.engine.stateFolder, this.engine.workspace, ...logFolders]) {
            hits.push(...(await searchFiles(folder, forms)));
        }
        if (hits.length > 0) {
            throw new Error(
                `secrets stand in clear in:\n${hits.map((hit) => `  ${hit}`).join("\n")}`,
            );
        }
        return forms.length;
    }

    private async pulumi(
        args: readonly string[],
        options: { readonly input?: string; readonly show?: boolean } = {},
    ): Promise<string> {
        const { stdout } = await this.engine.pulumi(args, {
            ...options,
            signal: this.signal,
        });
        return stdout;
    }
}

function serviceOf(outputs: Readonly<Record<string, unknown>>): Service {
    const { gatewayAddress, host, apiUsername, apiPassword } = outputs as Record<string, string>;
    if (!gatewayAddress || !host || !apiUsername || !apiPassword) {
        throw new Error("the stack's outputs do not say how to reach the service");
    }
    return { gatewayAddress, host, credentials: `${apiUsername}:${apiPassword}` };
}
