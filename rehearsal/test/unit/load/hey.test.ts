import assert from "node:assert/strict";
import { parseHeyCsv, runHey } from "../../../load/hey";
import { sender, startClock } from "../../../load/timed-request";
import { targetAt } from "./text-to-image-server";

const HEADER =
    "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset";

describe("hey's table", () => {
    it("gives time, status and offset of each request", () => {
        const csv = `${HEADER}\n9.9421,0.0003,0.0000,0.0001,9.9400,0.0017,200,0.0021\n0.0100,0.0000,0.0000,0.0000,0.0100,0.0000,503,9.9500\n`;
        assert.deepEqual(parseHeyCsv(csv), [
            { responseTime: 9.9421, status: 200, offset: 0.0021 },
            { responseTime: 0.01, status: 503, offset: 9.95 },
        ]);
    });

    it("may be empty: no request was answered", () => {
        assert.deepEqual(parseHeyCsv(`${HEADER}\n`), []);
    });

    it("is refused where another version writes it", () => {
        assert.throws(
            () => parseHeyCsv("time,status\n1,200"),
            /begins with "time,status"; allowed/,
        );
        assert.throws(() => parseHeyCsv(`${HEADER}\n1,2,3`), /the row "1,2,3"; allowed: 8 numbers/);
        assert.throws(() => parseHeyCsv(`${HEADER}\n1,2,3,4,5,6,x,8`), /allowed: 8 numbers/);
    });
});

describe("hey", () => {
    const { PATH } = process.env;

    afterEach(() => {
        process.env["PATH"] = PATH;
    });

    it("that is not installed is asked for by name", async () => {
        process.env["PATH"] = "/nonexistent";
        const clock = startClock();
        const target = targetAt("127.0.0.1:9");
        const profile = {
            name: "test",
            purpose: "",
            arrivals: { kind: "closed", clients: 1, sender: "hey" },
            timeoutSeconds: 1,
            requests: 1,
            seconds: 1,
            untilSettled: false,
        } as const;
        await assert.rejects(
            runHey(profile, 1, {
                target,
                sender: sender(target, clock),
                clock,
                onSample: () => {
                    assert.fail("a request was sent");
                },
                signal: new AbortController().signal,
            }),
            /hey is not installed.*apt-get install hey/,
        );
    });
});
