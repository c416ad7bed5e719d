import assert from "node:assert/strict";
import { isAt, untilServedAt } from "../components/service-url";
import { serveApi } from "./support/api-server";

const HOST = "web.sd.example.com";
const SERVICE = { namespace: "sd", name: "web" };

/** An API server with the Service, whose URL is that of each look in turn, and the last from then on. */
async function served(urls: readonly (string | undefined)[]): Promise<{
    kubeconfig: string;
    close: () => Promise<void>;
}> {
    let looks = 0;
    return serveApi({
        get "/apis/serving.knative.dev/v1/namespaces/sd/services/web"() {
            const url = urls[Math.min(looks, urls.length - 1)];
            looks += 1;
            return { status: { url } };
        },
    });
}

describe("isAt", () => {
    it("knows the host whatever the scheme", () => {
        for (const url of [`http://${HOST}`, `https://${HOST}`]) {
            assert.equal(isAt(HOST, url), true);
        }
    });

    for (const url of ["http://web.sd.svc.cluster.local", `http://other.${HOST}`]) {
        it(`does not take ${url} for it`, () => {
            assert.equal(isAt(HOST, url), false);
        });
    }
});

describe("untilServedAt", () => {
    it("waits for the URL that follows a change of the domain", async () => {
        const api = await served(["http://web.sd.old.example", `http://${HOST}`]);
        try {
            assert.equal(await untilServedAt(HOST, SERVICE, api.kubeconfig), `http://${HOST}`);
        } finally {
            await api.close();
        }
    });

    for (const url of [undefined, "http://web.sd.svc.cluster.local"]) {
        it(`says what to check when the Service keeps ${url ?? "having no URL"}`, async () => {
            const api = await served([url]);
            try {
                await assert.rejects(
                    untilServedAt(HOST, SERVICE, api.kubeconfig, 0),
                    (error: Error) => {
                        assert.ok(error.message.includes(url ?? "no URL"));
                        assert.match(error.message, /web\.sd\.example\.com.*config-domain/);
                        return true;
                    },
                );
            } finally {
                await api.close();
            }
        });
    }
});
