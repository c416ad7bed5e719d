/** Waits for some seconds, or until aborted: it never throws. */
export function pause(seconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
        const end = (): void => {
            clearTimeout(timer);
            signal.removeEventListener("abort", end);
            resolve();
        };
        const timer = setTimeout(end, Math.max(0, seconds * 1000));
        signal.addEventListener("abort", end, { once: true });
        if (signal.aborted) {
            end();
        }
    });
}
