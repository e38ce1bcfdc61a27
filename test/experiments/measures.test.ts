import { describe, expect, it } from "vitest";
import { logAffineInt4, spreadOf } from "../../src/experiments/toy/logAffine.ts";
import { entropy, excessKurtosis, histogram, quantile, rankCorrelation } from "../../src/experiments/toy/measures.ts";
import { factorsOf, uniformInt4 } from "../../src/experiments/toy/scaleSweep.ts";
import { mul, Rng, randn, type Tensor, tensor } from "../../src/tensor/index.ts";

describe("measures", () => {
  it("kurtosis is 0 for a normal law, 3 for a Laplace law, -2 for two points", () => {
    const rng = new Rng(1);
    const normal = Array.from({ length: 40_000 }, () => rng.normal());
    expect(excessKurtosis(normal)).toBeCloseTo(0, 0);
    // The product of a normal variable and the length of another pair is Laplace.
    const laplace = normal.map((z) => z * Math.hypot(rng.normal(), rng.normal()));
    expect(Math.abs(excessKurtosis(laplace) - 3)).toBeLessThan(0.4);
    expect(excessKurtosis([-1, 1, 1, -1])).toBeCloseTo(-2);
  });

  it("entropy of even shares is the logarithm of their number", () => {
    expect(entropy(histogram([0.5, 1.5, 2.5, 3.5], 0, 4, 4))).toBeCloseTo(2);
    expect(histogram([-9, 9, 4], 0, 4, 4)).toEqual([1 / 3, 0, 0, 2 / 3]);
    expect(entropy([1, 0])).toBeCloseTo(0);
  });

  it("rank correlation sees order only and shares ranks", () => {
    expect(rankCorrelation([1, 2, 3, 4], [1, 8, 27, 64])).toBeCloseTo(1);
    expect(rankCorrelation([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1);
    expect(rankCorrelation([1, 2, 2, 3], [1, 2, 3, 4])).toBeCloseTo(0.94868, 4);
    expect(rankCorrelation([1, 1, 1], [1, 2, 3])).toBeNaN();
  });

  it("quantiles lie between neighbours", () => {
    expect(quantile([3, 1, 2], 0.5)).toBe(2);
    expect(quantile([0, 10], 0.25)).toBe(2.5);
  });
});

describe("the transform of the logarithmic grid", () => {
  /** Bits added to the entropy of two layers' magnitudes, mean of the two, for 100 nets. */
  const gains = (layer: (rng: Rng) => Tensor): number[] =>
    Array.from({ length: 100 }, (_, seed) => {
      const rng = new Rng(seed);
      const both = [spreadOf(layer(rng)), spreadOf(layer(rng))];
      return both.reduce((sum, { before, after }) => sum + (entropy(after) - entropy(before)) / 2, 0);
    });
  const normal = gains((rng) => randn([16, 16], rng));

  it("makes two layers of a normal law about 0.4 bits more even, and hardly ever less than 0.1", () => {
    expect(normal.reduce((a, b) => a + b, 0) / normal.length).toBeCloseTo(0.4, 1);
    expect(normal.filter((gain) => gain < 0.1).length).toBeLessThanOrEqual(5);
  });

  it("makes even magnitudes less even", () => {
    const even = gains((rng) =>
      tensor(
        Array.from({ length: 256 }, () => rng.float(-1, 1)),
        [256],
      ),
    );
    expect(Math.max(...even)).toBeLessThan(0);
  });

  it("is the same in any unit", () => {
    const scaled = gains((rng) => mul(randn([16, 16], rng), 2 ** -20));
    scaled.forEach((gain, i) => expect(gain).toBeCloseTo(normal[i], 9));
  });
});

describe("INT4 weights", () => {
  const weight = randn([16, 16], new Rng(3));

  it("have at most fifteen levels either way, and keep signs and zero", () => {
    for (const quantized of [uniformInt4(weight, 0.8), logAffineInt4(weight)]) {
      expect(new Set(quantized.data).size).toBeLessThanOrEqual(15);
      quantized.data.forEach((q: number, i: number) => expect(q === 0 || q > 0 === weight.data[i] > 0).toBe(true));
    }
    expect([...logAffineInt4(tensor([0, 1, -0.5], [3])).data][0]).toBe(0);
  });

  it("reach the largest magnitude at factor 1", () => {
    expect(uniformInt4(tensor([-7, 3.2, 0], [3]), 1).data).toEqual(Float32Array.of(-7, 3, 0));
    expect(factorsOf(3)).toEqual([0.2, 0.7, 1.2]);
  });

  it("a geometric law is kept exactly by the logarithmic grid", () => {
    const powers = tensor(
      Array.from({ length: 7 }, (_, e) => 2 ** -e),
      [7],
    );
    const found = logAffineInt4(powers).data;
    powers.data.forEach((w: number, i: number) => expect(Math.abs(found[i] / w - 1)).toBeLessThan(0.1));
  });
});
