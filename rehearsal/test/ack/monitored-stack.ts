import { KubeConfig } from "@kubernetes/client-node";
import assert from "node:assert/strict";
import type { Service } from "../../drawing";
import { type StackMonitoring, stackMonitoring } from "../../stack-monitoring";
import { type RehearsalStack, startRehearsalStack } from "./rehearsal-stack";

/** A stack that is up and watched by a Prometheus of its own. */
export interface MonitoredStack {
    readonly stack: RehearsalStack;
    readonly monitoring: StackMonitoring;
    readonly service: Service;
    readonly cluster: KubeConfig;
    /** Sets a variable of the model server, which starts a new revision with the next `up`. */
    readonly setVariable: (name: string, value: string) => Promise<unknown>;
}

/**
 * Starts one.
 *
 * @param timeoutSeconds for which a request is kept; also the time that a pod is given to end
 * @param serviceSeconds how long a drawing takes: `3-12` is from 3 to 12 s
 */
export async function startMonitoredStack(
    timeoutSeconds: number,
    serviceSeconds: string,
): Promise<MonitoredStack> {
    const stack = await startRehearsalStack();
    const setVariable = (name: string, value: string): Promise<unknown> => {
        const path = ["--path", "--type", "string", `environment.${name}`];
        return stack.engine.pulumi(["config", "set", ...path, value]);
    };
    try {
        await stack.deployment.set("timeoutSeconds", String(timeoutSeconds));
        await setVariable("MODEL_SERVER_SERVICE_SECONDS", serviceSeconds);
        await stack.deployment.up();
        const monitoring = await stackMonitoring(stack.deployment);
        assert.ok(monitoring, "the rehearsal's stack has no Prometheus");
        const cluster = new KubeConfig();
        cluster.loadFromString(String((await stack.deployment.outputs())["kubeconfig"]));
        const service = await stack.deployment.service();
        return { stack, monitoring, service, cluster, setVariable };
    } catch (error) {
        await stack.remove();
        throw error;
    }
}
