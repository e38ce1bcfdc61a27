import { normalizeAxis } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { div, mul, sub } from "./binary.ts";
import { concat } from "./concat.ts";
import { countOf, mean, type ReduceOptions, reduceAttrs, sum } from "./reduce.ts";
import { reshape } from "./reshape.ts";
import { slice } from "./slice.ts";
import { sqrt, square } from "./unary.ts";

/** `correction` is subtracted from the count in the divisor: 1 (default) is unbiased, 0 biased. */
type VarianceOptions = ReduceOptions & { readonly correction?: number };

/** Variance over `dim`, by the two-pass formula. */
export function variance(x: Tensor, { dim, keepdim = false, correction = 1 }: VarianceOptions = {}): Tensor {
  const attrs = reduceAttrs("variance", x, { dim });
  const centered = sub(x, mean(x, { dim: attrs.dim, keepdim: true }));
  return div(sum(square(centered), { dim: attrs.dim, keepdim }), countOf(x, attrs) - correction);
}

/** Standard deviation over `dim`: the root of `variance`. */
export const std = (x: Tensor, options: VarianceOptions = {}): Tensor => sqrt(variance(x, options));

/** Product along one axis, by halving, so that gradients are right also where factors are 0; 1 over no elements. */
export function prod(x: Tensor, { dim, keepdim = false }: { dim: number; keepdim?: boolean }): Tensor {
  const axis = normalizeAxis("prod", dim, x.shape.length);
  let rest = x;
  while (rest.shape[axis] > 1) {
    const half = Math.floor(rest.shape[axis] / 2);
    const part = (start: number, end: number) => slice(rest, { dim: axis, start, end });
    const paired = mul(part(0, half), part(half, 2 * half));
    rest = rest.shape[axis] % 2 === 0 ? paired : concat([paired, part(2 * half, 2 * half + 1)], { dim: axis });
  }
  if (rest.shape[axis] === 0) return emptyProduct(rest, axis, keepdim);
  return keepdim ? rest : reshape(rest, { shape: rest.shape.filter((_, i) => i !== axis) });
}

/** Ones of the reduced shape: 1 minus an empty sum. */
const emptyProduct = (x: Tensor, axis: number, keepdim: boolean): Tensor => sub(1, sum(x, { dim: axis, keepdim }));
