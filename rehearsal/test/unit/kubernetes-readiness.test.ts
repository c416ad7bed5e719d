import assert from "node:assert/strict";
import type { KubernetesObject } from "../../plugins/kubernetes-api";
import { builtInReadiness, evaluateWaits, parseWaitFor } from "../../plugins/kubernetes-readiness";

const object = (status: object | undefined, generation = 2, more: object = {}): KubernetesObject =>
    ({
        apiVersion: "serving.knative.dev/v1",
        kind: "Service",
        metadata: { name: "a", generation },
        ...(status === undefined ? {} : { status }),
        ...more,
    }) as unknown as KubernetesObject;

describe("pulumi.com/waitFor", () => {
    const readiness = (annotation: string, live: KubernetesObject) =>
        evaluateWaits(parseWaitFor(annotation), live);
    const ready = { type: "Ready", status: "True" };

    const cases: [string, string, KubernetesObject, string | undefined][] = [
        [
            "holds",
            "condition=Ready",
            object({ conditions: [ready], observedGeneration: 2 }),
            undefined,
        ],
        [
            "holds whatever the case",
            "condition=ready=true",
            object({ conditions: [ready] }),
            undefined,
        ],
        ["waits for a status", "condition=Ready", object(undefined), "Has no .status.conditions"],
        [
            "waits for the condition",
            "condition=Ready",
            object({ conditions: [] }),
            "Has no condition Ready",
        ],
        [
            "waits while the status is about an earlier generation",
            "condition=Ready",
            object({ conditions: [ready], observedGeneration: 1 }),
            "Generation 1 is less than expected 2",
        ],
        [
            "prefers the generation that the condition itself observed",
            "condition=Ready",
            object({ conditions: [{ ...ready, observedGeneration: 1 }], observedGeneration: 2 }),
            "Generation 1 is less than expected 2",
        ],
        [
            "goes on waiting while the condition is False, with its reason",
            "condition=Ready",
            object({
                conditions: [
                    {
                        type: "Ready",
                        status: "False",
                        reason: "RevisionFailed",
                        message: "no image",
                    },
                ],
            }),
            "Resource has condition Ready=False (want True) RevisionFailed: no image",
        ],
        [
            "waits for another status",
            "condition=Ready=False",
            object({ conditions: [ready] }),
            "Resource has condition Ready=True (want False)",
        ],
        ["finds a field", "jsonpath={.status.url}", object({ url: "http://a" }), undefined],
        ["waits for a field", "jsonpath={.status.url}", object({}), "Waiting for {.status.url}"],
        [
            "compares a field",
            "jsonpath={.status.phase}=Bound",
            object({ phase: "Bound" }),
            undefined,
        ],
        [
            "waits for a value",
            "jsonpath={.status.phase}=Bound",
            object({ phase: "Pending" }),
            'Waiting for {.status.phase}=Bound (found "Pending")',
        ],
        [
            "compares numbers as text",
            "jsonpath={.status.replicas}=3",
            object({ replicas: 3 }),
            undefined,
        ],
        [
            "knows brackets and escapes",
            "jsonpath={.status['a.b'].c\\.d[1]}=x",
            object({ "a.b": { "c.d": [0, "x"] } }),
            undefined,
        ],
        [
            "does not end early for a Job that has failed",
            "condition=Complete",
            object({ conditions: [{ type: "Failed", status: "True" }] }),
            "Has no condition Complete",
        ],
        [
            "waits for all of a list",
            '["condition=Ready","jsonpath={.status.url}"]',
            object({ conditions: [ready] }),
            "Waiting for {.status.url}",
        ],
    ];
    for (const [title, annotation, live, reason] of cases) {
        it(`${annotation} ${title}`, () => {
            const expected = reason === undefined ? { ready: true } : { ready: false, reason };
            assert.deepEqual(readiness(annotation, live), expected);
        });
    }

    for (const annotation of [
        "Ready",
        "",
        "[]",
        "[1]",
        "jsonpath={}",
        "jsonpath={.a[*]}",
        "jsonpath={.a[?(@.b)]}",
    ]) {
        it(`refuses ${JSON.stringify(annotation)}`, () => {
            assert.throws(() => parseWaitFor(annotation), Error);
        });
    }
});

describe("builtInReadiness", () => {
    const none = (): Promise<boolean> => Promise.resolve(false);
    const some = (): Promise<boolean> => Promise.resolve(true);

    it("waits for nothing in kinds that the official plugin does not wait for", async () => {
        assert.deepEqual(await builtInReadiness(object({ conditions: [] }), none), { ready: true });
    });

    const deployment = (status: object | undefined, generation = 1): KubernetesObject =>
        object(status, generation, {
            apiVersion: "apps/v1",
            kind: "Deployment",
            spec: { replicas: 2 },
        });
    const rolledOut = { type: "Progressing", status: "True", reason: "NewReplicaSetAvailable" };
    const available = { type: "Available", status: "True" };
    const done = { observedGeneration: 1, updatedReplicas: 2, conditions: [rolledOut, available] };

    it("finds a Deployment ready when it is rolled out and available", async () => {
        assert.deepEqual(await builtInReadiness(deployment(done), none), { ready: true });
    });

    const unready: [string, object | undefined, RegExp][] = [
        ["has no status", undefined, /no .status.conditions/],
        ["was not looked at since its change", { ...done, observedGeneration: 0 }, /Generation 0/],
        [
            "is still rolling out",
            { ...done, conditions: [{ ...rolledOut, reason: "ReplicaSetUpdated" }, available] },
            /not rolled out \(ReplicaSetUpdated\)/,
        ],
        [
            "missed its deadline",
            {
                ...done,
                conditions: [{ ...rolledOut, status: "False", reason: "ProgressDeadlineExceeded" }],
            },
            /ProgressDeadlineExceeded/,
        ],
        ["has old replicas", { ...done, updatedReplicas: 1 }, /1 of 2 replicas/],
        ["is not available", { ...done, conditions: [rolledOut] }, /live Pods was not attained/],
    ];
    for (const [title, status, reason] of unready) {
        it(`waits for a Deployment that ${title}`, async () => {
            const readiness = await builtInReadiness(deployment(status), some);
            assert.ok(!readiness.ready);
            assert.match(readiness.reason, reason);
        });
    }

    const service = (spec: object, status: object = {}): KubernetesObject =>
        object(status, 1, { apiVersion: "v1", kind: "Service", spec });
    const selector = { app: "a" };

    it("waits for the pods that a Service selects", async () => {
        assert.equal((await builtInReadiness(service({ selector }), none)).ready, false);
        assert.equal((await builtInReadiness(service({ selector }), some)).ready, true);
    });

    for (const spec of [{}, { selector, clusterIP: "None" }, { selector, type: "ExternalName" }]) {
        it(`does not wait for pods of a Service with ${JSON.stringify(spec)}`, async () => {
            assert.equal((await builtInReadiness(service(spec), none)).ready, true);
        });
    }

    it("waits for the address of a load balancer", async () => {
        const waiting = await builtInReadiness(service({ type: "LoadBalancer" }), none);
        assert.deepEqual(waiting, {
            ready: false,
            reason: "Service was not allocated an IP address; does your cloud provider support this?",
        });
        const status = { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } };
        const allocated = await builtInReadiness(service({ type: "LoadBalancer" }, status), none);
        assert.deepEqual(allocated, { ready: true });
    });
});
