import { randomInt } from "node:crypto";
import { readPng } from "./png";
import { callService, type ServiceAddress } from "./service-client";

/** The service and the user that may use it. */
export interface Service extends ServiceAddress {
    /** `user:password` of API and page. */
    readonly credentials: string;
}

/** An image and what it was asked for with. */
export interface Drawing {
    readonly prompt: string;
    readonly seed: number;
    /** The PNG file. */
    readonly png: Buffer;
    /** The WebUI's infotext from the file's metadata. */
    readonly infotext: string;
}

const WORDS = [
    "amber",
    "brook",
    "cedar",
    "dune",
    "ember",
    "fjord",
    "grove",
    "heron",
    "isle",
    "kelp",
];

/** A prompt and a seed that no earlier run can have prepared for. */
export function randomSubject(): { prompt: string; seed: number } {
    const word = (): string => WORDS[randomInt(WORDS.length)] ?? "";
    return {
        prompt: `pretty dog, ${word()} ${word()} ${randomInt(1e6)}`,
        seed: randomInt(2 ** 32),
    };
}

/**
 * Has one image drawn and checks that it is what was asked for.
 *
 * @throws Error when the answer is not 200 with one PNG whose metadata carries prompt and seed
 */
export async function draw(
    service: Service,
    subject: { readonly prompt: string; readonly seed: number },
    signal?: AbortSignal,
): Promise<Drawing> {
    const { status, body } = await callService(service, {
        method: "POST",
        path: "/sdapi/v1/txt2img",
        body: subject,
        credentials: service.credentials,
        signal,
    });
    if (status !== 200) {
        throw new Error(`txt2img answered ${status}: ${body.slice(0, 500)}`);
    }
    const { images, parameters, info } = JSON.parse(body) as {
        images: string[];
        parameters: { prompt?: unknown };
        info: string;
    };
    if (images.length !== 1 || parameters.prompt !== subject.prompt) {
        throw new Error(
            `txt2img answered ${images.length} images for ${JSON.stringify(parameters.prompt)}`,
        );
    }
    if ((JSON.parse(info) as { seed?: unknown }).seed !== subject.seed) {
        throw new Error(`txt2img's info does not carry the seed ${subject.seed}: ${info}`);
    }
    const png = Buffer.from(images[0] ?? "", "base64");
    const infotext = readPng(png).texts["parameters"] ?? "";
    if (
        !infotext.startsWith(`${subject.prompt}\n`) ||
        !infotext.includes(`Seed: ${subject.seed},`)
    ) {
        throw new Error(
            `the image's metadata does not carry the prompt and the seed ${subject.seed}: ${JSON.stringify(infotext)}`,
        );
    }
    return { ...subject, png, infotext };
}

/**
 * Checks that a drawing belongs to its seed: the same seed gives the same pixels, another seed others.
 *
 * @throws Error when it does not
 */
export async function checkSeeds(
    service: Service,
    drawing: Drawing,
    signal?: AbortSignal,
): Promise<void> {
    const again = await draw(service, drawing, signal);
    const other = await draw(service, { ...drawing, seed: (drawing.seed + 1) % 2 ** 32 }, signal);
    const { pixels } = readPng(drawing.png);
    if (!pixels.equals(readPng(again.png).pixels)) {
        throw new Error(`the seed ${drawing.seed} gave two different images`);
    }
    if (pixels.equals(readPng(other.png).pixels)) {
        throw new Error(`the seeds ${drawing.seed} and ${other.seed} gave the same image`);
    }
}

/**
 * Checks that neither the API nor the page answers without the right credentials, and that the page takes
 * the right ones.
 *
 * @returns a line for each thing that was tried, with what came back
 * @throws Error naming the request whose answer was not the expected one
 */
export async function checkGuarded(service: Service, signal?: AbortSignal): Promise<string[]> {
    const [username, password] = service.credentials.split(":") as [string, string];
    const wrong = password.replace(/.$/, (last) => (last === "x" ? "y" : "x"));
    const login = { method: "POST", path: "/login" } as const;
    const attempts = [
        ...[
            { method: "POST", path: "/sdapi/v1/txt2img", body: { prompt: "pretty dog" } } as const,
            { method: "GET", path: "/sdapi/v1/options" } as const,
            { method: "GET", path: "/config" } as const,
        ].flatMap((request) => [
            { title: "no credentials", expected: 401, request },
            {
                title: "a wrong password",
                expected: 401,
                request: { ...request, credentials: `${username}:${wrong}` },
            },
        ]),
        // Gradio's answer to a wrong password at its login is 400.
        {
            title: "a wrong password",
            expected: 400,
            request: { ...login, form: { username, password: wrong } },
        },
        {
            title: "the right password",
            expected: 200,
            request: { ...login, form: { username, password } },
        },
    ];
    const tried: string[] = [];
    for (const { title, expected, request } of attempts) {
        const { status } = await callService(service, { ...request, signal });
        const line = `${request.method} ${request.path} with ${title}: ${status}`;
        tried.push(line);
        if (status !== expected) {
            throw new Error(`${line}, expected ${expected}`);
        }
    }
    return tried;
}
