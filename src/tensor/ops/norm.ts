import { ShapeError } from "../../errors.ts";
import { formatShape, sameShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { add, mul, sub } from "./binary.ts";
import { mean } from "./reduce.ts";
import { reshape } from "./reshape.ts";
import { rsqrt, square } from "./unary.ts";

/** Scale and shift behind a normalisation, and what is added to the variance (default 1e-5). */
interface NormOptions {
  readonly weight?: Tensor | undefined;
  readonly bias?: Tensor | undefined;
  readonly eps?: number | undefined;
}

/** (x - mean) / √(variance + eps) over `dim`, with the biased variance; the centred input serves both. */
function standardize(x: Tensor, dim: readonly number[], eps: number): Tensor {
  const over = { dim, keepdim: true };
  const center = sub(x, mean(x, over));
  return mul(center, rsqrt(add(mean(square(center), over), eps)));
}

function affine(x: Tensor, weight: Tensor | undefined, bias: Tensor | undefined): Tensor {
  const scaled = weight ? mul(x, weight) : x;
  return bias ? add(scaled, bias) : scaled;
}

/** The last axes of x, which must have the given shape, as must every parameter. */
function lastAxes(op: string, x: Tensor, shape: readonly number[], parameters: readonly (Tensor | undefined)[]): number[] {
  const first = x.shape.length - shape.length;
  if (shape.length === 0 || !sameShape(x.shape.slice(Math.max(0, first)), shape)) {
    throw new ShapeError(op, `x must end in the normalized shape ${formatShape(shape)}, got ${formatShape(x.shape)}`);
  }
  for (const p of parameters) {
    if (p && !sameShape(p.shape, shape)) {
      throw new ShapeError(op, `weight and bias must have shape ${formatShape(shape)}, got ${formatShape(p.shape)}`);
    }
  }
  return shape.map((_, i) => first + i);
}

/**
 * Mean 0 and variance 1 over the last axes of x, those of `normalizedShape`, then weight and bias of that shape.
 * Errors: ShapeError where the shapes do not fit. Source: Ba et al. 2016, eq. 3. Shape: any that ends in
 * `normalizedShape`, kept.
 */
export function layerNorm(
  x: Tensor,
  { normalizedShape, weight, bias, eps = 1e-5 }: NormOptions & { readonly normalizedShape: readonly number[] },
): Tensor {
  const dim = lastAxes("layerNorm", x, normalizedShape, [weight, bias]);
  return affine(standardize(x, dim, eps), weight, bias);
}

/** Unit roundoff doubled: the least number whose sum with 1 is not 1. */
const EPSILON = { f32: 2 ** -23, f64: 2 ** -52 } as const;

/**
 * x / √(mean of x² + eps) over the last axes of x, those of `normalizedShape`, then a weight of that shape; eps
 * defaults to 2^-23 in f32 and 2^-52 in f64. Errors: ShapeError where the shapes do not fit. Source: Zhang and Sennrich
 * 2019, eq. 4. Shape: any that ends in `normalizedShape`, kept.
 */
export function rmsNorm(
  x: Tensor,
  { normalizedShape, weight, eps }: Omit<NormOptions, "bias"> & { readonly normalizedShape: readonly number[] },
): Tensor {
  const dim = lastAxes("rmsNorm", x, normalizedShape, [weight]);
  const floor = eps ?? EPSILON[x.dtype === "f64" ? "f64" : "f32"];
  return affine(mul(x, rsqrt(add(mean(square(x), { dim, keepdim: true }), floor))), weight, undefined);
}

/**
 * Mean 0 and variance 1 in each of `groups` equal groups of channels of each image of x [N, C, ...], then weight and bias
 * [C]. Errors: ShapeError where groups do not divide the channels. Source: Wu and He 2018, eq. 7.
 */
export function groupNorm(x: Tensor, options: NormOptions & { readonly groups: number }): Tensor {
  return grouped("groupNorm", x, options);
}

/**
 * As `groupNorm` with every channel a group of its own. Source: Ulyanov et al. 2016, eq. 2. Shape: x [N, C, ...], kept.
 * Errors: ShapeError unless weight and bias are [C].
 */
export function instanceNorm(x: Tensor, options: NormOptions = {}): Tensor {
  return grouped("instanceNorm", x, { ...options, groups: Math.max(1, x.shape[1] ?? 1) });
}

function grouped(op: string, x: Tensor, { groups, weight, bias, eps = 1e-5 }: NormOptions & { readonly groups: number }): Tensor {
  const [n, c] = x.shape;
  if (x.shape.length < 2 || !Number.isInteger(groups) || groups < 1 || c % groups !== 0) {
    throw new ShapeError(op, `x must be [N,C,...] with groups dividing C, got ${x.dtype}${formatShape(x.shape)} and groups ${groups}`);
  }
  for (const p of [weight, bias]) {
    if (p && !sameShape(p.shape, [c])) throw new ShapeError(op, `weight and bias must have shape [${c}], got ${formatShape(p.shape)}`);
  }
  const width = x.size === 0 ? 0 : x.size / (n * groups);
  const y = reshape(standardize(reshape(x, { shape: [n, groups, width] }), [2], eps), { shape: x.shape });
  const wide = (p: Tensor | undefined): Tensor | undefined => p && reshape(p, { shape: [c, ...x.shape.slice(2).map(() => 1)] });
  return affine(y, wide(weight), wide(bias));
}
