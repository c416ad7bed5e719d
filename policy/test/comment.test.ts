import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What the CLI prints, shortened (pulumi 3.259.0). */
const PREVIEW = `Previewing update (dev):
 +  pulumi:pulumi:Stack create
Policies:
    ❌ stable-diffusion-knative@v0.2.0 (local: policy)
        - [mandatory] [severity: critical]  knative-max-scale  (stable-diffusion-service)
          the annotation is "11"; set it to a string from "1" to "10".

Outputs:
    host: "sd.sd.example.com"

Resources:
    + 33 to create
`;

describe("the comment on a pull request", () => {
    let folder: string;
    before(() => {
        folder = mkdtempSync(join(tmpdir(), "comment-"));
    });
    after(() => {
        rmSync(folder, { recursive: true });
    });

    function comment(preview: string, outcome: string): string[] {
        const file = join(folder, "preview.txt");
        writeFileSync(file, preview);
        return execFileSync(join(__dirname, "../comment.sh"), [file], {
            encoding: "utf8",
            env: {
                ...process.env,
                DRY_RUN: "1",
                ENVIRONMENT: "dev",
                OUTCOME: outcome,
                PULL_REQUEST: "https://github.com/owner/name/pull/7",
            },
        }).split("\n");
    }

    it("holds what the policies say, and nothing else of the preview", () => {
        assert.deepEqual(comment(PREVIEW, "failure"), [
            "<!-- policies: dev -->",
            "### Policies of `dev`: preview failure",
            "",
            "````",
            ...PREVIEW.split("\n").slice(3, 6),
            "````",
            "",
        ]);
    });

    it("says that there is nothing to say", () => {
        const quiet = PREVIEW.replace(/Policies:[^]*?Outputs:/, "Outputs:");
        assert.deepEqual(comment(quiet, "success").slice(3), ["Nothing to say.", ""]);
    });

    it("does not take a preview that broke for a good one", () => {
        assert.deepEqual(comment("error: no such stack", "failure").slice(3), [
            "It failed before the policies had a say; its log says why.",
            "",
        ]);
    });
});
