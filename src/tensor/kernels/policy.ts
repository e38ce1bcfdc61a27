import type { Meta, Tensor } from "../tensor.ts";
import { kernels } from "./index.ts";
import { runOnce } from "./placement.ts";

/** "auto" runs a fast kernel wherever one supports the call; "reference" never does. */
export type KernelPolicy = "auto" | "reference";

let policy: KernelPolicy = "auto";

/** The policy in force. */
export const kernelPolicy = (): KernelPolicy => policy;

/** Runs `f` under another policy and restores the old one, also when `f` throws. */
export function withKernels<T>(next: KernelPolicy, f: () => T): T {
  const before = policy;
  policy = next;
  try {
    return f();
  } finally {
    policy = before;
  }
}

/** Sets the policy for the whole process: for entry points (command line, test projects) only. */
export function setKernelPolicy(next: KernelPolicy): void {
  policy = next;
}

/** The outputs of a fast kernel, or undefined where the reference must run. */
export function accelerate(op: string, inputs: readonly Tensor[], attrs: unknown, outputs: readonly Meta[]): Tensor[] | undefined {
  if (policy === "reference") return undefined;
  const kernel = Object.hasOwn(kernels, op) ? kernels[op] : undefined;
  return kernel && runOnce(kernel, inputs, attrs, outputs);
}
