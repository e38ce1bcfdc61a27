import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { predictionDifference } from "../../../src/quant/objective/predictionDifference.ts";
import { cast, item, type Tensor } from "../../../src/tensor/index.ts";
import { drawnPairs, IMAGES, POSITIONS } from "./drawnPredictions.ts";

const differenceOf = (float: Tensor, quantized: Tensor, temperature = 1): number => {
  const objective = predictionDifference({ temperature });
  return item(objective.loss(objective.prepare({ logScores: float }), { logScores: quantized }));
};
const temperatures = fc.constantFrom(1, 4, 0.5);

describe("predictionDifference", () => {
  test("is the divergence of two coins per entry, at any temperature", () =>
    fc.assert(
      fc.property(drawnPairs, temperatures, ({ float, quantized }, temperature) => {
        const softened = (s: number): number => 1 / (1 + Math.exp(-(s - Math.log(-Math.expm1(s))) / temperature));
        let want = 0;
        float.logScores.data.forEach((s, i) => {
          const [p, q] = [softened(s), softened(quantized.logScores.data[i])];
          want += p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q));
        });
        expect(differenceOf(float.logScores, quantized.logScores, temperature)).toBeCloseTo(want / IMAGES / POSITIONS, 9);
      }),
    ));

  test("is never negative, and 0 where both agree, in either precision", () =>
    fc.assert(
      fc.property(drawnPairs, temperatures, fc.constantFrom("f32" as const, "f64" as const), ({ float, quantized }, temperature, dtype) => {
        const [a, b] = [float, quantized].map((x) => cast(x.logScores, dtype));
        expect(differenceOf(a, b, temperature)).toBeGreaterThan(0);
        expect(differenceOf(a, a, temperature)).toBe(0);
      }),
    ));

  test("refuses a temperature that is not positive", () => {
    expect(() => predictionDifference({ temperature: 0 })).toThrow("predictionDifference: temperature must be > 0, got 0");
  });
});
