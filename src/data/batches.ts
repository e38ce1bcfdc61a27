import { ArgumentError, ShapeError } from "../errors.ts";
import { formatShape, type Rng, sameShape, Tensor } from "../tensor/index.ts";

/**
 * Joins samples [1, ...] of one shape into a batch [N, ...]. Errors: ArgumentError for no sample, ShapeError where they
 * differ in shape.
 */
export function collate(samples: readonly Tensor[]): Tensor {
  if (samples.length === 0) throw new ArgumentError("collate", "needs at least 1 sample, got 0");
  const { shape } = samples[0];
  const size = samples[0].size;
  const data = new Float32Array(size * samples.length);
  samples.forEach((sample, i) => {
    if (!sameShape(sample.shape, shape)) {
      throw new ShapeError("collate", `samples must share the shape ${formatShape(shape)}, got ${formatShape(sample.shape)} (sample ${i})`);
    }
    data.set(sample.data, i * size);
  });
  return new Tensor([shape[0] * samples.length, ...shape.slice(1)], "f32", data);
}

/**
 * Endless batches of indices below `count`: each pass is a fresh permutation, a last incomplete batch is joined with
 * the next pass. Errors: ArgumentError unless both numbers are at least 1.
 */
export function* shuffledBatches(count: number, batchSize: number, rng: Rng): Generator<number[], never> {
  if (count < 1 || batchSize < 1) {
    throw new ArgumentError("shuffledBatches", `count and batchSize must be at least 1, got ${count} and ${batchSize}`);
  }
  let batch: number[] = [];
  for (;;) {
    for (const index of rng.permutation(count)) {
      batch.push(index);
      if (batch.length < batchSize) continue;
      yield batch;
      batch = [];
    }
  }
}
