import { kernelProblem } from "../../wasm/index.ts";

/**
 * "auto" runs a fast kernel wherever one supports the call; "reference" never does. "relaxed" is "auto" with products that
 * fuse multiplication and addition where the runtime has the instruction: faster, but the bits depend on the machine.
 */
export type KernelPolicy = "auto" | "relaxed" | "reference";

let policy: KernelPolicy = "auto";

/** The policy in force: "reference" wherever the runtime has no WebAssembly with SIMD, or a page forbids it. */
export const kernelPolicy = (): KernelPolicy => (kernelProblem() === undefined ? policy : "reference");

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
