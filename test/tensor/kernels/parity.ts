import { expect } from "vitest";
import type { Tensor } from "../../../src/tensor/index.ts";
import { kernels } from "../../../src/tensor/kernels/index.ts";
import { runOnce } from "../../../src/tensor/kernels/placement.ts";
import type { AnyOp } from "../../../src/tensor/op.ts";
import { absolute, expectWithin, reference } from "../../laws/bound.ts";

/** Runs the kernel, which must support the call, and holds every element to the bound it states. */
export function expectParity(def: AnyOp, inputs: readonly Tensor[], attrs: unknown): void {
  expect(sameWhereSupported(def, inputs, attrs), `${def.name} must support the call`).toBe(true);
}

/** Like `expectParity`, for samples of which the kernel may refuse some; false where it does. */
export function sameWhereSupported(def: AnyOp, inputs: readonly Tensor[], attrs: unknown): boolean {
  const kernel = kernels[def.name]!;
  const fast = runOnce(kernel, inputs, attrs, def.infer(inputs, attrs));
  if (!fast) return false;
  const want = reference(def, inputs, attrs);
  expect(fast.map((y) => [y.dtype, y.shape])).toEqual(want.map((y) => [y.dtype, y.shape]));
  expectWithin(fast, want, kernel.bound(inputs, attrs), () => reference(def, inputs.map(absolute), attrs));
  return true;
}
