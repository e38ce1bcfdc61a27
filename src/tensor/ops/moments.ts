import { ShapeError } from "../../errors.ts";
import { drawShape, drawTensor } from "../draw.ts";
import { defineOp, type Op } from "../op.ts";
import { requireFloat } from "../require.ts";
import { formatShape, normalizeAxis, sizeOf } from "../shape.ts";
import type { Data, Tensor } from "../tensor.ts";
import { div, mul, sub } from "./binary.ts";
import { concat } from "./concat.ts";
import { countOf, mean, type ReduceOptions, reduceAttrs, sum } from "./reduce.ts";
import { reshape } from "./reshape.ts";
import { slice } from "./slice.ts";
import { sqrt, square } from "./unary.ts";

type NoAttrs = Record<string, never>;

/** `correction` is subtracted from the count in the divisor: 1 (default) is unbiased, 0 biased. */
type VarianceOptions = ReduceOptions & { readonly correction?: number };

/**
 * Variance over `dim`, by the two-pass formula. Shape: x without the axes `dim`, scalar by default; with `keepdim` they
 * stay with size 1. Source: Σ (x - mean)² / (n - correction).
 */
export function variance(x: Tensor, { dim, keepdim = false, correction = 1 }: VarianceOptions = {}): Tensor {
  const attrs = reduceAttrs("variance", x, { dim });
  const centered = sub(x, mean(x, { dim: attrs.dim, keepdim: true }));
  return div(sum(square(centered), { dim: attrs.dim, keepdim }), countOf(x, attrs) - correction);
}

/** Standard deviation over `dim`: the root of `variance`. Shape: as there. */
export const std = (x: Tensor, options: VarianceOptions = {}): Tensor => sqrt(variance(x, options));

/**
 * Product along one axis, by halving, so that gradients are right also where factors are 0; 1 over no elements. Shape:
 * x without axis `dim`; with `keepdim` it stays with size 1.
 */
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

/** The sum of one plane, or of its squared distances from `center`. */
function planeSum(data: Data, from: number, to: number): number {
  let total = 0;
  for (let i = from; i < to; i++) total += data[i];
  return total;
}

function planeSpread(data: Data, from: number, to: number, center: number): number {
  let total = 0;
  for (let i = from; i < to; i++) {
    const d = data[i] - center;
    total += d * d;
  }
  return total;
}

/**
 * Mean and unbiased variance per channel of x [N, C, ...], f64 [C] each, by the two-pass formula: plane by plane in
 * double, the planes of a channel added in order. Without a gradient: running statistics are taken, not learned.
 * Errors: DTypeError for integers, ShapeError where x has rank below 2.
 */
export const channelMoments: Op<NoAttrs, (x: Tensor) => Tensor[]> = defineOp(
  {
    name: "channelMoments",
    infer([x]) {
      requireFloat("channelMoments", "x", x);
      if (x.shape.length < 2) throw new ShapeError("channelMoments", `x must have rank >= 2, got ${x.dtype}${formatShape(x.shape)}`);
      return [0, 1].map(() => ({ shape: [x.shape[1]], dtype: "f64" as const }));
    },
    reference([x], _, [average, variance]) {
      const [batch, channels] = x.shape;
      const inner = sizeOf(x.shape.slice(2));
      const count = batch * inner;
      for (let c = 0; c < channels; c++) {
        let total = 0;
        for (let n = 0; n < batch; n++) total += planeSum(x.data, (n * channels + c) * inner, (n * channels + c + 1) * inner);
        const center = total / count;
        let spread = 0;
        for (let n = 0; n < batch; n++) spread += planeSpread(x.data, (n * channels + c) * inner, (n * channels + c + 1) * inner, center);
        average.data[c] = center;
        variance.data[c] = spread / Math.max(1, count - 1);
      }
    },
    vjp: "none",
    sample: (draw) => ({ inputs: [drawTensor(draw, drawShape(draw, 2, 4))], attrs: {} }),
    misuse: (draw) => ({ inputs: [drawTensor(draw, [3])], attrs: {} }),
  },
  (run) => (x: Tensor) => run([x], {}),
);
