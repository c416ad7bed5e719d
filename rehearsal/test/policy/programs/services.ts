import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { KnativeService, type KnativeServiceArgs } from "../../../../components/knative-service";
import { BAD_SERVICES } from "../../../../policy/test/support/bad-services";
import { serviceWith } from "../../../../policy/test/support/candidates";

/*
 * A program that declares the bad Services, in a stack of that name, or else the good one that they are made of. A
 * logical name begins with the form in which the Service is declared and ends with "/" and its name.
 *
 * With a kubeconfig each is declared in one form, since a cluster has a name but once. Without one the cluster is yet
 * to be made, and each is declared in all forms.
 */

type Manifest = k8s.apiextensions.CustomResourceArgs & {
    readonly metadata: KnativeServiceArgs["metadata"];
    readonly spec: {
        readonly template: Pick<KnativeServiceArgs["template"], "spec"> &
            Partial<KnativeServiceArgs["template"]>;
    };
};

const given = new pulumi.Config().getSecret("kubeconfig");
const kubeconfig = given ?? new random.RandomPassword("later", { length: 20 }).result;
const inCluster = { provider: new k8s.Provider("cluster", { kubeconfig }) };

const objects =
    pulumi.getStack() === "bad-services"
        ? BAD_SERVICES.map(({ object }) => object)
        : [serviceWith().props];
const manifests = objects as unknown as readonly Manifest[];

function declareGeneric(manifest: Manifest): void {
    const name = `generic/${manifest.metadata.name}`;
    new k8s.apiextensions.CustomResource(name, manifest, inCluster);
}

/** By the class of this repository's program. */
function declareTyped({ metadata, spec: { template } }: Manifest): void {
    new KnativeService(
        `typed/${metadata.name}`,
        {
            metadata,
            template: { ...template, metadata: template.metadata ?? { annotations: {} } },
            progressDeadlineSeconds: 600,
        },
        inCluster,
    );
}

/** As a ConfigGroup, or a ConfigFile, declares what it has parsed. */
function declareYaml(manifest: Manifest): void {
    const args = { objs: manifest, resourcePrefix: "yaml" };
    new k8s.yaml.ConfigGroup(`group/${manifest.metadata.name}`, args, inCluster);
}

for (const manifest of manifests) {
    declareGeneric(manifest);
    if (given === undefined) {
        declareTyped(manifest);
        declareYaml(manifest);
    }
}
