import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { poissonArrivals } from "../../../load/arrivals";
import { generate } from "../../../load/generator";
import type { Profile } from "../../../load/profiles";
import { seededRandom } from "../../../load/random";
import type { Sample } from "../../../load/run-record";
import { sender, startClock } from "../../../load/timed-request";
import { serveTextToImage, targetAt } from "./text-to-image-server";

const PROFILE = {
    name: "test",
    purpose: "",
    timeoutSeconds: 60,
    requests: 6,
    seconds: 60,
    untilSettled: false,
} as const;

const TWO_CLIENTS = { kind: "closed", clients: 2, sender: "built-in" } as const;

describe("the load generator", () => {
    let server: Awaited<ReturnType<typeof serveTextToImage>>;
    let samples: Sample[];
    let abort: AbortController;

    beforeEach(() => {
        samples = [];
        abort = new AbortController();
    });

    afterEach(() => server.close());

    async function load(
        profile: Profile,
        onSample: (sample: Sample) => void = () => undefined,
    ): Promise<void> {
        const clock = startClock();
        const requests = sender(targetAt(server.address), clock);
        await generate(profile, {
            sender: requests,
            clock,
            seed: 1,
            onSample: (sample) => {
                samples.push(sample);
                onSample(sample);
            },
            signal: abort.signal,
        });
        assert.equal(requests.underWay(), 0);
        requests.close();
    }

    it("sends the recipe's body with the stack's credentials and host", async () => {
        server = await serveTextToImage();
        await load({ ...PROFILE, requests: 2, arrivals: TWO_CLIENTS });
        assert.equal(server.received.length, 2);
        const { authorization, host, contentType, body } = server.received[0] ?? {};
        assert.deepEqual(
            { authorization, host, contentType, body },
            {
                authorization: "Basic bWU6c2VjcmV0",
                host: "sd.example.test",
                contentType: "application/json",
                body: '{"prompt": "pretty dog"}',
            },
        );
    });

    it("has closed clients send one request after the other, each on its connection", async () => {
        server = await serveTextToImage({ pods: 2 });
        await load({ ...PROFILE, arrivals: TWO_CLIENTS });
        assert.equal(samples.length, 6);
        assert.equal(new Set(server.received.map(({ connection }) => connection)).size, 2);
        for (const { sent } of samples) {
            const others = samples.filter((other) => other.sent < sent && other.done > sent);
            assert.ok(others.length <= 1, `${others.length + 1} at a time`);
        }
    });

    it("measures each request: moments in order, status, size, and what the stand-in says", async () => {
        server = await serveTextToImage({ seconds: 0.02 });
        await load({ ...PROFILE, requests: 2, arrivals: TWO_CLIENTS });
        for (const { scheduled, sent, firstByte = NaN, done, status, bytes, standIn } of samples) {
            assert.ok(scheduled <= sent && sent <= firstByte && firstByte <= done);
            assert.ok(done - sent > 0.015);
            assert.deepEqual([status, bytes, standIn?.inFlight, standIn?.drew], [200, 14, 1, 0.02]);
            assert.match(standIn?.pod ?? "", /^pod-/);
        }
    });

    it("sends open requests at moments drawn before, however slow the answers are", async () => {
        server = await serveTextToImage({ pods: 1, seconds: 0.05 });
        const arrivals = { kind: "open", rate: 100 } as const;
        await load({ ...PROFILE, requests: 20, arrivals });
        const drawn = poissonArrivals({ rate: 100, seconds: 60, most: 20 }, seededRandom(1));
        const scheduled = samples.map((sample) => sample.scheduled).toSorted((a, b) => a - b);
        const begin = (scheduled[0] ?? NaN) - (drawn[0] ?? NaN);
        for (const [index, moment] of drawn.entries()) {
            assert.ok(Math.abs((scheduled[index] ?? NaN) - begin - moment) < 1e-9);
        }
        assert.ok(samples.every(({ sent, scheduled: planned }) => sent >= planned));
        // The last was sent while nearly all the others waited: nobody waited for an answer.
        const last = Math.max(...samples.map(({ sent }) => sent));
        assert.ok(samples.filter(({ done }) => done > last).length > 10);
    });

    it("gives up one request in so many, and closes its connection", async () => {
        server = await serveTextToImage({ pods: 2, seconds: 0.3 });
        const cancel = { every: 3, afterSeconds: 0.1 };
        await load({ ...PROFILE, requests: 4, arrivals: TWO_CLIENTS, cancel });
        const cancelled = samples.filter((sample) => sample.cancelled);
        assert.equal(cancelled.length, 2);
        assert.ok(
            cancelled.every(
                ({ status, error }) => status === undefined && error === "given up by its client",
            ),
        );
        assert.ok(samples.filter((each) => !each.cancelled).every(({ status }) => status === 200));
        // The server learns of it a moment later, if the request came to it at all on a busy machine.
        while (server.gone() < server.received.length - 2) {
            await setTimeout(1);
        }
    });

    it("keeps a failed request as a sample: its status, or why there is none", async () => {
        server = await serveTextToImage({ answer: (number) => [200, 503, 0][number % 3] ?? 200 });
        await load({ ...PROFILE, requests: 3, arrivals: { ...TWO_CLIENTS, clients: 1 } });
        assert.deepEqual(
            samples.map(({ status, error }) => [status, error]),
            [
                [503, undefined],
                [200, "ECONNRESET"],
                [200, undefined],
            ],
        );
    });

    it("gives a request no more than its time", async () => {
        server = await serveTextToImage({ seconds: 30 });
        await load({
            ...PROFILE,
            timeoutSeconds: 0.05,
            requests: 1,
            arrivals: { ...TWO_CLIENTS, clients: 1 },
        });
        assert.deepEqual(
            samples.map(({ status, error, cancelled }) => [status, error, cancelled]),
            [[undefined, "no answer in 0.05 s", undefined]],
        );
    });

    it("does not follow a redirect, which could lead elsewhere", async () => {
        server = await serveTextToImage({ answer: () => 302 });
        await load({ ...PROFILE, requests: 1, arrivals: { ...TWO_CLIENTS, clients: 1 } });
        assert.deepEqual([samples[0]?.status, server.received.length], [302, 1]);
    });

    for (const arrivals of [TWO_CLIENTS, { kind: "open", rate: 100 } as const]) {
        it(`ends when it is stopped, and keeps what it has (${arrivals.kind})`, async () => {
            server = await serveTextToImage({ seconds: 0.05 });
            await load({ ...PROFILE, requests: 1000, arrivals }, () => {
                abort.abort(new Error("stopped by SIGINT"));
            });
            assert.equal(samples.filter(({ status }) => status === 200).length, 1);
            const rest = samples.filter(({ status }) => status !== 200);
            assert.ok(rest.length > 0 && rest.length < 999);
            assert.ok(rest.every(({ error }) => error === "the load was stopped"));
        });

        it(`sends nothing when it is stopped before it begins (${arrivals.kind})`, async () => {
            server = await serveTextToImage();
            abort.abort(new Error("stopped by SIGINT"));
            await load({ ...PROFILE, arrivals });
            assert.deepEqual([samples.length, server.received.length], [0, 0]);
        });

        it(`sends nothing after the profile's time (${arrivals.kind})`, async () => {
            server = await serveTextToImage({ seconds: 0.02 });
            await load({ ...PROFILE, requests: 100_000, seconds: 0.1, arrivals });
            assert.ok(samples.length > 0);
            const first = Math.min(...samples.map(({ scheduled }) => scheduled));
            assert.ok(samples.every(({ scheduled }) => scheduled - first <= 0.1));
            assert.ok(samples.every(({ status }) => status === 200));
        });
    }
});
