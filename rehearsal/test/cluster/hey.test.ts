import assert from "node:assert/strict";
import { runHey } from "../../load/hey";
import type { Profile } from "../../load/profiles";
import type { HeyRun, Sample } from "../../load/run-record";
import { sender, startClock } from "../../load/timed-request";
import { serveTextToImage, targetAt } from "../unit/load/text-to-image-server";

const PROFILE: Profile = {
    name: "test",
    purpose: "",
    arrivals: { kind: "closed", clients: 5, sender: "hey" },
    timeoutSeconds: 60,
    requests: 50,
    seconds: 60,
    untilSettled: false,
};

/** These need the program `hey`, which the rehearsal's prerequisites install, and no cluster. */
describe("hey through the relay", () => {
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
    ): Promise<HeyRun | undefined> {
        const clock = startClock();
        const target = targetAt(server.address);
        const requests = sender(target, clock);
        try {
            return await runHey(profile, 5, {
                target,
                sender: requests,
                clock,
                onSample: (sample) => {
                    samples.push(sample);
                    onSample(sample);
                },
                signal: abort.signal,
            });
        } finally {
            requests.close();
        }
    }

    it("sends the recipe's requests, with credentials that hey does not know", async () => {
        server = await serveTextToImage({ pods: 5 });
        const hey = await load(PROFILE);
        assert.equal(server.received.length, 50);
        for (const { authorization, host, contentType, body } of server.received) {
            assert.deepEqual(
                { authorization, host, contentType, body },
                {
                    authorization: "Basic bWU6c2VjcmV0",
                    host: "sd.example.test",
                    contentType: "application/json",
                    body: '{"prompt": "pretty dog"}',
                },
            );
        }
        assert.match(
            hey?.command ?? "",
            /^hey -n 50 -c 5 -t 60 -m POST -H 'Content-Type: application\/json' -d '\{"prompt": "pretty dog"\}' -o csv http:\/\/127\.0\.0\.1:\d+\/sdapi\/v1\/txt2img$/,
        );
        assert.doesNotMatch(hey?.command ?? "", /secret|bWU6c2VjcmV0/);
    });

    it("has five clients who share five connections", async () => {
        server = await serveTextToImage({ pods: 5 });
        await load(PROFILE);
        assert.equal(new Set(server.received.map(({ connection }) => connection)).size, 5);
    });

    it("measures what hey measures, request by request", async () => {
        server = await serveTextToImage({ pods: 2, seconds: 0.05 });
        const hey = await load(PROFILE);
        const byHey = (hey?.requests ?? []).map(({ responseTime }) => responseTime);
        const byRelay = samples.map(({ scheduled, done }) => done - scheduled);
        assert.equal(byHey.length, 50);
        const sorted = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);
        // Each is a part of what hey sees; hey writes ten-thousandths of a second.
        for (const [index, seconds] of sorted(byHey).entries()) {
            assert.ok((sorted(byRelay)[index] ?? NaN) <= seconds + 1e-4);
        }
        assert.ok(hey?.requests.every(({ status, offset }) => status === 200 && offset >= 0));
    });

    it("passes on refusals, which hey lists, and broken answers, which it does not", async () => {
        server = await serveTextToImage({
            answer: (number) => (number === 7 ? 503 : number === 8 ? 0 : 200),
        });
        const hey = await load(PROFILE);
        assert.equal(samples.filter(({ status }) => status === 503).length, 1);
        assert.equal(samples.filter(({ error }) => error === "ECONNRESET").length, 1);
        assert.equal(hey?.requests.filter(({ status }) => status === 503).length, 1);
    });

    it("writes what it has when its time is over", async () => {
        server = await serveTextToImage({ pods: 5, seconds: 0.1 });
        const hey = await load({ ...PROFILE, seconds: 0.35 });
        assert.ok(samples.length >= 5 && samples.length < 50, String(samples.length));
        assert.equal(hey?.requests.length, samples.length);
        assert.ok(samples.every(({ status }) => status === 200));
    });

    it("ends when it is stopped, and keeps what there is", async () => {
        server = await serveTextToImage({ pods: 1, seconds: 0.05 });
        await load(PROFILE, () => {
            abort.abort(new Error("stopped by SIGINT"));
        });
        assert.equal(samples.filter(({ status }) => status === 200).length, 1);
        assert.ok(samples.length < 50);
        assert.ok(server.gone() >= 1);
    });
});
