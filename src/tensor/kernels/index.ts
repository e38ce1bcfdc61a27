import type { Meta, Tensor } from "../tensor.ts";

/** A fast implementation of one op, held to the reference within `bound`. */
export interface FastKernel {
  /** Runs the call, or returns undefined where it does not support it. */
  run(inputs: readonly Tensor[], attrs: unknown, outputs: readonly Meta[]): Tensor[] | undefined;
}

export const kernels: Readonly<Record<string, FastKernel>> = {};
