import { ExistingCluster } from "./components/existing-cluster";
import { Knative } from "./components/knative";
import { StableDiffusion } from "./components/stable-diffusion";
import { readSettings } from "./config";

const settings = readSettings();

const cluster = new ExistingCluster("cluster", {
    kubeconfig: settings.kubeconfig,
    requirements: settings,
});
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

export const endpoint = service.url;
export const txt2imgUrl = service.url.apply((url) => `${url}/sdapi/v1/txt2img`);
export const gatewayAddress = knative.gatewayAddress;
export const host = service.host;
export const apiUsername = service.username;
export const apiPassword = service.password;
export const namespace = settings.namespace;
export const serviceName = settings.serviceName;
export const limits = {
    containerConcurrency: settings.containerConcurrency,
    minScale: settings.minScale,
    maxScale: settings.maxScale,
    gpuCapacity: cluster.gpuCapacity,
};
export const kubeconfig = cluster.kubeconfig;
