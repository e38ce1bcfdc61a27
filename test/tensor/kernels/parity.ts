import { expect } from "vitest";
import { allocate, sizeOf, Tensor } from "../../../src/tensor/index.ts";
import { kernels } from "../../../src/tensor/kernels/index.ts";
import type { AnyOp } from "../../../src/tensor/op.ts";
import { expectWithin } from "../../laws/bound.ts";

/** Outputs of the plain loops. */
function reference(def: AnyOp, inputs: readonly Tensor[], attrs: unknown): Tensor[] {
  const outputs = def.infer(inputs, attrs).map((m) => new Tensor(m.shape, m.dtype, allocate(m.dtype, sizeOf(m.shape))));
  def.reference(inputs, attrs, outputs);
  return outputs;
}

/** Runs the kernel, which must support the call, and holds every element to the bound it states. */
export function expectParity(def: AnyOp, inputs: readonly Tensor[], attrs: unknown): void {
  const kernel = kernels[def.name]!;
  const fast = kernel.run(inputs, attrs, def.infer(inputs, attrs));
  expect(fast, `${def.name} must support the call`).toBeDefined();
  const want = reference(def, inputs, attrs);
  expect(fast!.map((y) => [y.dtype, y.shape])).toEqual(want.map((y) => [y.dtype, y.shape]));
  expectWithin(fast!, want, kernel.bound(inputs, attrs), () => reference(def, inputs.map(absolute), attrs));
}

/** Like `expectParity`, for samples of which the kernel may refuse some. */
export function expectSameWhereSupported(def: AnyOp, inputs: readonly Tensor[], attrs: unknown): void {
  if (kernels[def.name]!.run(inputs, attrs, def.infer(inputs, attrs)) !== undefined) expectParity(def, inputs, attrs);
}

function absolute(x: Tensor): Tensor {
  const data = allocate(x.dtype, x.size);
  for (let i = 0; i < data.length; i++) data[i] = Math.abs(x.data[i]!);
  return new Tensor(x.shape, x.dtype, data);
}
