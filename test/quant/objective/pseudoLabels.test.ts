import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { grad } from "../../../src/autograd/index.ts";
import { centernetFocalLoss } from "../../../src/nn/index.ts";
import type { Predictions } from "../../../src/quant/objective/global.ts";
import { type PseudoLabelOptions, pseudoLabels } from "../../../src/quant/objective/pseudoLabels.ts";
import { add, exp, full, item, log1p, neg, sub, type Tensor, tensor } from "../../../src/tensor/index.ts";
import { drawnPairs, POSITIONS, pictureOf } from "./drawnPredictions.ts";

const lossOf = (float: Predictions, quantized: Predictions, options?: PseudoLabelOptions): number => {
  const objective = pseudoLabels(options);
  return item(objective.loss(objective.prepare(float), quantized));
};
const labelsOf = (logScores: Tensor, options?: PseudoLabelOptions): number[] =>
  Array.from(pseudoLabels(options).prepare({ logScores }).targets.data, (t, i) => (t === 1 ? i : -1)).filter((i) => i >= 0);
const logs = (scores: readonly number[], shape: readonly number[]): Tensor => tensor(scores.map(Math.log), shape, "f64");

describe("labels", () => {
  test("are the best class of the best positions with a score of at least gamma", () => {
    // Two classes of four positions.
    const scores = logs([0.05, 0.6, 0.2, 0.3, 0.09, 0.7, 0.1, 0.5], [1, 2, 4]);
    expect(labelsOf(scores)).toEqual([2, 5, 7]);
    expect(labelsOf(scores, { gamma: 0.55 })).toEqual([5]);
    expect(labelsOf(scores, { topK: 2 })).toEqual([5, 7]);
    expect(labelsOf(scores, { gamma: 0 })).toEqual([2, 4, 5, 7]);
  });

  test("of equal scores go to the lower position and the lower class", () => {
    expect(labelsOf(logs(Array<number>(8).fill(0.5), [1, 2, 4]), { topK: 2 })).toEqual([0, 1]);
  });

  test("are chosen for each picture, and elsewhere the target is the score, below 1", () => {
    const scores = logs([1, 1, 0.05, 0.4], [2, 1, 2]);
    const { targets } = pseudoLabels({ topK: 1 }).prepare({ logScores: scores });
    [1, 1 - 2 ** -20, 0.05, 1].forEach((t, i) => expect(targets.data[i]).toBeCloseTo(t, 12));
    expect(targets.data[1]).toBeLessThan(1);
  });
});

describe("pseudoLabels", () => {
  test("without boxes is the focal loss of the heatmap for one picture", () =>
    fc.assert(
      fc.property(drawnPairs, (pair) => {
        const [{ logScores: float }, { logScores: quantized }] = [pictureOf(pair.float, 0), pictureOf(pair.quantized, 0)];
        const logits = sub(quantized, log1p(neg(exp(quantized))));
        const { targets } = pseudoLabels().prepare({ logScores: float });
        const want = labelsOf(float).length === 0 ? 0 : item(centernetFocalLoss(logits, targets));
        expect(lossOf({ logScores: float }, { logScores: quantized })).toBeCloseTo(want, 9);
      }),
    ));

  test("boxes add alpha times their distance at the labels, and nothing where both agree", () =>
    fc.assert(
      fc.property(drawnPairs, ({ float, quantized }) => {
        const same = { ...quantized, boxes: float.boxes };
        const scores = lossOf(float, same, { gamma: 0 });
        expect(lossOf(float, same, { gamma: 0, alpha: 0 })).toBe(scores);
        const moved = { ...quantized, boxes: add(float.boxes, 0.125) };
        expect(lossOf(float, moved, { gamma: 0, alpha: 2 })).toBeCloseTo(scores + 2 * 4 * 0.125, 9);
        expect(lossOf(float, float)).toBeGreaterThanOrEqual(0);
      }),
    ));

  test("without labels is 0, and so is its gradient", () => {
    const scores = full([1, 2, POSITIONS], Math.log(0.05), "f64");
    const objective = pseudoLabels();
    const constants = objective.prepare({ logScores: scores });
    const worse = full([1, 2, POSITIONS], Math.log(0.9), "f64");
    expect(item(objective.loss(constants, { logScores: worse }))).toBe(0);
    const [g] = grad((logScores) => objective.loss(constants, { logScores }), [worse]);
    expect(g.data.every((v) => v === 0)).toBe(true);
  });

  test("refuses options out of range", () => {
    expect(() => pseudoLabels({ gamma: -1 })).toThrow("pseudoLabels: gamma must be in [0, 1], got -1");
    expect(() => pseudoLabels({ topK: 0 })).toThrow("pseudoLabels: topK must be a whole number >= 1, got 0");
    expect(() => pseudoLabels({ alpha: -1 })).toThrow("pseudoLabels: alpha must be >= 0, got -1");
  });
});
