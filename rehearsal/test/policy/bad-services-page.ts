import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BAD_SERVICES } from "../../../policy/test/support/bad-services";
import { REPOSITORY } from "../../paths";
import type { Finding } from "./findings";

/** The page that says what each bad Service is told. */
export const PAGE = join(REPOSITORY, "docs", "bad-services.md");

/**
 * What a cluster answered when the bad Services were sent to it: by a Service's name the message of the refusal, null
 * where it was let in.
 */
export type ClusterMessages = Readonly<Record<string, string | null>>;

/** Where a run against a cluster leaves its {@link ClusterMessages}. */
export const CLUSTER_MESSAGES = join(__dirname, "cluster-messages.json");

/** What the last run against a cluster has left; undefined if there was none. */
export function clusterMessages(): ClusterMessages | undefined {
    return existsSync(CLUSTER_MESSAGES)
        ? (JSON.parse(readFileSync(CLUSTER_MESSAGES, "utf8")) as ClusterMessages)
        : undefined;
}

const INTRODUCTION = `# Bad Services, and what they are told

Each is a good Knative Service with one fault
([\`policy/test/support/bad-services.ts\`](../policy/test/support/bad-services.ts)), but for the last, which says next
to nothing. The messages are those of the mandatory rules at \`pulumi preview\`, by the real engine; its display puts
rule, resource and the rule's description before each.`;

const CLUSTER = `The cluster's are what its API server answers to \`kubectl apply\` of the same Service, without Pulumi: the refusal of
the first of Kubernetes, Knative and the admission policy that has one.`;

/**
 * The page in Markdown.
 *
 * @param findings what the engine reported of the bad Services, one form of each
 * @param nameOf the name of the bad Service that a finding is about
 * @throws Error naming a Service of which the cluster's messages say nothing
 */
export function badServicesPage(
    findings: readonly Finding[],
    nameOf: (finding: Finding) => string,
    cluster?: ClusterMessages,
): string {
    const rows = BAD_SERVICES.map(({ name }) => {
        const found = findings.filter(
            (finding) => finding.level === "mandatory" && nameOf(finding) === name,
        );
        return [
            `\`${name}\``,
            [...new Set(found.map(({ policy }) => `\`${policy}\``))].join("<br>"),
            found.map(foundOf).map(cell).join("<br>"),
            ...(cluster === undefined ? [] : [clusterCell(name, cluster)]),
        ];
    });
    const heads = ["Service", "rule", "`pulumi preview`", ...(cluster ? ["the cluster"] : [])];
    return [
        "<!-- Written by rehearsal/test/policy/services.test.ts: UPDATE_DOCS=1 npm run test:policy -->",
        "",
        INTRODUCTION,
        "",
        ...(cluster ? [CLUSTER, ""] : []),
        "<!-- prettier-ignore-start -->",
        ...[heads, heads.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`),
        "<!-- prettier-ignore-end -->",
        "",
    ].join("\n");
}

/** What was found, without the rule's description, which is the first line. */
function foundOf({ message }: Finding): string {
    return message.split("\n").slice(1).join(" ");
}

function clusterCell(name: string, cluster: ClusterMessages): string {
    const message = cluster[name];
    if (message === undefined) {
        throw new Error(`${CLUSTER_MESSAGES} says nothing of ${name}; run it anew`);
    }
    return message === null ? "lets it in" : cell(message);
}

/** A text that stays as it is in a cell of a table. */
function cell(text: string): string {
    return text.replaceAll(/\s+/g, " ").replaceAll(/[|*_<\\`]/g, String.raw`\$&`);
}
