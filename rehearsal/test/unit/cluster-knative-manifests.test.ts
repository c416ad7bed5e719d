import type { KubernetesObject } from "@kubernetes/client-node";
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { ENVOY_IMAGE, KNATIVE_IMAGES } from "../../cluster/images";
import { adaptManifests } from "../../cluster/knative-manifests";
import { knativeRelease, VERSIONS } from "../../cluster/versions";

/** A Deployment as upstream writes it, in the parts that matter here. */
function deployment(image: string, probe?: object): KubernetesObject {
    const container = {
        name: "main",
        image,
        resources: { requests: { cpu: "300m", memory: "60Mi" }, limits: { cpu: "1" } },
        ...(probe && { readinessProbe: probe, livenessProbe: probe }),
    };
    return object("apps/v1", "Deployment", "activator", {
        spec: { replicas: 1, template: { metadata: {}, spec: { containers: [container] } } },
    });
}

function object(apiVersion: string, kind: string, name: string, rest = {}): KubernetesObject {
    const made: unknown = { apiVersion, kind, metadata: { name }, ...rest };
    return made as KubernetesObject;
}

describe("Knative's manifests", () => {
    it("are applied in the order definitions, configuration, programs, webhooks", () => {
        const stages = adaptManifests([
            object("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "v"),
            object("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "m"),
            deployment("ko://knative.dev/serving/cmd/activator"),
            object("v1", "ConfigMap", "config-autoscaler"),
            object("networking.internal.knative.dev/v1alpha1", "Certificate", "certificate"),
            object("v1", "Namespace", "knative-serving"),
            object("v1", "Service", "activator-service"),
            object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "definition"),
        ]);
        const names = Object.fromEntries(
            Object.entries(stages).map(([stage, objects]) => [
                stage,
                (objects as KubernetesObject[]).map(({ metadata }) => metadata?.name),
            ]),
        );
        assert.deepEqual(names, {
            definitions: ["definition"],
            configuration: ["knative-serving", "config-autoscaler", "activator-service"],
            programs: ["activator", "certificate"],
            webhooks: ["v", "m"],
        });
    });

    it("leave away what would scale Knative's own programs", () => {
        const stages = adaptManifests([
            object("autoscaling/v2", "HorizontalPodAutoscaler", "activator"),
            object("policy/v1", "PodDisruptionBudget", "activator-pdb"),
        ]);
        assert.deepEqual(Object.values(stages).flat(), []);
    });

    it("say which release they are of, as upstream's releases do", () => {
        const made = (component: string, version: string): KubernetesObject => {
            const labels = {
                "app.kubernetes.io/component": component,
                "app.kubernetes.io/version": version,
            };
            const template = { metadata: { labels }, spec: { containers: [] } };
            return object("apps/v1", "Deployment", "a", {
                metadata: { name: "a", labels },
                spec: { template },
            });
        };
        const modules = { activator: VERSIONS.knativeServing, "net-kourier": VERSIONS.netKourier };
        for (const [component, version] of Object.entries(modules)) {
            assert.deepEqual(adaptManifests([made(component, "devel")]).programs, [
                made(component, knativeRelease(version)),
            ]);
        }
        const others = object("v1", "ConfigMap", "a", { data: { version: "devel" } });
        assert.deepEqual(adaptManifests([others]).configuration, [others]);
    });

    it("use our images wherever upstream names one, and change nothing else in that text", () => {
        const gateway = adaptManifests([deployment("docker.io/envoyproxy/envoy:v1.36-latest")]);
        assert.equal(containerOf(gateway.programs[0]).image, ENVOY_IMAGE);
        const kourier = adaptManifests([deployment("ko://knative.dev/net-kourier/cmd/kourier")]);
        assert.equal(containerOf(kourier.programs[0]).image, KNATIVE_IMAGES.kourier);
        const sidecar = object("v1", "ConfigMap", "config-deployment", {
            data: {
                "queue-sidecar-image": "ko://knative.dev/serving/cmd/queue",
                _example: "see ko://knative.dev/serving/cmd/queue",
            },
        });
        assert.deepEqual(adaptManifests([sidecar]).configuration, [
            {
                ...sidecar,
                data: {
                    "queue-sidecar-image": KNATIVE_IMAGES.queue,
                    _example: "see ko://knative.dev/serving/cmd/queue",
                },
            },
        ]);
    });

    it("are refused with an image that is not built here", () => {
        assert.throws(
            () => adaptManifests([deployment("ko://knative.dev/serving/cmd/migrate")]),
            /ko:\/\/knative\.dev\/serving\/cmd\/migrate, which is not built here/,
        );
    });

    it("choose Kourier in config-network and keep what else is there", () => {
        const network = object("v1", "ConfigMap", "config-network", { data: { _example: "x" } });
        assert.deepEqual(adaptManifests([network]).configuration, [
            {
                ...network,
                data: {
                    _example: "x",
                    "ingress-class": "kourier.ingress.networking.knative.dev",
                },
            },
        ]);
    });

    it("ask for little processor time and are probed early, and for the rest are upstream's", () => {
        const image = "ko://knative.dev/serving/cmd/activator";
        const probe = { httpGet: { port: 8012 }, initialDelaySeconds: 10, periodSeconds: 5 };
        const upstream = deployment(image, probe);
        const expected = structuredClone(upstream);
        Object.assign(containerOf(expected), {
            image: KNATIVE_IMAGES.activator,
            resources: { requests: { cpu: "10m", memory: "60Mi" }, limits: { cpu: "1" } },
            readinessProbe: { ...probe, initialDelaySeconds: 0, periodSeconds: 1 },
        });
        assert.deepEqual(adaptManifests([upstream]).programs, [expected]);
    });

    it("leave settings that the program manages as they are", () => {
        const names = ["config-domain", "config-features", "config-autoscaler", "config-defaults"];
        const maps = names.map((name) =>
            object("v1", "ConfigMap", name, { data: { _example: "" } }),
        );
        assert.deepEqual(adaptManifests(maps).configuration, maps);
    });
});

interface WithContainers extends KubernetesObject {
    readonly spec: { readonly template: { readonly spec: { readonly containers: Container[] } } };
}

interface Container {
    readonly image: string;
}

function containerOf(deployed: KubernetesObject | undefined): Container {
    const [container] = (deployed as WithContainers).spec.template.spec.containers;
    assert.ok(container);
    return container;
}
