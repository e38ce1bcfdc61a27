import { type AnyOp, allocate, sizeOf, Tensor } from "../../src/tensor/index.ts";
import type { Bound } from "../../src/tensor/kernels/index.ts";

/** Outputs of the plain loops. */
export function reference(def: AnyOp, inputs: readonly Tensor[], attrs: unknown): Tensor[] {
  const outputs = def.infer(inputs, attrs).map((m) => new Tensor(m.shape, m.dtype, allocate(m.dtype, sizeOf(m.shape))));
  def.reference(inputs, attrs, outputs);
  return outputs;
}

/** |x|. */
export function absolute(x: Tensor): Tensor {
  const data = allocate(x.dtype, x.size);
  for (let i = 0; i < data.length; i++) data[i] = Math.abs(x.data[i]!);
  return new Tensor(x.shape, x.dtype, data);
}

/** Distance from |x| to the next float32; 2^-149 for subnormals. */
function ulp(x: number): number {
  const magnitude = Math.abs(x);
  if (magnitude < 2 ** -126) return 2 ** -149;
  return 2 ** (Math.floor(Math.log2(magnitude)) - 23);
}

/** What a product may lose beyond its relative error where it is subnormal: half of 2^-149. */
const UNDERFLOW = 2 ** -150;

/**
 * Throws unless the kernel's outputs lie within its bound of the reference's. `magnitudes` gives the
 * sums of |a b| behind every element, for bounds by number of terms.
 */
export function expectWithin(
  fast: readonly Tensor[],
  reference: readonly Tensor[],
  bound: Bound,
  magnitudes: () => readonly Tensor[],
): void {
  const sums = typeof bound === "object" && "terms" in bound ? magnitudes() : undefined;
  fast.forEach((y, k) => {
    const want = reference[k].data;
    for (let i = 0; i < want.length; i++) {
      if (Object.is(y.data[i], want[i])) continue;
      const allowed = allowance(bound, want[i], sums?.[k].data[i] ?? 0);
      if (Math.abs(y.data[i] - want[i]) <= allowed && allowed > 0) continue;
      throw new Error(`output ${k}[${i}] is ${y.data[i]}, the reference says ${want[i]}, bound ${JSON.stringify(bound)} allows ${allowed}`);
    }
  });
}

function allowance(bound: Bound, reference: number, magnitude: number): number {
  if (bound === "exact") return 0;
  if ("absolute" in bound) return bound.absolute;
  if ("ulps" in bound) return bound.ulps * ulp(reference);
  const unit = bound.terms * 2 ** -24;
  return (unit / (1 - unit)) * magnitude + bound.terms * UNDERFLOW + ulp(reference) / 2;
}
