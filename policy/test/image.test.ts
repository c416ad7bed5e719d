import { imageDigest, imageRegistry } from "../image";
import { serviceWith } from "./support/candidates";
import { describeRule } from "./support/cases";
import { type Candidate, UNKNOWN } from "./support/verdict";

const DIGEST = `sha256:${"0123456789abcdef".repeat(4)}`;
const of = (image: unknown): Candidate => serviceWith({ container: { image } });
const PATH = "spec.template.spec.containers[0].image";

const unpinned = (shown: string): string =>
    `${PATH} is ${shown}; set it to NAME@sha256:<64 hexadecimal digits>.`;

describeRule(imageDigest, {
    passes: {
        "an image by digest": of(`registry.example.com/sd@${DIGEST}`),
        "a tag that is only a remark": of(`registry.example.com/sd:1.6@${DIGEST}`),
    },
    fails: {
        latest: [of("sd:latest"), [unpinned('"sd:latest"')]],
        "no tag": [of("sd"), [unpinned('"sd"')]],
        "a digit less": [
            of(`sd@${DIGEST.slice(0, -1)}`),
            [unpinned(`"sd@${DIGEST.slice(0, -1)}"`)],
        ],
        "a digit more": [of(`sd@${DIGEST}0`), [unpinned(`"sd@${DIGEST}0"`)]],
        "capital letters": [
            of(`sd@${DIGEST.toUpperCase()}`),
            [unpinned(`"sd@${DIGEST.toUpperCase()}"`)],
        ],
        "no name": [of(`@${DIGEST}`), [unpinned(`"@${DIGEST}"`)]],
        "something before the name": [of(`a b@${DIGEST}`), [unpinned(`"a b@${DIGEST}"`)]],
        "no image": [of(undefined), [unpinned("unset")]],
        "something that only turns into a good text": [
            of([`sd@${DIGEST}`]),
            [unpinned(`["sd@${DIGEST}"]`)],
        ],
        "an init container's tag": [
            serviceWith({ spec: { initContainers: [{ image: "busybox" }] } }),
            [
                'spec.template.spec.initContainers[0].image is "busybox"; set it to NAME@sha256:<64 hexadecimal digits>.',
            ],
        ],
    },
    unknown: { "an image": of(UNKNOWN) },
});

const from = (
    registries: string[],
    image: unknown,
): readonly [Candidate, Record<string, unknown>] => [of(image), { registries }];

describeRule(imageRegistry, {
    passes: {
        "any registry where none is listed": of("sd"),
        "a listed registry": from(["registry.example.com"], "registry.example.com/a/sd"),
        "another listed registry": from(
            ["a.example.com", "b.example.com:5000"],
            "b.example.com:5000/sd",
        ),
        "a listed folder": from(["registry.example.com/models/"], "registry.example.com/models/sd"),
        "Docker Hub by its short names": from(["docker.io"], "busybox"),
        "Docker Hub by a user's name": from(["docker.io/library"], "library/busybox"),
        "Docker Hub by a short name, in its folder": from(["docker.io/library"], "busybox"),
        "Docker Hub by a short name with a tag": from(["docker.io"], "busybox:1.36"),
        "this machine": from(["localhost"], "localhost/sd"),
    },
    fails: {
        "another registry": [
            of("other.example.com/sd"),
            [`${PATH} is "other.example.com/sd"; take it from a.example.com or b.example.com.`],
            { registries: ["a.example.com", "b.example.com"] },
        ],
        "a registry whose name only begins so": [
            of("registry.example.com.evil.com/sd"),
            [`${PATH} is "registry.example.com.evil.com/sd"; take it from registry.example.com.`],
            { registries: ["registry.example.com"] },
        ],
        "another folder": [
            of("registry.example.com/models-old/sd"),
            [
                `${PATH} is "registry.example.com/models-old/sd"; take it from registry.example.com/models.`,
            ],
            { registries: ["registry.example.com/models"] },
        ],
        "a port that is not listed": [
            of("localhost:5000/sd"),
            [`${PATH} is "localhost:5000/sd"; take it from docker.io.`],
            { registries: ["docker.io"] },
        ],
        "this machine where only Docker Hub is listed": [
            of("localhost/sd"),
            [`${PATH} is "localhost/sd"; take it from docker.io.`],
            { registries: ["docker.io"] },
        ],
        "a host where only Docker Hub is listed": [
            of("example.com/sd"),
            [`${PATH} is "example.com/sd"; take it from docker.io.`],
            { registries: ["docker.io"] },
        ],
        "no image": [
            of(undefined),
            [`${PATH} is unset; take it from docker.io.`],
            { registries: ["docker.io"] },
        ],
        "an init container's registry": [
            serviceWith({ spec: { initContainers: [{ image: "busybox" }] } }),
            [
                'spec.template.spec.initContainers[0].image is "busybox"; take it from registry.example.com.',
            ],
            { registries: ["registry.example.com"] },
        ],
    },
    unknown: {},
});

describeRule(
    {
        ...imageRegistry,
        configSchema: {
            properties: { registries: { type: "array", default: ["registry.example.com"] } },
        },
    },
    { passes: {}, fails: {}, unknown: { "an image": of(UNKNOWN) } },
);
