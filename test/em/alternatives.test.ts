import { describe, expect, test } from "vitest";
import { kmeans1d, linearSvm, lloyd, svm1d, twoMeans } from "../../src/em/index.ts";
import { ArgumentError } from "../../src/errors.ts";
import { Rng } from "../../src/tensor/index.ts";

function skewed(count: number, seed = 3): Float64Array {
  const rng = new Rng(seed);
  return Float64Array.from({ length: count }, () => Math.exp(rng.normal()));
}

describe("k-means", () => {
  test("the sorted 2-means agree with Lloyd from the same ends", () => {
    const sorted = skewed(500).sort();
    const cut = twoMeans(sorted);
    const full = lloyd(sorted, 1, Float64Array.of(sorted[0], sorted[499]), 100);
    expect(cut.means[0]).toBeCloseTo(full.centers[0], 12);
    expect(cut.means[1]).toBeCloseTo(full.centers[1], 12);
    expect(cut.low).toBe(full.labels.filter((l) => l === 0).length);
    const spread = cut.low * cut.variances[0] + (500 - cut.low) * cut.variances[1];
    expect(spread).toBeCloseTo(full.inertia, 8);
  });

  test("an empty cluster keeps its centre", () => {
    const fit = lloyd(Float64Array.of(1, 2, 3), 1, Float64Array.of(2, 100), 10);
    expect(Array.from(fit.centers)).toEqual([2, 100]);
  });

  test("the separator cuts midway between the means", () => {
    const scores = skewed(500);
    const { means } = twoMeans(scores.slice().sort());
    const fit = kmeans1d().fit(scores);
    for (const h of scores) expect(fit.isInlier(h)).toBe(h > (means[0] + means[1]) / 2);
  });

  test("refuses rows that do not fit", () => {
    expect(() => lloyd(Float64Array.of(1, 2, 3), 2, Float64Array.of(1, 2), 5)).toThrow(ArgumentError);
  });

  test("refuses numbers that are not finite", () => {
    const [points, centers] = [Float64Array.of(1, Number.NaN, 3), Float64Array.of(1, Number.POSITIVE_INFINITY)];
    expect(() => lloyd(points, 1, Float64Array.of(1, 2), 5)).toThrow("lloyd: points must be finite, got NaN (number 1 of 3)");
    expect(() => lloyd(Float64Array.of(1, 2), 1, centers, 5)).toThrow("lloyd: centers must be finite, got Infinity (number 1 of 2)");
  });
});

describe("linear SVM", () => {
  test("puts the widest margin between two points", () => {
    const fit = linearSvm(Float64Array.of(1, 3), 1, [-1, 1], { cost: 100 });
    expect(fit.weights[0]).toBeCloseTo(1, 8);
    expect(fit.bias).toBeCloseTo(-2, 8);
    expect(fit.objective).toBeCloseTo(0.5, 8);
  });

  test("both biases satisfy the optimality of their objective against random neighbours", () => {
    const rng = new Rng(9);
    const points = Float64Array.from({ length: 80 }, () => rng.normal());
    const labels = Array.from({ length: 40 }, (_, i) => (points[2 * i] + 0.5 * rng.normal() > 0 ? 1 : -1));
    for (const bias of ["free", "penalised"] as const) {
      const fit = linearSvm(points, 2, labels, { bias });
      const objective = (w: readonly number[], b: number): number =>
        0.5 * (w[0] ** 2 + w[1] ** 2 + (bias === "free" ? 0 : b * b)) +
        labels.reduce((sum, y, i) => sum + Math.max(0, 1 - y * (w[0] * points[2 * i] + w[1] * points[2 * i + 1] + b)), 0);
      expect(objective([fit.weights[0], fit.weights[1]], fit.bias)).toBeCloseTo(fit.objective, 10);
      for (let i = 0; i < 200; i++) {
        const near = [fit.weights[0] + 0.1 * rng.normal(), fit.weights[1] + 0.1 * rng.normal()];
        expect(objective(near, fit.bias + 0.1 * rng.normal())).toBeGreaterThanOrEqual(fit.objective - 1e-6);
      }
    }
  });

  test("says whether it met its tolerance", () => {
    const rng = new Rng(9);
    const points = Float64Array.from({ length: 80 }, () => rng.normal());
    const labels = Array.from({ length: 40 }, (_, i) => (points[2 * i] + 0.5 * rng.normal() > 0 ? 1 : -1));
    for (const bias of ["free", "penalised"] as const) {
      expect(linearSvm(points, 2, labels, { bias }).converged).toBe(true);
      expect(linearSvm(points, 2, labels, { bias, iterations: 3 }).converged).toBe(false);
    }
    expect(svm1d().fit(skewed(1000)).flags).toEqual([]);
    expect(svm1d({ iterations: 2 }).fit(skewed(1000)).flags).toEqual(["not-converged"]);
  });

  test("a single class gives its own side everywhere", () => {
    expect(linearSvm(Float64Array.of(1, 2), 1, [-1, -1]).bias).toBeLessThan(0);
  });

  test("the separator cuts between the labelled groups", () => {
    const scores = skewed(1000);
    const sorted = scores.slice().sort();
    const fit = svm1d().fit(scores);
    expect(fit.threshold).toBeGreaterThanOrEqual(sorted[499]);
    expect(fit.threshold).toBeLessThanOrEqual(sorted[800]);
    expect(fit.posterior(fit.threshold)).toBeCloseTo(0.5, 6);
  });

  test("refuses other labels and odd shapes", () => {
    expect(() => linearSvm(Float64Array.of(1, 2), 1, [0, 1])).toThrow(/labels must be -1 or 1, got 0/);
    expect(() => linearSvm(Float64Array.of(1, 2, 3), 2, [1, -1])).toThrow(/must hold labels.length \* dims = 4 numbers, got 3/);
    expect(() => svm1d({ positiveShare: 0.8 }).fit(skewed(100))).toThrow(ArgumentError);
    expect(() => linearSvm(Float64Array.of(1, 2), 1, [1, -1], { cost: 0 })).toThrow("linearSvm: cost must be finite and > 0, got 0");
    expect(() => svm1d({ cost: Number.NaN }).fit(skewed(100))).toThrow("svm1d: cost must be finite and > 0, got NaN");
    expect(() => svm1d({ points: 1 }).fit(skewed(100))).toThrow("svm1d: points must be a whole number >= 2, got 1");
  });
});
