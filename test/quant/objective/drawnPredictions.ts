import fc from "fast-check";
import type { Predictions } from "../../../src/quant/objective/global.ts";
import { Rng, type Tensor, tensor } from "../../../src/tensor/index.ts";

export const [IMAGES, CLASSES, POSITIONS] = [2, 3, 5];

/** Predictions as a detector may give them: scores from near 0 to near 1, boxes the right way round. */
export interface Drawn {
  readonly logScores: Tensor;
  readonly boxes: Tensor;
}

export function drawPredictions(rng: Rng, dtype: "f32" | "f64" = "f64"): Drawn {
  const logScores = Float64Array.from({ length: IMAGES * CLASSES * POSITIONS }, () => -Math.log1p(Math.exp(-(12 * rng.float() - 8))));
  const boxes = new Float64Array(IMAGES * 4 * POSITIONS);
  for (let n = 0; n < IMAGES; n++) {
    for (let p = 0; p < POSITIONS; p++) {
      const [x, y, w, h] = [rng.float() / 2, rng.float() / 2, 0.1 + rng.float() / 2, 0.1 + rng.float() / 2];
      for (const [k, v] of [x, y, x + w, y + h].entries()) boxes[(4 * n + k) * POSITIONS + p] = v;
    }
  }
  return {
    logScores: tensor(logScores, [IMAGES, CLASSES, POSITIONS], dtype),
    boxes: tensor(boxes, [IMAGES, 4, POSITIONS], dtype),
  };
}

/** Two networks' predictions of the same pictures. */
export const drawnPairs: fc.Arbitrary<{ readonly seed: number; readonly float: Drawn; readonly quantized: Drawn }> = fc
  .integer({ min: 0, max: 2 ** 30 })
  .map((seed) => {
    const rng = new Rng(seed);
    return { seed, float: drawPredictions(rng), quantized: drawPredictions(rng) };
  });

const at = (x: Tensor, take: (n: number, c: number, p: number) => number, images: number): Tensor => {
  const [, channels, positions] = x.shape;
  const data = Array.from({ length: images * channels * positions }, (_, i) => {
    const p = i % positions;
    const c = Math.floor(i / positions) % channels;
    return x.data[take(Math.floor(i / positions / channels), c, p)];
  });
  return tensor(data, [images, channels, positions], x.dtype);
};

const each = ({ logScores, boxes }: Predictions, change: (x: Tensor) => Tensor): Predictions => ({
  logScores: change(logScores),
  ...(boxes && { boxes: change(boxes) }),
});

/** The predictions of one picture. */
export const pictureOf = (given: Predictions, n: number): Predictions =>
  each(given, (x) => at(x, (_, c, p) => (n * x.shape[1] + c) * x.shape[2] + p, 1));

/** Position p takes what was at `order[p]`. */
export const reordered = (given: Predictions, order: readonly number[]): Predictions =>
  each(given, (x) => at(x, (n, c, p) => (n * x.shape[1] + c) * x.shape[2] + order[p], x.shape[0]));
