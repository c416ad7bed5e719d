import type * as alicloud from "@pulumi/alicloud";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { RESOURCE_TYPES, type ResourceType, resourceType } from "../../cloud/resource-types";
import { referencesIn } from "../../cloud/references";
import type { PropertySchema, PropertySchemas, SchemasFor } from "../../cloud/schema";

interface Facts {
    readonly required: readonly string[];
    readonly replaces: readonly string[];
    readonly deprecated: readonly string[];
}

/** The rows of cloud-replaces.md by Terraform's name without `alicloud_`. */
const FACTS = new Map(
    readFileSync(join(__dirname, "cloud-replaces.md"), "utf8")
        .split("\n")
        .filter((line) => line.startsWith("| "))
        .slice(1)
        .map((line) => {
            const [, name = "", ...cells] = line.split("|").map((cell) => cell.trim());
            const [required = [], replaces = [], deprecated = []] = cells.map((cell) =>
                cell.split(", ").filter((word) => word !== ""),
            );
            return [name, { required, replaces, deprecated }] as const;
        }),
);

function factsOf({ terraform }: ResourceType): Facts {
    const found = FACTS.get(terraform.replace(/^alicloud_/, ""));
    assert.ok(found, `no row for ${terraform}`);
    return found;
}

/** Every property, with the block it is in, if it is in one. */
function paths(schemas: PropertySchemas): [string, PropertySchema][] {
    return Object.entries(schemas).flatMap(([key, schema]): [string, PropertySchema][] => [
        [key, schema],
        ...(schema.kind === "object"
            ? Object.entries(schema.properties).map(([inner, value]): [string, PropertySchema] => [
                  `${key}.${inner}`,
                  value,
              ])
            : []),
    ]);
}

const select = (type: ResourceType, test: (schema: PropertySchema) => boolean): string[] =>
    paths(type.inputs)
        .filter(([, schema]) => test(schema))
        .map(([path]) => path)
        .sort();

describe("the table of the simulated cloud's resources", () => {
    it("has the types that the program uses", () => {
        assert.deepEqual(
            RESOURCE_TYPES.map(({ token }) => token.split(":")[1]),
            [
                "vpc/network",
                "vpc/switch",
                "vpc/natGateway",
                "ecs/eipAddress",
                "ecs/eipAssociation",
                "vpc/snatEntry",
                "log/project",
                "cs/managedKubernetes",
                "cs/nodePool",
                "cs/autoscalingConfig",
                "cs/kubernetesAddon",
                "log/store",
                "log/storeIndex",
                "log/machineGroup",
                "log/logTailConfig",
                "log/logTailAttachment",
                "arms/prometheus",
                "arms/prometheusMonitoring",
                "arms/prometheusAlertRule",
                "arms/alertContact",
                "arms/dispatchRule",
            ],
        );
    });

    for (const type of RESOURCE_TYPES) {
        describe(type.token, () => {
            it("replaces on what the facts say and on nothing else", () => {
                const known = new Set(paths(type.inputs).map(([path]) => path));
                // A deprecated one is refused before it could replace anything.
                const live = (path: string): boolean =>
                    known.has(path) && !factsOf(type).deprecated.includes(path);
                assert.deepEqual(
                    select(type, ({ replaces }) => replaces === true),
                    factsOf(type).replaces.filter(live).sort(),
                );
            });

            it("requires what the facts say", () => {
                assert.deepEqual(
                    Object.keys(type.inputs)
                        .filter((key) => type.inputs[key]?.required)
                        .sort(),
                    [...factsOf(type).required].sort(),
                );
            });

            it("refuses what the facts call deprecated, and says what to do", () => {
                const deprecated = select(type, (schema) => schema.deprecated !== undefined);
                const facts = factsOf(type).deprecated;
                assert.deepEqual(
                    deprecated.filter((path) => !facts.includes(path)),
                    [],
                );
                const known = Object.keys(type.inputs);
                assert.deepEqual(
                    facts.filter((path) => known.includes(path) && !deprecated.includes(path)),
                    [],
                );
                for (const path of deprecated) {
                    assert.match(type.inputs[path]?.deprecated ?? "", /^(use \w+|leave it out)$/);
                }
            });

            it("refers only to types and outputs that there are", () => {
                const everything = (schema: PropertySchema): unknown =>
                    schema.kind === "list"
                        ? [everything(schema.items)]
                        : schema.kind === "object"
                          ? Object.fromEntries(
                                Object.entries(schema.properties).map(([key, inner]) => [
                                    key,
                                    everything(inner),
                                ]),
                            )
                          : "x";
                const inputs = everything({ kind: "object", properties: type.inputs });
                for (const { reference } of referencesIn(inputs as never, type.inputs)) {
                    const target = resourceType(reference.type);
                    const { output } = reference;
                    assert.ok(output === undefined || Object.hasOwn(target.outputs, output));
                }
            });

            it("waits longer than the real cloud takes", () => {
                for (const operation of ["create", "update", "delete"] as const) {
                    assert.ok(type.timeouts[operation] >= type.seconds[operation]);
                }
            });
        });
    }

    it("uses each API action once", () => {
        const actions = RESOURCE_TYPES.flatMap(({ actions: all }) => Object.values(all)).filter(
            (action) => action !== undefined,
        );
        assert.equal(new Set(actions).size, actions.length);
    });

    it("makes ids that look like the real ones, and no two alike", () => {
        const id = (token: string, inputs = {}) => resourceType(token).newId(inputs);
        const cluster = "alicloud:cs/managedKubernetes:ManagedKubernetes";
        assert.match(id("alicloud:vpc/network:Network"), /^vpc-[a-z0-9]{21}$/);
        assert.match(id("alicloud:vpc/switch:Switch"), /^vsw-[a-z0-9]{21}$/);
        assert.match(id("alicloud:vpc/natGateway:NatGateway"), /^ngw-[a-z0-9]{21}$/);
        assert.match(id("alicloud:ecs/eipAddress:EipAddress"), /^eip-[a-z0-9]{21}$/);
        assert.match(id(cluster), /^c[0-9a-f]{32}$/);
        assert.match(
            id("alicloud:cs/nodePool:NodePool", { clusterId: "c1" }),
            /^c1:np[0-9a-f]{32}$/,
        );
        assert.match(
            id("alicloud:vpc/snatEntry:SnatEntry", { snatTableId: "stb-1" }),
            /^stb-1:snat-[a-z0-9]{21}$/,
        );
        assert.equal(
            id("alicloud:cs/kubernetesAddon:KubernetesAddon", { clusterId: "c1", name: "knative" }),
            "c1:knative",
        );
        assert.notEqual(id(cluster), id(cluster));
    });

    it("cannot hold what the SDK does not have, at any depth, nor a wrong type", () => {
        // Compiled, not run: each line would be an error without its comment, and is one with it if allowed.
        const wrong: SchemasFor<alicloud.cs.NodePoolArgs>[] = [
            // @ts-expect-error no such property
            { nodePool: { kind: "text" } },
            // @ts-expect-error a text in the SDK
            { desiredSize: { kind: "number" } },
            // @ts-expect-error no such nested property
            { scalingConfig: { kind: "object", properties: { minimum: { kind: "number" } } } },
        ];
        assert.equal(wrong.length, 3);
    });

    it("names the types there are when asked for another", () => {
        assert.throws(() => resourceType("alicloud:oss/bucket:Bucket"), {
            message: /has no alicloud:oss\/bucket:Bucket; it has alicloud:vpc\/network:Network, /,
        });
    });
});
