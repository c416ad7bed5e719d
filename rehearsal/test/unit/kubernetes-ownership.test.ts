import assert from "node:assert/strict";
import { ApiError, type KubernetesObject } from "../../plugins/kubernetes-api";
import {
    adoptedFields,
    explainedConflict,
    isAdoptableConflict,
} from "../../plugins/kubernetes-ownership";

const object = (...managedFields: object[]): KubernetesObject =>
    ({ apiVersion: "v1", kind: "A", metadata: { managedFields } }) as unknown as KubernetesObject;

const conflict = (...managers: string[]): ApiError =>
    new ApiError(
        "Apply failed with 1 conflict",
        409,
        "Conflict",
        managers.map((manager) => `conflict with "${manager}" using v1`),
        { kind: "a", name: "b" },
    );

describe("adoptedFields", () => {
    const ours = "pulumi-kubernetes-1";
    const controller = { manager: "controller", operation: "Update", fieldsV1: { "f:c": {} } };
    const status = { manager: "kubectl", operation: "Update", subresource: "status", fieldsV1: {} };

    it("turns what this plugin created into what it applies", () => {
        const created = { manager: ours, operation: "Update", fieldsV1: { "f:a": {} }, time: "t" };
        assert.deepEqual(adoptedFields(object(created, controller), ours), [
            { ...created, operation: "Apply" },
            controller,
        ]);
    });

    it("adds what kubectl changed to what is applied already", () => {
        const applied = { manager: ours, operation: "Apply", fieldsV1: { "f:a": { "f:b": {} } } };
        const edit = {
            manager: "kubectl-edit",
            operation: "Update",
            fieldsV1: { "f:a": { "f:d": {} } },
        };
        assert.deepEqual(adoptedFields(object(controller, applied, edit), ours), [
            { ...applied, fieldsV1: { "f:a": { "f:b": {}, "f:d": {} } } },
            controller,
        ]);
    });

    it("leaves the fields of controllers and of subresources alone", () => {
        const applied = { manager: ours, operation: "Apply", fieldsV1: {} };
        assert.equal(adoptedFields(object(applied, controller, status), ours), undefined);
        assert.equal(adoptedFields(object(), ours), undefined);
    });
});

describe("conflicts", () => {
    it("are no matter at preview if an update takes over all the fields concerned", () => {
        assert.equal(isAdoptableConflict(conflict("kubectl-edit", "pulumi-kubernetes-1")), true);
        assert.equal(isAdoptableConflict(conflict("kubectl-edit", "controller")), false);
        assert.equal(isAdoptableConflict(conflict()), false);
        assert.equal(isAdoptableConflict(new Error('conflict with "kubectl-edit"')), false);
    });

    it("are explained with what to do", () => {
        const explained = explainedConflict(conflict("controller"), "mine");
        assert.ok(explained instanceof Error);
        assert.match(
            explained.message,
            /field conflict.*patchForce.*"mine".*Apply failed with 1 conflict/,
        );
        const other = new Error("other");
        assert.equal(explainedConflict(other, "mine"), other);
    });
});
