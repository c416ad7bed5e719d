import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { type Relay, startRelay } from "../../../load/relay";
import type { Sample } from "../../../load/run-record";
import { type Sender, sender, startClock } from "../../../load/timed-request";
import { serveTextToImage, targetAt } from "./text-to-image-server";

const ROUTE = "/sdapi/v1/txt2img";

describe("the relay that adds credentials", () => {
    let server: Awaited<ReturnType<typeof serveTextToImage>>;
    let relay: Relay;
    let requests: Sender;
    let samples: Sample[];
    let abort: AbortController;

    async function start(options: Parameters<typeof serveTextToImage>[0] = {}): Promise<void> {
        samples = [];
        abort = new AbortController();
        server = await serveTextToImage(options);
        const target = targetAt(server.address);
        const clock = startClock();
        requests = sender(target, clock);
        relay = await startRelay(
            {
                name: "test",
                purpose: "",
                arrivals: { kind: "closed", clients: 1, sender: "hey" },
                timeoutSeconds: 60,
                requests: 2,
                seconds: 60,
                untilSettled: false,
            },
            {
                target,
                sender: requests,
                clock,
                onSample: (sample) => samples.push(sample),
                signal: abort.signal,
            },
        );
    }

    afterEach(async () => {
        await relay.close();
        requests.close();
        await server.close();
    });

    const ask = (path = ROUTE, method = "POST"): Promise<Response> =>
        fetch(`http://127.0.0.1:${relay.port}${path}`, {
            method,
            ...(method === "POST" ? { body: "{}", headers: { "content-type": "text/x" } } : {}),
        });

    it("passes body and type on with the target's credentials, and the answer back", async () => {
        await start();
        const answer = await ask();
        assert.deepEqual(
            [answer.status, answer.headers.get("content-type"), await answer.text()],
            [200, "application/json", '{"images": []}'],
        );
        const { authorization, host, contentType, body } = server.received[0] ?? {};
        assert.deepEqual(
            [authorization, host, contentType, body],
            ["Basic bWU6c2VjcmV0", "sd.example.test", "text/x", "{}"],
        );
        assert.deepEqual([samples.length, samples[0]?.status, samples[0]?.bytes], [1, 200, 14]);
    });

    it("passes on nothing but the one route", async () => {
        await start();
        assert.equal((await ask("/sdapi/v1/options")).status, 404);
        assert.equal((await ask(`${ROUTE}?x=1`)).status, 404);
        assert.equal((await ask(ROUTE, "GET")).status, 404);
        assert.equal(server.received.length, 0);
    });

    it("passes on no more requests than the profile has", async () => {
        await start();
        const statuses = [await ask(), await ask(), await ask()].map(({ status }) => status);
        assert.deepEqual(statuses, [200, 200, 429]);
        assert.equal(server.received.length, 2);
    });

    it("breaks where the target breaks, so that nobody takes it for an answer", async () => {
        await start({ answer: () => 0 });
        await assert.rejects(ask().then((answer) => answer.text()));
        assert.equal(samples[0]?.error, "ECONNRESET");
    });

    it("leaves the target when its client leaves", async () => {
        await start({ seconds: 30 });
        const client = request(`http://127.0.0.1:${relay.port}${ROUTE}`, { method: "POST" });
        client.on("error", () => undefined);
        client.end("{}");
        while (server.received.length === 0) {
            await new Promise((resolve) => setTimeout(resolve, 1));
        }
        client.destroy();
        while (server.gone() === 0) {
            await new Promise((resolve) => setTimeout(resolve, 1));
        }
        assert.equal(samples[0]?.error, "the load was stopped");
    });

    it("ends its requests when it is stopped", async () => {
        await start({ seconds: 30 });
        const client = request(`http://127.0.0.1:${relay.port}${ROUTE}`, { method: "POST" });
        client.end("{}");
        while (server.received.length === 0) {
            await new Promise((resolve) => setTimeout(resolve, 1));
        }
        abort.abort(new Error("stopped by SIGINT"));
        const [error] = (await once(client, "error")) as [NodeJS.ErrnoException];
        assert.equal(error.code, "ECONNRESET");
        assert.equal(samples.length, 1);
    });
});
