import assert from "node:assert/strict";
import { BAD_SERVICES } from "../../../policy/test/support/bad-services";
import { ProgramError } from "../../engine/run";
import { badServicesPage } from "../policy/bad-services-page";
import { type Finding, findingsOf, mandatory, skipped } from "../policy/findings";

const event = (policyName: string, enforcementLevel: string, message: string): string =>
    JSON.stringify({
        policyEvent: {
            policyName,
            enforcementLevel,
            message: `${message}\n`,
            resourceUrn: "urn:pulumi:s::p::kubernetes:serving.knative.dev/v1:Service::one",
        },
    });
const error = (message: string): string =>
    JSON.stringify({ diagnosticEvent: { severity: "error", message: `${message}\n` } });
const failed = (...lines: readonly string[]): Promise<string> =>
    Promise.reject(new ProgramError("pulumi failed", lines.join("\n")));

describe("findingsOf", () => {
    it("reads what the policies said, in the order of the names", async () => {
        const printed = ["Loading", event("b", "advisory", "B"), event("a", "advisory", "A")];
        assert.deepEqual(await findingsOf(Promise.resolve(printed.join("\n"))), {
            failed: false,
            findings: [
                { policy: "a", level: "advisory", resource: "one", message: "A" },
                { policy: "b", level: "advisory", resource: "one", message: "B" },
            ],
        });
    });

    it("reads what a command said that failed since something is mandatory", async () => {
        const printed = [
            event("a", "mandatory", "A"),
            event("a", "mandatory", "again"),
            event("b", "advisory", "can't run policy 'b' during preview"),
            error("preview failed"),
        ];
        const { failed: hasFailed, findings } = await findingsOf(failed(...printed));
        assert.equal(hasFailed, true);
        assert.deepEqual(mandatory(findings), ["a"]);
        assert.deepEqual(skipped(findings), ["b"]);
    });

    it("takes no other failure for a verdict", async () => {
        const refused = event("a", "mandatory", "A");
        await assert.rejects(findingsOf(failed(refused, error("no such key"))), /no such key/);
        await assert.rejects(findingsOf(failed(event("a", "advisory", "A"))), /pulumi failed/);
        await assert.rejects(findingsOf(Promise.reject(new Error("aborted"))), /aborted/);
    });
});

describe("the page of bad Services", () => {
    const [first, second] = BAD_SERVICES;
    assert.ok(first && second);
    const finding = (service: string, level: string, message: string): Finding => ({
        policy: "rule",
        level,
        resource: `generic/${service}`,
        message: `What the rule demands.\n${message}`,
    });
    const nameOf = ({ resource }: Finding): string => resource.replace("generic/", "");
    const findings = [
        finding(first.name, "mandatory", 'a is "1|2"'),
        finding(first.name, "mandatory", "b_c is unset"),
        finding(first.name, "advisory", "advice"),
    ];
    const rowOf = (name: string, page: string): string | undefined =>
        page.split("\n").find((line) => line.startsWith(`| \`${name}\` |`));

    it("has what the mandatory rules found, once for each rule and finding", () => {
        assert.equal(
            rowOf(first.name, badServicesPage(findings, nameOf)),
            `| \`${first.name}\` | \`rule\` | a is "1\\|2"<br>b\\_c is unset |`,
        );
    });

    it("has what a cluster said, if it is known", () => {
        const said = Object.fromEntries(BAD_SERVICES.map(({ name }) => [name, null]));
        const page = badServicesPage(findings, nameOf, {
            ...said,
            [first.name]: "admission webhook denied\n it",
        });
        assert.match(page, /\| Service \| rule \| `pulumi preview` \| the cluster \|/);
        assert.ok(rowOf(first.name, page)?.endsWith("| admission webhook denied it |"));
        assert.ok(rowOf(second.name, page)?.endsWith("| lets it in |"));
    });

    it("refuses messages that leave a Service out", () => {
        assert.throws(
            () => badServicesPage(findings, nameOf, { [first.name]: "denied" }),
            new RegExp(`cluster-messages\\.json says nothing of ${second.name}; run it anew`),
        );
    });
});
