import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { KubernetesObject } from "../../plugins/kubernetes-api";
import {
    checkpoint,
    idOf,
    isBuiltIn,
    named,
    normalized,
    parseCheckpoint,
    parseId,
    parseType,
    sendable,
    withSecrets,
} from "../../plugins/kubernetes-objects";
import { Secret, UNKNOWN, revealed } from "../../plugins/property-values";

describe("parseType", () => {
    it("reads kinds of the core group, of other groups, and patches", () => {
        assert.deepEqual(parseType("kubernetes:core/v1:Secret"), {
            apiVersion: "v1",
            kind: "Secret",
            isPatch: false,
        });
        assert.deepEqual(parseType("kubernetes:serving.knative.dev/v1:Service"), {
            apiVersion: "serving.knative.dev/v1",
            kind: "Service",
            isPatch: false,
        });
        assert.deepEqual(parseType("kubernetes:core/v1:ConfigMapPatch"), {
            apiVersion: "v1",
            kind: "ConfigMap",
            isPatch: true,
        });
    });

    for (const type of [
        "kubernetes:helm.sh/v3:Release",
        "kubernetes:helm.sh/v4:Chart",
        "kubernetes:yaml/v2:ConfigFile",
        "kubernetes:yaml:ConfigFile",
        "kubernetes:kustomize/v2:Directory",
        "kubernetes:kustomize:Directory",
        "kubernetes:core/v1:SecretList",
        "random:index/randomPassword:RandomPassword",
    ]) {
        it(`refuses ${type} by name`, () => {
            assert.throws(
                () => parseType(type),
                (error: Error) =>
                    error.message.startsWith(
                        `the stand-in for the kubernetes plugin has no ${type}; `,
                    ),
            );
        });
    }
});

describe("isBuiltIn", () => {
    it("tells Kubernetes's own versions from those of custom resources", () => {
        const versions = [
            "v1",
            "apps/v1",
            "rbac.authorization.k8s.io/v1",
            "serving.knative.dev/v1",
        ];
        assert.deepEqual(versions.map(isBuiltIn), [true, true, true, false]);
    });
});

describe("ids", () => {
    it("are read as they are written", () => {
        const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-.]*[a-z0-9])?$/);
        fc.assert(
            fc.property(fc.option(name, { nil: undefined }), name, (namespace, own) => {
                const metadata = { name: own, ...(namespace === undefined ? {} : { namespace }) };
                const id = idOf({ apiVersion: "v1", kind: "A", metadata });
                assert.deepEqual(parseId(id), { namespace, name: own });
            }),
        );
    });
});

describe("named", () => {
    const propose = () => "proposed-0123abcd";
    const autonamed = { "pulumi.com/autonamed": "true" };

    it("keeps a name that the program gives, also one not known yet", () => {
        for (const name of ["given", UNKNOWN]) {
            const object = { metadata: { name } };
            assert.equal(named(object, undefined, propose), object);
        }
    });

    it("takes the proposed name and marks it as made up", () => {
        assert.deepEqual(named({ metadata: { annotations: { a: "b" } } }, undefined, propose), {
            metadata: { name: "proposed-0123abcd", annotations: { a: "b", ...autonamed } },
        });
    });

    it("stays with a name that was made up before", () => {
        const old = { metadata: { name: "old-1", annotations: autonamed } };
        assert.deepEqual(named({}, old, propose), old);
    });

    it("does not stay with a name that the program gave before", () => {
        const old = { metadata: { name: "given" } };
        assert.deepEqual(named({}, old, propose)["metadata"], {
            name: "proposed-0123abcd",
            annotations: autonamed,
        });
    });
});

describe("normalized", () => {
    it("writes the texts of a Secret as data, and leaves unknown ones unknown", () => {
        const secret = {
            apiVersion: "v1",
            kind: "Secret",
            data: { a: "MQ==", b: "Mg==" },
            stringData: { b: "three", c: UNKNOWN },
        };
        assert.deepEqual(normalized(secret), {
            apiVersion: "v1",
            kind: "Secret",
            data: { a: "MQ==", b: "dGhyZWU=", c: UNKNOWN },
        });
    });

    it("drops null values and what only the API server writes", () => {
        const object = {
            metadata: { name: "a", uid: "1", managedFields: [{}], creationTimestamp: null },
            spec: { a: null, b: [{ c: null, d: 0 }] },
        };
        assert.deepEqual(normalized(object), {
            metadata: { name: "a" },
            spec: { b: [{ d: 0 }] },
        });
    });

    it("changes nothing the second time", () => {
        const any = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), {
            noNullPrototype: true,
        });
        fc.assert(
            fc.property(any, (object) => {
                const once = normalized(object);
                assert.deepEqual(normalized(once), once);
            }),
        );
    });
});

describe("withSecrets", () => {
    it("marks what is secret in the inputs, and lists as a whole", () => {
        const live = { a: { b: "1", c: "2" }, list: [{ d: "3" }], other: "4" };
        const inputs = { a: { b: new Secret("1"), c: "2" }, list: [{ d: new Secret("3") }] };
        assert.deepEqual(withSecrets(live, inputs), {
            a: { b: new Secret("1"), c: "2" },
            list: new Secret([{ d: "3" }]),
            other: "4",
        });
    });

    it("hides the contents of a Secret even if the program does not call them secret", () => {
        const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";
        const secret = {
            apiVersion: "v1",
            kind: "Secret",
            metadata: { name: "a", annotations: { [lastApplied]: "{…}", b: "c" } },
            data: { a: "MQ==" },
        };
        assert.deepEqual(withSecrets(secret, {}), {
            ...secret,
            metadata: { name: "a", annotations: { [lastApplied]: new Secret("{…}"), b: "c" } },
            data: new Secret({ a: "MQ==" }),
        });
    });
});

describe("checkpoint", () => {
    it("is read back as live object, inputs and field manager", () => {
        const live = {
            apiVersion: "v1",
            kind: "Secret",
            metadata: { name: "a" },
            data: { a: "MQ==" },
        } as unknown as KubernetesObject;
        const inputs = { apiVersion: "v1", kind: "Secret", data: { a: new Secret("MQ==") } };
        const properties = checkpoint(live, inputs, "manager");
        assert.deepEqual(properties["data"], new Secret({ a: "MQ==" }));
        assert.deepEqual(properties["__inputs"], { ...inputs, data: new Secret({ a: "MQ==" }) });
        assert.deepEqual(parseCheckpoint(properties), {
            live,
            inputs: revealed(inputs),
            fieldManager: "manager",
        });
    });
});

describe("sendable", () => {
    it("shows secrets and refuses unknowns", () => {
        assert.deepEqual(sendable({ data: new Secret({ a: new Secret("1") }) }), {
            data: { a: "1" },
        });
        assert.throws(() => sendable({ data: { a: UNKNOWN } }), /unknown values cannot be sent/);
    });
});
