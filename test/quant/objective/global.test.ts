import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkGradient, compile, grad } from "../../../src/autograd/index.ts";
import { filteredGlobal } from "../../../src/quant/objective/filteredGlobal.ts";
import type { GlobalObjective, Predictions } from "../../../src/quant/objective/global.ts";
import { predictionDifference } from "../../../src/quant/objective/predictionDifference.ts";
import { pseudoLabels } from "../../../src/quant/objective/pseudoLabels.ts";
import { item, Rng, type Tensor, zeros } from "../../../src/tensor/index.ts";
import { runs } from "../../runs.ts";
import { drawnPairs, drawPredictions, POSITIONS, pictureOf, reordered } from "./drawnPredictions.ts";

const objectives: readonly (readonly [string, GlobalObjective])[] = [
  ["filteredGlobal", filteredGlobal()],
  ["filteredGlobal, masked, p = 2", filteredGlobal({ maskScores: true, normalize: "survivors", thetaC: 0.3, p: 2, lambda: 3 })],
  ["predictionDifference", predictionDifference()],
  ["predictionDifference at 4", predictionDifference({ temperature: 4 })],
  ["pseudoLabels", pseudoLabels()],
  ["pseudoLabels, few", pseudoLabels({ gamma: 0.6, topK: 2, alpha: 1 })],
];

const lossOf = (objective: GlobalObjective, float: Predictions, quantized: Predictions): number =>
  item(objective.loss(objective.prepare(float), quantized));

describe.each(objectives)("the law of objectives over predictions: %s", (_, objective) => {
  test("the loss is a finite scalar, the mean of the pictures' losses, and no position is special", () => {
    fc.assert(
      fc.property(
        drawnPairs,
        fc.shuffledSubarray([...Array(POSITIONS).keys()], { minLength: POSITIONS }),
        ({ float, quantized }, order) => {
          const loss = lossOf(objective, float, quantized);
          expect(Number.isFinite(loss) && loss >= 0).toBe(true);
          const parts = [0, 1].map((n) => lossOf(objective, pictureOf(float, n), pictureOf(quantized, n)));
          expect(loss).toBeCloseTo((parts[0] + parts[1]) / 2, 9);
          expect(lossOf(objective, reordered(float, order), reordered(quantized, order))).toBeCloseTo(loss, 9);
        },
      ),
      { numRuns: runs(25) },
    );
  });

  test("the gradient is that of differences in double", () => {
    fc.assert(
      fc.property(drawnPairs, ({ seed, float, quantized }) => {
        const constants = objective.prepare(float);
        const loss = (logScores: Tensor, boxes: Tensor): Tensor => objective.loss(constants, { logScores, boxes });
        const check = checkGradient(loss, [quantized.logScores, quantized.boxes], new Rng(seed), 1e-7);
        expect(check.gap).toBeLessThan(1e-5);
      }),
      { numRuns: runs(15) },
    );
  });

  test("it is recorded with its gradient, constants as inputs, and replayed with the same bits", () => {
    const rng = new Rng(3);
    const [a, b, c, d] = Array.from({ length: 4 }, () => drawPredictions(rng, "f32"));
    const names = Object.keys(objective.prepare(a));
    const step = (logScores: Tensor, boxes: Tensor, ...values: Tensor[]): Tensor[] => {
      const constants = Object.fromEntries(names.map((name, i) => [name, values[i]]));
      const loss = (x: Tensor, y: Tensor): Tensor => objective.loss(constants, { logScores: x, boxes: y });
      return [loss(logScores, boxes), ...grad(loss, [logScores, boxes])];
    };
    const replay = compile(step);
    for (const [float, quantized] of [
      [a, b],
      [c, d],
    ]) {
      const inputs = [quantized.logScores, quantized.boxes, ...Object.values(objective.prepare(float))];
      expect(replay(...inputs).map((x) => x.data)).toEqual(step(...(inputs as [Tensor, Tensor])).map((x) => x.data));
    }
    replay.release();
  });

  test("constants have one shape whatever the values, pictures first, and memory of their own", () => {
    const float = drawPredictions(new Rng(1));
    const constants = objective.prepare(float);
    const shapes = (of: Readonly<Record<string, Tensor>>) => Object.entries(of).map(([name, x]) => [name, x.dtype, x.shape]);
    const none = { logScores: zeros(float.logScores.shape, "f64"), boxes: zeros(float.boxes.shape, "f64") };
    expect(shapes(objective.prepare(none))).toEqual(shapes(constants));
    for (const x of Object.values(constants)) {
      expect(x.shape[0]).toBe(2);
      expect([float.logScores.data.buffer, float.boxes.data.buffer]).not.toContain(x.data.buffer);
    }
  });

  test("scores of 0 and 1 on either side give no NaN, and neither do their gradients", () => {
    const extremes = (values: readonly number[]): Predictions => {
      const { logScores, boxes } = drawPredictions(new Rng(1), "f32");
      logScores.data.forEach((_, i) => (logScores.data[i] = values[i % values.length]));
      return { logScores, boxes };
    };
    const constants = objective.prepare(extremes([0, 0, -70, -70, -1e-8]));
    const { logScores, boxes } = extremes([0, -70, 0, -70, -1e-3]);
    const loss = (x: Tensor): Tensor => objective.loss(constants, { logScores: x, boxes });
    expect(Number.isFinite(item(loss(logScores)))).toBe(true);
    expect(grad(loss, [logScores])[0].data.every(Number.isFinite)).toBe(true);
  });

  test("detectors without boxes have the scores alone", () => {
    const [float, quantized] = [drawPredictions(new Rng(1)), drawPredictions(new Rng(2))];
    const alone = lossOf(objective, { logScores: float.logScores }, { logScores: quantized.logScores });
    expect(alone).toBeCloseTo(lossOf(objective, float, { ...quantized, boxes: float.boxes }), 12);
  });

  test("predictions of another shape are refused in one line", () => {
    const constants = objective.prepare(drawPredictions(new Rng(1)));
    expect(() => objective.loss(constants, { logScores: zeros([2, 3, 4], "f64") })).toThrow(
      `${objective.name}: logScores must have the shape of the float network's [2,3,5], got [2,3,4]`,
    );
  });
});
