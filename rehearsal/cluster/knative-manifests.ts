import type { KubernetesObject } from "@kubernetes/client-node";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { ENVOY_IMAGE, KNATIVE_IMAGES } from "./images";
import { knativeRelease, VERSIONS } from "./versions";

/** Objects of Knative and Kourier in the order in which they must be applied. */
export interface Stages {
    /** To be Established before the rest. */
    readonly definitions: readonly KubernetesObject[];
    /** What programs need when they start. */
    readonly configuration: readonly KubernetesObject[];
    readonly programs: readonly KubernetesObject[];
    /** Only when the webhook answers: from then on, nothing is accepted without it. */
    readonly webhooks: readonly KubernetesObject[];
}

/**
 * Reads the YAML that the modules of Knative carry. Where a module has a symbolic link into a sister
 * module, which a module archive does not hold, the sister's file is read.
 *
 * @param folder with one folder per module, as `buildBinaries` makes it
 */
export async function readManifests(folder: string): Promise<KubernetesObject[]> {
    const files = [
        ...(await yamlFiles(join(folder, "serving/core"))),
        ...(await yamlFiles(join(folder, "networking"))),
        ...(await yamlFiles(join(folder, "caching"))),
        ...(await yamlFiles(join(folder, "net-kourier"))),
    ];
    const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
    return texts
        .flatMap((text) => parseAllDocuments(text))
        .map((document) => document.toJS() as KubernetesObject | null)
        .filter((object) => object !== null);
}

async function yamlFiles(folder: string): Promise<string[]> {
    const names = await readdir(folder, { recursive: true });
    return names
        .filter((name) => name.endsWith(".yaml"))
        .sort()
        .map((name) => join(folder, name));
}

/**
 * Knative and Kourier as upstream installs them, with as few differences as this cluster allows; each is
 * explained where it is made. Settings that the program manages are left as upstream has them.
 *
 * @throws Error for an image that we do not have
 */
export function adaptManifests(upstream: readonly KubernetesObject[]): Stages {
    const objects = upstream
        .filter(({ kind = "" }) => !SCALING.includes(kind))
        .map((object) => adapt(withVersion(withOurImages(object) as KubernetesObject)));
    const ofKinds = (...kinds: string[]): KubernetesObject[] =>
        objects.filter(({ kind = "" }) => kinds.includes(kind));
    const definitions = ofKinds("CustomResourceDefinition");
    const webhooks = ofKinds("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration");
    const namespaces = ofKinds("Namespace");
    const programs = objects.filter(
        ({ kind, apiVersion = "" }) => kind === "Deployment" || apiVersion.includes("knative.dev/"),
    );
    const before = [...definitions, ...namespaces, ...programs, ...webhooks];
    return {
        definitions,
        configuration: [...namespaces, ...objects.filter((object) => !before.includes(object))],
        programs,
        webhooks,
    };
}

/**
 * Left away. There are no metrics to scale Knative's own programs by, and there has to be one activator:
 * with two, each owns half of a small fleet's pods, and a request may wait at one for a pod while the
 * other has a free one.
 */
const SCALING = ["HorizontalPodAutoscaler", "PodDisruptionBudget"];

/** Upstream's images are built here from the same sources. */
function withOurImages(value: unknown): unknown {
    if (Array.isArray(value)) {
        return value.map(withOurImages);
    }
    if (typeof value === "object" && value !== null) {
        return Object.fromEntries(
            Object.entries(value).map(([key, inner]) => [key, withOurImages(inner)]),
        );
    }
    return typeof value === "string" ? ourImage(value) : value;
}

function ourImage(text: string): string {
    if (/^docker\.io\/envoyproxy\/envoy:\S+$/.test(text)) {
        return ENVOY_IMAGE;
    }
    const program = /^ko:\/\/knative\.dev\/\S+\/cmd\/(\S+)$/.exec(text)?.[1];
    if (program === undefined) {
        return text;
    }
    const image = KNATIVE_IMAGES[program];
    if (image === undefined) {
        throw new Error(`Knative's manifests use the image ${text}, which is not built here.`);
    }
    return image;
}

/** Upstream's releases say in this label which they are, where the sources have `devel`. */
const VERSION_LABEL = "app.kubernetes.io/version";

function withVersion(object: KubernetesObject): KubernetesObject {
    const labels = object.metadata?.labels;
    if (labels?.[VERSION_LABEL] !== "devel") {
        return object;
    }
    const isKourier = labels["app.kubernetes.io/component"] === "net-kourier";
    const release = knativeRelease(isKourier ? VERSIONS.netKourier : VERSIONS.knativeServing);
    const replaced: unknown = JSON.parse(JSON.stringify(object), (key, value: unknown) =>
        key === VERSION_LABEL ? release : value,
    );
    return replaced as KubernetesObject;
}

function adapt(object: KubernetesObject): KubernetesObject {
    if (object.kind === "ConfigMap" && object.metadata?.name === "config-network") {
        const { data } = object as { data?: Record<string, string> };
        // Knative has no ingress of its own: this is the line of Kourier's installation guide.
        return { ...object, data: { ...data, "ingress-class": INGRESS_CLASS } } as KubernetesObject;
    }
    if (object.kind === "Deployment") {
        const deployment = object as Deployment;
        const { spec } = deployment;
        const { template } = spec;
        const containers = template.spec.containers.map(adaptContainer);
        return {
            ...deployment,
            spec: { ...spec, template: { ...template, spec: { ...template.spec, containers } } },
        } as KubernetesObject;
    }
    return object;
}

const INGRESS_CLASS = "kourier.ingress.networking.knative.dev";

interface Deployment extends KubernetesObject {
    readonly spec: {
        readonly template: { readonly spec: { readonly containers: readonly Container[] } };
    };
}

interface Container {
    readonly resources: { readonly requests: Readonly<Record<string, string>> };
    readonly readinessProbe?: {
        readonly initialDelaySeconds?: number;
        readonly periodSeconds?: number;
    };
}

function adaptContainer(container: Container): Container {
    const { resources, readinessProbe } = container;
    return {
        ...container,
        // Together upstream's requests are for one of the two processors of a small machine, which leaves
        // too little for ten replicas of the service; measured, all of them use 0.06.
        resources: { ...resources, requests: { ...resources.requests, cpu: "10m" } },
        // Upstream's delays (up to 10 s) and periods are most of the time that the installation would take.
        ...(readinessProbe && {
            readinessProbe: { ...readinessProbe, initialDelaySeconds: 0, periodSeconds: 1 },
        }),
    };
}
