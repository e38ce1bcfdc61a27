import { describe, expect, it } from "vitest";
import { compareCurvature } from "../../src/experiments/toy/curvature.ts";
import {
  forwardWith,
  irisTask,
  logProbabilities,
  quadraticTask,
  recordNet,
  train,
  untrained,
  wrongShare,
} from "../../src/experiments/toy/nets.ts";
import { crossEntropy, parameters } from "../../src/nn/index.ts";
import { item, logSoftmax, Rng, randn } from "../../src/tensor/index.ts";

const quadratic = quadraticTask("regressor", { a: 1, b: 0, c: -0.5 }, 64);
const rest = async (): Promise<void> => {};

describe("the nets", () => {
  it("have 593 and 675 parameters", () => {
    const sizes = [quadratic, irisTask()].map((task) =>
      [...parameters(untrained(task, new Rng(0))).values()].reduce((total, p) => total + p.size, 0),
    );
    expect(sizes).toEqual([593, 675]);
  });

  it("standardised irises have mean 0 and deviation 1", () => {
    const { inputs } = irisTask();
    for (let c = 0; c < 4; c++) {
      const column = Array.from({ length: 150 }, (_, i) => inputs.data[4 * i + c]);
      expect(column.reduce((a, b) => a + b, 0)).toBeCloseTo(0, 3);
      expect(column.reduce((a, b) => a + b * b, 0)).toBeCloseTo(149, 2);
    }
  });

  it("log probabilities and loss are the library's", () => {
    const task = irisTask();
    const logits = randn([150, 3], new Rng(2), 4);
    const expected = logSoftmax(logits, { dim: 1 }).data;
    logProbabilities(logits).data.forEach((v: number, i: number) => expect(v).toBeCloseTo(expected[i], 4));
    expect(item(task.loss(logits))).toBeCloseTo(item(crossEntropy(logits, task.targets)), 5);
  });

  it("learn", async () => {
    const [regressor, classifier] = [await train(quadratic, new Rng(5), 400, rest), await train(irisTask(), new Rng(5), 200, rest)];
    expect(recordNet(regressor).quality).toBeGreaterThan(0.99);
    expect(recordNet(classifier).quality).toBeGreaterThan(0.95);
    expect(wrongShare(classifier, forwardWith(classifier, new Map()))).toBeCloseTo(1 - recordNet(classifier).quality);
  });

  it("of which a quadratic form is near the loss: of a regressor that fits, Hessian and Gauss-Newton agree", async () => {
    const net = await train(quadratic, new Rng(5), 400, rest);
    const { estimates, correlation } = compareCurvature(net, 9);
    // Half the Hessian of a mean of squares is the mean of squared first order changes, where the residuals are small.
    estimates.hessian.forEach((h, i) => expect(Math.abs(h / estimates.gaussNewton[i] - 1)).toBeLessThan(0.1));
    expect(correlation.hessian).toBeGreaterThan(0);
  });
});
