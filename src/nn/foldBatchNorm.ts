import { ShapeError } from "../errors.ts";
import { formatShape, sizeOf, Tensor } from "../tensor/index.ts";

/** Learned scale and shift, running statistics and the constant under the root of a batch normalisation, [C] each. */
export interface BatchNormStatistics {
  /** Scale: [C]. */
  readonly weight: Tensor;
  /** Shift: [C]. */
  readonly bias: Tensor;
  /** Running mean: [C]. */
  readonly mean: Tensor;
  /** Running variance: [C]. */
  readonly variance: Tensor;
  /** Added to the variance. */
  readonly epsilon: number;
}

/** Batch normalisation with fixed statistics as y = scale * x + shift per channel, in double precision. */
function normalization({ weight, bias, mean, variance, epsilon }: BatchNormStatistics): {
  scale: Float64Array;
  shift: Float64Array;
} {
  const scale = Float64Array.from(weight.data, (w, c) => w / Math.sqrt(variance.data[c] + epsilon));
  const shift = Float64Array.from(bias.data, (b, c) => b - mean.data[c] * scale[c]);
  return { scale, shift };
}

/**
 * Merges a batch normalisation into the convolution before it: the folded layer alone computes what both did.
 *
 * Shape: weight with output channels on `channelAxis` (0 for conv2d, 1 for convTranspose2d), bias [C] or
 * absent → the same shapes. Computed in double, rounded once to the weight's dtype.
 *
 * Errors: ShapeError when bias or statistics do not have one entry per output channel.
 */
export function foldBatchNorm(
  weight: Tensor,
  bias: Tensor | undefined,
  statistics: BatchNormStatistics,
  channelAxis = 0,
): { weight: Tensor; bias: Tensor } {
  const channels = weight.shape[channelAxis];
  const need = (name: string, x: Tensor): void => {
    if (x.size === channels) return;
    const context = `weight ${formatShape(weight.shape)}, channelAxis ${channelAxis}`;
    throw new ShapeError("foldBatchNorm", `${name} must hold one number per output channel = ${channels}, got ${x.size} (${context})`);
  };
  for (const part of ["weight", "bias", "mean", "variance"] as const) need(`statistics.${part}`, statistics[part]);
  if (bias) need("bias", bias);
  const { scale, shift } = normalization(statistics);
  const inner = sizeOf(weight.shape.slice(channelAxis + 1));
  const make = (values: Float64Array, shape: readonly number[]): Tensor =>
    new Tensor(shape, weight.dtype, weight.dtype === "f64" ? values : Float32Array.from(values));
  const scaled = Float64Array.from(weight.data, (w, i) => w * scale[Math.floor(i / inner) % channels]);
  const shifted = Float64Array.from(shift, (s, c) => s + (bias ? bias.data[c] * scale[c] : 0));
  return { weight: make(scaled, weight.shape), bias: make(shifted, [channels]) };
}
