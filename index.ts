import { openExistingCluster } from "./components/existing-cluster";
import { Knative } from "./components/knative";
import { StableDiffusion } from "./components/stable-diffusion";
import { readSettings } from "./config";

/** The program: Pulumi runs it and takes what it returns as the stack's outputs (docs/outputs.md). */
export = async () => {
    const settings = readSettings();

    const cluster = await openExistingCluster("cluster", settings.kubeconfig, settings);
    const inCluster = { providers: [cluster.provider] };

    const knative = new Knative(
        "knative",
        { ...settings, manageConfig: settings.manageKnativeConfig },
        inCluster,
    );

    const service = new StableDiffusion(
        "stable-diffusion",
        { ...settings, kubeconfig: cluster.kubeconfig },
        { ...inCluster, dependsOn: knative },
    );

    return {
        endpoint: service.url,
        txt2imgUrl: service.url.apply((url) => `${url}/sdapi/v1/txt2img`),
        gatewayAddress: knative.gatewayAddress,
        host: service.host,
        apiUsername: service.username,
        apiPassword: service.password,
        namespace: settings.namespace,
        serviceName: settings.serviceName,
        limits: {
            containerConcurrency: settings.containerConcurrency,
            minScale: settings.minScale,
            maxScale: settings.maxScale,
            gpuCapacity: cluster.gpuCapacity,
        },
        kubeconfig: cluster.kubeconfig,
    };
};
