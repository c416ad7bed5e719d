import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REPOSITORY } from "../../paths";

const SCRIPT = join(REPOSITORY, "examples/downstream/draw.sh");

/** Runs under busybox, as in the image; the rehearsal's prerequisites have installed it. */
describe("the downstream example's script", () => {
    let folder: string;

    beforeEach(async () => {
        folder = await mkdtemp(join(tmpdir(), "draw-"));
    });

    afterEach(async () => {
        await rm(folder, { recursive: true, force: true });
    });

    /** Runs the script against a server; its exit status and what it said. */
    async function draw(
        answer: (request: IncomingMessage, body: string, response: ServerResponse) => unknown,
    ): Promise<{ status: number | null; out: string; err: string }> {
        const server = createServer((request, response) => {
            const chunks: Buffer[] = [];
            request.on("data", (chunk: Buffer) => chunks.push(chunk));
            request.on("end", () => {
                void answer(request, Buffer.concat(chunks).toString("utf8"), response);
            });
        });
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
        try {
            return await run((server.address() as AddressInfo).port);
        } finally {
            server.closeAllConnections();
            await new Promise((resolve) => server.close(resolve));
        }
    }

    async function run(port: number): Promise<{ status: number | null; out: string; err: string }> {
        const body = '{"prompt":"100 % dog\\n"}';
        const child: ChildProcess = spawn("busybox", ["sh", "-c", readFileSync(SCRIPT, "utf8")], {
            cwd: folder,
            env: {
                PATH: process.env["PATH"] ?? "",
                GATEWAY_ADDRESS: "127.0.0.1",
                GATEWAY_PORT: String(port),
                REQUEST_HOST: "sd.example.com",
                REQUEST_PATH: "/sdapi/v1/txt2img",
                REQUEST_BODY: body,
                REQUEST_LENGTH: String(Buffer.byteLength(body)),
                API_USERNAME: "alice",
                API_PASSWORD: "p".repeat(80),
            },
        });
        const said = { out: "", err: "" };
        child.stdout?.on("data", (chunk: Buffer) => (said.out += chunk.toString()));
        child.stderr?.on("data", (chunk: Buffer) => (said.err += chunk.toString()));
        const status = await new Promise<number | null>((resolve, reject) => {
            child.on("error", reject);
            child.on("close", resolve);
        });
        return { status, ...said };
    }

    const image = JSON.stringify({ images: ["x".repeat(300_000)], parameters: {} });

    it("asks for an image with host, credentials and body, and tells that it got one", async () => {
        const seen: unknown[] = [];
        const { status, out, err } = await draw(({ method, url, headers }, body, response) => {
            seen.push({ method, url, host: headers.host, body });
            seen.push(headers.authorization, headers["content-type"]);
            response.end(image);
        });
        assert.equal(err, "");
        assert.equal(status, 0);
        assert.match(out, /^got an image in 30\d\d\d\d bytes\n$/);
        assert.deepEqual(seen, [
            {
                method: "POST",
                url: "/sdapi/v1/txt2img",
                host: "sd.example.com",
                body: '{"prompt":"100 % dog\\n"}',
            },
            `Basic ${Buffer.from(`alice:${"p".repeat(80)}`).toString("base64")}`,
            "application/json",
        ]);
    });

    it("shows the credentials in no command line while it waits", async () => {
        const forms = ["p".repeat(80), Buffer.from(`alice:${"p".repeat(77)}`).toString("base64")];
        let lines: string[] = [];
        const { status } = await draw(async (_request, _body, response) => {
            const pids = (await readdir("/proc")).filter((name) => /^[0-9]+$/.test(name));
            const read = (pid: string): Promise<string> =>
                readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
            lines = await Promise.all(pids.map(read));
            response.end(image);
        });
        assert.equal(status, 0);
        // It is there to be found: its other arguments are.
        assert.ok(lines.some((line) => line.startsWith("nc\x00127.0.0.1\x00")));
        assert.deepEqual(
            lines.filter((line) => forms.some((form) => line.includes(form))),
            [],
        );
    });

    const failures: [string, number, string, RegExp][] = [
        [
            "the service refuses",
            401,
            '{"detail":"Unauthorized"}',
            /no image: 401[\s\S]*Unauthorized/,
        ],
        ["there is no image", 200, '{"images":null,"info":"x"}', /no image in the answer.*"info"/s],
        ["the list is empty", 200, '{"images":[]}', /no image in the answer/],
        ["the gateway gives up", 504, "activator request timeout", /no image: 504/],
    ];
    for (const [title, code, body, message] of failures) {
        it(`fails when ${title}, with what was said`, async () => {
            const { status, err } = await draw((_request, _body, response) => {
                response.writeHead(code).end(body);
            });
            assert.equal(status, 1);
            assert.match(err, message);
        });
    }

    it("fails when the connection ends without an answer", async () => {
        const { status, err } = await draw((request) => {
            request.socket.destroy();
        });
        assert.equal(status, 1);
        assert.match(err, /no image: no answer/);
    });

    it("fails when nobody listens", async () => {
        const server = createServer();
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
        const { port } = server.address() as AddressInfo;
        await new Promise((resolve) => server.close(resolve));
        const { status, err } = await run(port);
        assert.notEqual(status, 0);
        assert.match(err, /refused/i);
    });
});
