import { expect } from "vitest";
import { allocate, sizeOf, Tensor } from "../../../src/tensor/index.ts";
import { kernels } from "../../../src/tensor/kernels/index.ts";
import type { AnyOp } from "../../../src/tensor/op.ts";

/** Outputs of the plain loops. */
export function reference(def: AnyOp, inputs: readonly Tensor[], attrs: unknown): Tensor[] {
  const outputs = def.infer(inputs, attrs).map((m) => new Tensor(m.shape, m.dtype, allocate(m.dtype, sizeOf(m.shape))));
  def.reference(inputs, attrs, outputs);
  return outputs;
}

const U = 2 ** -24;

/** One unit in the last place of an f32 value. */
const ulp = (value: number): number => Math.max(2 ** -149, 2 ** (Math.floor(Math.log2(Math.abs(value) || 2 ** -149)) - 23));

/** Runs the kernel, which must support the call, and holds every element to the bound it states. */
export function expectParity(def: AnyOp, inputs: readonly Tensor[], attrs: unknown): void {
  const kernel = kernels[def.name]!;
  const metas = def.infer(inputs, attrs);
  const fast = kernel.run(inputs, attrs, metas);
  expect(fast, `${def.name} must support the call`).toBeDefined();
  const bound = kernel.bound(inputs, attrs);
  const want = reference(def, inputs, attrs);
  const sums = typeof bound === "object" && "terms" in bound ? reference(def, inputs.map(absolute), attrs) : undefined;
  want.forEach((w, o) => {
    const got = fast![o]!;
    expect(got.shape).toEqual(w.shape);
    expect(got.dtype).toBe(w.dtype);
    for (let i = 0; i < w.size; i++) {
      const [a, b] = [got.data[i]!, w.data[i]!];
      if (Object.is(a, b)) continue;
      let allowed = 0;
      if (bound !== "exact") {
        allowed = "ulps" in bound ? bound.ulps * ulp(b) : ((bound.terms * U) / (1 - bound.terms * U)) * sums![o]!.data[i]! + ulp(b) / 2;
      }
      if (!(Math.abs(a - b) <= allowed)) {
        expect.fail(
          `${def.name}[${i}]: kernel ${a}, reference ${b}, allowed distance ${allowed} (${inputs.join(" · ")}, ${JSON.stringify(attrs)})`,
        );
      }
    }
  });
}

function absolute(x: Tensor): Tensor {
  const data = allocate(x.dtype, x.size);
  for (let i = 0; i < data.length; i++) data[i] = Math.abs(x.data[i]!);
  return new Tensor(x.shape, x.dtype, data);
}

/** Like `expectParity`, for samples of which the kernel may refuse some. */
export function expectSameWhereSupported(def: AnyOp, inputs: readonly Tensor[], attrs: unknown): void {
  const metas = def.infer(inputs, attrs);
  if (kernels[def.name]!.run(inputs, attrs, metas) !== undefined) expectParity(def, inputs, attrs);
}
