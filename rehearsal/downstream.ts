import type { Engine } from "./engine/engine";

/** Folder of the example below the program's. */
const FOLDER = "examples/downstream";

const STACK = "rehearsal";

/** The stack of another team, which uses what the program's stack exports. */
export class Downstream {
    constructor(
        private readonly engine: Engine,
        private readonly signal?: AbortSignal,
    ) {}

    /**
     * Deploys it beside a stack of the program, on the same backend; its Job must get an image.
     *
     * @param platform name of the program's stack
     * @param clientImage image with a shell, by digest
     */
    async up(platform: string, clientImage: string): Promise<void> {
        await this.pulumi("stack", "select", "--create", STACK);
        const settings = {
            // A self-managed backend has one organization, of this name.
            platform: `organization/stable-diffusion-knative/${platform}`,
            clientImage,
        };
        for (const [key, value] of Object.entries(settings)) {
            await this.pulumi("config", "set", key, value);
        }
        await this.pulumi("up", "--yes", "--skip-preview");
    }

    /** Removes it. */
    async destroy(): Promise<void> {
        await this.pulumi("destroy", "--yes", "--skip-preview");
        await this.pulumi("stack", "rm", "--yes");
    }

    private async pulumi(...args: readonly string[]): Promise<void> {
        await this.engine.pulumi(["-C", FOLDER, ...args], {
            signal: this.signal,
            show: args.includes("--yes") && !args.includes("rm"),
        });
    }
}
