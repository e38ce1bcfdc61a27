import { ArgumentError } from "../errors.ts";
import { formatShape, type Rng, randn, sizeOf, type Tensor, uniform } from "../tensor/index.ts";

/** What follows the layer; it sets the gain. */
export type Nonlinearity = "linear" | "sigmoid" | "tanh" | "relu" | "leakyRelu" | "selu";

/** How kaiming initialisation scales a weight. */
export interface KaimingOptions {
  /** Keep the variance of the forward pass ("fanIn", the default) or of the gradients ("fanOut"). */
  readonly mode?: "fanIn" | "fanOut";
  /** Default "relu". */
  readonly nonlinearity?: Nonlinearity;
  /** Slope of leakyRelu below zero. Default 0.01. */
  readonly slope?: number;
}

const GAINS: Readonly<Record<Nonlinearity, (slope: number) => number>> = {
  linear: () => 1,
  sigmoid: () => 1,
  tanh: () => 5 / 3,
  relu: () => Math.SQRT2,
  leakyRelu: (slope) => Math.sqrt(2 / (1 + slope * slope)),
  selu: () => 3 / 4,
};

/** Factor by which a nonlinearity wants its weights enlarged. */
export const gain = (nonlinearity: Nonlinearity, slope = 0.01): number => GAINS[nonlinearity](slope);

/**
 * Inputs per output and outputs per input of a weight [out,in,...kernel].
 *
 * Errors: ArgumentError below two dimensions.
 */
export function fans(shape: readonly number[]): { fanIn: number; fanOut: number } {
  if (shape.length < 2) throw new ArgumentError("fans", `shape must have at least 2 dimensions, got ${formatShape(shape)}`);
  const field = sizeOf(shape.slice(2));
  return { fanIn: shape[1] * field, fanOut: shape[0] * field };
}

/**
 * Standard deviation of kaiming-normal weights: gain / sqrt(fan). Source: He et al. 2015, eq. 10 and 14. Errors:
 * ArgumentError for a shape of rank below 2.
 */
export function kaimingStd(shape: readonly number[], options: KaimingOptions = {}): number {
  const { mode = "fanIn", nonlinearity = "relu", slope = 0.01 } = options;
  return gain(nonlinearity, slope) / Math.sqrt(fans(shape)[mode]);
}

/** Half width of kaiming-uniform weights: sqrt(3) times the standard deviation. Errors: ArgumentError for a shape of rank below 2. */
export const kaimingBound = (shape: readonly number[], options: KaimingOptions = {}): number => Math.sqrt(3) * kaimingStd(shape, options);

/**
 * Standard deviation of xavier-normal weights. Source: Glorot and Bengio 2010, eq. 12 and 16. Errors: ArgumentError for
 * a shape of rank below 2.
 */
export function xavierStd(shape: readonly number[], scale = 1): number {
  const { fanIn, fanOut } = fans(shape);
  return scale * Math.sqrt(2 / (fanIn + fanOut));
}

/** Half width of xavier-uniform weights. Errors: ArgumentError for a shape of rank below 2. */
export const xavierBound = (shape: readonly number[], scale = 1): number => Math.sqrt(3) * xavierStd(shape, scale);

/** Normal f32 weights of mean 0 and deviation `kaimingStd`. Shape: any of rank 2 or more. Errors: ArgumentError for less. */
export const kaimingNormal = (shape: readonly number[], rng: Rng, options: KaimingOptions = {}): Tensor =>
  randn(shape, rng, kaimingStd(shape, options));

/** Uniform f32 weights within `kaimingBound`. Shape: any of rank 2 or more. Errors: ArgumentError for less. */
export function kaimingUniform(shape: readonly number[], rng: Rng, options: KaimingOptions = {}): Tensor {
  const bound = kaimingBound(shape, options);
  return uniform(shape, rng, -bound, bound);
}

/** Uniform f32 weights within `xavierBound`. Shape: any of rank 2 or more. Errors: ArgumentError for less. */
export function xavierUniform(shape: readonly number[], rng: Rng, scale = 1): Tensor {
  const bound = xavierBound(shape, scale);
  return uniform(shape, rng, -bound, bound);
}
