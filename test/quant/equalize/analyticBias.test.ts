import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { analyticBiasCorrection, chooseQParams, clippedMean, emptyPlan, makeScheme, type Plan } from "../../../src/quant/index.ts";
import { Rng, relu } from "../../../src/tensor/index.ts";
import { Chain, pointwise, vector } from "./chains.ts";

describe("clippedMean", () => {
  it("is the worked value: N(0.5, 1) behind a ReLU", () => {
    expect(clippedMean(0.5, 1)).toBeCloseTo(0.6978, 5);
  });

  it("is the mean of many draws", () => {
    const rng = new Rng(5);
    for (const [mean, deviation, limit] of [
      [0.5, 1, Infinity],
      [-1, 2, Infinity],
      [4, 3, 6],
      [-2, 5, 6],
    ]) {
      let sum = 0;
      for (let i = 0; i < 40000; i++) sum += Math.min(limit, Math.max(0, mean + deviation * rng.normal()));
      expect(Math.abs(clippedMean(mean, deviation, limit) - sum / 40000)).toBeLessThan(0.06);
    }
  });

  it("lies between the clipped mean and the bounds, rises with the mean, and is the clip without a deviation", () => {
    const number = fc.double({ min: -50, max: 50, noNaN: true });
    fc.assert(
      fc.property(number, fc.double({ min: 1e-3, max: 20, noNaN: true }), fc.constantFrom(6, Infinity), (mean, deviation, limit) => {
        const found = clippedMean(mean, deviation, limit);
        expect(found).toBeGreaterThanOrEqual(-1e-12);
        expect(found).toBeLessThanOrEqual(limit);
        expect(clippedMean(mean + 1, deviation, limit)).toBeGreaterThanOrEqual(found - 1e-9);
        expect(clippedMean(mean, 0, limit)).toBe(Math.min(limit, Math.max(0, mean)));
      }),
    );
  });
});

describe("analyticBiasCorrection", () => {
  const c = new Chain([1, 1, 1, 1]);
  const act = c.add("act", relu.def, [c.conv("a", "x", pointwise([[1], [1]]), vector(0, 0))]);
  const graph = c.graph(c.conv("b", act, pointwise([[0.3, 1]]), vector(5)));
  const scheme = makeScheme({ bits: 2, mapping: "symmetricNarrow", signed: true, axis: 0 });
  const { params } = chooseQParams({ min: Float64Array.of(-1), max: Float64Array.of(1) }, scheme);
  const plan: Plan = { ...emptyPlan, layers: new Set(["b"]), weights: new Map([["b.weight", { params, scheme }]]) };

  it("moves by the weights' errors times the expected inputs: 0.3 became 0", () => {
    const statistics = new Map([["a.out", { mean: Float64Array.of(0.5, 2), deviation: Float64Array.of(1, 0) }]]);
    const { biases } = analyticBiasCorrection(graph, plan, statistics);
    expect(biases.get("b")?.data[0]).toBeCloseTo(5 + 0.3 * 0.6978, 4);
  });

  it("leaves layers alone whose input is not known", () => {
    expect(analyticBiasCorrection(graph, plan, new Map()).biases.size).toBe(0);
  });
});
