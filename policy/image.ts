import type { ResourceValidationPolicy } from "@pulumi/policy";
import { allContainers, revisionRule } from "./knative-service";
import { PINNED_IMAGE } from "./limits";
import { show } from "./props";

/** `knative-image-digest`: what was tried is what runs. */
export const imageDigest: ResourceValidationPolicy = revisionRule(
    {
        name: "knative-image-digest",
        displayName: "Knative Service pins its images",
        description:
            "Each image is pinned by its digest. A tag, and latest above all, can mean something else tomorrow, on each new node.",
        enforcementLevel: "mandatory",
        severity: "high",
        tags: ["knative", "supply-chain"],
        remediationSteps: "Write NAME@sha256:DIGEST instead of NAME:TAG.",
    },
    (service, { report }) => {
        for (const { path, props } of allContainers(service)) {
            const { image } = props;
            if (typeof image !== "string" || !PINNED_IMAGE.test(image)) {
                report(
                    `${path}.image is ${show(image)}; set it to NAME@sha256:<64 hexadecimal digits>.`,
                );
            }
        }
    },
);

/** `knative-image-registry`: images come from where the team lets them come from. */
export const imageRegistry: ResourceValidationPolicy = revisionRule<{ registries: string[] }>(
    {
        name: "knative-image-registry",
        displayName: "Knative Service takes images from known registries",
        description:
            "Each image comes from one of the registries, or folders of a registry, that the configuration lists. None listed: from anywhere.",
        enforcementLevel: "mandatory",
        severity: "high",
        tags: ["knative", "supply-chain"],
        remediationSteps: "Copy the image to one of the listed registries and name it there.",
        parameters: {
            registries: {
                type: "array",
                items: { type: "string", minLength: 1 },
                uniqueItems: true,
                default: [],
                description:
                    "Registries such as registry.example.com, or with a folder such as registry.example.com/models.",
            },
        },
    },
    (service, { config: { registries }, report }) => {
        if (registries.length === 0) {
            return;
        }
        for (const { path, props } of allContainers(service)) {
            const { image } = props;
            const name = typeof image === "string" ? qualified(image) : "";
            if (
                !registries.some((registry) => name.startsWith(`${registry.replace(/\/$/, "")}/`))
            ) {
                report(`${path}.image is ${show(image)}; take it from ${registries.join(" or ")}.`);
            }
        }
    },
);

/** The image with the registry that Docker Hub's short names leave out. */
function qualified(image: string): string {
    const [first = "", ...rest] = image.split("/");
    if (rest.length === 0) {
        return `docker.io/library/${image}`;
    }
    return /[.:]/.test(first) || first === "localhost" ? image : `docker.io/${image}`;
}
