import assert from "node:assert/strict";
import * as fc from "fast-check";
import { changesBetween, immutablePaths, pruned } from "../../plugins/kubernetes-diff";
import { type PropertyMap, UNKNOWN } from "../../plugins/property-values";

const json = fc
    .dictionary(fc.string(), fc.jsonValue({ maxDepth: 3, noUnicodeString: false }), {
        noNullPrototype: true,
    })
    .map((value) => value as PropertyMap);

describe("pruned", () => {
    it("leaves of the live object what the inputs speak of", () => {
        const live = {
            metadata: { name: "a", uid: "1", annotations: { mine: "1", theirs: "2" } },
            spec: {
                template: { timeout: 300, containers: [{ image: "x", ports: [] }, { image: "y" }] },
            },
            status: { ready: true },
        };
        const inputs = {
            metadata: { name: "a", annotations: { mine: "0" }, labels: { absent: "1" } },
            spec: { template: { containers: [{ image: "z" }] } },
        };
        assert.deepEqual(pruned(live, inputs), {
            metadata: { name: "a", annotations: { mine: "1" } },
            spec: { template: { containers: [{ image: "x" }, { image: "y" }] } },
        });
    });

    it("does not take for an input what every object inherits", () => {
        assert.deepEqual(pruned({ toString: "a", b: "c" }, { b: "d" }), { b: "c" });
    });

    it("leaves an object as it is when the inputs are the same", () => {
        fc.assert(
            fc.property(json, (object) => {
                assert.deepEqual(pruned(object, object), object);
            }),
        );
    });

    it("is not disturbed by whatever the API server adds to a map", () => {
        fc.assert(
            fc.property(json, json, (inputs, defaults) => {
                assert.deepEqual(pruned({ ...defaults, ...inputs }, inputs), inputs);
            }),
        );
    });
});

describe("changesBetween", () => {
    const name = [["metadata", "name"]];

    it("finds nothing between equal objects", () => {
        fc.assert(
            fc.property(json, (object) => {
                assert.deepEqual(changesBetween(object, structuredClone(object), name), {});
            }),
        );
    });

    it("finds every addition and nothing else", () => {
        fc.assert(
            fc.property(json, fc.uuid(), (object, key) => {
                const changes = changesBetween(object, { ...object, [key]: 1 }, []);
                assert.deepEqual(changes, { [key]: { kind: "add", replace: false } });
            }),
        );
    });

    it("names each changed value by its path", () => {
        const olds = {
            spec: { limit: "2", ports: [{ port: 1 }, { port: 2 }] },
            data: { "a.b": "1" },
        };
        const news = { spec: { limit: "3", ports: [{ port: 1 }] }, data: { "a.b": "2", c: "" } };
        assert.deepEqual(changesBetween(olds, news, []), {
            "spec.limit": { kind: "update", replace: false },
            "spec.ports[1]": { kind: "delete", replace: false },
            'data["a.b"]': { kind: "update", replace: false },
            "data.c": { kind: "add", replace: false },
        });
    });

    it("takes null for absent, and an unknown for a change", () => {
        const changes = changesBetween({ a: null, b: "1" }, { b: UNKNOWN }, []);
        assert.deepEqual(changes, { b: { kind: "update", replace: false } });
    });

    it("replaces when an immutable field changes, or something in it, or what holds it", () => {
        const immutable = [["spec", "selector"]];
        const replaces = (olds: PropertyMap, news: PropertyMap): boolean[] =>
            Object.values(changesBetween(olds, news, immutable)).map(({ replace }) => replace);
        assert.deepEqual(replaces({ spec: { selector: "a" } }, { spec: { selector: "b" } }), [
            true,
        ]);
        assert.deepEqual(
            replaces({ spec: { selector: { a: "b" } } }, { spec: { selector: { a: "c" } } }),
            [true],
        );
        assert.deepEqual(replaces({ spec: { selector: "a" } }, {}), [true]);
        assert.deepEqual(replaces({ spec: { replicas: 1 } }, { spec: { replicas: 2 } }), [false]);
    });
});

describe("immutablePaths", () => {
    const of = (apiVersion: string, kind: string) =>
        immutablePaths({ apiVersion, kind, metadata: {} });
    const identity = [
        ["metadata", "name"],
        ["metadata", "namespace"],
    ];

    it("are name and namespace for every kind", () => {
        assert.deepEqual(of("serving.knative.dev/v1", "Service"), identity);
    });

    it("are the contents too for ConfigMaps and Secrets, as with the official plugin", () => {
        assert.deepEqual(of("v1", "ConfigMap"), [...identity, ["data"], ["binaryData"]]);
        assert.deepEqual(of("v1", "Secret"), [...identity, ["type"], ["data"], ["stringData"]]);
    });

    it("tell the Service of the core group from those of others", () => {
        assert.deepEqual(of("v1", "Service"), [...identity, ["spec", "clusterIP"]]);
    });
});
