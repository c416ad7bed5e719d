import type { ResourceValidationPolicy } from "@pulumi/policy";
import { containerConcurrency, maxScale } from "./scaling";

/** Every policy of the pack, importable without starting it. */
export const policies: readonly ResourceValidationPolicy[] = [containerConcurrency, maxScale];
