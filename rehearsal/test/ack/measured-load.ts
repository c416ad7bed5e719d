import { type Service, randomSubject } from "../../drawing";
import { callService } from "../../service-client";

/** One request as its client saw it. */
export interface Measured {
    /** HTTP status code. */
    readonly status: number;
    /** From the first byte sent to the last one read. */
    readonly seconds: number;
}

/** Asks for one image and measures it. @throws Error when there is no answer; the abort reason when aborted */
export async function measuredImage(
    service: Service,
    {
        credentials = service.credentials,
        signal,
    }: { credentials?: string; signal?: AbortSignal } = {},
): Promise<Measured> {
    const start = performance.now();
    const { status } = await callService(service, {
        method: "POST",
        path: "/sdapi/v1/txt2img",
        body: randomSubject(),
        credentials,
        signal,
    });
    return { status, seconds: (performance.now() - start) / 1000 };
}

/** A number of images, asked for by clients of which each sends its next request when the last is answered. */
export async function closedLoop(
    service: Service,
    { clients, images }: { readonly clients: number; readonly images: number },
): Promise<Measured[]> {
    const measured: Measured[] = [];
    let left = images;
    const client = async (): Promise<void> => {
        while (left > 0) {
            left -= 1;
            measured.push(await measuredImage(service));
        }
    };
    await Promise.all(Array.from({ length: clients }, client));
    return measured;
}

/** The least of the times within which at least the share `quantile` of the requests were answered, in seconds. */
export function percentile(measured: readonly Measured[], quantile: number): number {
    const times = measured.map(({ seconds }) => seconds).sort((one, other) => one - other);
    return times[Math.max(0, Math.ceil(quantile * times.length) - 1)] ?? NaN;
}

/** Mean time of the requests, in seconds. */
export function mean(measured: readonly Measured[]): number {
    return measured.reduce((sum, { seconds }) => sum + seconds, 0) / measured.length;
}
