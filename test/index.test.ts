import type * as pulumi from "@pulumi/pulumi";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import runProgram from "../index";
import { cluster, serveApi } from "./support/api-server";
import { promiseOf, recordResources } from "./support/mocks";
import { configure } from "./support/project";

type Program = Readonly<Record<string, unknown>>;

describe("the program", () => {
    let program: Program;

    before(async () => {
        const api = await serveApi(cluster({ gpus: [10] }));
        try {
            await recordResources({ domain: "rehearsal.test" });
            configure({ kubeconfig: api.kubeconfig }, "rehearsal");
            program = await runProgram();
            await promiseOf(program["endpoint"] as pulumi.Output<string>);
        } finally {
            await api.close();
        }
    });

    it("exports exactly the documented outputs", () => {
        const page = readFileSync(join(__dirname, "../docs/outputs.md"), "utf8");
        const documented = [...page.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name);
        assert.ok(documented.length > 0);
        assert.deepEqual(Object.keys(program).sort(), documented.sort());
    });

    it("exports addresses that fit together", async () => {
        const value = (name: string): Promise<string> =>
            promiseOf(program[name] as pulumi.Output<string>);
        assert.equal(program["host"], "stable-diffusion.stable-diffusion.rehearsal.test");
        assert.equal(
            await value("endpoint"),
            "http://stable-diffusion.stable-diffusion.rehearsal.test",
        );
        assert.equal(await value("txt2imgUrl"), `${await value("endpoint")}/sdapi/v1/txt2img`);
        assert.equal(await value("gatewayAddress"), "192.0.2.10");
    });

    it("exports the limits in force", async () => {
        const { gpuCapacity, ...limits } = program["limits"] as {
            gpuCapacity: pulumi.Output<number>;
        };
        assert.deepEqual(limits, { containerConcurrency: 1, minScale: 0, maxScale: 2 });
        assert.equal(await promiseOf(gpuCapacity), 10);
    });

    it("keeps password and kubeconfig secret", async () => {
        for (const name of ["apiPassword", "kubeconfig"]) {
            const output = program[name] as { isSecret: Promise<boolean> };
            assert.equal(await output.isSecret, true, name);
        }
    });
});
