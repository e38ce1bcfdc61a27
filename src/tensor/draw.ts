import type { Rng } from "./random.ts";
import { sizeOf } from "./shape.ts";
import { allocate, type DType, Tensor } from "./tensor.ts";

/**
 * How an op samples a valid call of itself. In tests it is backed by fast-check, so failures shrink;
 * in benchmarks by `Rng`. `dtype` is the float type under test.
 */
export interface Draw {
  readonly dtype: "f32" | "f64";
  /** Integer in [low, high]. */
  int(low: number, high: number): number;
  /** Float in [low, high], never NaN or infinite. */
  float(low: number, high: number): number;
  /** A fair coin. */
  bool(): boolean;
  /** One of the items, each as likely. */
  oneOf<T>(items: readonly T[]): T;
}

/** A shape of rank in [minRank, maxRank] with dimensions in [1, maxDim]. */
export function drawShape(draw: Draw, minRank: number, maxRank: number, maxDim = 4): number[] {
  return Array.from({ length: draw.int(minRank, maxRank) }, () => draw.int(1, maxDim));
}

/** A tensor of the drawn float type with values in [low, high]. */
export function drawTensor(draw: Draw, shape: readonly number[], low = -2, high = 2): Tensor {
  return drawValues(draw, shape, () => draw.float(low, high));
}

/** A tensor whose values keep at least `gap` away from every kink of the op under test. */
export function drawAway(draw: Draw, shape: readonly number[], kinks: readonly number[], gap = 0.05, low = -2, high = 2): Tensor {
  return drawValues(draw, shape, () => {
    const v = draw.float(low, high);
    const kink = kinks.find((k) => Math.abs(v - k) < gap);
    return kink === undefined ? v : kink + (v < kink ? -2 : 2) * gap;
  });
}

/** A tensor of distinct values at least `gap` apart, in drawn order: safe for max, top-k and sort. */
export function drawDistinct(draw: Draw, shape: readonly number[], gap = 0.1): Tensor {
  const size = sizeOf(shape);
  const order = Array.from({ length: size }, (_, i) => i);
  for (let i = size - 1; i > 0; i--) {
    const j = draw.int(0, i);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  let next = 0;
  return drawValues(draw, shape, () => (order[next++]! - size / 2) * gap + draw.float(0, gap / 4));
}

/** An i32 tensor with values in [low, high]. */
export function drawIndices(draw: Draw, shape: readonly number[], low: number, high: number): Tensor {
  const data = new Int32Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = draw.int(low, high);
  return new Tensor(shape, "i32", data);
}

function drawValues(draw: Draw, shape: readonly number[], next: () => number): Tensor {
  const dtype: DType = draw.dtype;
  const data = allocate(dtype, sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = next();
  return new Tensor(shape, dtype, data);
}

/** A Draw backed by a seeded generator. */
export function drawFrom(rng: Rng, dtype: "f32" | "f64" = "f32"): Draw {
  return {
    dtype,
    int: (low, high) => rng.int(low, high),
    float: (low, high) => rng.float(low, high),
    bool: () => rng.float() < 0.5,
    oneOf: (items) => rng.oneOf(items),
  };
}
