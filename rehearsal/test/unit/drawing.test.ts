import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { crc32, deflateSync } from "node:zlib";
import { checkGuarded, checkSeeds, draw, type Service } from "../../drawing";

const SUBJECT = { prompt: "pretty dog", seed: 7 };

/** How the server under test misbehaves. */
interface Faults {
    readonly forgetsSeed?: boolean;
    readonly ignoresSeed?: boolean;
    readonly differsEachTime?: boolean;
    readonly letsIn?: string;
    readonly status?: number;
    readonly login?: number;
}

describe("the checks of a drawing", () => {
    let server: Server;
    let service: Service;
    let faults: Faults;
    let drawn: number;

    beforeEach(async () => {
        faults = {};
        drawn = 0;
        server = createServer((request, response) => {
            void answer(request).then(({ status, body }) => {
                response.writeHead(status).end(JSON.stringify(body));
            });
        });
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
        const { port } = server.address() as AddressInfo;
        service = {
            gatewayAddress: `127.0.0.1:${port}`,
            host: "web.example.com",
            credentials: "user:password",
        };
    });

    afterEach(() => {
        server.close();
        server.closeAllConnections();
    });

    it("accept an image that carries its prompt and seed", async () => {
        const drawing = await draw(service, SUBJECT);
        assert.equal(drawing.infotext, "pretty dog\nSteps: 50, Seed: 7, Size: 1x1");
        await checkSeeds(service, drawing);
        assert.equal(drawn, 3);
    });

    it("refuse an image whose metadata lacks the seed", async () => {
        faults = { forgetsSeed: true };
        await assert.rejects(
            draw(service, SUBJECT),
            /metadata does not carry the prompt and the seed 7/,
        );
    });

    it("refuse an answer other than 200, with its words", async () => {
        faults = { status: 503 };
        await assert.rejects(draw(service, SUBJECT), /txt2img answered 503: .*overloaded/);
    });

    it("refuse a server that draws the same for every seed", async () => {
        faults = { ignoresSeed: true };
        const drawing = await draw(service, SUBJECT);
        await assert.rejects(checkSeeds(service, drawing), /seeds 7 and 8 gave the same image/);
    });

    it("refuse a server that draws differently for one seed", async () => {
        faults = { differsEachTime: true };
        const drawing = await draw(service, SUBJECT);
        await assert.rejects(checkSeeds(service, drawing), /seed 7 gave two different images/);
    });

    it("see that API and page are guarded", async () => {
        const tried = await checkGuarded(service);
        assert.deepEqual(
            tried.map((line) => line.slice(-3)),
            ["401", "401", "401", "401", "401", "401", "400", "200"],
        );
    });

    for (const path of ["/sdapi/v1/txt2img", "/sdapi/v1/options", "/config"]) {
        it(`refuse a server that leaves ${path} open`, async () => {
            faults = { letsIn: path };
            await assert.rejects(
                checkGuarded(service),
                new RegExp(`${path} with no credentials: 200`),
            );
        });
    }

    it("refuse a page that takes any password, and one that takes none", async () => {
        faults = { login: 200 };
        await assert.rejects(
            checkGuarded(service),
            /\/login with a wrong password: 200, expected 400/,
        );
        faults = { login: 400 };
        await assert.rejects(
            checkGuarded(service),
            /\/login with the right password: 400, expected 200/,
        );
    });

    async function answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
        assert.equal(request.headers.host, "web.example.com");
        const chunks: Buffer[] = [];
        for await (const chunk of request) {
            chunks.push(chunk as Buffer);
        }
        if (request.url === "/login") {
            const { password } = Object.fromEntries(
                new URLSearchParams(Buffer.concat(chunks).toString()),
            );
            return { status: faults.login ?? (password === "password" ? 200 : 400), body: {} };
        }
        const right = `Basic ${Buffer.from("user:password").toString("base64")}`;
        if (request.headers.authorization !== right) {
            return { status: faults.letsIn === request.url ? 200 : 401, body: {} };
        }
        if (faults.status) {
            return { status: faults.status, body: { detail: "overloaded" } };
        }
        const { prompt, seed } = JSON.parse(Buffer.concat(chunks).toString()) as typeof SUBJECT;
        drawn += 1;
        const infotext = `${prompt}\nSteps: 50, ${faults.forgetsSeed ? "" : `Seed: ${seed}, `}Size: 1x1`;
        const pixel = faults.ignoresSeed ? 0 : seed + (faults.differsEachTime ? drawn : 0);
        return {
            status: 200,
            body: {
                images: [png(pixel, infotext).toString("base64")],
                parameters: { prompt },
                info: JSON.stringify({ seed }),
            },
        };
    }
});

function png(pixel: number, infotext: string): Buffer {
    const chunks = [
        ["IHDR", Buffer.from("00000001000000010800000000", "hex")],
        ["tEXt", Buffer.from(`parameters\0${infotext}`, "latin1")],
        ["IDAT", deflateSync(Buffer.from([0, pixel]))],
        ["IEND", Buffer.alloc(0)],
    ] as const;
    return Buffer.concat([
        Buffer.from("89504e470d0a1a0a", "hex"),
        ...chunks.flatMap(([type, data]) => {
            const body = Buffer.concat([Buffer.from(type), data]);
            const frame = Buffer.alloc(8);
            frame.writeUInt32BE(data.length, 0);
            frame.writeUInt32BE(crc32(body), 4);
            return [frame.subarray(0, 4), body, frame.subarray(4)];
        }),
    ]);
}
