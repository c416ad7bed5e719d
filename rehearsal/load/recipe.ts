import type { HeyFigures } from "./statistics";

/**
 * The published recipe's own load test, as `hey` printed it (Alibaba Cloud, "Deploy a Stable Diffusion Service in
 * Knative", step 3): 50 requests by 5 clients, every answer 200, 5 pods.
 */
export const RECIPE: HeyFigures & { readonly requests: number; readonly clients: number } = {
    requests: 50,
    clients: 5,
    total: 252.1749,
    slowest: 62.4155,
    fastest: 9.9399,
    average: 23.9748,
    requestsPerSecond: 0.1983,
    histogram: [
        { mark: 9.94, count: 1 },
        { mark: 15.187, count: 17 },
        { mark: 20.435, count: 9 },
        { mark: 25.683, count: 11 },
        { mark: 30.93, count: 1 },
        { mark: 36.178, count: 1 },
        { mark: 41.425, count: 3 },
        { mark: 46.673, count: 1 },
        { mark: 51.92, count: 2 },
        { mark: 57.168, count: 1 },
        { mark: 62.4155, count: 3 },
    ],
    distribution: {
        10: 10.4695,
        25: 14.8245,
        50: 20.0772,
        75: 30.5207,
        90: 50.7006,
        95: 61.501,
        99: 0,
    },
};

/** Body of the recipe's request. */
export const RECIPE_BODY = '{"prompt": "pretty dog"}';
